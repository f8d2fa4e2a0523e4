// The ring in operation: formation, total order, gaps, hold, flow control, token loss.
#include "tests/unit/membership/totem/net.h"

#include "libs/wire/hold_cancel.h"

namespace motet::totem::test {
namespace {

wire::FrameType type_of(ByteView frame) { return wire::decode_header(frame)->type; }

class Formation : public testing::TestWithParam<std::size_t> {};

TEST_P(Formation, AllNodesShareOneRing) {
    std::vector<NodeId> ids;
    for (NodeId id = 1; id <= GetParam(); ++id) ids.push_back(id * 7);
    Net net({.nodes = ids});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed(ids, 20_s));
    for (Node* each : net.alive()) {
        EXPECT_EQ(each->last_regular().members, ids);
        EXPECT_EQ(each->core.ring().rep, ids.front());
        EXPECT_EQ(each->stored_sequence, each->core.ring().seq);
    }
}

INSTANTIATE_TEST_SUITE_P(Nodes, Formation, testing::Values(1, 2, 3, 4, 5));

TEST(Ring, OneNodeAloneFormsARingWithinMilliseconds) {
    Net net({.nodes = {9}});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({9}, 5_ms));
    ASSERT_TRUE(net.node(9).submit("hello"));
    ASSERT_TRUE(net.run_until_delivered(1, 5_ms));
    EXPECT_EQ(net.node(9).delivered[0], (Delivery{9, "hello"}));
    // Nothing came along from an earlier ring.
    EXPECT_TRUE(net.node(9).configurations[0].members.empty());
    EXPECT_EQ(net.node(9).configurations[1].changed, std::vector<NodeId>{9});
}

TEST(Ring, AloneTheTokenRestsAsSoonAsThereIsNothingToSay) {
    Net net({.nodes = {9}});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({9}, 5_ms));
    net.run_for(100_ms);
    for (int i = 0; i < 20; ++i) {
        const std::uint64_t before = net.node(9).core.counters().tokens_received;
        ASSERT_TRUE(net.node(9).submit(numbered(9, i, 100), i % 2 == 0 ? Guarantee::agreed : Guarantee::safe));
        ASSERT_TRUE(net.run_until_delivered(static_cast<std::size_t>(i) + 1, 5_ms));
        net.run_for(10_ms);
        EXPECT_LE(net.node(9).core.counters().tokens_received - before, 8u);
        EXPECT_FALSE(net.node(9).core.token_rotates());
    }
}

TEST(Ring, MessagesOfAllNodesArriveInOneOrderAndPerSenderInOrder) {
    Net net({.nodes = {1, 2, 3, 4}});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2, 3, 4}));
    for (int i = 0; i < 200; ++i) {
        for (NodeId id = 1; id <= 4; ++id) ASSERT_TRUE(net.node(id).submit(numbered(id, i, 10 + 97 * static_cast<std::size_t>(i) % 4000)));
    }
    ASSERT_TRUE(net.run_until_delivered(800));
    net.expect_equal_order();
    std::map<NodeId, int> next;
    for (const Delivery& each : net.node(1).delivered) {
        EXPECT_EQ(each.text.substr(0, each.text.find(':', 2) + 1),
                  std::to_string(each.from) + ":" + std::to_string(next[each.from]++) + ":");
    }
}

TEST(Ring, FramesStayWithinALimitThatCameLater) {
    Net net({.nodes = {1, 2, 3}});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2, 3}));
    ASSERT_TRUE(net.node(1).submit(numbered(1, 0, 9000)));
    ASSERT_TRUE(net.run_until_delivered(1));
    for (Node* each : net.alive()) each->core.limit_frames(700);
    std::size_t longest = 0;
    net.seen = [&](NodeId, NodeId, ByteView frame) { longest = std::max(longest, frame.size()); };
    ASSERT_TRUE(net.node(2).submit(numbered(2, 0, 9000)));
    ASSERT_TRUE(net.run_until_delivered(2));
    net.expect_equal_order();
    EXPECT_LE(longest, 700u);
    EXPECT_GT(longest, 600u);
    for (Node* each : net.alive()) each->core.limit_frames(1u << 20);
    ASSERT_TRUE(net.node(3).submit(numbered(3, 0, 9000)));
    ASSERT_TRUE(net.run_until_delivered(3));
    EXPECT_GT(longest, 1400u);
    EXPECT_LE(longest, 1500u) << "never beyond the configuration";
}

TEST(Ring, LostAndReorderedMcastsAreRepairedWithoutANewRing) {
    Net net({.nodes = {1, 2, 3}, .seed = 5});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2, 3}));
    const RingId ring = net.node(1).core.ring();
    net.loss = 0.2;
    net.jitter = 200_us;
    for (int i = 0; i < 300; ++i) {
        for (NodeId id = 1; id <= 3; ++id) ASSERT_TRUE(net.node(id).submit(numbered(id, i, 700)));
    }
    ASSERT_TRUE(net.run_until_delivered(900, 120_s));
    net.expect_equal_order();
    for (Node* each : net.alive()) {
        EXPECT_EQ(each->core.ring(), ring);
        EXPECT_GT(each->core.counters().retransmit_requests, 0u);
    }
}

