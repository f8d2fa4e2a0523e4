#include "libs/worker/frame_state.h"

namespace motet::worker {
namespace {

constexpr std::uint32_t kVersion = 1;

void write_waiting(const std::vector<FrameState::Waiting>& waiting, Writer& to) {
    to.u64(waiting.size());
    for (const FrameState::Waiting& one : waiting) {
        to.u16(one.kind);
        to.u32(static_cast<std::uint32_t>(one.record.size()));
        to.bytes(one.record);
    }
}

bool read_waiting(Reader& in, std::vector<FrameState::Waiting>& out) {
    const std::uint64_t count = in.u64();
    for (std::uint64_t i = 0; i < count && in.ok(); ++i) {   // each takes bytes of its own, so a false count ends early
        FrameState::Waiting one;
        one.kind = in.u16();
        const ByteView record = in.bytes(in.u32());
        one.record.assign(record.begin(), record.end());
        if (in.ok()) out.push_back(std::move(one));
    }
    return in.ok();
}

}  // namespace

void encode_frame_state(const FrameState& state, Bytes& out) {
    Writer to(out);
    to.u32(kVersion);
    to.u64(state.journal);
    to.u64(state.delivery);
    to.u64(state.submitted);
    to.u64(state.submitted_sync);
    to.u8(state.syncing ? 1 : 0);
    to.u64(state.submitted_while_syncing);
    to.u64(state.known.size());
    for (const std::uint64_t conn : state.known) to.u64(conn);
    write_waiting(state.waiting, to);
    write_waiting(state.waiting_sync, to);
}

Result<FrameState> decode_frame_state(ByteView bytes, ByteView& rest) {
    Reader in(bytes);
    if (in.u32() != kVersion || !in.ok()) return error("the frame's state is of another version");
    FrameState state;
    state.journal = in.u64();
    state.delivery = in.u64();
    state.submitted = in.u64();
    state.submitted_sync = in.u64();
    state.syncing = in.u8() != 0;
    state.submitted_while_syncing = in.u64();
    const std::uint64_t known = in.u64();
    if (!in.ok() || known > in.remaining() / sizeof(std::uint64_t)) return error("the frame's state is cut short");
    for (std::uint64_t i = 0; i < known; ++i) state.known.push_back(in.u64());
    if (!read_waiting(in, state.waiting) || !read_waiting(in, state.waiting_sync)) return error("the frame's state is cut short");
    rest = in.rest();
    return state;
}

}  // namespace motet::worker
