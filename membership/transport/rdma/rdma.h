// Totem over InfiniBand and RoCE: datagrams of one queue pair per link carry everything, multicast by the fabric where it can,
// one address handle per peer where it cannot. Authenticated encryption unless the configuration says otherwise.
//
// Order in the process: final user, groups and capabilities first, then open_rdma(): the kernel refuses devices to a process
// whose credentials have changed since it opened them. A system-call filter may come later.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "libs/base/result.h"
#include "membership/transport/rdma/link.h"
#include "membership/transport/transport.h"

namespace motet::transport {

inline constexpr std::size_t kRdmaLinksMax = 2;

struct RdmaConfig {
    NodeId self = 0;
    std::string cluster_name;
    struct Node {
        NodeId id = 0;
        std::vector<std::string> addresses;     // numeric, by link; empty text: not on this link
        bool operator==(const Node&) const = default;
    };
    std::vector<Node> nodes;                    // this node included
    struct LinkOptions {
        std::string group;
        std::uint16_t port = 5405;
    };
    std::vector<LinkOptions> links;             // at most kRdmaLinksMax
    rdma::Multicast multicast = rdma::Multicast::automatic;
    Duration poll{};                            // busy polling after each completion; 0: none
    std::uint32_t mtu_max = 0, receive_depth = 1024, send_depth = 0;   // 0: the device's; enough for a fanned-out token visit
    bool encrypted = true;
    Duration probe_period = seconds(1);
    std::string state_dir;                      // where the last incarnation is kept
};

// Before the process gives up its rights and its file system: loads the drivers of the devices and what the cipher needs, and takes this
// life's incarnation. Errors name the file or library.
Result<std::uint64_t> prepare_rdma(const RdmaConfig& config);
// Opens the devices. `key`: of the cluster, needed when encrypted; not kept. Errors name the address, the reason and the remedy.
Result<std::unique_ptr<Transport>> open_rdma(const RdmaConfig& config, ByteView key, std::uint64_t incarnation);

// The same on links made by hand, for tests. `keys` null: plaintext.
std::unique_ptr<Transport> make_rdma(const RdmaConfig& config, std::unique_ptr<rdma::Keyring> keys, std::vector<std::unique_ptr<rdma::Link>> links);

// While it runs: timing, and a key, which is the first step of its change (Transport::install_key); `key` -1: stays. Nodes, addresses
// and whether there is encryption cannot change. After an error everything is as it was.
Status reconfigure_rdma(Transport& transport, const RdmaConfig& config, int key);

// More than every earlier life of this node used, stored before it returns: <state_dir>/rdma_incarnation_<nodeid>, decimal.
// Keys and counters of encryption are never used twice because of it.
Result<std::uint64_t> next_incarnation(const std::string& state_dir, NodeId self, std::uint64_t clock_ns);

}  // namespace motet::transport
