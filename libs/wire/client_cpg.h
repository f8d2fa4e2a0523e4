// What libcpg and the cpg worker say to each other over a client link. Records of the request ring carry a
// request type; replies come back in the mailbox; events are records of the event ring. All integers native.
#pragma once
#include <cstdint>

#include "libs/base/ids.h"

namespace motet::wire::cpg_client {

inline constexpr std::uint32_t kNameMax = 128;                 // bytes of a group name
inline constexpr std::uint32_t kAtomicMax = 1048576 - 1024;    // one multicast; longer ones are sent in parts
inline constexpr std::uint32_t kMessageMax = 16u << 20;        // longest message in parts
inline constexpr std::uint32_t kZeroCopyMax = 1048576;         // zcb sends, as in Corosync

// Request types (ring record field `type`); the ring record's id is the request number.
enum class Request : std::uint16_t {
    model = 1,        // ModelRequest; reply: Reply. First request of every connection (flags, pid).
    join = 2,         // JoinRequest; reply
    leave = 3,        // LeaveRequest; reply
    multicast = 4,    // MulticastRequest + payload; no reply
    multicast_part = 5,  // PartRequest + payload; reply
    membership = 6,   // NameRequest; reply: Reply + u32 count + count x MemberEntry
    local = 7,        // empty; reply: Reply + u32 nodeid
    iteration_start = 8, // IterationRequest; reply: Reply + u64 iteration
    iteration_next = 9,  // u64 iteration; reply: Reply + u32 nodeid, u32 pid, Name   (NO_SECTIONS at the end)
    iteration_end = 10,  // u64 iteration; reply
    finalize = 11,    // empty; reply; then the worker closes
    multicast_sync = 12, // MulticastRequest + payload; reply (zero-copy sends)
};

struct Name {
    std::uint32_t length = 0;
    char value[kNameMax] = {};
};
struct ModelRequest {
    std::uint32_t pid = 0;          // as the client sees itself
    std::uint32_t flags = 0;        // 1: deliver the initial totem configuration
    std::uint32_t wants_totem = 0;  // the application has a totem callback
    std::uint32_t reserved = 0;
};
struct JoinRequest {
    std::uint32_t pid = 0;          // getpid() at the call
    Name name;
};
struct LeaveRequest {
    std::uint32_t pid = 0;
    Name name;
};
struct NameRequest {
    Name name;
};
struct MulticastRequest {
    std::uint32_t guarantee = 0;    // cpg_guarantee_t as the application gave it; 3 is SAFE, all others AGREED
    std::uint32_t length = 0;       // payload bytes, at most kAtomicMax (multicast_sync: kZeroCopyMax)
};
struct PartRequest {
    std::uint32_t guarantee = 0;
    std::uint32_t total = 0;        // of the whole message
    std::uint32_t length = 0;       // of this part
    std::uint32_t kind = 0;         // 1 first, 2 continued, 3 last
};
struct IterationRequest {
    std::uint32_t type = 0;         // cpg_iteration_type_t
    std::uint32_t has_name = 0;
    Name name;
};
struct Reply {
    std::uint32_t error = 0;        // cs_error_t
    std::uint32_t reserved = 0;
};
struct MemberEntry {
    std::uint32_t nodeid = 0, pid = 0, reason = 0;
};

// Event types (ring record field `type`).
enum class Event : std::uint16_t {
    deliver = 1,        // DeliverEvent + payload
    confchg = 2,        // ConfchgEvent + members, left, joined (MemberEntry each)
    totem_confchg = 3,  // TotemEvent + u32 nodeids
    // Messages longer than kAtomicMax: DeliverPartEvent + bytes. Parts of one message follow each other
    // without another event between them; `offset` + length reaches `total` in the last one.
    deliver_part = 4,
};
struct DeliverEvent {
    Name group;
    std::uint32_t nodeid = 0, pid = 0;
    std::uint32_t length = 0;
};
struct DeliverPartEvent {
    Name group;
    std::uint32_t nodeid = 0, pid = 0;
    std::uint32_t total = 0, offset = 0, length = 0;
};
struct ConfchgEvent {
    Name group;
    std::uint32_t members = 0, left = 0, joined = 0;
};
struct TotemEvent {
    std::uint32_t rep = 0;
    std::uint32_t members = 0;
    std::uint64_t seq = 0;
};

}  // namespace motet::wire::cpg_client
