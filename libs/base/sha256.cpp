#include "libs/base/sha256.h"

#include <string.h>

#include <algorithm>
#include <bit>

namespace motet {
namespace {

constexpr std::size_t kBlock = 64;
constexpr std::uint32_t kRounds[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

}  // namespace

Sha256::~Sha256() {
    explicit_bzero(state_.data(), sizeof state_);
    explicit_bzero(waiting_.data(), sizeof waiting_);
}

void Sha256::block(const std::uint8_t* bytes) {
    std::uint32_t w[64];
    for (int i = 0; i < 16; ++i)
        w[i] = std::uint32_t{bytes[4 * i]} << 24 | std::uint32_t{bytes[4 * i + 1]} << 16 | std::uint32_t{bytes[4 * i + 2]} << 8 | bytes[4 * i + 3];
    for (int i = 16; i < 64; ++i) {
        const std::uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (std::rotr(a, 7) ^ std::rotr(a, 18) ^ a >> 3) + w[i - 7] + (std::rotr(b, 17) ^ std::rotr(b, 19) ^ b >> 10);
    }
    auto [a, b, c, d, e, f, g, h] = state_;
    for (int i = 0; i < 64; ++i) {
        const std::uint32_t x = h + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) + ((e & f) ^ (~e & g)) + kRounds[i] + w[i];
        const std::uint32_t y = (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + x, d = c, c = b, b = a, a = x + y;
    }
    const std::uint32_t added[8] = {a, b, c, d, e, f, g, h};
    for (std::size_t i = 0; i < 8; ++i) state_[i] += added[i];
    explicit_bzero(w, sizeof w);
}

void Sha256::add(ByteView bytes) {
    while (!bytes.empty()) {
        const std::size_t at = size_ % kBlock, n = std::min(kBlock - at, bytes.size());
        std::copy_n(bytes.begin(), n, waiting_.begin() + static_cast<std::ptrdiff_t>(at));
        size_ += n;
        bytes = bytes.subspan(n);
        if (size_ % kBlock == 0) block(waiting_.data());
    }
}

Digest Sha256::finish() {
    const std::uint64_t bits = size_ * 8;
    std::uint8_t end[kBlock + 8] = {0x80};
    const std::size_t padding = (size_ % kBlock < 56 ? 56 : 120) - size_ % kBlock;
    for (int i = 0; i < 8; ++i) end[padding + static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(bits >> (56 - 8 * i));
    add(ByteView(end, padding + 8));
    Digest out;
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(state_[i / 4] >> (24 - 8 * (i % 4)));
    return out;
}

Digest hmac_sha256(ByteView key, std::initializer_list<ByteView> message) {
    std::array<std::uint8_t, kBlock> pad{};
    if (key.size() > kBlock) {
        Sha256 shorter;
        shorter.add(key);
        Digest digest = shorter.finish();
        std::copy(digest.begin(), digest.end(), pad.begin());
        explicit_bzero(digest.data(), digest.size());
    } else {
        std::copy(key.begin(), key.end(), pad.begin());
    }
    for (std::uint8_t& byte : pad) byte ^= 0x36;
    Sha256 inner, outer;
    inner.add(pad);
    for (const ByteView piece : message) inner.add(piece);
    const Digest digest = inner.finish();
    for (std::uint8_t& byte : pad) byte ^= 0x36 ^ 0x5c;
    outer.add(pad);
    outer.add(digest);
    explicit_bzero(pad.data(), pad.size());
    return outer.finish();
}

}  // namespace motet
