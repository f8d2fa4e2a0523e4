// The 13 bytes that begin every Totem frame. The sender writes its own byte order; the magic tells which.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/wire/decoded.h"

namespace motet::wire {

inline constexpr std::uint16_t kMagic = 0xC070;
inline constexpr std::uint16_t kMagicForeign = 0x70C0;
inline constexpr std::uint8_t kVersion = 3;
inline constexpr std::size_t kHeaderSize = 13;
inline constexpr std::size_t kRingIdSize = 12;
inline constexpr std::size_t kFrameMax = 65536;  // bytes; a Corosync 3.1 peer aborts on a longer mcast

enum class FrameType : std::uint8_t {
    orf_token = 0,
    mcast = 1,
    merge_detect = 2,
    join = 3,
    commit_token = 4,
    hold_cancel = 5,
};
const char* name(FrameType type);

// Values of Header::encapsulated in an mcast; other types carry 0 and receivers ignore it.
inline constexpr std::uint8_t kEncapsulated = 1;  // the body is a whole mcast frame of the old ring
inline constexpr std::uint8_t kPlain = 2;

struct Header {
    FrameType type = FrameType::orf_token;
    std::uint8_t encapsulated = 0;
    NodeId nodeid = 0;           // mcast: originator; else the node that sent this copy; 0 in a leave
    NodeId target = 0;           // not reliable on receipt: some transports leave old memory here
    bool foreign_order = false;  // decoded only: the sender's byte order is not ours
};

// Checks magic, version and type only; the frame's own decoder checks the rest.
Decoded<Header> decode_header(ByteView frame);

// Appends the header in native order; foreign_order is ignored.
void encode_header(const Header& header, Bytes& out);

// Rewrites the destination of a frame that is already encoded.
void patch_target(std::span<std::uint8_t> frame, NodeId target);

// Ring ids are two unaligned fields wherever they occur.
inline RingId read_ring_id(Reader& in) {
    RingId ring;
    ring.rep = in.u32();
    ring.seq = in.u64();
    return ring;
}
inline void write_ring_id(Writer& out, RingId ring) {
    out.u32(ring.rep);
    out.u64(ring.seq);
}

// For a frame's decoder: the header if it is of that type, and a reader behind it.
struct Opened {
    Header header;
    Reader in;
    Malformed why;
};
Opened open_frame(ByteView frame, FrameType type);

}  // namespace motet::wire
