// Corosync's derivations (spec: config.md, totem-state.md section 2, totem-transport.md) in whole-number arithmetic.
#include "libs/config/totem_settings.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "libs/config/address.h"
#include "libs/config/checks.h"

namespace motet::config {
namespace {

constexpr std::uint16_t kPortDefault = 5405;

Transport transport_of(std::string_view word) {
    if (word == "rdma" || word == "iba") return Transport::rdma;
    return word == "udpu" ? Transport::udpu : word == "udp" ? Transport::udp : Transport::knet;
}

IpVersion ip_version_of(std::string_view word, Transport transport) {
    if (word == "ipv4") return IpVersion::ipv4;
    if (word == "ipv6") return IpVersion::ipv6;
    if (word == "ipv4-6") return IpVersion::ipv4_6;
    if (word == "ipv6-4") return IpVersion::ipv6_4;
    return transport == Transport::udp ? IpVersion::ipv4 : IpVersion::ipv6_4;
}

// 0 counts as "not set".
std::uint64_t set_or(const Snapshot& snapshot, std::string_view key, std::uint64_t fallback) {
    const std::uint64_t value = snapshot.number_or(key, 0);
    return value == 0 ? fallback : value;
}

std::uint32_t set_or32(const Snapshot& snapshot, std::string_view key, std::uint32_t fallback) {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(set_or(snapshot, key, fallback), UINT32_MAX));
}

Duration ms(std::uint64_t n) { return milliseconds(static_cast<std::int64_t>(n)); }

void derive_timers(const Snapshot& in, std::size_t nodes, TotemSettings& out) {
    std::uint64_t token = set_or(in, "totem.token", 3000);
    if (nodes > 2) token += (nodes - 2) * in.number_or("totem.token_coefficient", 650);
    const std::uint64_t sends = set_or(in, "totem.token_retransmits_before_loss_const", 4);
    const std::uint64_t retransmit = set_or(in, "totem.token_retransmit", token * 5 / (sends * 5 + 1));   // token / (sends + 0.2)
    const std::uint64_t idle = retransmit * 8 >= 100 ? (retransmit * 8 - 100) / 10 : 0;                   // 0.8 retransmit - 10
    out.token = ms(token);
    out.token_retransmits_before_loss_const = static_cast<std::uint32_t>(sends);
    out.token_retransmit = ms(retransmit);
    out.hold = ms(set_or(in, "totem.hold", idle));
    out.consensus = ms(set_or(in, "totem.consensus", token * 12 / 10));
    out.join = ms(set_or(in, "totem.join", 50));
    out.send_join = ms(in.number_or("totem.send_join", 0));
    out.merge = ms(set_or(in, "totem.merge", 200));
    out.downcheck = ms(set_or(in, "totem.downcheck", 1000));
    out.max_network_delay = ms(set_or(in, "totem.max_network_delay", 50));
}

CryptoSettings derive_crypto(const Snapshot& in) {
    CryptoSettings out;
    if (in.get_or("totem.secauth", "off") == "on") out.cipher = "aes256", out.hash = "sha256";
    out.cipher = in.get_or("totem.crypto_cipher", out.cipher);
    out.hash = in.get_or("totem.crypto_hash", out.hash);
    out.model = in.get_or("totem.crypto_model", out.model);
    return out;
}

void derive_knet(const Snapshot& in, TotemSettings& out) {
    KnetSettings& knet = out.knet;
    const std::string_view mode = in.get_or("totem.link_mode", "passive");
    knet.link_mode = mode == "active" ? LinkMode::active : mode == "rr" ? LinkMode::rr : LinkMode::passive;
    knet.crypto = derive_crypto(in);
    knet.pmtud_interval_s = set_or32(in, "totem.knet_pmtud_interval", 30);
    knet.mtu = set_or32(in, "totem.knet_mtu", 0);
    knet.compression_model = in.get_or("totem.knet_compression_model", "none");
    knet.compression_threshold = set_or32(in, "totem.knet_compression_threshold", 0);
    const std::string level(in.get_or("totem.knet_compression_level", "0"));
    knet.compression_level = static_cast<std::int32_t>(std::strtol(level.c_str(), nullptr, 10));
    for (std::size_t i = 0; i < kLinksMax; ++i) {
        const std::string prefix = "totem.interface." + std::to_string(i) + ".";
        KnetLinkSettings& link = knet.links[i];
        link.port = static_cast<std::uint16_t>(set_or(in, prefix + "mcastport", kPortDefault + i));
        link.priority = static_cast<std::uint8_t>(std::min<std::uint64_t>(in.number_or(prefix + "knet_link_priority", 1), 255));
        link.pong_count = static_cast<std::uint8_t>(std::min<std::uint64_t>(set_or(in, prefix + "knet_pong_count", 2), 255));
        link.ping_timeout = ms(set_or(in, prefix + "knet_ping_timeout", static_cast<std::uint64_t>(out.token.ms()) / link.pong_count));
        link.ping_interval = ms(set_or(in, prefix + "knet_ping_interval", static_cast<std::uint64_t>(out.token.ms()) / (2u * link.pong_count)));
        link.ping_precision = set_or32(in, prefix + "knet_ping_precision", 2048);
    }
}

void derive_rdma(const Snapshot& in, bool ipv6, TotemSettings& out) {
    RdmaSettings& rdma = out.rdma;
    const std::string_view multicast = in.get_or("totem.rdma_multicast", "auto");
    rdma.multicast = multicast == "yes" ? RdmaSettings::Multicast::yes
                     : multicast == "no" ? RdmaSettings::Multicast::no
                                         : RdmaSettings::Multicast::automatic;
    rdma.mtu = set_or32(in, "totem.rdma_mtu", 0);
    rdma.receive_depth = set_or32(in, "totem.rdma_recv_depth", 1024);
    rdma.send_depth = set_or32(in, "totem.rdma_send_depth", 0);
    rdma.poll_us = set_or32(in, "totem.rdma_poll_us", 0);
    for (unsigned i = 0; i < kRdmaLinksMax; ++i) {
        const std::string prefix = "totem.interface." + std::to_string(i) + ".";
        rdma.links[i].port = static_cast<std::uint16_t>(set_or(in, prefix + "mcastport", kPortDefault));
        rdma.links[i].group = in.get_or(prefix + "mcastaddr", "");
        if (rdma.links[i].group.empty()) rdma.links[i].group = group_address(out.cluster_name, i, ipv6);
    }
}

NodeId id_from(std::string_view address, bool clear_high_bit) {
    const auto numeric = parse_address(address);
    if (!numeric || numeric->ipv6) return 0;
    return clear_high_bit ? numeric->ipv4_number() & 0x7fffffffu : numeric->ipv4_number();
}

void derive_nodes(const Snapshot& in, TotemSettings& out) {
    const bool clear_high_bit = in.flag("totem.clear_node_high_bit", false);
    for (std::size_t i = 0; i < kNodesMax; ++i) {
        const std::string prefix = "nodelist.node." + std::to_string(i) + ".";
        const auto first = in.entries().lower_bound(prefix);
        if (first == in.entries().end() || !first->first.starts_with(prefix)) break;
        NodeSettings node;
        node.name = in.get_or(prefix + "name", "");
        for (std::size_t link = 0; link < kLinksMax; ++link) {
            const std::string_view written = in.get_or(prefix + "ring" + std::to_string(link) + "_addr", "");
            if (written.empty()) continue;
            node.addresses.resize(link + 1);
            node.addresses[link] = in.get_or(address_key(i, link), written);
        }
        node.id = set_or32(in, prefix + "nodeid", 0);
        if (node.id == 0 && out.transport != Transport::knet && !node.addresses.empty()) node.id = id_from(node.addresses[0], clear_high_bit);
        node.votes = static_cast<std::uint32_t>(std::min<std::uint64_t>(in.number_or(prefix + "quorum_votes", 1), UINT32_MAX));
        out.nodes.push_back(std::move(node));
    }
}

bool link0_is_ipv6(const TotemSettings& settings) {
    for (const NodeSettings& node : settings.nodes) {
        if (node.addresses.empty()) continue;
        const auto numeric = parse_address(node.addresses[0]);
        if (numeric) return numeric->ipv6;
    }
    return settings.ip_version == IpVersion::ipv6;
}

bool on_this_host(const NodeSettings& node, const Host& host) {
    for (const std::string& text : node.addresses) {
        const auto address = parse_address(text);
        if (!address) continue;
        for (const std::string& other : host.addresses) {
            const auto own = parse_address(other);
            if (!own) continue;
            if (*own == *address) return true;
            // The kernel answers for all of 127.0.0.0/8 although only 127.0.0.1 is listed.
            if (!own->ipv6 && !address->ipv6 && own->bytes[0] == 127 && address->bytes[0] == 127) return true;
        }
    }
    return false;
}

std::string display(const NodeSettings& node) {
    return node.name.empty() ? std::to_string(node.id) : node.name + " (" + std::to_string(node.id) + ")";
}

std::string all_nodes(const std::vector<NodeSettings>& nodes) {
    constexpr std::size_t kShownMax = 8;
    std::string text;
    for (std::size_t i = 0; i < nodes.size() && i < kShownMax; ++i) text += (i > 0 ? ", " : "") + display(nodes[i]);
    return nodes.size() > kShownMax ? text + ", ..." : text;
}

Result<std::size_t> find_local(const TotemSettings& settings, const Snapshot& snapshot, std::string_view wanted, const Host& host) {
    const auto& nodes = settings.nodes;
    if (!wanted.empty()) {
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            if (nodes[i].name == wanted) return i;
        }
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            if (std::to_string(nodes[i].id) == wanted) return i;
        }
        return Error{"no node is named \"" + std::string(wanted) + "\" or has this id; give --node one of: " + all_nodes(nodes)};
    }
    if (const auto recorded = snapshot.number(kLocalPosition)) {
        if (*recorded < nodes.size()) return static_cast<std::size_t>(*recorded);
        return error("%s is %llu but there are %zu nodes; read the configuration again", kLocalPosition.data(),
                     static_cast<unsigned long long>(*recorded), nodes.size());
    }
    const std::string_view full = host.name;
    const std::string_view brief = full.substr(0, full.find('.'));
    for (const std::string_view name : {full, brief}) {
        for (std::size_t i = 0; i < nodes.size() && !name.empty(); ++i) {
            if (nodes[i].name == name) return i;
        }
    }
    std::vector<NodeSettings> here;
    std::size_t local = 0;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (!on_this_host(nodes[i], host)) continue;
        local = i;
        here.push_back(nodes[i]);
    }
    if (here.size() == 1) return local;
    if (here.empty()) {
        return Error{"this machine (\"" + host.name + "\") is not in the nodelist: no node has its name or one of its addresses; "
                     "correct the nodelist or choose a node with --node"};
    }
    return Error{"several nodes have addresses of this machine: " + all_nodes(here) + "; choose one with --node"};
}

}  // namespace