TEST(Ring, AMissingFrameIsRequestedAtTheFifthVisit) {
    Net net({.nodes = {1, 2}});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2}));
    int lost = 0, visits = 0, first_request_at = 0;
    net.drop = [&](NodeId, NodeId, ByteView frame) { return type_of(frame) == wire::FrameType::mcast && lost++ == 0; };
    net.seen = [&](NodeId from, NodeId, ByteView frame) {
        if (lost == 0 || from != 2 || type_of(frame) != wire::FrameType::orf_token) return;
        ++visits;
        if (!wire::decode_token(frame)->retransmit.empty() && first_request_at == 0) first_request_at = visits;
    };
    ASSERT_TRUE(net.node(1).submit("lost once"));
    ASSERT_TRUE(net.run_until_delivered(1));
    EXPECT_EQ(first_request_at, 5);
    EXPECT_EQ(net.node(1).core.counters().mcast_retransmitted, 1u);
}

TEST(Ring, AnIdleRingRotatesOncePerHoldAndAMessageReleasesTheToken) {
    Net net({.nodes = {1, 2, 3}});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2, 3}));
    net.run_for(2_s);  // more than thirty rotations
    const std::uint64_t before = net.node(2).core.counters().tokens_received;
    net.run_for(5610_ms);
    EXPECT_EQ(net.node(2).core.counters().tokens_received - before, 10u);

    for (const NodeId sender : {3u, 1u}) {  // a member, and the representative itself
        net.run_for(2_s);
        const Instant sent = net.now;
        const std::size_t had = net.node(2).delivered.size();
        ASSERT_TRUE(net.node(sender).submit("wake up"));
        ASSERT_TRUE(net.run_until_delivered(had + 1));
        EXPECT_LT((net.now - sent).us(), 2000) << sender;
        EXPECT_GT(net.node(sender).core.counters().token_hold_cancels, 0u);
    }
}

TEST(Ring, FlowControlFieldsOfTheTokenAreExact) {
    // Two nodes: node 2 queues 40 full frames. 17 fit into a visit; fcc and backlog are sums over the last rotation.
    Net net({.nodes = {1, 2}});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2}));
    net.run_for(100_ms);
    std::vector<std::tuple<NodeId, std::uint32_t, std::uint32_t>> fields;
    net.seen = [&](NodeId from, NodeId, ByteView frame) {
        if (type_of(frame) != wire::FrameType::orf_token) return;
        const auto token = wire::decode_token(frame);
        fields.emplace_back(from, token->fcc, token->backlog);
    };
    std::string big(40 * 1400, 'x');  // a frame holds 1410 - 8 - 2
    ASSERT_TRUE(net.node(2).submit(big));
    ASSERT_TRUE(net.run_until_delivered(1));
    net.run_for(1_ms);
    std::vector<std::pair<std::uint32_t, std::uint32_t>> of_node_2;
    for (const auto& [from, fcc, backlog] : fields) {
        if (from == 2) of_node_2.emplace_back(fcc, backlog);
    }
    const auto first = std::find_if(of_node_2.begin(), of_node_2.end(), [](auto each) { return each.first != 0; });
    ASSERT_GE(of_node_2.end() - first, 4);
    EXPECT_EQ(first[0], (std::pair{17u, 40u}));
    EXPECT_EQ(first[1], (std::pair{17u, 23u}));
    EXPECT_EQ(first[2], (std::pair{6u, 6u}));
    EXPECT_EQ(first[3], (std::pair{0u, 0u}));
}

TEST(Ring, ALostTokenIsSentAgain) {
    Net net({.nodes = {1, 2, 3}});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2, 3}));
    const RingId ring = net.node(1).core.ring();
    int dropped = 0;
    net.drop = [&](NodeId from, NodeId, ByteView frame) {
        return from == 2 && type_of(frame) == wire::FrameType::orf_token && dropped++ == 0;
    };
    net.run_for(2_s);
    EXPECT_GE(dropped, 1);
    std::uint64_t repeated = 0;
    for (Node* each : net.alive()) {
        repeated += each->core.counters().tokens_retransmitted;
        EXPECT_EQ(each->core.counters().token_losses, 0u);
        EXPECT_EQ(each->core.ring(), ring);
    }
    EXPECT_GE(repeated, 1u);
}

TEST(Ring, ASilentMemberIsLostByTokenTimeoutAndTheOthersGoOn) {
    Net net({.nodes = {1, 2, 3}});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2, 3}));
    net.kill(2);
    ASSERT_TRUE(net.run_until_formed({1, 3}, 10_s));
    const Configuration& transitional = net.node(1).configurations.end()[-2];
    EXPECT_FALSE(transitional.regular);
    EXPECT_EQ(transitional.changed, std::vector<NodeId>{2});
    EXPECT_EQ(transitional.members, (std::vector<NodeId>{1, 3}));
    EXPECT_TRUE(net.node(1).last_regular().changed.empty());
}

