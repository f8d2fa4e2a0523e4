#include "membership/transport/rdma/envelope.h"

#include <bit>

namespace motet::transport::rdma {
namespace {

constexpr std::uint8_t kVersion = 1, kPlaintext = 1;
constexpr std::array<std::uint8_t, 4> kMagic = {'M', 'T', 'R', 'D'};
constexpr bool kSwap = std::endian::native == std::endian::little;

template <class T>
void put(std::span<std::uint8_t> out, std::size_t offset, T value) {
    store_at(out, offset, kSwap ? byte_swapped(value) : value);
}

}  // namespace

void encode(const Envelope& e, std::span<std::uint8_t, kEnvelopeSize> out) {
    std::copy(kMagic.begin(), kMagic.end(), out.begin());
    out[4] = kVersion;
    out[5] = static_cast<std::uint8_t>(e.kind);
    out[6] = e.key_id;
    out[7] = e.plaintext ? kPlaintext : 0;
    put(out, 8, e.from);
    put(out, 12, e.to);
    put(out, 16, e.incarnation);
    put(out, 24, e.counter);
}

std::optional<Envelope> decode(ByteView datagram) {
    Reader in(datagram, kSwap);
    const ByteView magic = in.bytes(kMagic.size());
    const std::uint8_t version = in.u8(), kind = in.u8();
    Envelope e;
    e.key_id = in.u8();
    const std::uint8_t flags = in.u8();
    e.from = in.u32();
    e.to = in.u32();
    e.incarnation = in.u64();
    e.counter = in.u64();
    if (!in.ok() || !std::equal(magic.begin(), magic.end(), kMagic.begin()) || version != kVersion) return std::nullopt;
    if (kind < static_cast<std::uint8_t>(Class::multicast) || kind > static_cast<std::uint8_t>(Class::probe)) return std::nullopt;
    if ((flags & ~kPlaintext) != 0 || e.counter == 0) return std::nullopt;
    e.kind = static_cast<Class>(kind);
    e.plaintext = flags == kPlaintext;
    return e;
}

bool ReplayWindow::seen(std::uint64_t counter) const {
    if (counter > highest_) return false;
    if (highest_ - counter >= kSize) return true;
    return (bits_[counter / 64 % bits_.size()] >> (counter % 64) & 1) != 0;
}

void ReplayWindow::mark(std::uint64_t counter) {
    if (counter > highest_) {
        // Words between the old and the new highest belong to counters that nobody has seen yet.
        const std::uint64_t from = highest_ / 64 + 1, to = counter / 64;
        const std::uint64_t words = std::min<std::uint64_t>(to >= from ? to - from + 1 : 0, bits_.size());
        for (std::uint64_t i = 0; i < words; ++i) bits_[(to - i) % bits_.size()] = 0;
        highest_ = counter;
    } else if (highest_ - counter >= kSize) {
        return;
    }
    bits_[counter / 64 % bits_.size()] |= std::uint64_t{1} << (counter % 64);
}

}  // namespace motet::transport::rdma
