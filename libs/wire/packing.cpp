// Packed bodies: the sum of the stated lengths must be exactly what is there.
#include "libs/wire/packing.h"

#include "libs/base/assert.h"

namespace motet::wire {

Decoded<PackedBody> decode_packed(ByteView body, bool swap) {
    Decoded<PackedBody> out;
    Reader in(body, swap);
    in.skip(4);  // version and type, both 0 and checked by nobody
    PackedBody& packed = *out;
    packed.fragmented_ = in.u8();
    packed.continuation_ = in.u8();
    packed.count_ = in.u16();
    packed.swap_ = swap;
    if (!in.ok()) return {{}, Malformed::truncated};
    if (packed.count_ == 0) return {{}, Malformed::count};
    packed.lengths_ = in.bytes(packed.count_ * kPackingLengthSize);
    if (!in.ok()) return {{}, Malformed::truncated};
    packed.entries_ = in.rest();

    std::size_t sum = 0;  // at most 65535 * 65535
    for (std::size_t i = 0; i < packed.count_; ++i) sum += packed.length(i);
    if (sum != packed.entries_.size()) return {{}, Malformed::length};
    return out;
}

std::size_t PackedBody::length(std::size_t i) const {
    return Reader(lengths_.subspan(i * kPackingLengthSize), swap_).u16();
}

ByteView PackedBody::entry(std::size_t i) {
    MOTET_ASSERT(i < count_, "entry %zu of %zu", i, count_);
    if (i < next_) next_ = offset_ = 0;
    for (; next_ < i; ++next_) offset_ += length(next_);
    const ByteView result = entries_.subspan(offset_, length(i));
    offset_ += result.size();
    ++next_;
    return result;
}

void write_packing_header(std::uint8_t fragmented, std::uint8_t continuation, std::span<const std::uint16_t> lengths,
                          std::span<std::uint8_t> body) {
    MOTET_ASSERT(!lengths.empty() && lengths.size() <= UINT16_MAX && body.size() >= packing_overhead(lengths.size()),
                 "%zu entries in a body of %zu bytes", lengths.size(), body.size());
    store_at(body, 0, std::uint32_t{0});
    store_at(body, 4, fragmented);
    store_at(body, 5, continuation);
    store_at(body, 6, static_cast<std::uint16_t>(lengths.size()));
    for (std::size_t i = 0; i < lengths.size(); ++i) store_at(body, packing_overhead(i), lengths[i]);
}

}  // namespace motet::wire
