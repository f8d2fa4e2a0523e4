// Where and when the token of an idle ring rests.
#include "tests/unit/membership/totem/net.h"

namespace motet::totem::test {
namespace {

std::uint64_t cancels(Net& net, NodeId node) { return net.node(node).core.counters().token_hold_cancels; }
std::uint64_t visits(Net& net, NodeId node) { return net.node(node).core.counters().tokens_received; }

// One message, delivered to all; how many visits of the token the others saw from it until they saw no more.
std::uint64_t visits_of_one_message(Net& net, NodeId sender, NodeId other, Guarantee guarantee = Guarantee::agreed) {
    const std::uint64_t before = visits(net, other);
    const std::size_t had = net.node(other).delivered.size();
    EXPECT_TRUE(net.node(sender).submit("message", guarantee));
    EXPECT_TRUE(net.run_until_delivered(had + 1, 20_ms));
    net.run_for(40_ms);  // many rotations, and far less than a hold
    return visits(net, other) - before;
}

// The first frame of this type on its way to `node` is lost; counts them all.
void lose_one(Net& net, NodeId node, wire::FrameType type, int& seen) {
    net.drop = [&seen, node, type](NodeId, NodeId to, ByteView frame) {
        return to == node && wire::decode_header(frame)->type == type && seen++ == 0;
    };
}

struct Rest : testing::Test {
    Net net{{.nodes = {1, 2, 3}, .tune = [](Config& config) { config.quick_rest = true; }}};
    void SetUp() override {
        net.start_all();
        ASSERT_TRUE(net.run_until_formed({1, 2, 3}));
        net.run_for(1_s);
        if (net.node(1).core.token_rotates()) net.run_for(1_s);
    }
};

TEST_F(Rest, MotetNodesRestItAfterAFewRotations) {
    for (const NodeId sender : {1u, 2u, 3u, 3u, 1u}) {
        EXPECT_LE(visits_of_one_message(net, sender, sender % 3 + 1), 8u) << sender;
        for (const NodeId id : {1u, 2u, 3u}) EXPECT_FALSE(net.node(id).core.token_rotates()) << id;
    }
}

TEST_F(Rest, ItRestsWithWhoeverSentLastWhoseNextMessageLeavesAtOnce) {
    visits_of_one_message(net, 3, 2);
    const std::uint64_t before = cancels(net, 3);
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(net.node(3).submit("again"));
        ASSERT_TRUE(net.node(3).submit("and one more"));
        const std::size_t had = net.node(3).delivered.size();
        net.run_until([&] { return net.node(3).delivered.size() > had; }, 50_ms);
        EXPECT_EQ(net.node(3).delivered.size(), had + 2);  // in one visit
        net.run_for(40_ms);
    }
    EXPECT_EQ(cancels(net, 3), before);
    net.expect_equal_order();
}

TEST_F(Rest, ASoleSenderKeepsItAfterOneRotation) {
    for (int i = 0; i < 8; ++i) visits_of_one_message(net, 2, 1);
    const std::uint64_t before = cancels(net, 2);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(visits_of_one_message(net, 2, 1), 1u);
    EXPECT_EQ(cancels(net, 2), before);
    // Nobody waits for it longer than a cancel takes, and then it is as with several senders again.
    for (const NodeId sender : {3u, 1u, 2u}) EXPECT_GT(visits_of_one_message(net, sender, sender % 3 + 1), 1u) << sender;
    net.expect_equal_order();
}

TEST_F(Rest, ASoleSendersSafeMessagesAreDeliveredBeforeItRests) {
    for (int i = 0; i < 8; ++i) visits_of_one_message(net, 2, 1);
    visits_of_one_message(net, 2, 1, Guarantee::safe);
    net.expect_equal_order();
}

TEST_F(Rest, ASoleSenderKeepsNothingThatIsMissingSomewhere) {
    for (int i = 0; i < 8; ++i) visits_of_one_message(net, 2, 1);
    int lost = 0;
    lose_one(net, 1, wire::FrameType::mcast, lost);
    visits_of_one_message(net, 2, 3);
    EXPECT_GT(lost, 0);
    net.expect_equal_order();
}

TEST_F(Rest, ALostCancelToASoleSenderCostsOneHold) {
    for (int i = 0; i < 8; ++i) visits_of_one_message(net, 2, 1);
    int lost = 0;
    lose_one(net, 2, wire::FrameType::hold_cancel, lost);
    const std::size_t had = net.node(1).delivered.size();
    ASSERT_TRUE(net.node(3).submit("message"));
    EXPECT_TRUE(net.run_until_delivered(had + 1, 700_ms));
    EXPECT_EQ(lost, 1);
    net.expect_equal_order();
}

TEST_F(Rest, AnybodyElseAsksForIt) {
    visits_of_one_message(net, 3, 2);
    const std::uint64_t before = cancels(net, 2);
    EXPECT_LE(visits_of_one_message(net, 2, 1), 8u);
    EXPECT_EQ(cancels(net, 2), before + 1);
}

// Behind a message of node 3, which has kept the token until then, until node 1 has seen a rotation without one.
void until_idle_once(Net& net) {
    const std::uint64_t before = visits(net, 1);
    ASSERT_TRUE(net.node(3).submit("message"));
    net.run_until([&] { return visits(net, 1) == before + 2; }, 20_ms);
    ASSERT_EQ(visits(net, 1), before + 2);
}

TEST_F(Rest, NobodyAsksForATokenThatIsOnItsWay) {
    visits_of_one_message(net, 3, 2);
    until_idle_once(net);
    const std::size_t had = net.node(2).delivered.size();
    const std::uint64_t before = cancels(net, 1);
    ASSERT_TRUE(net.node(1).submit("in time"));
    EXPECT_TRUE(net.run_until_delivered(had + 1, 20_ms));
    EXPECT_EQ(cancels(net, 1), before);
    net.expect_equal_order();
}

TEST_F(Rest, WhoWaitsForATokenThatShouldHaveComeAsksForIt) {
    visits_of_one_message(net, 3, 2);
    for (const bool submitted_before : {true, false}) {
        until_idle_once(net);
        net.drop = [](NodeId, NodeId to, ByteView frame) { return to == 1 && wire::decode_header(frame)->type == wire::FrameType::orf_token; };
        const std::uint64_t before = cancels(net, 1);
        EXPECT_TRUE(net.node(1).core.token_rotates());
        if (submitted_before) {
            ASSERT_TRUE(net.node(1).submit("too early"));
            EXPECT_EQ(cancels(net, 1), before);
        }
        net.run_for(2_ms);
        EXPECT_EQ(cancels(net, 1), before + (submitted_before ? 1 : 0));
        if (!submitted_before) {
            EXPECT_FALSE(net.node(1).core.token_rotates());     // who sleeps until then wants to be woken for a submission
            ASSERT_TRUE(net.node(1).submit("too late"));
            EXPECT_EQ(cancels(net, 1), before + 1);
        }
        net.drop = nullptr;
        net.run_for(2_s);
        visits_of_one_message(net, 3, 2);
    }
    net.expect_equal_order();
}

TEST_F(Rest, ASafeMessageIsDeliveredBeforeItRests) {
    for (const NodeId sender : {2u, 2u, 1u}) visits_of_one_message(net, sender, sender % 3 + 1, Guarantee::safe);
}

TEST_F(Rest, ItIsPassedOnOncePerHoldAndComesBack) {
    visits_of_one_message(net, 2, 1);
    const std::uint64_t before = visits(net, 1);
    net.run_for(5610_ms);
    EXPECT_EQ(visits(net, 1) - before, 10u);
}

TEST_F(Rest, NothingRestsWhileAMessageIsMissingSomewhere) {
    int lost = 0;
    lose_one(net, 1, wire::FrameType::mcast, lost);
    visits_of_one_message(net, 2, 3);
    EXPECT_GT(lost, 0);
    net.expect_equal_order();
}

TEST_F(Rest, WhenWhoeverSentLastIsGoneTheRepresentativeHoldsIt) {
    visits_of_one_message(net, 3, 2);
    net.node(3).alive = false;
    ASSERT_TRUE(net.run_until_formed({1, 2}));
    net.run_for(2_s);
    const std::uint64_t before = visits(net, 2);
    net.run_for(5610_ms);
    EXPECT_LE(visits(net, 2) - before, 11u);
    EXPECT_LE(visits_of_one_message(net, 2, 1), 8u);
}

TEST(RestBesideCorosync, TheUsualRotationsAreMade) {
    Net net({.nodes = {1, 2, 3}, .tune = [](Config& config) { config.quick_rest = true; }});
    for (const NodeId id : {1u, 2u, 3u}) net.node(id).corosync_like = true;
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2, 3}));
    net.run_for(2_s);
    EXPECT_GT(visits_of_one_message(net, 2, 1), 30u);
}

}  // namespace
}  // namespace motet::totem::test
