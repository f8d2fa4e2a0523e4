// What libquorum and libvotequorum say to the quorum worker over a client link, and hear from it. Records of the request
// ring carry a request type; replies come back in the mailbox; events are records of the event ring. All integers native.
#pragma once
#include <cstdint>

#include "libs/base/ids.h"

namespace motet::wire::quorum_client {

inline constexpr std::uint32_t kDeviceNameSize = 255;  // NUL included, as in the public header

enum class Interface : std::uint32_t { quorum = 1, votequorum = 2 };

// Request types (ring record field `type`); the ring record's id is the request number. Every request has a reply.
enum class Request : std::uint16_t {
    open = 1,            // OpenRequest; reply: Reply + u32 type of quorum. First request of every connection.
    finalize = 2,        // empty; reply; then the worker closes
    get_quorate = 3,     // empty; reply: Reply + u32
    track_start = 4,     // TrackRequest; reply
    track_stop = 5,      // empty; reply
    // Of votequorum only:
    info = 6,            // u32 node; reply: Reply + InfoReply
    set_expected = 7,    // u32 votes; reply
    set_votes = 8,       // u32 node, u32 votes; reply
    device_register = 9,      // DeviceName; reply, once the registration is ordered
    device_unregister = 10,   // DeviceName; reply
    device_rename = 11,       // DeviceName old, DeviceName new; reply
    device_poll = 12,         // PollRequest; reply
    device_master_wins = 13,  // MasterWinsRequest; reply
    cancel_wait_for_all = 14, // empty; reply: on behalf of an administrator
};

struct OpenRequest {
    Interface interface = Interface::quorum;
    std::uint32_t model = 0;       // of libquorum: 0 or 1
};
struct TrackRequest {
    std::uint64_t context = 0;     // of votequorum: comes back with each event
    std::uint32_t flags = 0;       // CS_TRACK_*
    std::uint32_t reserved = 0;
};
struct DeviceName {
    char text[kDeviceNameSize + 1] = {};   // NUL-terminated within
};
struct PollRequest {
    std::uint64_t ring_seq = 0;
    std::uint32_t ring_rep = 0;
    std::uint32_t vote = 0;
    DeviceName name;
};
struct MasterWinsRequest {
    DeviceName name;
    std::uint32_t allow = 0;
};
struct Reply {
    std::uint32_t error = 0;       // cs_error_t
    std::uint32_t reserved = 0;
};
// struct votequorum_info without its name, then the name.
struct InfoReply {
    std::uint32_t node_id = 0, node_state = 0, node_votes = 0, node_expected_votes = 0, highest_expected = 0, total_votes = 0,
                  quorum = 0, flags = 0, qdevice_votes = 0;
    char qdevice_name[kDeviceNameSize] = {};
    char reserved = 0;
};
static_assert(sizeof(InfoReply) == 292);

// InfoReply::flags
inline constexpr std::uint32_t kInfoTwoNode = 1, kInfoQuorate = 2, kInfoWaitForAll = 4, kInfoLastManStanding = 8,
                               kInfoAutoTieBreaker = 16, kInfoAllowDownscale = 32, kInfoQdeviceRegistered = 64,
                               kInfoQdeviceAlive = 128, kInfoQdeviceCastVote = 256, kInfoQdeviceMasterWins = 512;

enum class Event : std::uint16_t {
    quorum = 1,           // RingEvent, members
    nodelist = 2,         // RingEvent, members, joined, left: only to model 1
    vote_quorum = 3,      // VoteEvent, pairs of node and state
    vote_nodelist = 4,    // VoteEvent, nodes
    vote_expected = 5,    // VoteEvent
};
struct RingEvent {
    std::uint64_t seq = 0;
    std::uint32_t rep = 0;
    std::uint32_t quorate = 0;
    std::uint32_t members = 0, joined = 0, left = 0;
    std::uint32_t reserved = 0;
};
struct VoteEvent {
    std::uint64_t context = 0;
    std::uint64_t seq = 0;
    std::uint32_t rep = 0;
    std::uint32_t value = 0;       // quorate, or the expected votes
    std::uint32_t entries = 0;
    std::uint32_t reserved = 0;
};
inline constexpr std::uint32_t kEntriesMax = 4096;  // nodes ever seen may be more than a ring holds

}  // namespace motet::wire::quorum_client
