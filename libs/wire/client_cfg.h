// What libcfg and the cfg service say to each other over a client link of confdb.sock, which several services share: the
// type numbers of each begin at a number of their own. Replies come back in the mailbox. All integers native.
#pragma once
#include <cstddef>
#include <cstdint>

#include "libs/base/ids.h"

namespace motet::wire::cfg_client {

inline constexpr std::uint16_t kTypesBegin = 0x200, kTypesEnd = 0x300;   // of requests and events
constexpr bool is_ours(std::uint16_t type) { return type >= kTypesBegin && type < kTypesEnd; }

inline constexpr std::uint32_t kLinksMax = 8;
inline constexpr std::uint32_t kReasonMax = 255;       // bytes of a kill's reason, its NUL not counted
inline constexpr std::uint32_t kAddressTextMax = 46;   // INET6_ADDRSTRLEN

enum class Request : std::uint16_t {
    open = 0x200,        // empty; reply: Reply. First request of every connection.
    finalize = 0x201,    // empty; reply; then the worker closes
    local = 0x202,       // empty; reply: Reply + u32 nodeid
    addresses = 0x203,   // u32 nodeid, 0: the local node; reply: Reply + AddressList
    ring_status = 0x204, // empty; reply: Reply + RingStatus
    node_status = 0x205, // u32 nodeid; reply: Reply + NodeStatus
    track_start = 0x206, // empty; reply
    track_stop = 0x207,  // empty; reply
    try_shutdown = 0x208,   // u32 flags; reply when the decision is known
    reply_shutdown = 0x209, // u32 answer; reply
    kill = 0x20a,        // KillRequest; reply
    reload = 0x20b,      // empty; reply when this node has switched or refused
    reopen_logs = 0x20c, // empty; reply
};

enum class Event : std::uint16_t {
    shutdown = 0x200,    // u32 flags: somebody asks whether the node may stop
};

struct Reply {
    std::uint32_t error = 0;      // cs_error_t
    std::uint32_t reserved = 0;
};
struct Address {
    std::uint32_t family = 0;     // 4, 6, 0: none
    std::uint8_t bytes[16] = {};  // network order
};
struct AddressList {
    std::uint32_t count = 0;      // of links with an address; all are there
    Address list[kLinksMax];
};
struct RingStatusLink {
    char name[64] = {};           // "<nodeid> <ip>", NUL-terminated
    char status[400] = {};        // one character for each node (384 at most), or "OK"; NUL-terminated
};
struct RingStatus {
    std::uint32_t count = 0;
    RingStatusLink list[kLinksMax];
};
struct LinkStatus {
    std::uint8_t enabled = 0, connected = 0, dynconnected = 0, reserved = 0;
    std::uint32_t mtu = 0;        // bytes
    char source[kAddressTextMax + 2] = {}, destination[kAddressTextMax + 2] = {};   // NUL-terminated
};
struct NodeStatus {
    std::uint32_t nodeid = 0;
    std::uint8_t reachable = 0, remote = 0, external = 0, onwire_min = 0, onwire_max = 0, onwire_version = 0;
    std::uint16_t reserved = 0;
    LinkStatus links[kLinksMax];
};
struct KillRequest {
    std::uint32_t nodeid = 0, length = 0;   // of the reason, its NUL not counted
    char reason[kReasonMax + 1] = {};
};

}  // namespace motet::wire::cfg_client
