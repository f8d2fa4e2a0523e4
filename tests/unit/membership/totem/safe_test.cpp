// SAFE delivery (evs-properties.md §6): not before every member is known to hold the message.
#include "tests/unit/membership/totem/net.h"

namespace motet::totem::test {
namespace {

wire::FrameType type_of(ByteView frame) { return wire::decode_header(frame)->type; }
bool is_mcast(ByteView frame) { return type_of(frame) == wire::FrameType::mcast; }

TEST(Safe, IsNotDeliveredBeforeEveryMemberHasItAndHoldsBackWhatFollows) {
    Net net({.nodes = {1, 2, 3}});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2, 3}));
    bool deaf = true;
    net.drop = [&](NodeId, NodeId to, ByteView frame) { return deaf && to == 3 && is_mcast(frame); };
    ASSERT_TRUE(net.node(1).submit("agreed before"));
    ASSERT_TRUE(net.run_until([&] { return net.node(2).delivered.size() == 1; }));
    ASSERT_TRUE(net.node(1).submit("safe", Guarantee::safe));
    const std::uint64_t sent = net.node(1).core.counters().mcast_sent;
    ASSERT_TRUE(net.run_until([&] { return net.node(1).core.counters().mcast_sent > sent; }));
    ASSERT_TRUE(net.node(2).submit("agreed behind"));
    net.run_for(50_ms);
    for (const NodeId id : {1u, 2u}) EXPECT_EQ(net.node(id).texts(), std::vector<std::string>{"agreed before"});
    deaf = false;
    ASSERT_TRUE(net.run_until_delivered(3, 100_ms));
    net.expect_equal_order();
}

TEST(Safe, TwoVisitsOfTheTokenPrecedeDeliveryAndNoMoreWithoutFaults) {
    Net net({.nodes = {1, 2, 3}});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2, 3}));
    for (const NodeId sender : {1u, 2u, 3u}) {
        net.run_for(1_ms);
        for (Node* each : net.alive()) each->delivered.clear();
        std::uint32_t seq = 0;
        std::map<NodeId, int> visits;
        net.seen = [&](NodeId, NodeId to, ByteView frame) {
            if (is_mcast(frame)) seq = wire::decode_mcast(frame)->seq;
            if (type_of(frame) != wire::FrameType::orf_token || seq == 0) return;
            if (wire::seq_lte(seq, wire::decode_token(frame)->aru) && net.node(to).delivered.empty()) ++visits[to];
        };
        ASSERT_TRUE(net.node(sender).submit("safe", Guarantee::safe));
        ASSERT_TRUE(net.run_until_delivered(1));
        for (const NodeId id : {1u, 2u, 3u}) EXPECT_EQ(visits[id], 2) << "sender " << sender << " at " << id;
        net.seen = nullptr;
    }
}

TEST(Safe, AnIdleRingWaitsForNoHoldPeriod) {
    Net net({.nodes = {1, 2, 3}});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2, 3}));
    net.run_for(3_s);
    for (const NodeId sender : {1u, 2u, 3u}) {
        const Instant from = net.now;
        ASSERT_TRUE(net.node(sender).submit("safe", Guarantee::safe));
        ASSERT_TRUE(net.run_until_delivered(sender));
        EXPECT_LT((net.now - from).us(), 2000);
        net.run_for(3_s);
    }
    // Missed at one member for so long that the ring would idle.
    bool deaf = true;
    net.drop = [&](NodeId, NodeId to, ByteView frame) { return deaf && to == 2 && is_mcast(frame); };
    ASSERT_TRUE(net.node(3).submit("late", Guarantee::safe));
    net.run_for(100_ms);
    deaf = false;
    const Instant from = net.now;
    ASSERT_TRUE(net.run_until_delivered(4));
    EXPECT_LT((net.now - from).ms(), 5);
}

TEST(Safe, ASenderAloneDeliversItsOwn) {
    Net net({.nodes = {1}});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1}));
    net.run_for(2_s);
    ASSERT_TRUE(net.node(1).submit("safe", Guarantee::safe));
    ASSERT_TRUE(net.node(1).submit("agreed"));
    ASSERT_TRUE(net.run_until_delivered(2, 10_ms));
}

TEST(Safe, IsDeliveredInTheTransitionalConfigurationByThoseWhoAllHoldIt) {
    Net net({.nodes = {1, 2, 3}});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2, 3}));
    net.drop = [&](NodeId, NodeId to, ByteView frame) { return to == 3 && is_mcast(frame); };
    ASSERT_TRUE(net.node(1).submit("agreed"));
    // Of several frames, so that its first part is delivered on the other side of the configuration change.
    const std::string big(5000, 's');
    ASSERT_TRUE(net.node(1).submit(big, Guarantee::safe));
    ASSERT_TRUE(net.run_until([&] { return net.node(2).delivered.size() == 1; }));
    net.run_for(1_ms);
    net.drop = nullptr;
    net.side[3] = 1;
    ASSERT_TRUE(net.run_until_formed({1, 2}, 20_s));
    ASSERT_TRUE(net.run_until_formed({3}, 20_s));
    for (const NodeId id : {1u, 2u}) {
        EXPECT_EQ(net.node(id).texts(), (std::vector<std::string>{"agreed", big}));
        EXPECT_EQ(net.node(id).configurations.end()[-2].delivered, 1u);
        EXPECT_EQ(net.node(id).last_regular().delivered, 2u);
    }
    EXPECT_TRUE(net.node(3).delivered.empty());
}

TEST(Safe, OfANodeThatLeftIsDeliveredByAllSurvivorsThatHoldIt) {
    Net net({.nodes = {1, 2, 3}});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2, 3}));
    const std::uint64_t before = net.node(3).core.counters().mcast_sent;
    const std::string big(5000, 's');
    ASSERT_TRUE(net.node(3).submit(big, Guarantee::safe));
    ASSERT_TRUE(net.run_until([&] { return net.node(3).core.counters().mcast_sent == before + 4; }));
    net.run_for(60_us);  // the frames arrive; no token comes round
    net.kill(3);
    ASSERT_TRUE(net.run_until_formed({1, 2}, 20_s));
    for (const NodeId id : {1u, 2u}) {
        EXPECT_EQ(net.node(id).texts(), std::vector<std::string>{big});
        EXPECT_EQ(net.node(id).configurations.end()[-2].delivered, 0u);
    }
}

}  // namespace
}  // namespace motet::totem::test
