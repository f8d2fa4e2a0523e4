// Derived values against those measured on Corosync 3.1.7, and how a node finds itself.
#include "libs/config/totem_settings.h"

#include <gtest/gtest.h>

#include "libs/config/checks.h"

namespace motet::config {
namespace {

Snapshot cluster(std::size_t nodes, std::string_view transport = "udpu") {
    Snapshot s;
    s.set("allow_unencrypted", "yes");
    s.set("totem.version", "2");
    s.set("totem.transport", std::string(transport));
    s.set("totem.cluster_name", "wt");
    for (std::size_t i = 0; i < nodes; ++i) {
        const std::string prefix = "nodelist.node." + std::to_string(i) + ".";
        s.set(prefix + "nodeid", std::to_string(i + 1));
        s.set(prefix + "name", "node" + std::to_string(i + 1));
        s.set(prefix + "ring0_addr", "192.0.2." + std::to_string(i + 1));
    }
    return s;
}

TotemSettings settings(const Snapshot& s, std::string_view node = "1") {
    const auto result = totem_settings(s, node);
    EXPECT_TRUE(result) << result.error().text;
    return result ? *result : TotemSettings{};
}

std::string failure(const Snapshot& s, std::string_view node = "1", const Host& host = {}) {
    const auto result = totem_settings(s, node, host);
    EXPECT_FALSE(result);
    return result.error().text;
}

TEST(TotemSettings, DefaultsOfTwoNodes) {
    const TotemSettings t = settings(cluster(2));
    EXPECT_EQ(t.token.ms(), 3000);
    EXPECT_EQ(t.token_retransmit.ms(), 714);
    EXPECT_EQ(t.hold.ms(), 561);
    EXPECT_EQ(t.consensus.ms(), 3600);
    EXPECT_EQ(t.join.ms(), 50);
    EXPECT_EQ(t.send_join.ms(), 0);
    EXPECT_EQ(t.merge.ms(), 200);
    EXPECT_EQ(t.downcheck.ms(), 1000);
    EXPECT_EQ(t.max_network_delay.ms(), 50);
    EXPECT_EQ(t.token_warning, 75u);
    EXPECT_EQ(t.fail_recv_const, 2500u);
    EXPECT_EQ(t.seqno_unchanged_const, 30u);
    EXPECT_EQ(t.miss_count_const, 5u);
    EXPECT_EQ(t.window_size, 50u);
    EXPECT_EQ(t.max_messages, 17u);
    EXPECT_EQ(t.netmtu, 1500u);
    EXPECT_EQ(t.link0.port, 5405);
    EXPECT_EQ(t.link0.ttl, 1);
    EXPECT_TRUE(t.block_unlisted_ips);
    EXPECT_FALSE(t.cancel_token_hold_on_retransmit);
    EXPECT_FALSE(t.votequorum);
    EXPECT_FALSE(t.encrypted);
}

TEST(TotemSettings, TokenOf1000WithThreeNodes) {
    Snapshot s = cluster(3);
    s.set("totem.token", "1000");
    const TotemSettings t = settings(s);
    EXPECT_EQ(t.token.ms(), 1650);
    EXPECT_EQ(t.token_retransmit.ms(), 392);
    EXPECT_EQ(t.hold.ms(), 303);
    EXPECT_EQ(t.consensus.ms(), 1980);
}

TEST(TotemSettings, ZeroMeansTheDefaultExceptWhereItCounts) {
    Snapshot s = cluster(3);
    for (const char* key : {"token", "token_retransmit", "hold", "join", "consensus", "merge", "window_size", "netmtu", "token_retransmits_before_loss_const"})
        s.set("totem." + std::string(key), "0");
    s.set("totem.token_coefficient", "0");
    s.set("totem.token_warning", "0");
    const TotemSettings t = settings(s);
    EXPECT_EQ(t.token.ms(), 3000);
    EXPECT_EQ(t.token_retransmit.ms(), 714);
    EXPECT_EQ(t.join.ms(), 50);
    EXPECT_EQ(t.window_size, 50u);
    EXPECT_EQ(t.token_warning, 0u);
}

TEST(TotemSettings, GivenValuesWin) {
    Snapshot s = cluster(2);
    s.set("totem.token_retransmit", "100");
    s.set("totem.consensus", "900");
    s.set("totem.interface.0.mcastport", "5500");
    s.set("totem.block_unlisted_ips", "no");
    s.set("quorum.provider", "corosync_votequorum");
    s.set("nodelist.node.1.quorum_votes", "3");
    s.set("totem.config_version", "18446744073709551615");
    TotemSettings t = settings(s, "node2");
    EXPECT_EQ(t.token_retransmit.ms(), 100);
    EXPECT_EQ(t.hold.ms(), 70);
    EXPECT_EQ(t.consensus.ms(), 900);
    EXPECT_EQ(t.link0.port, 5500);
    EXPECT_FALSE(t.block_unlisted_ips);
    EXPECT_TRUE(t.votequorum);
    EXPECT_EQ(t.votes, 3u);
    EXPECT_EQ(t.expected_votes, 4u);
    EXPECT_EQ(t.config_version, UINT64_MAX);
    s.set("quorum.expected_votes", "9");
    EXPECT_EQ(settings(s).expected_votes, 9u);
    s.set("quorum.expected_votes", "0");
    EXPECT_EQ(settings(s).expected_votes, 4u);
}

TEST(TotemSettings, GroupAddressComesFromTheClusterName) {
    EXPECT_EQ(group_address("wt", 0, false), "239.192.1.99");      // captured from Corosync
    EXPECT_EQ(group_address("wt", 0, true), "ff15::162");
    EXPECT_EQ(group_address("", 0, false), "239.192.0.0");
    EXPECT_EQ(settings(cluster(2, "udp")).link0.group, "239.192.1.99");
    EXPECT_EQ(settings(cluster(2, "udp")).ip_version, IpVersion::ipv4);
    EXPECT_EQ(settings(cluster(2, "udpu")).ip_version, IpVersion::ipv6_4);
    const std::string many(300, '\xff');                           // signed characters, and more bits than a number has
    EXPECT_TRUE(group_address(many, 0, false).starts_with("239.192."));
    Snapshot given = cluster(2, "udp");
    given.set("totem.interface.0.mcastaddr", "239.255.1.1");
    EXPECT_EQ(settings(given).link0.group, "239.255.1.1");
}

TEST(TotemSettings, NodeIdComesFromTheIPv4Address) {
    Snapshot s;
    s.set("allow_unencrypted", "yes");
    s.set("totem.version", "2");
    s.set("totem.transport", "udpu");
    s.set("nodelist.node.0.ring0_addr", "192.0.2.1");
    s.set("nodelist.node.1.ring0_addr", "other");
    s.set(address_key(1, 0), "10.0.0.2");
    EXPECT_EQ(settings(s, "3221225985").self().id, 0xc0000201u);
    EXPECT_EQ(settings(s, "167772162").self().addresses[0], "10.0.0.2");
    s.set("totem.clear_node_high_bit", "yes");
    EXPECT_EQ(settings(s, "1073742337").self().id, 0x40000201u);
}

TEST(TotemSettings, LocalNodeIsFoundByOptionRecordNameAndAddress) {
    Snapshot s = cluster(3);
    const Host host{"node3.example.net", {"127.0.0.1", "192.0.2.2"}};
    EXPECT_EQ(totem_settings(s, "node1", host)->local, 0u);
    EXPECT_EQ(totem_settings(s, "", host)->local, 2u);                                  // the short host name
    EXPECT_EQ(totem_settings(s, "", Host{"elsewhere", {"192.0.2.2"}})->local, 1u);      // the address
    s.set(std::string(kLocalPosition), "1");
    EXPECT_EQ(totem_settings(s, "", host)->local, 1u);
    EXPECT_EQ(totem_settings(s, "3", host)->local, 2u);
    s.set(std::string(kLocalPosition), "3");
    EXPECT_NE(failure(s, "", host).find("read the configuration again"), std::string::npos);
}

TEST(TotemSettings, LoopbackAddressesBelongToThisMachine) {
    Snapshot s = cluster(2);
    s.set("nodelist.node.0.ring0_addr", "127.0.0.2");
    const Host host{"elsewhere", {"127.0.0.1"}};
    EXPECT_EQ(totem_settings(s, "", host)->local, 0u);
    s.set("nodelist.node.1.ring0_addr", "127.0.0.3");
    EXPECT_EQ(failure(s, "", host), "nodelist: several nodes have addresses of this machine: node1 (1), node2 (2); choose one with --node");
}

TEST(TotemSettings, WhatTheChecksRefuseIsRefused) {
#ifdef HAVE_KNET
    EXPECT_NE(failure([] { Snapshot s = cluster(2, "knet"); s.set("allow_unencrypted", "no"); return s; }()).find("write crypto_cipher: aes256"), std::string::npos);
#else
    EXPECT_NE(failure(cluster(2, "knet")).find("knet is not in this build"), std::string::npos);
#endif
    Snapshot unencrypted = cluster(2);
    unencrypted.set("allow_unencrypted", "no");
    EXPECT_NE(failure(unencrypted).find("allow_unencrypted: yes"), std::string::npos);
    Snapshot unresolved = cluster(2);
    unresolved.set("nodelist.node.1.ring0_addr", "beta");
    EXPECT_NE(failure(unresolved).find("/etc/hosts"), std::string::npos);
    EXPECT_NE(failure(cluster(0)).find("no nodes"), std::string::npos);
    EXPECT_EQ(settings(cluster(kNodesMax - 130)).nodes.size(), kNodesMax - 130);
}

#ifdef HAVE_KNET
TEST(TotemSettings, KnetsDerivedValuesAreCorosyncs) {
    Snapshot s = cluster(3, "knet");
    s.set("totem.link_mode", "rr");
    s.set("totem.interface.1.knet_link_priority", "5");
    s.set("totem.interface.1.knet_pong_count", "5");
    s.set("totem.interface.2.mcastport", "6000");
    s.set("totem.knet_compression_level", "-3");
    const TotemSettings t = settings(s);
    EXPECT_EQ(t.netmtu, 65536u);
    EXPECT_EQ(t.knet.link_mode, LinkMode::rr);
    EXPECT_EQ(t.knet.links[0].port, 5405);
    EXPECT_EQ(t.knet.links[1].port, 5406);
    EXPECT_EQ(t.knet.links[2].port, 6000);
    EXPECT_EQ(t.knet.links[0].priority, 1);
    EXPECT_EQ(t.knet.links[1].priority, 5);
    EXPECT_EQ(t.knet.links[0].ping_timeout.ms(), 1825);      // token of 3650 ms / 2
    EXPECT_EQ(t.knet.links[0].ping_interval.ms(), 912);
    EXPECT_EQ(t.knet.links[1].ping_timeout.ms(), 730);
    EXPECT_EQ(t.knet.links[1].ping_interval.ms(), 365);
    EXPECT_EQ(t.knet.pmtud_interval_s, 30u);
    EXPECT_EQ(t.knet.compression_level, -3);
}
#endif

TEST(Checks, MoreNodesThanARingHoldsAreRefused) {
    Snapshot s = cluster(2);
    for (std::size_t i = 2; i <= kNodesMax; ++i) {
        const std::string prefix = "nodelist.node." + std::to_string(i) + ".";
        s.set(prefix + "nodeid", std::to_string(i + 1));
        s.set(prefix + "ring0_addr", "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1));
    }
    EXPECT_NE(failure(s).find("more than 384 nodes"), std::string::npos);
}

TEST(Checks, WhatHasNoEffectIsSaid) {
    Snapshot s = cluster(2);
    s.set("quorum.provider", "corosync_votequorum");
    s.set("totem.keyfile", "/etc/motet/authkey");
    s.set("totem.interface.1.mcastport", "5500");
    std::string warned;
    for (const Finding& f : check(s)) {
        EXPECT_TRUE(f.warning) << f.key << f.text;
        warned += f.key + " ";
    }
    EXPECT_EQ(warned, "totem.keyfile totem.interface.1.mcastport ");
}

}  // namespace
}  // namespace motet::config
