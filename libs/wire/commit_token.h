// The token of a proposed ring: twice around, it collects what each member has of its old ring.
#pragma once
#include <cstddef>
#include <cstdint>

#include "libs/base/bounded_vector.h"
#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/wire/header.h"

namespace motet::wire {

inline constexpr std::size_t kCommitTokenSize = 41;   // without members
inline constexpr std::size_t kCommitMemberSize = 28;  // 4 in the address list, 24 in the member list

// All but `nodeid` is zero until the member has filled it in.
struct CommitMember {
    NodeId nodeid = 0;
    RingId old_ring;
    std::uint32_t aru = 0, high_delivered = 0;  // in the old ring
    bool received = false;                      // misses nothing it knows of
};

struct CommitToken {
    Header header{.type = FrameType::commit_token};
    std::uint32_t token_seq = 0;
    RingId ring;                                     // proposed
    std::uint32_t memb_index = 0;                    // member entries filled in so far, 0..members.size()
    BoundedVector<CommitMember, kNodesMax> members;  // 1..kNodesMax, strictly ascending by nodeid: the ring order
};

// Guarantees the ranges and the order stated above.
Decoded<CommitToken> decode_commit_token(ByteView frame);
// Appends.
void encode_commit_token(const CommitToken& token, Bytes& out);

}  // namespace motet::wire
