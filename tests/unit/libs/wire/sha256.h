// SHA-256 (FIPS 180-4) for comparing long payloads with the digests in the vectors' index. Not for secrets.
#pragma once
#include <array>
#include <bit>
#include <cmath>
#include <string>

#include "libs/base/bytes.h"
#include "tests/vectors/load.h"

namespace motet::test {

// The first 32 bits of the fractional part of a prime's root: where the standard's constants come from.
inline std::uint32_t root_bits(int prime, bool cube) {
    const long double root = cube ? std::cbrt(static_cast<long double>(prime)) : std::sqrt(static_cast<long double>(prime));
    return static_cast<std::uint32_t>((root - std::floor(root)) * 4294967296.0L);
}

inline std::string sha256(ByteView input) {
    std::array<std::uint32_t, 64> k;
    std::array<std::uint32_t, 8> state;
    for (std::size_t n = 0, candidate = 2; n < k.size(); ++candidate) {
        bool prime = true;
        for (std::size_t d = 2; d * d <= candidate; ++d) prime = prime && candidate % d != 0;
        if (!prime) continue;
        if (n < state.size()) state[n] = root_bits(static_cast<int>(candidate), false);
        k[n++] = root_bits(static_cast<int>(candidate), true);
    }

    Bytes padded(input.begin(), input.end());
    padded.push_back(0x80);
    while (padded.size() % 64 != 56) padded.push_back(0);
    for (int shift = 56; shift >= 0; shift -= 8)
        padded.push_back(static_cast<std::uint8_t>(std::uint64_t{input.size()} * 8 >> shift));

    for (std::size_t block = 0; block < padded.size(); block += 64) {
        std::array<std::uint32_t, 64> w;
        for (std::size_t i = 0; i < 64; ++i) {
            if (i < 16) {
                w[i] = Reader(ByteView(padded).subspan(block + 4 * i), std::endian::native == std::endian::little).u32();
            } else {
                const std::uint32_t a = w[i - 15], b = w[i - 2];
                w[i] = w[i - 16] + w[i - 7] + (std::rotr(a, 7) ^ std::rotr(a, 18) ^ a >> 3) +
                       (std::rotr(b, 17) ^ std::rotr(b, 19) ^ b >> 10);
            }
        }
        auto [a, b, c, d, e, f, g, h] = state;
        for (std::size_t i = 0; i < 64; ++i) {
            const std::uint32_t t1 =
                h + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) + ((e & f) ^ (~e & g)) + k[i] + w[i];
            const std::uint32_t t2 =
                (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
            h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
        }
        const std::array<std::uint32_t, 8> add = {a, b, c, d, e, f, g, h};
        for (std::size_t i = 0; i < 8; ++i) state[i] += add[i];
    }
    std::string hex;
    for (const std::uint32_t word : state) {
        for (int shift = 24; shift >= 0; shift -= 8) {
            const std::uint8_t byte = static_cast<std::uint8_t>(word >> shift);
            hex += to_hex({&byte, 1});
        }
    }
    return hex;
}

}  // namespace motet::test
