// New timers and nodes while the ring turns.
#include "tests/unit/membership/totem/net.h"

namespace motet::totem::test {
namespace {

Config with(Net& net, const std::function<void(Config&)>& change) {
    Config config;
    config.nodes = {1, 2, 3};
    config.token = 1000_ms;
    config.token_retransmit = 238_ms;
    config.hold = 180_ms;
    config.consensus = 1200_ms;
    (void)net;
    change(config);
    return config;
}

TEST(Reconfigure, ATokenTimeoutOfARunningRingChangesWithoutANewRing) {
    Net net({.nodes = {1, 2, 3}, .tune = [](Config& c) { c.token = 5_s, c.token_retransmit = 1200_ms, c.hold = 900_ms, c.consensus = 6_s; }});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2, 3}));
    const RingId ring = net.node(1).core.ring();
    const Config faster = with(net, [](Config& c) { c.token = 300_ms, c.token_retransmit = 71_ms, c.hold = 47_ms, c.consensus = 360_ms; });
    for (Node* each : net.alive()) {
        ASSERT_TRUE(each->submit("before"));
        each->core.reconfigure(faster);
        ASSERT_TRUE(each->submit("after"));
    }
    ASSERT_TRUE(net.run_until_delivered(6));
    net.run_for(2_s);
    EXPECT_EQ(net.node(1).core.ring(), ring);
    net.expect_equal_order();
    // The loss of a node is found in the new time, not in the old.
    net.kill(3);
    EXPECT_TRUE(net.run_until_formed({1, 2}, 2_s));
}

TEST(Reconfigure, ANodeThatIsAddedMayComeIn) {
    Net net({.nodes = {1, 2, 3}, .tune = [](Config& c) { c.nodes = {1, 2}; }});
    net.start_all();
    ASSERT_TRUE(net.run_until([&] { return net.node(1).core.members().size() == 2; }));
    net.run_for(3_s);
    EXPECT_EQ(net.node(1).core.members().size(), 2u);
    for (Node* each : net.alive()) each->core.reconfigure(with(net, [](Config&) {}));
    EXPECT_TRUE(net.run_until_formed({1, 2, 3}, 30_s));
}

TEST(Reconfigure, ANodeThatIsTakenOutIsNotHeardAnyMore) {
    Net net({.nodes = {1, 2, 3}});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2, 3}));
    for (const NodeId id : {NodeId{1}, NodeId{2}}) net.node(id).core.reconfigure(with(net, [](Config& c) { c.nodes = {1, 2}; }));
    EXPECT_TRUE(net.run_until([&] { return net.node(1).core.members().size() == 2 && net.node(2).core.members().size() == 2; }, 60_s));
    net.run_for(5_s);
    EXPECT_EQ(net.node(1).core.members().size(), 2u);
}

}  // namespace
}  // namespace motet::totem::test
