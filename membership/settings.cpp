#include "membership/settings.h"

namespace motet {

node::Config node_config(const config::TotemSettings& s) {
    node::Config c;
    c.totem.self = s.self().id;
    for (const config::NodeSettings& n : s.nodes) c.totem.nodes.push_back(n.id);
    c.totem.token = s.token;
    c.totem.token_retransmit = s.token_retransmit;
    c.totem.hold = s.hold;
    c.totem.consensus = s.consensus;
    c.totem.join = s.join;
    c.totem.send_join = s.send_join;
    c.totem.merge = s.merge;
    c.totem.max_network_delay = s.max_network_delay;
    c.totem.heartbeat_failures_allowed = s.heartbeat_failures_allowed;
    c.totem.fail_recv_const = s.fail_recv_const;
    c.totem.seqno_unchanged_const = s.seqno_unchanged_const;
    c.totem.miss_count_const = s.miss_count_const;
    c.totem.window_size = s.window_size;
    c.totem.max_messages = s.max_messages;
    c.totem.adaptive_window = s.adaptive_window;
    c.totem.quick_rest = s.quick_rest;
    c.totem.netmtu = s.netmtu;
    c.totem.cancel_token_hold_on_retransmit = s.cancel_token_hold_on_retransmit;
    c.totem.block_unlisted = s.block_unlisted_ips;
    c.totem.random_seed = s.self().id;
    c.votequorum = s.votequorum;
    c.votes = s.votes;
    c.expected_votes = s.expected_votes;
    c.config_version = s.config_version;
    return c;
}

transport::UdpConfig udp_config(const config::TotemSettings& s) {
    transport::UdpConfig c;
    c.self = s.self().id;
    for (const config::NodeSettings& n : s.nodes) c.nodes.push_back({n.id, n.addresses.empty() ? std::string() : n.addresses[0]});
    c.port = s.link0.port;
    c.use_multicast = s.transport == config::Transport::udp;
    c.group = s.link0.group;
    c.broadcast = s.link0.broadcast;
    c.ttl = s.link0.ttl;
    c.block_unlisted = s.block_unlisted_ips;
    return c;
}

#ifdef HAVE_KNET
transport::KnetConfig knet_config(const config::TotemSettings& s) {
    static_assert(transport::kKnetLinksMax == config::kLinksMax && transport::Key::kBytesMax == config::kKeyBytesMax);
    transport::KnetConfig c;
    c.self = s.self().id;
    for (const config::NodeSettings& n : s.nodes) {
        transport::KnetNode node{.id = n.id, .addresses = {}};
        for (std::size_t i = 0; i < n.addresses.size(); ++i) node.addresses[i] = n.addresses[i];
        c.nodes.push_back(std::move(node));
    }
    const config::KnetSettings& k = s.knet;
    for (std::size_t i = 0; i < config::kLinksMax; ++i) {
        const config::KnetLinkSettings& l = k.links[i];
        c.links[i] = {.port = l.port, .priority = l.priority, .pong_count = l.pong_count, .ping_interval = l.ping_interval,
                      .ping_timeout = l.ping_timeout, .ping_precision = l.ping_precision};
    }
    c.mode = k.link_mode == config::LinkMode::active ? transport::KnetConfig::Mode::active
             : k.link_mode == config::LinkMode::rr   ? transport::KnetConfig::Mode::rr
                                                     : transport::KnetConfig::Mode::passive;
    c.crypto = {.model = k.crypto.model, .cipher = k.crypto.cipher, .hash = k.crypto.hash};
    c.block_unlisted = s.block_unlisted_ips;
    c.pmtud_interval_s = k.pmtud_interval_s;
    c.mtu = k.mtu;
    c.compression_model = k.compression_model;
    c.compression_threshold = k.compression_threshold;
    c.compression_level = k.compression_level;
    return c;
}
#endif

#ifdef HAVE_RDMA
transport::RdmaConfig rdma_config(const config::TotemSettings& s, const std::string& state_dir) {
    static_assert(transport::kRdmaLinksMax == config::kRdmaLinksMax);
    transport::RdmaConfig c;
    c.self = s.self().id;
    c.cluster_name = s.cluster_name;
    c.state_dir = state_dir;
    std::size_t links = 1;
    for (const config::NodeSettings& n : s.nodes) {
        c.nodes.push_back({n.id, n.addresses});
        links = std::max(links, n.addresses.size());
    }
    for (std::size_t i = 0; i < std::min(links, config::kRdmaLinksMax); ++i) c.links.push_back({s.rdma.links[i].group, s.rdma.links[i].port});
    c.multicast = s.rdma.multicast == config::RdmaSettings::Multicast::yes  ? transport::rdma::Multicast::required
                  : s.rdma.multicast == config::RdmaSettings::Multicast::no ? transport::rdma::Multicast::never
                                                                            : transport::rdma::Multicast::automatic;
    c.mtu_max = s.rdma.mtu;
    c.receive_depth = s.rdma.receive_depth;
    c.send_depth = s.rdma.send_depth;
    c.encrypted = s.encrypted;
    c.poll = microseconds(s.rdma.poll_us);
    c.probe_period = std::min(seconds(1), s.token / 3);
    return c;
}
#endif

}  // namespace motet
