// What this room does to libknet's sockets from outside: large buffers, and a filter in the kernel that turns packets away
// which libknet should never see.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "membership/transport/udp/address.h"

namespace motet::transport {

struct GuardedLink {
    Address own;                        // with the port
    std::vector<Address> peers;
};

struct Guard {
    std::vector<int> sockets;           // libknet's, to be asked for drops; not owned
    int smallest_buffer = 0;            // bytes the kernel granted
    bool complete = true;               // every link's socket was found and got its filter
};

// Finds the sockets bound to the links' own addresses among this process's descriptors. `only_listed`: packets from other
// addresses are dropped. `check_clear`: of packets in clear, fragments whose number lies outside what they announce are dropped
// (libknet 1.25 would use it as an index), and so are packets of a compression that does not exist or, unless `zstd`, that it
// cannot take apart without having been set to it.
struct GuardRules {
    bool only_listed = true, check_clear = false, zstd = false;
    int buffer_bytes = 8 << 20;
};
Guard guard_sockets(std::span<const GuardedLink> links, const GuardRules& rules);

// Packets the kernel dropped on these sockets: by the filter, or because the buffer was full.
std::uint64_t dropped_in_kernel(std::span<const int> sockets);

}  // namespace motet::transport
