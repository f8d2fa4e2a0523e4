// The commit token's layout behind the common header: the member ids, then as many entries.
#include "libs/wire/commit_token.h"

namespace motet::wire {

Decoded<CommitToken> decode_commit_token(ByteView frame) {
    Decoded<CommitToken> out;
    auto [header, in, why] = open_frame(frame, FrameType::commit_token);
    if (why != Malformed::none) return {{}, why};

    CommitToken& token = *out;
    token.header = header;
    token.token_seq = in.u32();
    token.ring = read_ring_id(in);
    in.skip(sizeof(std::uint32_t));  // retrans_flg, unused
    token.memb_index = in.u32();
    const std::uint32_t members = in.u32();
    if (!in.ok()) return {{}, Malformed::truncated};
    if (members == 0 || members > kNodesMax || token.memb_index > members) return {{}, Malformed::count};
    if (in.remaining() < members * kCommitMemberSize) return {{}, Malformed::truncated};

    NodeId last = 0;
    for (std::uint32_t i = 0; i < members; ++i) {
        CommitMember member;
        member.nodeid = in.u32();
        // The list is the ring order; a repeated or misplaced id would send the token in circles.
        if (member.nodeid <= last) return {{}, Malformed::value};
        last = member.nodeid;
        token.members.push(member);
    }
    for (CommitMember& member : token.members) {
        member.old_ring = read_ring_id(in);
        member.aru = in.u32();
        member.high_delivered = in.u32();
        member.received = in.u32() != 0;
    }
    return out;
}

void encode_commit_token(const CommitToken& token, Bytes& out) {
    encode_header(token.header, out);
    Writer w(out);
    w.u32(token.token_seq);
    write_ring_id(w, token.ring);
    w.u32(0);
    w.u32(token.memb_index);
    w.u32(static_cast<std::uint32_t>(token.members.size()));
    for (const CommitMember& member : token.members) w.u32(member.nodeid);
    for (const CommitMember& member : token.members) {
        write_ring_id(w, member.old_ring);
        w.u32(member.aru);
        w.u32(member.high_delivered);
        w.u32(member.received ? 1 : 0);
    }
}

}  // namespace motet::wire
