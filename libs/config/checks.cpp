// One function per subject; each reads like the table it comes from (config.md, totem-state.md section 2).
#include "libs/config/checks.h"

#include <cstdarg>
#include <cstdio>
#include <map>
#include <set>

#include "libs/config/address.h"
#include "libs/config/listen.h"
#include "libs/config/schema.h"
#include "libs/config/services.h"
#include "libs/config/totem_settings.h"

namespace motet::config {
namespace {

constexpr std::uint32_t kUdpPayloadMax = 65507;   // bytes of one IPv4 UDP datagram
constexpr std::uint32_t kSendWindowMax = 16384;   // messages; half of what Totem's sequence comparison allows per rotation

class Checks {
public:
    explicit Checks(const Snapshot& snapshot) : in_(snapshot), settings_(derive(snapshot)) {}

    std::vector<Finding> run() {
        versions();
        transport();
        nodes();
        timers();
        windows();
        links();
        quorum();
        logging();
        processes();
        services();
        metrics();
        not_in_this_build();
        return std::move(found_);
    }

private:
    [[gnu::format(printf, 3, 4)]] void fail(std::string key, const char* format, ...) {
        va_list args;
        va_start(args, format);
        add(false, std::move(key), format, args);
        va_end(args);
    }
    [[gnu::format(printf, 3, 4)]] void warn(std::string key, const char* format, ...) {
        va_list args;
        va_start(args, format);
        add(true, std::move(key), format, args);
        va_end(args);
    }
    void add(bool warning, std::string key, const char* format, va_list args) {
        char text[1024];
        std::vsnprintf(text, sizeof text, format, args);
        found_.push_back({warning, std::move(key), text});
    }
    bool has(std::string_view key) const { return in_.get(key).has_value(); }
    bool rdma() const { return settings_.transport == Transport::rdma; }
    bool knet() const { return settings_.transport == Transport::knet; }
    const char* transport_name() const { return name(settings_.transport); }

    void versions();
    void transport();
    void encryption();
    void rdma_encryption();
    void complete_links();
    void nodes();
    void node_addresses(std::size_t index);
    void timers();
    void at_least(const char* key, Duration value, std::int64_t min_ms, const char* remedy);
    void windows();
    void links();
    void multicast();
    void quorum();
    void quorum_device();
    void tie_breaker();
    void logging();
    void processes();
    void services();
    void metrics();
    void not_in_this_build();

