// What clients of libcfg are told, and that nobody who talks nonsense gets further than his own connection.
#include "tests/unit/workers/confdb/cfg_ring.h"

namespace motet::test {
namespace {

using client::Request;

template <class T>
T more_of(const CfgNode& node) {
    T value{};
    EXPECT_EQ(node.answers.back().more.size(), sizeof value);
    std::memcpy(&value, node.answers.back().more.data(), std::min(sizeof value, node.answers.back().more.size()));
    return value;
}

TEST(Cfg, AnswersWhoTheLocalNodeIsAndWhereNodesAre) {
    CfgRing ring(3);
    ring[2].request(1, Request::local);
    EXPECT_EQ(more_of<std::uint32_t>(ring[2]), 2u);
    ring[2].request_with(1, Request::addresses, std::uint32_t{0});
    auto list = more_of<client::AddressList>(ring[2]);
    ASSERT_EQ(list.count, 1u);
    EXPECT_EQ(list.list[0].family, 4u);
    EXPECT_EQ(list.list[0].bytes[3], 2);
    ring[2].request_with(1, Request::addresses, std::uint32_t{3});
    EXPECT_EQ(more_of<client::AddressList>(ring[2]).list[0].bytes[3], 3);
    ring[2].request_with(1, Request::addresses, std::uint32_t{9});
    EXPECT_EQ(ring[2].code(1), Code::not_exist);
}

TEST(Cfg, RingStatusIsOkWithoutKnetAndDigitsWithIt) {
    CfgRing plain(2);
    plain[1].request(1, Request::ring_status);
    auto status = more_of<client::RingStatus>(plain[1]);
    EXPECT_EQ(status.count, 1u);
    EXPECT_STREQ(status.list[0].name, "1 127.0.0.1");
    EXPECT_STREQ(status.list[0].status, "OK");

    CfgRing knet(3, true, config::Transport::knet);
    knet[2].links[{1, 0}] = {true, true, 1446};
    knet[2].links[{3, 0}] = {true, false, 0};
    knet[2].request(1, Request::ring_status);
    EXPECT_STREQ(more_of<client::RingStatus>(knet[2]).list[0].status, "3n1");
}

TEST(Cfg, NodeStatusSaysReachableLinksAndRefusesUnknownNodes) {
    CfgRing ring(2, true, config::Transport::knet);
    ring[1].links[{2, 0}] = {true, false, 0};
    ring[1].request_with(1, Request::node_status, std::uint32_t{2});
    auto status = more_of<client::NodeStatus>(ring[1]);
    EXPECT_EQ(status.nodeid, 2u);
    EXPECT_EQ(status.reachable, 0);
    EXPECT_STREQ(status.links[0].destination, "127.0.0.2");
    ring[1].links[{2, 0}] = {true, true, 1446};
    ring[1].request_with(1, Request::node_status, std::uint32_t{2});
    status = more_of<client::NodeStatus>(ring[1]);
    EXPECT_EQ(status.reachable, 1);
    EXPECT_EQ(status.links[0].mtu, 1446u);
    ring[1].request_with(1, Request::node_status, std::uint32_t{1});
    EXPECT_EQ(more_of<client::NodeStatus>(ring[1]).links[0].mtu, 65535u);
    ring[1].request_with(1, Request::node_status, std::uint32_t{7});
    EXPECT_EQ(ring[1].code(1), Code::failed_operation);
}

TEST(Cfg, KillReachesTheVictimOnlyAndNamesTheAsker) {
    CfgRing ring(3);
    client::KillRequest kill{.nodeid = 3, .length = 4, .reason = "test"};
    ring[1].request_with(5, Request::kill, kill);
    ring.run();
    EXPECT_EQ(ring[1].code(5), Code::ok);
    ASSERT_TRUE(ring[3].did(Operation::die));
    EXPECT_EQ(ring[3].operations[0].text, "killed by node 1: test");
    EXPECT_FALSE(ring[1].did(Operation::die) || ring[2].did(Operation::die));
}

TEST(Cfg, KillOfANodeOutsideTheRingIsRefused) {
    CfgRing ring(3);
    ring.form({1, 2});
    ring[1].request_with(5, Request::kill, client::KillRequest{.nodeid = 3});
    EXPECT_EQ(ring[1].code(5), Code::not_exist);
    EXPECT_TRUE(ring.bus.empty());
}

TEST(Cfg, AKillFromAPeerCannotWriteLinesOfItsOwnIntoTheLog) {
    CfgRing ring(2);
    Bytes message;
    wire::cfg::encode_kill({1, std::string_view("a\nb\x1b[2J\0", 8)}, message);
    ring.bus.emplace_back(2, message);
    ring.run();
    ASSERT_TRUE(ring[1].did(Operation::die));
    EXPECT_EQ(ring[1].operations[0].text, "killed by node 2: a?b?[2J");
}

TEST(Cfg, WhileMembershipChangesClientsAreToldToTryAgain) {
    CfgRing ring(2);
    ring[1].core.on_sync_started();
    for (const Request type : {Request::ring_status, Request::track_start, Request::track_stop, Request::reload}) {
        ring[1].request(1, type);
        EXPECT_EQ(ring[1].code(1), Code::try_again);
    }
    ring[1].request_with(1, Request::try_shutdown, std::uint32_t{2});
    EXPECT_EQ(ring[1].code(1), Code::try_again);
    ring[1].request_with(1, Request::kill, client::KillRequest{.nodeid = 2});
    EXPECT_EQ(ring[1].code(1), Code::try_again);
    ring[1].request(1, Request::local);
    EXPECT_EQ(ring[1].code(1), Code::ok);
    EXPECT_TRUE(ring.bus.empty());
}

TEST(Cfg, ReopeningLogsIsPassedOnAtOnce) {
    CfgRing ring(1);
    ring[1].core.on_sync_started();
    ring[1].request(1, Request::reopen_logs);
    EXPECT_EQ(ring[1].code(1), Code::ok);
    EXPECT_TRUE(ring[1].did(Operation::reopen_logs));
}

TEST(Cfg, RequestsOfTheWrongShapeCostTheClientItsConnection) {
    CfgRing ring(1);
    const Bytes some(3, 0);
    for (std::uint16_t type = client::kTypesBegin; type < client::kTypesBegin + 0x10; ++type) {
        ring[1].closed.clear();
        ring[1].request(7, static_cast<Request>(type), some);
        EXPECT_EQ(ring[1].closed, std::vector<cfg::ConnId>{7}) << type;
    }
    ring[1].closed.clear();
    ring[1].request_with(7, Request::kill, client::KillRequest{.nodeid = 1, .length = 4000});
    EXPECT_EQ(ring[1].closed, std::vector<cfg::ConnId>{7});
    EXPECT_TRUE(ring.bus.empty());
    EXPECT_TRUE(ring[1].operations.empty());
}

TEST(Cfg, MalformedMessagesOfPeersAreCountedAndDropped) {
    CfgRing ring(2);
    std::uint64_t expected = 0;
    for (std::uint32_t function = 0; function < 0x50; ++function) {
        Bytes message;
        wire::encode_service_header(wire::message_id(wire::Service::cfg, function), 17, message);
        message.push_back(0);
        if (function == 2) continue;     // a shutdown carries nothing
        ring[1].core.on_message(2, message, false, ring[1].out());
        EXPECT_EQ(ring[1].core.dropped(), ++expected) << function;
    }
    ring[1].core.on_message(2, Bytes{1, 2}, false, ring[1].out());
    EXPECT_EQ(ring[1].core.dropped(), ++expected);
    EXPECT_TRUE(ring[1].operations.empty());
}

// --- shutdown

TEST(CfgShutdown, WithoutTrackersTheNodeStopsWhenItsAnnouncementComesBack) {
    CfgRing ring(2);
    ring[1].request_with(1, Request::try_shutdown, std::uint32_t{0});
    EXPECT_EQ(ring[1].code(1), Code::ok);
    EXPECT_FALSE(ring[1].did(Operation::stop));
    ring.run();
    EXPECT_TRUE(ring[1].did(Operation::stop));
    EXPECT_FALSE(ring[2].did(Operation::stop));
    EXPECT_TRUE(ring[2].said("node 1 was shut down"));
}

TEST(CfgShutdown, OneNoPreventsItAndTheAskerHearsBusy) {
    CfgRing ring(1);
    for (const cfg::ConnId conn : {2, 3}) ring[1].request(conn, Request::track_start);
    ring[1].request_with(1, Request::try_shutdown, std::uint32_t{0});
    EXPECT_EQ(ring[1].events, (std::vector<std::pair<cfg::ConnId, std::uint32_t>>{{2, 0}, {3, 0}}));
    ring[1].request_with(2, Request::reply_shutdown, std::uint32_t{1});
    EXPECT_EQ(ring[1].code(1), Code{});
    ring[1].request_with(3, Request::reply_shutdown, std::uint32_t{0});
    EXPECT_EQ(ring[1].code(1), Code::busy);
    ring.run();
    EXPECT_FALSE(ring[1].did(Operation::stop));
}

TEST(CfgShutdown, AllYesOrGoneStopsIt) {
    CfgRing ring(1);
    for (const cfg::ConnId conn : {2, 3}) {
        ring[1].core.on_connect(conn);
        ring[1].request(conn, Request::track_start);
    }
    ring[1].request_with(1, Request::try_shutdown, std::uint32_t{0});
    ring[1].request_with(2, Request::reply_shutdown, std::uint32_t{1});
    ring[1].core.on_disconnect(3, ring[1].out());
    EXPECT_EQ(ring[1].code(1), Code::ok);
    ring.run();
    EXPECT_TRUE(ring[1].did(Operation::stop));
}

TEST(CfgShutdown, SilenceUntilTheTimeoutPreventsARequestButNotRegardless) {
    for (const std::uint32_t flags : {0u, 1u}) {
        CfgRing ring(1);
        ring[1].timeout_ms = 2000;
        ring[1].request(2, Request::track_start);
        ring[1].request_with(1, Request::try_shutdown, flags);
        EXPECT_EQ(ring[1].events[0].second, flags);
        ring.tick(0);
        ring.tick(1999);
        EXPECT_EQ(ring[1].code(1), Code{});
        ring.tick(2);
        EXPECT_EQ(ring[1].code(1), flags == 0 ? Code::busy : Code::ok);
        ring.run();
        EXPECT_EQ(ring[1].did(Operation::stop), flags == 1);
    }
}

TEST(CfgShutdown, RegardlessCountsAnswersButNotTheirMeaning) {
    CfgRing ring(1);
    ring[1].request(2, Request::track_start);
    ring[1].request_with(1, Request::try_shutdown, std::uint32_t{1});
    ring[1].request_with(2, Request::reply_shutdown, std::uint32_t{0});
    EXPECT_EQ(ring[1].code(1), Code::ok);
}

TEST(CfgShutdown, ImmediateAsksNobodyAndTheAskerIsNeverAsked) {
    CfgRing ring(1);
    ring[1].request(1, Request::track_start);
    ring[1].request(2, Request::track_start);
    ring[1].request_with(1, Request::try_shutdown, std::uint32_t{2});
    EXPECT_EQ(ring[1].code(1), Code::ok);
    EXPECT_TRUE(ring[1].events.empty());
}

TEST(CfgShutdown, ASecondRequestMeanwhileHearsExist) {
    CfgRing ring(1);
    ring[1].request(2, Request::track_start);
    ring[1].request_with(1, Request::try_shutdown, std::uint32_t{0});
    ring[1].request_with(3, Request::try_shutdown, std::uint32_t{2});
    EXPECT_EQ(ring[1].code(3), Code::exist);
    ring[1].request_with(2, Request::reply_shutdown, std::uint32_t{0});
    ring[1].request_with(3, Request::try_shutdown, std::uint32_t{2});
    EXPECT_EQ(ring[1].code(3), Code::ok);
}

TEST(CfgShutdown, AnAnswerNobodyWaitsForIsFine) {
    CfgRing ring(1);
    ring[1].request_with(2, Request::reply_shutdown, std::uint32_t{0});
    EXPECT_EQ(ring[1].code(2), Code::ok);
}

TEST(CfgShutdown, ADecidedNodeStopsAlthoughItsAnnouncementIsLost) {
    CfgRing ring(2);
    ring[1].request_with(1, Request::try_shutdown, std::uint32_t{2});
    ring.bus.clear();
    ring.tick(0);
    ring.tick(5001);
    EXPECT_TRUE(ring[1].did(Operation::stop));
}

}  // namespace
}  // namespace motet::test