TEST(Ring, SequenceNumbersWrap) {
    Net net({.nodes = {1, 2, 3}, .seed = 3, .ring_start = 0xFFFFFFF0u});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2, 3}));
    const RingId ring = net.node(1).core.ring();
    net.loss = 0.1;
    for (int i = 0; i < 200; ++i) {
        ASSERT_TRUE(net.node(1 + static_cast<NodeId>(i) % 3).submit(numbered(1, i, 1000), i % 5 == 0 ? Guarantee::safe : Guarantee::agreed));
    }
    ASSERT_TRUE(net.run_until_delivered(200));
    net.expect_equal_order();
    net.loss = 0;
    net.run_for(1_s);
    for (Node* each : net.alive()) EXPECT_EQ(each->core.ring(), ring);
    // And a recovery whose range lies across the wrap.
    net.kill(3);
    ASSERT_TRUE(net.run_until_formed({1, 2}));
}

TEST(Ring, ManyFramesDoNotExhaustTheWindow) {
    Net net({.nodes = {1, 2}});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2}));
    const RingId ring = net.node(1).core.ring();
    std::size_t sent = 0;
    const std::string message(1400, 'm');
    while (sent < 40'000) {
        while (sent < 40'000 && net.node(1).submit(message)) ++sent;
        net.run_for(5_ms);
        net.node(1).frames_sent.clear();
        net.node(2).frames_sent.clear();
    }
    ASSERT_TRUE(net.run_until_delivered(sent));
    EXPECT_EQ(net.node(1).core.ring(), ring);
}

TEST(Ring, TheLargestWindowsStillSend) {
    Net net({.nodes = {1, 2}, .tune = [](Config& config) {
                 config.window_size = 16000;
                 config.max_messages = 300;
             }});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2}));
    for (int i = 0; i < 1000; ++i) ASSERT_TRUE(net.node(2).submit(numbered(2, i, 1400)));
    ASSERT_TRUE(net.run_until_delivered(1000, 1_s));
    net.expect_equal_order();
}

TEST(Ring, WhenItsQueueIsFullASubmissionIsRefusedWhole) {
    Net net({.nodes = {1}});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1}));
    int taken = 0;
    while (net.node(1).submit(numbered(1, taken, 100'000))) ++taken;
    EXPECT_GE(taken, 40);   // about 4 MiB
    EXPECT_LE(taken, 42);
    EXPECT_TRUE(net.node(1).core.backlog_critical());
    EXPECT_LT(net.node(1).core.room(Stream::normal), 100'000u);
    EXPECT_TRUE(net.node(1).submit(std::string(net.node(1).core.room(Stream::normal), 'r')));
    ASSERT_TRUE(net.run_until_delivered(static_cast<std::size_t>(taken) + 1));
    EXPECT_FALSE(net.node(1).submit(""));
    EXPECT_FALSE(net.node(1).submit(std::string(kMessageMax + 1, 'x')));
    EXPECT_TRUE(net.node(1).submit(std::string(kMessageMax, 'x')));
}

TEST(Ring, CancelTokenHoldOnRetransmitRepairsAnIdleRingAtOnce) {
    for (const bool cancel : {false, true}) {
        Net net({.nodes = {1, 2}, .tune = [cancel](Config& config) { config.cancel_token_hold_on_retransmit = cancel; }});
        net.start_all();
        ASSERT_TRUE(net.run_until_formed({1, 2}));
        // Everything is lost until the ring idles; then the frame is still missing at node 2.
        bool lose = true;
        net.drop = [&](NodeId, NodeId, ByteView frame) { return lose && type_of(frame) == wire::FrameType::mcast; };
        ASSERT_TRUE(net.node(1).submit("late"));
        net.run_for(100_ms);
        lose = false;
        const Instant from = net.now;
        ASSERT_TRUE(net.run_until_delivered(1));
        if (cancel) {
            EXPECT_LT((net.now - from).us(), 2000);
        } else {
            EXPECT_GT((net.now - from).ms(), 100);
            EXPECT_LT((net.now - from).ms(), 1200);
        }
    }
}

TEST(Ring, AHeartbeatFindsADeadMemberBeforeTheTokenTimeout) {
    Net net({.nodes = {1, 2}, .tune = [](Config& config) { config.heartbeat_failures_allowed = 1; }});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2}));
    net.run_for(100_us);
    net.kill(2);
    const Instant killed = net.now;
    ASSERT_TRUE(net.run_until([&] { return net.node(1).core.state() == State::gather; }));
    EXPECT_LT((net.now - killed).ms(), 1500);
}

}  // namespace
}  // namespace motet::totem::test
