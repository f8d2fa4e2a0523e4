// mcast frames. The sender builds the body first and patches the header when the token assigns a number.
#include "libs/wire/mcast.h"

#include "libs/base/assert.h"

namespace motet::wire {
namespace {

constexpr std::size_t kSeqOffset = 17, kThisSeqnoOffset = 21, kRingOffset = 25;

}  // namespace

Decoded<Mcast> decode_mcast(ByteView frame) {
    Decoded<Mcast> out;
    auto [header, in, why] = open_frame(frame, FrameType::mcast);
    if (why != Malformed::none) return {{}, why};
    if (frame.size() > kFrameMax) return {{}, Malformed::length};
    if (header.encapsulated != kEncapsulated && header.encapsulated != kPlain) return {{}, Malformed::value};

    Mcast& mcast = *out;
    mcast.header = header;
    mcast.system_from = in.u32();
    mcast.seq = in.u32();
    mcast.this_seqno = in.u32();
    mcast.ring = read_ring_id(in);
    in.skip(sizeof(std::uint32_t));  // node_id, always 0
    mcast.guarantee = in.u32();
    if (!in.ok()) return {{}, Malformed::truncated};
    mcast.body = in.rest();
    return out;
}

void write_mcast_header(const Mcast& mcast, std::span<std::uint8_t> frame) {
    MOTET_ASSERT(frame.size() >= kMcastHeaderSize, "mcast frame of %zu bytes", frame.size());
    const Header& header = mcast.header;
    store_at(frame, 0, kMagic);
    store_at(frame, 2, kVersion);
    store_at(frame, 3, static_cast<std::uint8_t>(FrameType::mcast));
    store_at(frame, 4, header.encapsulated);
    store_at(frame, 5, header.nodeid);
    store_at(frame, 9, header.target);
    store_at(frame, 13, mcast.system_from);
    store_at(frame, kSeqOffset, mcast.seq);
    store_at(frame, kThisSeqnoOffset, mcast.this_seqno);
    patch_mcast_ring(frame, mcast.ring);
    store_at(frame, 37, std::uint32_t{0});
    store_at(frame, 41, mcast.guarantee);
}

void encode_mcast(const Mcast& mcast, Bytes& out) {
    const std::size_t start = out.size();
    out.resize(start + kMcastHeaderSize);
    write_mcast_header(mcast, std::span(out).subspan(start));
    Writer(out).bytes(mcast.body);
}

void patch_mcast_seq(std::span<std::uint8_t> frame, std::uint32_t seq) { store_at(frame, kSeqOffset, seq); }

void patch_mcast_this_seqno(std::span<std::uint8_t> frame, std::uint32_t this_seqno) {
    store_at(frame, kThisSeqnoOffset, this_seqno);
}

void patch_mcast_ring(std::span<std::uint8_t> frame, RingId ring) {
    store_at(frame, kRingOffset, ring.rep);
    store_at(frame, kRingOffset + sizeof ring.rep, ring.seq);
}

}  // namespace motet::wire
