// What the membership process needs to know, derived from a snapshot: Corosync's defaults and derivations applied,
// the local node picked. Values only; who opens sockets with them is another room.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "libs/base/ids.h"
#include "libs/base/result.h"
#include "libs/base/time.h"
#include "libs/config/snapshot.h"

namespace motet::config {

inline constexpr std::size_t kLinksMax = 8;

enum class Transport : std::uint8_t { knet, udpu, udp, rdma };
enum class IpVersion : std::uint8_t { ipv4, ipv6, ipv4_6, ipv6_4 };   // the last two: which family is tried first

const char* name(Transport transport);   // as written in the file

struct NodeSettings {
    NodeId id = 0;                        // given, or derived from the IPv4 address of link 0
    std::string name;                     // may be empty
    std::vector<std::string> addresses;   // numeric, by link number; empty text: no such link
    std::uint32_t votes = 1;
};

// Link 0 as udp and udpu use it.
struct LinkSettings {
    std::string group;                    // numeric multicast address (udp); given, or hashed from the cluster name
    std::uint16_t port = 5405;
    std::uint8_t ttl = 1;                 // of multicasts
    bool broadcast = false;               // udp: 255.255.255.255 instead of a group
};

enum class LinkMode : std::uint8_t { passive, active, rr };   // best link, all links, in turn

// One link of knet, by its number the same on all nodes.
struct KnetLinkSettings {
    std::uint16_t port = 5405;            // of both ends
    std::uint8_t priority = 1;            // highest wins in mode passive
    std::uint8_t pong_count = 2;          // answers before the link is up
    Duration ping_interval, ping_timeout;
    std::uint32_t ping_precision = 2048;  // samples in the average latency
};

// "none" as in the file. Which key, the snapshot says (kKeyfile or totem.key): it is read by nobody but membership.
struct CryptoSettings {
    std::string cipher = "none", hash = "none", model = "nss";
    bool on() const { return cipher != "none" || hash != "none"; }
};

struct KnetSettings {
    LinkMode link_mode = LinkMode::passive;
    KnetLinkSettings links[kLinksMax];
    CryptoSettings crypto;
    std::uint32_t pmtud_interval_s = 30;
    std::uint32_t mtu = 0;                // bytes; 0: measured
    std::string compression_model = "none";
    std::uint32_t compression_threshold = 0;   // bytes; 0: libknet's own, 100
    std::int32_t compression_level = 0;
};

inline constexpr std::size_t kRdmaLinksMax = 2;

struct RdmaSettings {
    enum class Multicast : std::uint8_t { automatic, yes, no } multicast = Multicast::automatic;
    std::uint32_t mtu = 0;                // bytes; 0: the device's, at most 2048 on InfiniBand
    std::uint32_t receive_depth = 1024;
    std::uint32_t send_depth = 0;         // 0: what a fanned-out token visit needs
    std::uint32_t poll_us = 0;            // busy polling after each completion
    LinkSettings links[kRdmaLinksMax];
};

struct TotemSettings {
    Transport transport = Transport::knet;
    IpVersion ip_version = IpVersion::ipv6_4;
    std::string cluster_name;
    std::uint64_t config_version = 0;
    bool allow_unencrypted = false;
    bool encrypted = false;               // a cipher and a hash are in force
    KnetSettings knet;                    // with transport knet; its cipher with rdma, too
    RdmaSettings rdma;                    // with transport rdma
    // The cluster's key is needed.
    bool needs_key() const {
        return (transport == Transport::knet && knet.crypto.on()) || (transport == Transport::rdma && knet.crypto.cipher != "none");
    }

    std::vector<NodeSettings> nodes;      // in the order of the file
    std::size_t local = 0;                // index of this node in `nodes`
    const NodeSettings& self() const { return nodes[local]; }
    LinkSettings link0;

    Duration token;                       // effective: coefficient included
    Duration token_retransmit, hold, consensus, join, send_join, merge, downcheck, max_network_delay;
    std::uint32_t token_warning = 75;     // percent of token, 0: off
    std::uint32_t token_retransmits_before_loss_const = 4;
    std::uint32_t heartbeat_failures_allowed = 0;
    std::uint32_t fail_recv_const = 2500, seqno_unchanged_const = 30, miss_count_const = 5;
    std::uint32_t window_size = 50, max_messages = 17;
    bool quick_rest = true;               // seqno_unchanged_const is not set in the file
    bool adaptive_window = true;          // neither of the two is set in the file
    std::uint32_t netmtu = 1500;          // bytes
    bool block_unlisted_ips = true;
    bool cancel_token_hold_on_retransmit = false;

    bool votequorum = false;              // quorum.provider is corosync_votequorum
    std::uint32_t votes = 1;              // of this node
    std::uint32_t expected_votes = 1;     // quorum.expected_votes, else the sum of the nodelist
};

// How the local node is recognised when nobody names it.
struct Host {
    std::string name;                     // may carry a domain
    std::vector<std::string> addresses;   // numeric
};

// `node_wanted` is the --node option: a name or an id. When it is empty the local node is, in this order, the one the
// reader recorded in the snapshot (nodelist.local_node_pos), the one named like the host, the one with a local address.
Result<TotemSettings> totem_settings(const Snapshot& snapshot, std::string_view node_wanted, const Host& host = {});

// The same without the checks and without the local node, for the checks themselves.
TotemSettings derive(const Snapshot& snapshot);

// What the reader adds to the keys of the file: "motet.address.<node>.<link>", the numeric form of ringN_addr.
std::string address_key(std::size_t node, std::size_t link);
inline constexpr std::string_view kLocalPosition = "nodelist.local_node_pos";
inline constexpr std::string_view kKeyfile = "motet.keyfile";   // path of the cluster's key, when crypto is on and totem.key is not given
inline constexpr std::size_t kKeyBytesMin = 128, kKeyBytesMax = 4096;   // as libknet has it

// 239.192.x.y or ff15::x, as Corosync derives it from the cluster's name.
std::string group_address(std::string_view cluster_name, unsigned link, bool ipv6);

}  // namespace motet::config