const char* name(Transport transport) {
    switch (transport) {
    case Transport::udpu: return "udpu";
    case Transport::udp: return "udp";
    case Transport::rdma: return "rdma";
    case Transport::knet: break;
    }
    return "knet";
}

std::string address_key(std::size_t node, std::size_t link) {
    return "motet.address." + std::to_string(node) + "." + std::to_string(link);
}

std::string group_address(std::string_view cluster_name, unsigned link, bool ipv6) {
    std::uint32_t value = 0;
    for (const char c : cluster_name) value = 2 * value + static_cast<std::uint32_t>(static_cast<signed char>(c));
    const std::uint32_t id = ((value & 0xffff) + link) & 0xffff;
    char text[32];
    if (ipv6) {
        std::snprintf(text, sizeof text, "ff15::%x", id);
    } else {
        std::snprintf(text, sizeof text, "239.192.%u.%u", id / 256, id % 255);   // 255: so it is on the wire of every Corosync
    }
    return text;
}

TotemSettings derive(const Snapshot& in) {
    TotemSettings out;
    out.transport = transport_of(in.get_or("totem.transport", "knet"));
    out.ip_version = ip_version_of(in.get_or("totem.ip_version", ""), out.transport);
    out.cluster_name = in.get_or("totem.cluster_name", "");
    out.config_version = in.number_or("totem.config_version", 0);
    out.allow_unencrypted = in.flag("allow_unencrypted", false);
    derive_nodes(in, out);
    const auto on_link0 = std::count_if(out.nodes.begin(), out.nodes.end(),
                                        [](const NodeSettings& n) { return !n.addresses.empty() && !n.addresses[0].empty(); });
    derive_timers(in, static_cast<std::size_t>(on_link0), out);
    derive_knet(in, out);
    derive_rdma(in, link0_is_ipv6(out), out);
    out.encrypted = out.knet.crypto.cipher != "none" && (out.knet.crypto.hash != "none" || out.transport == Transport::rdma);

    out.token_warning = static_cast<std::uint32_t>(in.number_or("totem.token_warning", 75));
    out.heartbeat_failures_allowed = static_cast<std::uint32_t>(in.number_or("totem.heartbeat_failures_allowed", 0));
    out.fail_recv_const = set_or32(in, "totem.fail_recv_const", 2500);
    out.seqno_unchanged_const = set_or32(in, "totem.seqno_unchanged_const", 30);
    out.quick_rest = set_or32(in, "totem.seqno_unchanged_const", 0) == 0;
    out.miss_count_const = set_or32(in, "totem.miss_count_const", 5);
    out.window_size = set_or32(in, "totem.window_size", 50);
    out.adaptive_window = set_or32(in, "totem.window_size", 0) == 0 && set_or32(in, "totem.max_messages", 0) == 0;
    out.max_messages = set_or32(in, "totem.max_messages", 17);
    out.netmtu = set_or32(in, "totem.netmtu", out.transport == Transport::knet || out.transport == Transport::rdma ? 65536 : 1500);
    out.block_unlisted_ips = in.flag("totem.block_unlisted_ips", true);
    out.cancel_token_hold_on_retransmit = in.flag("totem.cancel_token_hold_on_retransmit", false);

    out.link0.port = static_cast<std::uint16_t>(set_or(in, "totem.interface.0.mcastport", kPortDefault));
    out.link0.ttl = static_cast<std::uint8_t>(set_or(in, "totem.interface.0.ttl", 1));
    out.link0.broadcast = in.flag("totem.interface.0.broadcast", false);
    out.link0.group = in.get_or("totem.interface.0.mcastaddr", "");
    if (out.link0.group.empty() && !out.cluster_name.empty()) out.link0.group = group_address(out.cluster_name, 0, link0_is_ipv6(out));

    out.votequorum = in.get_or("quorum.provider", "") == "corosync_votequorum";
    std::uint64_t sum = 0;
    for (const NodeSettings& node : out.nodes) sum += node.votes;
    out.expected_votes = set_or32(in, "quorum.expected_votes", static_cast<std::uint32_t>(std::min<std::uint64_t>(sum, UINT32_MAX)));
    return out;
}

Result<TotemSettings> totem_settings(const Snapshot& snapshot, std::string_view node_wanted, const Host& host) {
    for (const Finding& finding : check(snapshot)) {
        if (!finding.warning) return Error{finding.key + ": " + finding.text};
    }
    TotemSettings settings = derive(snapshot);
    const Result<std::size_t> local = find_local(settings, snapshot, node_wanted, host);
    if (!local) return Error{"nodelist: " + local.error().text};
    settings.local = *local;
    settings.votes = settings.self().votes;
    return settings;
}

}  // namespace motet::config
