// The body of a plain mcast: a short header, the lengths, then messages or pieces of messages end to end.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "libs/base/bytes.h"
#include "libs/wire/decoded.h"

namespace motet::wire {

inline constexpr std::size_t kPackingHeaderSize = 8;
inline constexpr std::size_t kPackingLengthSize = 2;  // per entry
constexpr std::size_t packing_overhead(std::size_t entries) { return kPackingHeaderSize + kPackingLengthSize * entries; }

// A body whose lengths have been checked against each other. Points into the frame.
class PackedBody {
public:
    std::uint8_t fragmented() const { return fragmented_; }      // not 0: the last entry goes on in the next frame
    std::uint8_t continuation() const { return continuation_; }  // not 0: the first entry began in an earlier frame
    std::size_t count() const { return count_; }                 // at least 1
    // Entry i < count(), possibly empty. Ascending calls are cheap: it remembers where the last one ended.
    ByteView entry(std::size_t i);

private:
    friend Decoded<PackedBody> decode_packed(ByteView body, bool swap);
    std::size_t length(std::size_t i) const;

    std::uint8_t fragmented_ = 0, continuation_ = 0;
    bool swap_ = false;
    std::size_t count_ = 0;
    ByteView lengths_, entries_;
    std::size_t next_ = 0, offset_ = 0;  // entry `next_` begins at `offset_`
};

// A body that is refused still counts as received for ordering; only reassembly ignores it.
Decoded<PackedBody> decode_packed(ByteView body, bool swap);

// Writes header and lengths to the front of `body`, packing_overhead(lengths.size()) bytes. Every length must be
// at least 1, and `continuation` must be the `fragmented` of the sender's previous frame in the same stream.
void write_packing_header(std::uint8_t fragmented, std::uint8_t continuation, std::span<const std::uint16_t> lengths,
                          std::span<std::uint8_t> body);

// The fragment number after `previous`: 1..255, never 0.
constexpr std::uint8_t next_fragment(std::uint8_t previous) { return static_cast<std::uint8_t>(1 + previous % 255); }

}  // namespace motet::wire
