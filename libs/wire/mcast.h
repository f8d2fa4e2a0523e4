// The only frame with application data: numbered by the token holder, its body packed messages (packing.h) or,
// in recovery, one whole mcast frame of the old ring.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/wire/header.h"

namespace motet::wire {

inline constexpr std::size_t kMcastHeaderSize = 45;

struct Mcast {
    Header header{.type = FrameType::mcast, .encapsulated = kPlain};
    NodeId system_from = 0;        // originator, equal to header.nodeid
    std::uint32_t seq = 0;         // of the ring below
    std::uint32_t this_seqno = 0;  // the sender's own transmit count; receivers ignore it
    RingId ring;
    std::uint32_t guarantee = 0;  // motet::Guarantee; receivers ignore it
    ByteView body;                // points into the frame

    bool encapsulated() const { return header.encapsulated == kEncapsulated; }
};

// Refuses a frame longer than kFrameMax and an unknown encapsulation. What the body says is for packing.h, or
// for this decoder again if encapsulated: a bad body does not unmake the frame's place in the order. Allocates
// nothing.
Decoded<Mcast> decode_mcast(ByteView frame);

// Fills the first kMcastHeaderSize bytes of a frame whose body stands, or will stand, behind them.
void write_mcast_header(const Mcast& mcast, std::span<std::uint8_t> frame);
// Appends header and body.
void encode_mcast(const Mcast& mcast, Bytes& out);

// What is known only when the token arrives. `frame` must hold an mcast in native order.
void patch_mcast_seq(std::span<std::uint8_t> frame, std::uint32_t seq);
void patch_mcast_this_seqno(std::span<std::uint8_t> frame, std::uint32_t this_seqno);
void patch_mcast_ring(std::span<std::uint8_t> frame, RingId ring);

}  // namespace motet::wire