    const Snapshot& in_;
    const TotemSettings settings_;
    std::vector<Finding> found_;
    std::map<std::string, std::string, std::less<>> address_owner_;   // numeric address -> the key that has it
    std::map<NodeId, std::size_t> id_owner_;
    std::map<std::string, std::size_t, std::less<>> name_owner_;
    int family_[kLinksMax] = {};                                      // of each link: 0 unknown, 4, 6
};

std::string node_key(std::size_t index, std::string_view name) {
    return "nodelist.node." + std::to_string(index) + "." + std::string(name);
}

// The first fault only: the items are numbered, and the next run names the next.
void Checks::services() {
    const Result<std::vector<ForeignService>> all = foreign_services(in_);
    if (!all) {
        const std::string& text = all.error().text;
        const std::size_t colon = text.find(": ");
        fail(text.substr(0, colon), "%s", text.substr(colon + 2).c_str());
    }
}

void Checks::metrics() {
    const auto where = in_.get("metrics.listen");
    if (!where) return;
    if (const Result<Listen> good = parse_listen(*where); !good) return fail("metrics.listen", "%s", good.error().text.c_str());
#ifndef HAVE_MICROHTTPD
    fail("metrics.listen", "this build has no HTTP server; build with libmicrohttpd (--with-microhttpd), or remove it and use motetctl metrics");
#endif
}

void Checks::versions() {
    if (!has("totem.version")) fail("totem.version", "missing; write version: 2 in the totem section");
}

void Checks::transport() {
    if (!rdma())
        for (const auto& [key, value] : in_.entries())
            if (const Key* known = find_key(key); known != nullptr && known->has(kRdmaOnly) && value != known->fallback)
                warn(key, "has no effect with transport %s; remove it", transport_name());
    if (knet()) return encryption();
    if (rdma()) return rdma_encryption();
    if (settings_.knet.crypto.on()) {
        const char* key = in_.get_or("totem.crypto_cipher", "none") != "none" ? "totem.crypto_cipher"
                          : in_.get_or("totem.crypto_hash", "none") != "none" ? "totem.crypto_hash"
                                                                              : "totem.secauth";
        fail(key, "crypto_cipher & crypto_hash are only valid for the Knet transport. With %s remove it", transport_name());
    } else if (!settings_.allow_unencrypted) {
        fail("totem.transport", "%s neither encrypts nor authenticates, so every host that reaches its port can join; "
             "where the network is trusted, write allow_unencrypted: yes at the top of the file", transport_name());
    }
    for (const auto& [key, value] : in_.entries()) {
        const Key* known = find_key(key);
        // These are errors, not remarks: the cipher and hash above, the priority in links().
        if (key == "totem.crypto_cipher" || key == "totem.crypto_hash" || key == "totem.secauth" || key.ends_with("knet_link_priority")) continue;
        if (known != nullptr && known->has(kKnetOnly) && value != known->fallback)
            warn(key, "has no effect with transport %s; remove it", transport_name());
    }
}

void Checks::encryption() {
    const CryptoSettings& crypto = settings_.knet.crypto;
#ifndef HAVE_KNET
    fail("totem.transport", "%s is not in this build; build with libknet (--with-knet), or use udpu or udp with allow_unencrypted: yes",
         has("totem.transport") ? "knet" : "absent means knet, which");
    return;
#endif
    if (crypto.cipher != "none" && crypto.hash == "none")
        fail("totem.crypto_cipher", "%s needs a crypto_hash: nobody could tell a forged packet from a genuine one; write crypto_hash: sha256",
             crypto.cipher.c_str());
    else if (!crypto.on() && !settings_.allow_unencrypted)
        fail(has("totem.crypto_cipher") ? "totem.crypto_cipher" : "totem.transport",
             "without a cipher and a hash every host that reaches the nodes' ports can read and forge messages; write crypto_cipher: aes256 and "
             "crypto_hash: sha256, or, where the network is trusted, allow_unencrypted: yes at the top of the file");
    else if (crypto.cipher == "none" && crypto.on() && !settings_.allow_unencrypted)
        fail("totem.crypto_cipher", "with a hash alone everybody on the network can read the messages; write crypto_cipher: aes256, or, where "
             "that is wanted, allow_unencrypted: yes at the top of the file");
    else if (!settings_.encrypted && settings_.allow_unencrypted)
        warn(has("totem.crypto_cipher") ? "totem.crypto_cipher" : "totem.transport", "knet runs %s; keep its ports away from untrusted hosts",
             crypto.on() ? "authenticated but UNENCRYPTED" : "UNENCRYPTED and unauthenticated");
    if (settings_.knet.compression_model == "zstd")
        warn("totem.knet_compression_model", "zstd must be the same on all nodes: libknet 1.25 and others crash when they receive it without using it; better lz4");
    const auto key = in_.get("totem.key");
    if (key && (key->size() < kKeyBytesMin || key->size() > kKeyBytesMax))
        fail("totem.key", "%zu bytes; a key has %zu to %zu: make a keyfile with corosync-keygen instead", key->size(), kKeyBytesMin, kKeyBytesMax);
    for (std::size_t i = 0; i < kLinksMax; ++i) {
        const std::string prefix = "totem.interface." + std::to_string(i) + ".";
        if (in_.get_or(prefix + "knet_transport", "udp") != "udp")
            fail(prefix + "knet_transport", "only udp is supported; libknet itself has given sctp up");
        const KnetLinkSettings& link = settings_.knet.links[i];
        if (link.ping_interval.ms() > 0 && link.ping_timeout < link.ping_interval)
            fail(prefix + "knet_ping_timeout", "%lld ms is less than the ping interval of %lld ms, so the link would go down between two pings; raise it",
                 static_cast<long long>(link.ping_timeout.ms()), static_cast<long long>(link.ping_interval.ms()));
    }
    if (settings_.knet.pmtud_interval_s > 86'400)
        fail("totem.knet_pmtud_interval", "%u s is more than a day (86400 s); lower it", settings_.knet.pmtud_interval_s);
}

void Checks::rdma_encryption() {
#ifndef HAVE_RDMA
    fail("totem.transport", "rdma is not in this build; build with librdmacm and libibverbs (--with-rdma), or use knet");
    return;
#endif
    const std::string& cipher = settings_.knet.crypto.cipher;
    if (cipher != "none" && cipher != "aes256")
        fail("totem.crypto_cipher", "%s is not available with transport rdma; write aes256", cipher.c_str());
    if (cipher == "none" && !settings_.allow_unencrypted)
        fail(has("totem.crypto_cipher") ? "totem.crypto_cipher" : "totem.transport",
             "without a cipher everybody on the fabric can read and forge messages; write crypto_cipher: aes256, or, where the fabric is trusted, "
             "allow_unencrypted: yes at the top of the file");
    else if (cipher == "none")
        warn(has("totem.crypto_cipher") ? "totem.crypto_cipher" : "totem.transport", "rdma runs UNENCRYPTED and unauthenticated; keep its fabric away from untrusted hosts");
    if (has("totem.netmtu")) warn("totem.netmtu", "has no effect with transport rdma, the fabric's MTU decides; remove it, or limit it by rdma_mtu");
    for (std::size_t i = 0; i < kRdmaLinksMax; ++i) {
        const auto group = parse_address(settings_.rdma.links[i].group);
        if (!group || !group->multicast())
            fail("totem.interface." + std::to_string(i) + ".mcastaddr", "\"%.80s\" is not a multicast address; use 239.192.0.0/16 or leave it out",
                 settings_.rdma.links[i].group.c_str());
    }
}

// Every link joins all nodes: one that some nodes lack would be down for ever.
void Checks::complete_links() {
    for (std::size_t link = 0; link < kLinksMax; ++link) {
        std::size_t with = 0, without = 0;
        for (std::size_t i = 0; i < settings_.nodes.size(); ++i) {
            const NodeSettings& node = settings_.nodes[i];
            const bool there = link < node.addresses.size() && !node.addresses[link].empty();
            with += there;
            if (!there) without = i;
        }
        if (link > 0 && with > 0 && with < settings_.nodes.size())
            fail(node_key(without, "ring" + std::to_string(link) + "_addr"), "missing; other nodes have link %zu, so give every node its address on it", link);
    }
}

void Checks::nodes() {
    if (settings_.nodes.empty()) {
        fail("nodelist", "no nodes; list every node of the cluster with its ring0_addr");
        return;
    }
    const std::string beyond = "nodelist.node." + std::to_string(kNodesMax) + ".";
    const auto first = in_.entries().lower_bound(beyond);
    if (first != in_.entries().end() && first->first.starts_with(beyond))
        fail("nodelist.node." + std::to_string(kNodesMax), "more than %u nodes; a ring has no room for them, remove some", kNodesMax);

    std::uint64_t votes = 0;
    for (std::size_t i = 0; i < settings_.nodes.size(); ++i) {
        const NodeSettings& node = settings_.nodes[i];
        votes += node.votes;
        node_addresses(i);
        const auto id = in_.number_or(node_key(i, "nodeid"), 0);
        if (knet() && id == 0) fail(node_key(i, "nodeid"), "missing; knet needs an explicit nodeid from 1 to 65535");
        if (knet() && id > 65535) fail(node_key(i, "nodeid"), "%llu is too large for knet; choose one from 1 to 65535", static_cast<unsigned long long>(id));
        if (!knet() && node.id == 0 && !node.addresses.empty() && parse_address(node.addresses[0]))
            fail(node_key(i, "nodeid"), "missing; only an IPv4 address other than 0.0.0.0 gives a node its id, so write one");
        if (node.id != 0) {
            const auto [owner, fresh] = id_owner_.emplace(node.id, i);
            if (!fresh) fail(node_key(i, "nodeid"), "%u appears twice: node %zu of the list has it too; give each node its own", node.id, owner->second + 1);
        }
        if (!node.name.empty()) {
            const auto [owner, fresh] = name_owner_.emplace(node.name, i);
            if (!fresh) fail(node_key(i, "name"), "\"%s\" appears twice: node %zu of the list has it too; give each node its own", node.name.c_str(), owner->second + 1);
        }
    }
    if (knet() || rdma()) complete_links();
    if (votes == 0) fail("nodelist", "all nodes have 0 votes, so no part of the cluster could ever act; give quorum_votes to some");
}

void Checks::node_addresses(std::size_t index) {
    const NodeSettings& node = settings_.nodes[index];
    if (node.addresses.empty() || node.addresses[0].empty())
        fail(node_key(index, "ring0_addr"), "missing; give every node its address on link 0");
    for (std::size_t link = 0; link < node.addresses.size(); ++link) {
        const std::string& text = node.addresses[link];
        const std::string key = node_key(index, "ring" + std::to_string(link) + "_addr");
        if (text.empty()) continue;
        if (link >= kRdmaLinksMax && rdma()) {
            fail(key, "transport rdma has at most %zu links; remove ring%zu_addr", kRdmaLinksMax, link);
            continue;
        }
        if (link > 0 && !knet() && !rdma()) {
            fail(key, "transport %s has one link only; remove ring%zu_addr", transport_name(), link);
            continue;
        }
        const auto address = parse_address(text);
        if (!address) {
            fail(key, "\"%.80s\" is neither an IP address nor the name of a host; correct it or add the name to /etc/hosts", text.c_str());
            continue;
        }
        if (address->unspecified() || address->multicast() || address->broadcast()) {
            fail(key, "%s is not the address of one host; give the address of the node's interface", text.c_str());
            continue;
        }
        const bool wrong_family = address->ipv6 ? settings_.ip_version == IpVersion::ipv4 : settings_.ip_version == IpVersion::ipv6;
        const int family = address->ipv6 ? 6 : 4;
        if (wrong_family) {
            fail(key, "%s is an IPv%d address but ip_version is %s; change one of them", text.c_str(), family,
                 settings_.ip_version == IpVersion::ipv4 ? (has("totem.ip_version") ? "ipv4" : "ipv4 (the default of udp)") : "ipv6");
        } else if (family_[link] == 0) {
            family_[link] = family;
        } else if (family_[link] != family) {
            fail(key, "%s is an IPv%d address but the nodes before have IPv%d on this link; use one family per link", text.c_str(), family, family_[link]);
        }
        const auto [owner, fresh] = address_owner_.emplace(std::string(reinterpret_cast<const char*>(address->bytes.data()), 16) + (address->ipv6 ? "6" : "4"), key);
        if (!fresh) fail(key, "%s is also %s; give each node its own address", text.c_str(), owner->second.c_str());
    }
}

void Checks::at_least(const char* key, Duration value, std::int64_t min_ms, const char* remedy) {
    if (value.ms() >= min_ms) return;
    fail(key, "%s%lld ms is less than %lld ms; %s", in_.number_or(key, 0) == 0 ? "the derived value of " : "",
         static_cast<long long>(value.ms()), static_cast<long long>(min_ms), remedy);
}

void Checks::timers() {
    const TotemSettings& s = settings_;
    at_least("totem.token", s.token, 30, "raise it");
    // A derived value is as good as its source: naming it again would only repeat the line above.
    if (s.token.ms() >= 30) {
        const bool derived = in_.number_or("totem.token_retransmit", 0) == 0;
        at_least("totem.token_retransmit", s.token_retransmit, 30,
                 derived ? "raise totem.token or lower totem.token_retransmits_before_loss_const" : "raise it");
    }
    if (s.token_retransmit >= s.token)
        fail("totem.token_retransmit", "%lld ms is not less than the token timeout of %lld ms, so a lost token would never be sent again; lower it",
             static_cast<long long>(s.token_retransmit.ms()), static_cast<long long>(s.token.ms()));
    if (s.token_retransmit.ms() >= 30) at_least("totem.hold", s.hold, 14, "raise it");
    if (s.hold >= s.token)
        fail("totem.hold", "%lld ms is not less than the token timeout of %lld ms: an idle ring would lose its token; lower it",
             static_cast<long long>(s.hold.ms()), static_cast<long long>(s.token.ms()));
    if (s.consensus < s.join)
        fail("totem.consensus", "%lld ms is less than totem.join, %lld ms: nodes would give up before they ask twice; raise consensus or lower join",
             static_cast<long long>(s.consensus.ms()), static_cast<long long>(s.join.ms()));
    if (s.heartbeat_failures_allowed > 0 && s.token_retransmit * s.heartbeat_failures_allowed + s.max_network_delay >= s.token)
        warn("totem.heartbeat_failures_allowed", "the heartbeat stays off: %u times token_retransmit plus max_network_delay is not less than the token timeout of %lld ms; lower it",
             s.heartbeat_failures_allowed, static_cast<long long>(s.token.ms()));
}

void Checks::windows() {
    if (settings_.window_size + settings_.max_messages >= kSendWindowMax)
        fail("totem.window_size", "window_size %u and max_messages %u together reach %u; keep their sum below it",
             settings_.window_size, settings_.max_messages, kSendWindowMax);
    if (!knet() && !rdma() && settings_.netmtu > kUdpPayloadMax)
        fail("totem.netmtu", "%u bytes do not fit a UDP datagram; with %s use at most %u", settings_.netmtu, transport_name(), kUdpPayloadMax);
}

void Checks::links() {
    const std::string_view prefix = "totem.interface.";
    std::set<std::string> warned;
    for (auto i = in_.entries().lower_bound(prefix); i != in_.entries().end() && i->first.starts_with(prefix); ++i) {
        const std::string_view rest = std::string_view(i->first).substr(prefix.size());
        const std::string link(rest.substr(0, rest.find('.')));
        const std::string_view key = rest.substr(std::min(rest.size(), link.size() + 1));
        if (knet() || rdma()) continue;
        if (link != "0") {
            if (warned.insert(link).second) warn(i->first, "transport %s has link 0 only, so this item has no effect; remove it", transport_name());
            continue;
        }
        if (key == "knet_link_priority" && i->second != "1") fail(i->first, "only for transport knet; remove it");
        if (key == "bindnetaddr") warn(i->first, "has no effect, the addresses in the nodelist decide; remove it");
        if (settings_.transport == Transport::udp) continue;
        if (key == "ttl" && i->second != "1") fail(i->first, "can only be set for multicast, that is transport udp; remove it");
        if (key == "mcastaddr" || (key == "broadcast" && i->second == "yes")) warn(i->first, "has no effect with transport udpu; remove it");
    }
    if (settings_.transport == Transport::udp) multicast();
}

void Checks::multicast() {
    const LinkSettings& link = settings_.link0;
    const auto written = in_.get("totem.interface.0.mcastaddr");
    if (link.broadcast) {
        if (family_[0] == 6) fail("totem.interface.0.broadcast", "IPv6 has no broadcast; use a mcastaddr");
        if (written) warn("totem.interface.0.mcastaddr", "has no effect with broadcast: yes; remove one of them");
        return;
    }
    if (written) {
        const auto address = parse_address(*written);
        if (!address || !address->multicast()) {
            fail("totem.interface.0.mcastaddr", "\"%.80s\" is not a multicast address; use one from 239.192.0.0 to 239.255.255.255, or ff15:: with IPv6",
                 std::string(*written).c_str());
        } else if (family_[0] != 0 && address->ipv6 != (family_[0] == 6)) {
            fail("totem.interface.0.mcastaddr", "%s is not of the same family as the nodes' IPv%d addresses; change it or remove it", std::string(*written).c_str(), family_[0]);
        }
    } else if (settings_.cluster_name.empty()) {
        fail("totem.cluster_name", "transport udp derives its multicast address from it and it is missing; write one, or a mcastaddr for interface 0");
    }
}

void Checks::quorum() {
    const bool two_node = in_.flag("quorum.two_node", false);
    if (two_node && settings_.nodes.size() != 2)
        fail("quorum.two_node", "is for exactly two nodes and the nodelist has %zu; remove it", settings_.nodes.size());
    if (has("quorum.votes") && !settings_.nodes.empty()) warn("quorum.votes", "has no effect beside a nodelist; use quorum_votes of the nodes");
    if (!settings_.votequorum) {
        for (const char* key : {"quorum.expected_votes", "quorum.two_node", "quorum.wait_for_all", "quorum.last_man_standing", "quorum.auto_tie_breaker", "quorum.allow_downscale",
                                "quorum.expected_votes_tracking", "quorum.device.model"}) {
            if (in_.number_or(key, 0) == 0 && !(has(key) && std::string_view(key).ends_with("model"))) continue;
            warn(key, "has no effect without provider: corosync_votequorum; add it");
            return;
        }
        return;
    }
    tie_breaker();
    quorum_device();
    std::uint64_t sum = 0;
    for (const NodeSettings& node : settings_.nodes) sum += node.votes;
    if (in_.number_or("quorum.expected_votes", 0) != 0 && settings_.expected_votes < sum)
        warn("quorum.expected_votes", "is %u and the nodes have %llu votes together: two parts of the cluster could each have a majority until they meet; remove it",
             settings_.expected_votes, static_cast<unsigned long long>(sum));
    constexpr std::uint32_t kCorosyncMax = 509;
    if (settings_.expected_votes > kCorosyncMax)
        warn("quorum.expected_votes", "%u votes are more than Corosync 3.1 can count (%u); use fewer if one of its nodes is to join", settings_.expected_votes, kCorosyncMax);
    if (!in_.flag("quorum.last_man_standing", false)) return;
    if (!in_.flag("quorum.wait_for_all", true))
        warn("quorum.wait_for_all", "is 0 with last_man_standing: after restarts two parts of the cluster can become quorate; remove it");
    for (std::size_t i = 0; i < settings_.nodes.size(); ++i) {
        if (settings_.nodes[i].votes == 1) continue;
        fail("quorum.last_man_standing", "needs one vote per node but node %zu of the list has %u; set its quorum_votes to 1 or remove last_man_standing",
             i + 1, settings_.nodes[i].votes);
        return;
    }
}

void Checks::quorum_device() {
    if (!has("quorum.device.model")) return;
    for (const char* other : {"two_node", "last_man_standing", "auto_tie_breaker", "allow_downscale"}) {
        if (!in_.flag(std::string("quorum.") + other, false)) continue;
        fail("quorum.device.model", "and %s cannot be used together; remove one of them", other);
        return;
    }
    const bool expected_given = in_.number_or("quorum.expected_votes", 0) != 0;
    const std::uint64_t votes = in_.number_or("quorum.device.votes", 0);
    if (!has("quorum.device.votes")) {
        for (const NodeSettings& node : settings_.nodes) {
            if (node.votes == 1 && !expected_given) continue;
            fail("quorum.device.model", "needs quorum.device.votes where expected_votes is set or a node has other than 1 vote; add it");
            return;
        }
    } else if (expected_given && settings_.expected_votes < votes + 2) {
        fail("quorum.device.votes", "is %llu of %u expected votes: the nodes would have less than 2; lower it or raise expected_votes",
             static_cast<unsigned long long>(votes), settings_.expected_votes);
    }
}

void Checks::tie_breaker() {
    const std::string_view node = in_.get_or("quorum.auto_tie_breaker_node", "lowest");
    if (node != "lowest" && node != "highest") {
        std::string_view rest = node;
        while (true) {
            rest.remove_prefix(std::min(rest.find_first_not_of(" ,"), rest.size()));
            if (rest.empty()) break;
            const std::string id(rest.substr(0, std::min(rest.find_first_of(" ,"), rest.size())));
            rest.remove_prefix(id.size());
            bool listed = false;
            for (const NodeSettings& n : settings_.nodes) listed = listed || std::to_string(n.id) == id;
            if (!listed) {
                fail("quorum.auto_tie_breaker_node", "\"%.40s\" is not the id of a node; write lowest, highest, or ids from the nodelist separated by blanks", id.c_str());
                break;
            }
        }
    }
    if (!in_.flag("quorum.auto_tie_breaker", false)) return;
    const bool odd = settings_.expected_votes % 2 == 1;
    const bool implied = in_.flag("quorum.two_node", false) || in_.flag("quorum.last_man_standing", false);
    const bool wait_for_all = in_.flag("quorum.wait_for_all", implied);
    if (in_.flag("quorum.two_node", false)) warn("quorum.two_node", "is ignored together with auto_tie_breaker; remove one of them");
    if (odd && !wait_for_all) {
        if (in_.flag("quorum.last_man_standing", false))
            fail("quorum.auto_tie_breaker", "with last_man_standing and an odd number of votes (%u) needs wait_for_all: 1; add it", settings_.expected_votes);
        else
            warn("quorum.auto_tie_breaker", "has no effect with an odd number of votes (%u) unless wait_for_all is 1; remove it", settings_.expected_votes);
    }
}

void Checks::logging() {
    const bool wanted = in_.flag("logging.to_logfile", false) || in_.flag("logging.to_file", false);
    if (wanted && in_.get_or("logging.logfile", "").empty())
        fail("logging.to_logfile", "needs the path of the file; add logfile or remove to_logfile");
    for (const auto& [key, value] : in_.entries()) {
        if (key.starts_with("logging.") && key.ends_with("logfile") && !key.ends_with("to_logfile") && !value.starts_with('/'))
            fail(key, "\"%.80s\" is not a full path; begin it with /", value.c_str());
    }
}

void Checks::processes() {
    const std::string_view priority = in_.get_or("system.priority", "max");
    if (priority != "max" && priority != "min") {
        const bool negative = priority.starts_with('-');
        Snapshot scratch;
        scratch.set("n", std::string(priority.substr(negative ? 1 : 0)));
        const auto n = scratch.number("n");
        const bool real_time = in_.get_or("system.sched_rr", "auto") != "no";
        if (!n || (real_time ? negative || *n < 1 || *n > 99 : negative ? *n > 20 : *n > 19))
            fail("system.priority", "\"%.40s\" is not a priority; write max, min or a number from %s", std::string(priority).c_str(),
                 real_time ? "1 to 99" : "-20 to 19 (sched_rr is no)");
    }
    const auto state_dir = in_.get("system.state_dir");
    if (state_dir && !state_dir->starts_with('/')) fail("system.state_dir", "\"%.80s\" is not a full path; begin it with /", std::string(*state_dir).c_str());
}

void Checks::not_in_this_build() {
    std::string first, others;
    std::size_t later = 0;
    constexpr std::size_t kShownMax = 16;      // one line is enough to say so
    for (const auto& [key, value] : in_.entries()) {
        const Key* known = find_key(key);
        if (known == nullptr) continue;
        if (known->has(kRefused) && value != known->fallback)
            fail(key, "%.40s is not available in this build; remove it%s", value.c_str(),
                 known->fallback.empty() ? "" : (" or write " + std::string(known->fallback)).c_str());
        if (!known->has(kLater) || known->has(kRequired) || value == known->fallback || value == "0") continue;
        if (later++ == 0) first = key;
        else if (later <= kShownMax) others += (others.empty() ? "; neither have " : ", ") + key;
    }
    if (later > kShownMax) others += " and more";
    if (later > 0) warn(first, "is kept but has no effect in this build%s", others.c_str());
}

}  // namespace

std::vector<Finding> check(const Snapshot& snapshot) { return Checks(snapshot).run(); }

}  // namespace motet::config
