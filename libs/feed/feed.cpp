// Records between membership and workers. Both sides are our own programs, yet neither believes the other: a
// record that does not measure up exactly is refused, and the reader gives up the ring it came from.
#include "libs/feed/feed.h"

#include <cstring>

namespace motet::feed {
namespace {

void write_ring(Writer& out, RingId ring) {
    out.u32(ring.rep);
    out.u64(ring.seq);
}

RingId read_ring(Reader& in) {
    RingId ring;
    ring.rep = in.u32();
    ring.seq = in.u64();
    return ring;
}

std::vector<NodeId> read_nodes(Reader& in, std::uint32_t count) {
    std::vector<NodeId> nodes(count);
    for (NodeId& node : nodes) node = in.u32();
    return nodes;
}

}  // namespace

void encode_init(const Init& init, Bytes& out) {
    Writer w(out);
    w.u32(init.service);
    w.u64(init.round);
    write_ring(w, init.ring);
    w.u32(static_cast<std::uint32_t>(init.members.size()));
    w.u32(static_cast<std::uint32_t>(init.continuing.size()));
    for (const NodeId node : init.members) w.u32(node);
    for (const NodeId node : init.continuing) w.u32(node);
}

void encode_step(Step step, Bytes& out) {
    Writer w(out);
    w.u32(step.service);
    w.u64(step.round);
}

void encode_complete(const Complete& complete, Bytes& out) {
    Writer w(out);
    write_ring(w, complete.ring);
    w.u8(complete.all_motet ? 1 : 0);
}

void encode_message_header(NodeId from, bool foreign_order, bool of_predecessor, std::uint8_t out[kMessageHeaderSize]) {
    std::memset(out, 0, kMessageHeaderSize);
    std::memcpy(out, &from, sizeof from);
    out[sizeof from] = foreign_order ? 1 : 0;
    out[sizeof from + 1] = of_predecessor ? 1 : 0;
}

std::optional<Init> decode_init(ByteView payload) {
    Reader in(payload);
    Init init;
    init.service = in.u32();
    init.round = in.u64();
    init.ring = read_ring(in);
    const std::uint32_t members = in.u32();
    const std::uint32_t continuing = in.u32();
    if (!in.ok() || members > kNodesMax || continuing > kNodesMax) return std::nullopt;
    if (in.remaining() != (members + continuing) * sizeof(NodeId)) return std::nullopt;
    init.members = read_nodes(in, members);
    init.continuing = read_nodes(in, continuing);
    return init;
}

std::optional<Step> decode_step(ByteView payload) {
    Reader in(payload);
    Step step;
    step.service = in.u32();
    step.round = in.u64();
    if (!in.ok() || in.remaining() != 0) return std::nullopt;
    return step;
}

std::optional<Complete> decode_complete(ByteView payload) {
    Reader in(payload);
    Complete complete;
    complete.ring = read_ring(in);
    const std::uint8_t all_motet = in.u8();
    if (!in.ok() || in.remaining() != 0 || all_motet > 1) return std::nullopt;
    complete.all_motet = all_motet == 1;
    return complete;
}

std::optional<Message> decode_message(ByteView payload) {
    Reader in(payload);
    Message message;
    message.from = in.u32();
    const std::uint8_t foreign_order = in.u8();
    const std::uint8_t of_predecessor = in.u8();
    in.skip(kMessageHeaderSize - sizeof(NodeId) - 2);
    if (!in.ok() || foreign_order > 1 || of_predecessor > 1) return std::nullopt;
    message.foreign_order = foreign_order == 1;
    message.of_predecessor = of_predecessor == 1;
    message.body = in.rest();
    return message;
}

std::optional<Submitted> decode_submit(ByteView payload) {
    if (payload.size() < kSubmitHeaderSize) return std::nullopt;
    Submitted submitted;
    std::memcpy(&submitted.header, payload.data(), kSubmitHeaderSize);
    const SubmitHeader& header = submitted.header;
    if (header.guarantee > static_cast<std::uint8_t>(Guarantee::safe)) return std::nullopt;
    if (header.unit_first > 1 || header.unit_last > 1) return std::nullopt;
    submitted.body = payload.subspan(kSubmitHeaderSize);
    return submitted;
}

}  // namespace motet::feed
