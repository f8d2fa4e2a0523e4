// The join's layout behind the common header: two counts, then two lists.
#include "libs/wire/join.h"

namespace motet::wire {

Decoded<Join> decode_join(ByteView frame) {
    Decoded<Join> out;
    auto [header, in, why] = open_frame(frame, FrameType::join);
    if (why != Malformed::none) return {{}, why};

    Join& join = *out;
    join.header = header;
    join.system_from = in.u32();
    const std::uint32_t considered = in.u32();
    const std::uint32_t failed = in.u32();
    join.ring_seq = in.u64();
    if (!in.ok()) return {{}, Malformed::truncated};
    // Each count is bounded alone: their sum could wrap.
    if (considered > kNodesMax || failed > kNodesMax) return {{}, Malformed::count};
    if (in.remaining() < (considered + failed) * sizeof(NodeId)) return {{}, Malformed::truncated};
    for (std::uint32_t i = 0; i < considered; ++i) join.proc_list.push(in.u32());
    for (std::uint32_t i = 0; i < failed; ++i) join.failed_list.push(in.u32());
    return out;
}

void encode_join(const Join& join, Bytes& out) {
    encode_header(join.header, out);
    Writer w(out);
    w.u32(join.system_from);
    w.u32(static_cast<std::uint32_t>(join.proc_list.size()));
    w.u32(static_cast<std::uint32_t>(join.failed_list.size()));
    w.u64(join.ring_seq);
    for (const NodeId id : join.proc_list) w.u32(id);
    for (const NodeId id : join.failed_list) w.u32(id);
}

}  // namespace motet::wire
