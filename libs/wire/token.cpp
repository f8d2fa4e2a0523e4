// The token's layout behind the common header.
#include "libs/wire/token.h"

namespace motet::wire {

Decoded<Token> decode_token(ByteView frame) {
    Decoded<Token> out;
    auto [header, in, why] = open_frame(frame, FrameType::orf_token);
    if (why != Malformed::none) return {{}, why};
    if (frame.size() > kTokenFrameMax) return {{}, Malformed::length};

    Token& token = *out;
    token.header = header;
    token.seq = in.u32();
    token.token_seq = in.u32();
    token.aru = in.u32();
    token.aru_addr = in.u32();
    token.ring = read_ring_id(in);
    token.backlog = in.u32();
    token.fcc = in.u32();
    token.retrans_flag = in.u32() != 0;
    const std::uint32_t items = in.u32();
    if (!in.ok()) return {{}, Malformed::truncated};
    // Bound the count before any arithmetic on it: a peer's count is a claim, not a size.
    if (items > kRetransmitItemsMax) return {{}, Malformed::count};
    if (in.remaining() < items * kRetransmitItemSize) return {{}, Malformed::truncated};
    for (std::uint32_t i = 0; i < items; ++i) {
        const RingId ring = read_ring_id(in);
        token.retransmit.push({ring, in.u32()});
    }
    return out;
}

void encode_token(const Token& token, Bytes& out) {
    encode_header(token.header, out);
    Writer w(out);
    w.u32(token.seq);
    w.u32(token.token_seq);
    w.u32(token.aru);
    w.u32(token.aru_addr);
    write_ring_id(w, token.ring);
    w.u32(token.backlog);
    w.u32(token.fcc);
    w.u32(token.retrans_flag ? 1 : 0);
    w.u32(static_cast<std::uint32_t>(token.retransmit.size()));
    for (const RetransmitItem& item : token.retransmit) {
        write_ring_id(w, item.ring);
        w.u32(item.seq);
    }
}

}  // namespace motet::wire
