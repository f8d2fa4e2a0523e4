// The common header: byte order first, then what kind of frame it is.
#include "libs/wire/header.h"

namespace motet::wire {
namespace {

constexpr std::size_t kTargetOffset = 9;

}  // namespace

const char* name(FrameType type) {
    switch (type) {
        case FrameType::orf_token: return "token";
        case FrameType::mcast: return "mcast";
        case FrameType::merge_detect: return "merge detect";
        case FrameType::join: return "join";
        case FrameType::commit_token: return "commit token";
        case FrameType::hold_cancel: return "hold cancel";
    }
    return "unknown";
}

Decoded<Header> decode_header(ByteView frame) {
    Decoded<Header> out;
    if (frame.size() < kHeaderSize) return {{}, Malformed::truncated};
    const std::uint16_t magic = Reader(frame).u16();
    if (magic != kMagic && magic != kMagicForeign) return {{}, Malformed::magic};

    Header& header = *out;
    header.foreign_order = magic == kMagicForeign;
    Reader in(frame.subspan(sizeof magic), header.foreign_order);
    if (in.u8() != kVersion) return {{}, Malformed::version};
    const std::uint8_t type = in.u8();
    if (type > static_cast<std::uint8_t>(FrameType::hold_cancel)) return {{}, Malformed::type};
    header.type = static_cast<FrameType>(type);
    header.encapsulated = in.u8();
    header.nodeid = in.u32();
    header.target = in.u32();
    return out;
}

void encode_header(const Header& header, Bytes& out) {
    Writer w(out);
    w.u16(kMagic);
    w.u8(kVersion);
    w.u8(static_cast<std::uint8_t>(header.type));
    w.u8(header.encapsulated);
    w.u32(header.nodeid);
    w.u32(header.target);
}

void patch_target(std::span<std::uint8_t> frame, NodeId target) { store_at(frame, kTargetOffset, target); }

Opened open_frame(ByteView frame, FrameType type) {
    const Decoded<Header> header = decode_header(frame);
    if (!header) return {{}, Reader({}), header.why};
    if (header->type != type) return {{}, Reader({}), Malformed::type};
    return {*header, Reader(frame.subspan(kHeaderSize), header->foreign_order), Malformed::none};
}

}  // namespace motet::wire
