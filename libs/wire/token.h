// The ring's token: ordering, reliability and flow control in one small frame.
#pragma once
#include <cstddef>
#include <cstdint>

#include "libs/base/bounded_vector.h"
#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/wire/header.h"

namespace motet::wire {

inline constexpr std::size_t kTokenSize = 57;  // without retransmit items
inline constexpr std::size_t kRetransmitItemSize = 16;
inline constexpr std::size_t kRetransmitItemsMax = 30;  // what a Corosync 3.1 peer can hold; it drops longer tokens
inline constexpr std::size_t kTokenFrameMax = 1500;     // bytes, trailing ones included; peers drop longer ones

struct RetransmitItem {
    RingId ring;
    std::uint32_t seq = 0;
    friend bool operator==(const RetransmitItem&, const RetransmitItem&) = default;
};

struct Token {
    Header header{.type = FrameType::orf_token};
    std::uint32_t seq = 0;        // highest assigned so far
    std::uint32_t token_seq = 0;  // counts the nodes that processed the token
    std::uint32_t aru = 0;        // lowest "all received up to" of this rotation
    NodeId aru_addr = 0;          // who lowered aru; 0 when it equals seq
    RingId ring;
    std::uint32_t backlog = 0, fcc = 0;
    bool retrans_flag = false;  // recovery: some node still has old-ring frames to resend
    BoundedVector<RetransmitItem, kRetransmitItemsMax> retransmit;
};

// Bytes behind the last retransmit item are accepted, as Corosync does. Allocates nothing.
Decoded<Token> decode_token(ByteView frame);
// Appends.
void encode_token(const Token& token, Bytes& out);

}  // namespace motet::wire
