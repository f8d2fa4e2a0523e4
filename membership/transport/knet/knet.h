// Totem over libknet: up to eight links to each peer, encryption, compression, fragmentation. libknet's threads do the
// network; this room gives it frames and takes frames over one local socket, and watches the links.
//
// Threads. libknet starts seven threads when its handle is made, and none later. They are made without privileges
// (`start_threads`); sockets are opened by the caller, who still has its own. They inherit its scheduling class. After start they need: epoll_wait, epoll_ctl, poll, futex, clock_nanosleep, sendmsg, sendmmsg,
// sendto, recvmsg, recvmmsg, recvfrom, read, write, readv, writev, setsockopt, getsockopt, madvise, mmap, munmap, mprotect,
// rt_sigprocmask, exit; adding a link also socket, bind. Plug-ins for cryptography and compression are loaded by open_knet(): none later.
//
// Links always have both addresses: a link that learns its peer's address from packets ("dynamic") is never configured.
#pragma once
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "libs/base/result.h"
#include "libs/base/time.h"
#include "membership/transport/key.h"
#include "membership/transport/transport.h"

namespace motet::transport {

inline constexpr std::size_t kKnetLinksMax = 8;

struct KnetLink {
    std::uint16_t port = 5405;          // of both ends
    std::uint8_t priority = 1, pong_count = 2;
    Duration ping_interval = milliseconds(750), ping_timeout = milliseconds(1500);
    std::uint32_t ping_precision = 2048;
};

struct KnetNode {
    NodeId id = 0;
    std::array<std::string, kKnetLinksMax> addresses;   // numeric, by link; empty: not on this link
};

struct KnetConfig {
    enum class Mode : std::uint8_t { passive, active, rr };
    NodeId self = 0;
    std::vector<KnetNode> nodes;        // this node included
    std::array<KnetLink, kKnetLinksMax> links;
    Mode mode = Mode::passive;
    Crypto crypto;
    bool block_unlisted = true;
    std::uint32_t pmtud_interval_s = 30, mtu = 0;
    std::string compression_model = "none";
    std::uint32_t compression_threshold = 0;
    std::int32_t compression_level = 0;
    // Runs what starts threads so that they have no privileges. Empty: libknet's threads keep those of the process.
    std::function<Status(const std::function<void()>& start)> start_threads;

    // Null: not in the list.
    const KnetNode* find(NodeId id) const {
        for (const KnetNode& node : nodes)
            if (node.id == id) return &node;
        return nullptr;
    }
};

// Opens sockets and starts libknet's threads. `key` is needed with crypto, and wiped. Errors name what failed and the remedy.
// What could not be had but is not needed (large socket buffers) is appended to `missing`.
Result<std::unique_ptr<Transport>> open_knet(const KnetConfig& config, Key key, std::vector<std::string>& missing);

// Other nodes, addresses, timers and priorities while it runs; and, if `key` is a descriptor or the cipher or hash is another one,
// the first step of a change of the key (Transport::install_key). After an error everything is as it was, as far as the kernel
// allows. Compression cannot change. Sockets opened here get the kernel's ordinary limit of buffer space.
Status reconfigure_knet(Transport& transport, const KnetConfig& config, int key);

}  // namespace motet::transport
