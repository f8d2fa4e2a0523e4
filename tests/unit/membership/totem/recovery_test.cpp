// Recovery of an old ring inside a new one, and what becomes of messages that a ring change cut.
#include "tests/unit/membership/totem/net.h"

#include "libs/wire/commit_token.h"

namespace motet::totem::test {
namespace {

wire::FrameType type_of(ByteView frame) { return wire::decode_header(frame)->type; }
bool is_mcast(ByteView frame) { return type_of(frame) == wire::FrameType::mcast; }

// Runs until `from` has sent `count` more mcasts.
bool run_until_sent(Net& net, NodeId from, std::uint64_t count) {
    const std::uint64_t before = net.node(from).core.counters().mcast_sent;
    return net.run_until([&] { return net.node(from).core.counters().mcast_sent >= before + count; });
}

// totem-state.md §10: node 2 dies; node 3 had missed its last nine frames, node 1 has them.
TEST(Recovery, MissingFramesAreSentAgainAsInTheReferenceTrace) {
    Net net({.nodes = {1, 2, 3}});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2, 3}));
    net.run_for(200_ms);
    net.drop = [](NodeId, NodeId to, ByteView frame) { return to == 3 && is_mcast(frame); };
    for (int i = 0; i < 9; ++i) ASSERT_TRUE(net.node(2).submit(numbered(2, i, 1400)));
    ASSERT_TRUE(net.run_until([&] { return net.node(1).delivered.size() == 9; }));
    net.kill(2);
    net.drop = nullptr;

    std::vector<std::uint32_t> inner;
    std::vector<bool> received;
    net.seen = [&](NodeId from, NodeId, ByteView frame) {
        if (is_mcast(frame) && wire::decode_mcast(frame)->encapsulated()) {
            EXPECT_EQ(from, 1u);
            const auto outer = wire::decode_mcast(frame);
            EXPECT_EQ(outer->seq, inner.size() / 2 + 1);  // one copy for each of the two others, dead or not
            inner.push_back(wire::decode_mcast(outer->body)->seq);
        } else if (type_of(frame) == wire::FrameType::commit_token) {
            const auto token = wire::decode_commit_token(frame);
            if (token->memb_index == 2) {
                received = {token->members[0].received, token->members[1].received};
            }
        }
    };
    ASSERT_TRUE(net.run_until([&] { return net.node(3).core.members().size() == 2; }, 20_s));
    EXPECT_EQ(received, (std::vector<bool>{true, false}));
    ASSERT_EQ(inner.size(), 18u);
    for (std::size_t i = 0; i < 18; ++i) EXPECT_EQ(inner[i], inner[0] + i / 2);
    EXPECT_EQ(net.node(3).delivered, net.node(1).delivered);
    const Configuration& transitional = net.node(3).configurations.end()[-2];
    EXPECT_FALSE(transitional.regular);
    EXPECT_EQ(transitional.delivered, 9u);  // contiguous and agreed: before the configuration change
    EXPECT_EQ(transitional.members, (std::vector<NodeId>{1, 3}));
    EXPECT_EQ(transitional.changed, std::vector<NodeId>{2});
    ASSERT_TRUE(net.run_until_formed({1, 3}));
}

TEST(Recovery, FlowControlFieldsCountTheFramesSentAgain) {
    Net net({.nodes = {1, 2, 3}});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2, 3}));
    net.drop = [](NodeId, NodeId to, ByteView frame) { return to == 3 && is_mcast(frame); };
    for (int i = 0; i < 9; ++i) ASSERT_TRUE(net.node(2).submit(numbered(2, i, 1400)));
    ASSERT_TRUE(net.run_until([&] { return net.node(1).delivered.size() == 9; }));
    net.kill(2);
    net.drop = nullptr;
    ASSERT_TRUE(net.run_until([&] { return net.node(1).core.state() == State::commit; }, 20_s));
    std::vector<std::string> trace;
    net.seen = [&](NodeId from, NodeId, ByteView frame) {
        if (type_of(frame) != wire::FrameType::orf_token || from != 1) return;
        const auto token = wire::decode_token(frame);
        trace.push_back("seq " + std::to_string(token->seq) + " fcc " + std::to_string(token->fcc) + " backlog " +
                        std::to_string(token->backlog) + " flag " + std::to_string(token->retrans_flag));
    };
    ASSERT_TRUE(net.run_until_formed({1, 3}, 20_s));
    ASSERT_GE(trace.size(), 3u);
    EXPECT_EQ(trace[0], "seq 0 fcc 0 backlog 0 flag 1");
    EXPECT_EQ(trace[1], "seq 9 fcc 9 backlog 9 flag 0");
    EXPECT_EQ(trace[2], "seq 9 fcc 0 backlog 0 flag 0");
}

TEST(Recovery, WhatNoSurvivorHasIsAHoleAndOnlyThoseWhoComeAlongAreHeardBehindIt) {
    Net net({.nodes = {1, 2, 3}});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2, 3}));
    net.run_for(500_us);
    int from_2 = 0;
    net.drop = [&](NodeId from, NodeId, ByteView frame) {
        if (from != 2 || !is_mcast(frame)) return false;
        return from_2++ < 2;  // both copies of its first frame
    };
    ASSERT_TRUE(net.node(2).submit(numbered(2, 0, 1400)));  // lost everywhere
    ASSERT_TRUE(net.node(2).submit(numbered(2, 1, 1400)));  // arrives
    ASSERT_TRUE(run_until_sent(net, 2, 2));
    ASSERT_TRUE(net.node(3).submit("from 3"));
    ASSERT_TRUE(run_until_sent(net, 3, 1));
    net.kill(2);  // before it is asked for the lost one
    ASSERT_TRUE(net.run_until_formed({1, 3}, 20_s));
    for (const NodeId id : {1u, 3u}) {
        EXPECT_EQ(net.node(id).texts(), std::vector<std::string>{"from 3"}) << id;
        EXPECT_EQ(net.node(id).configurations.end()[-2].delivered, 0u);  // in the transitional configuration
        EXPECT_EQ(net.node(id).last_regular().delivered, 1u);
    }
}

TEST(Recovery, TwoHoldersDoNotBothSendEverything) {
    Net net({.nodes = {1, 2, 3, 4}});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2, 3, 4}));
    net.drop = [](NodeId, NodeId to, ByteView frame) { return to == 4 && is_mcast(frame); };
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(net.node(3).submit(numbered(3, i, 1400)));
    ASSERT_TRUE(net.run_until([&] { return net.node(1).delivered.size() == 100 && net.node(2).delivered.size() == 100; }));
    net.kill(3);
    net.drop = nullptr;
    ASSERT_TRUE(net.run_until([&] { return net.node(1).core.state() == State::recovery; }, 20_s));
    const std::uint64_t before = net.node(1).core.counters().mcast_sent + net.node(2).core.counters().mcast_sent;
    ASSERT_TRUE(net.run_until([&] { return net.node(4).core.members().size() == 3; }, 20_s));
    const std::uint64_t sent = net.node(1).core.counters().mcast_sent + net.node(2).core.counters().mcast_sent - before;
    // Some thirty went out again while the old ring's last token was on its way.
    EXPECT_GE(sent, 60u);
    EXPECT_LE(sent, 110u);
    EXPECT_EQ(net.node(4).delivered, net.node(1).delivered);
}

TEST(Recovery, ARecoveryThatIsInterruptedLosesNothing) {
    Net net({.nodes = {1, 2, 3, 4}});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2, 3, 4}));
    net.drop = [](NodeId, NodeId to, ByteView frame) { return to == 4 && is_mcast(frame); };
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(net.node(3).submit(numbered(3, i, 1400)));
    ASSERT_TRUE(net.run_until([&] { return net.node(1).delivered.size() == 200 && net.node(2).delivered.size() == 200; }));
    net.kill(3);
    net.drop = nullptr;
    ASSERT_TRUE(net.run_until([&] { return net.node(4).core.state() == State::recovery && net.node(4).core.counters().mcast_received > 20; }, 20_s));
    net.kill(1);
    ASSERT_TRUE(net.run_until_formed({2, 4}, 30_s));
    EXPECT_EQ(net.node(4).texts().size(), 200u);
    EXPECT_EQ(net.node(4).delivered, net.node(2).delivered);
    EXPECT_EQ(net.node(4).configurations.end()[-2].members, (std::vector<NodeId>{2, 4}));
    EXPECT_EQ(net.node(4).configurations.end()[-2].changed, (std::vector<NodeId>{1, 3}));
}

TEST(Recovery, FullFramesOfTheLargestSizeAreRecovered) {
    Net net({.nodes = {1, 2, 3}, .tune = [](Config& config) { config.netmtu = 65536; }});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2, 3}));
    net.drop = [](NodeId, NodeId to, ByteView frame) { return to == 3 && is_mcast(frame); };
    const std::string big(500'000, 'k');
    ASSERT_TRUE(net.node(2).submit(big));
    ASSERT_TRUE(net.run_until([&] { return net.node(1).delivered.size() == 1; }));
    net.kill(2);
    std::size_t longest = 0;
    net.drop = [&](NodeId, NodeId, ByteView frame) {
        longest = std::max(longest, frame.size());
        return false;
    };
    ASSERT_TRUE(net.run_until_formed({1, 3}, 20_s));
    EXPECT_EQ(net.node(3).texts(), std::vector<std::string>{big});
    EXPECT_EQ(longest, 65536u);
}

// P-12: a commit token of the first rotation, repeated late, must not start the ring while a member is still in COMMIT.
TEST(Recovery, TheRingStartsOnlyWhenTheCommitTokenHasBeenRoundTwice) {
    Net net({.nodes = {1, 2, 3}});
    Bytes first_rotation;
    net.seen = [&](NodeId from, NodeId to, ByteView frame) {
        if (type_of(frame) != wire::FrameType::commit_token || from != 3 || to != 1) return;
        if (wire::decode_commit_token(frame)->token_seq == 3) first_rotation = Bytes(frame.begin(), frame.end());
    };
    net.start_all();
    ASSERT_TRUE(net.run_until([&] { return !first_rotation.empty() && net.node(1).core.state() == State::recovery; }));
    Node& rep = net.node(1);
    const std::size_t sent = rep.frames_sent.size();
    net.inject(1, first_rotation);
    EXPECT_EQ(rep.frames_sent.size(), sent);
    ASSERT_TRUE(net.run_until_formed({1, 2, 3}));
}

TEST(Recovery, WhatANodeThatLeftHadBegunIsForgotten) {
    Net net({.nodes = {1, 2, 3}});
    for (Node* each : net.alive()) each->corosync_like = true;  // no restart clears it
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2, 3}));
    ASSERT_TRUE(net.node(3).submit(numbered(3, 0, 300'000)));
    ASSERT_TRUE(run_until_sent(net, 3, 20));
    net.kill(3);
    ASSERT_TRUE(net.run_until_formed({1, 2}, 20_s));
    net.add(3, net.node(3).stored_sequence).corosync_like = true;
    net.start(3);
    ASSERT_TRUE(net.run_until_formed({1, 2, 3}, 20_s));
    ASSERT_TRUE(net.node(3).submit("new life"));
    ASSERT_TRUE(net.run_until_delivered(1));
    EXPECT_EQ(net.node(1).texts(), std::vector<std::string>{"new life"});
    EXPECT_EQ(net.node(1).core.counters().fragments_dropped, 0u);
}

// B8: the message is cut by the change of the ring; the newcomer must get all of it, the old member only once.
TEST(Restart, AMessageCutByARingChangeIsSentAgainWhole) {
    Net net({.nodes = {1, 2, 3}});
    net.start(1);
    net.start(2);
    ASSERT_TRUE(net.run_until_formed({1, 2}, 20_s));
    const std::string big = numbered(2, 0, 300'000);
    ASSERT_TRUE(net.node(2).submit(big));
    ASSERT_TRUE(net.node(2).submit("behind"));
    ASSERT_TRUE(run_until_sent(net, 2, 50));
    net.start(3);
    ASSERT_TRUE(net.run_until_formed({1, 2, 3}, 20_s));
    ASSERT_TRUE(net.run_until_delivered(2, 20_s));
    for (const NodeId id : {1u, 2u, 3u}) EXPECT_EQ(net.node(id).texts(), (std::vector<std::string>{big, "behind"})) << id;
    EXPECT_EQ(net.node(1).core.counters().fragments_dropped, 0u);
    EXPECT_EQ(net.node(3).core.counters().fragments_dropped, 0u);
}

TEST(Restart, WithACorosyncPeerTheTailIsContinuedAndTheNewcomerLosesOnlyThatMessage) {
    Net net({.nodes = {1, 2, 3}});
    for (const NodeId id : {1u, 2u, 3u}) net.node(id).corosync_like = true;
    net.start(1);
    net.start(2);
    ASSERT_TRUE(net.run_until_formed({1, 2}, 20_s));
    const std::string big = numbered(2, 0, 300'000);
    ASSERT_TRUE(net.node(2).submit(big));
    ASSERT_TRUE(net.node(2).submit("behind"));
    ASSERT_TRUE(run_until_sent(net, 2, 50));
    net.start(3);
    ASSERT_TRUE(net.run_until_formed({1, 2, 3}, 20_s));
    ASSERT_TRUE(net.run_until([&] { return !net.node(3).delivered.empty() && net.node(1).delivered.size() == 2; }, 20_s));
    EXPECT_EQ(net.node(1).texts(), (std::vector<std::string>{big, "behind"}));
    EXPECT_EQ(net.node(3).texts(), std::vector<std::string>{"behind"});
}

TEST(Restart, AMessageCutTwiceIsStillDeliveredOnce) {
    Net net({.nodes = {1, 2, 3, 4}});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2, 3, 4}));
    const std::string big = numbered(2, 0, 900'000);
    ASSERT_TRUE(net.node(2).submit(big));
    ASSERT_TRUE(run_until_sent(net, 2, 100));
    net.kill(3);
    ASSERT_TRUE(net.run_until_formed({1, 2, 4}, 20_s));
    ASSERT_TRUE(run_until_sent(net, 2, 100));
    net.kill(1);
    ASSERT_TRUE(net.run_until_formed({2, 4}, 20_s));
    ASSERT_TRUE(net.run_until_delivered(1, 20_s));
    EXPECT_EQ(net.node(4).texts(), std::vector<std::string>{big});
    EXPECT_EQ(net.node(2).texts(), std::vector<std::string>{big});
}

TEST(Restart, MessagesSubmittedWhileSynchronisingWaitAndTheQueueTakesTwiceItsSize) {
    Net net({.nodes = {1}});
    std::size_t taken = 0;
    while (net.node(1).submit(std::string(100'000, 'x'))) ++taken;
    EXPECT_GE(taken, 80u);
    net.start_all();
    ASSERT_TRUE(net.run_until_delivered(taken));
    EXPECT_EQ(net.node(1).configurations.size(), 2u);
}

class Properties : public testing::TestWithParam<int> {};

// Goal: nodes that go together from ring to ring deliver the same messages in the same order, nothing twice, and their
// own messages all (S1, S2, B2, B4). Method: partitions, loss and reordering drawn from a seed. With a Corosync peer in
// some rings (or all) a message that a ring change cuts is lost to newcomers, so there S1 is not compared.
TEST_P(Properties, HoldUnderPartitionsLossAndReordering) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        Net net({.nodes = {1, 2, 3, 4, 5}, .seed = seed, .tune = [seed](Config& config) {
                     config.netmtu = seed % 3 == 0 ? 9000 : 1500;
                     config.token = 300_ms;
                     config.token_retransmit = 70_ms;
                     config.hold = 46_ms;
                     config.consensus = 360_ms;
                 }});
        net.jitter = 100_us;
        for (Node* each : net.alive()) {
            each->corosync_in_every_other_ring = GetParam() == 1;
            each->corosync_like = GetParam() == 2;
        }
        net.start_all();
        std::map<NodeId, int> count;
        const auto draw = [&](int below) { return static_cast<int>(net.draw() * below); };
        for (int round = 0; round < 25; ++round) {
            net.loss = draw(3) == 0 ? 0.1 : 0;
            if (draw(2) == 0) {
                for (NodeId id = 1; id <= 5; ++id) net.side[id] = draw(2);
            } else {
                net.side.clear();
            }
            for (int i = draw(60); i > 0; --i) {
                const NodeId id = 1 + static_cast<NodeId>(draw(5));
                const std::size_t size = draw(8) == 0 ? 20'000 + static_cast<std::size_t>(draw(60'000)) : 10 + static_cast<std::size_t>(draw(600));
                if (net.node(id).submit(numbered(id, count[id], size), draw(4) == 0 ? Guarantee::safe : Guarantee::agreed)) ++count[id];
                if (draw(4) == 0) net.run_for(Duration{draw(2'000'000)});
            }
            net.run_for(milliseconds(draw(900)));
        }
        net.side.clear();
        net.loss = 0;
        ASSERT_TRUE(net.run_until_formed({1, 2, 3, 4, 5}, 60_s)) << "seed " << seed;
        for (NodeId id = 1; id <= 5; ++id) {
            ASSERT_TRUE(net.node(id).submit(numbered(id, count[id]++, 50)));
        }
        net.run_for(2_s);

        struct Epoch {
            std::vector<NodeId> together;
            std::vector<Delivery> messages;
        };
        std::map<NodeId, std::map<std::pair<std::uint64_t, std::uint64_t>, Epoch>> epochs;  // by (ring, next ring)
        for (Node* each : net.alive()) {
            std::map<std::pair<NodeId, std::string>, int> seen;
            for (const Delivery& message : each->delivered) {
                EXPECT_EQ(++seen[std::make_pair(message.from, message.text)], 1) << "seed " << seed << " twice: " << message.text.substr(0, 20);
            }
            const Configuration* from = nullptr;
            const Configuration* transitional = nullptr;
            std::map<NodeId, int> own;
            for (const Configuration& next : each->configurations) {
                if (!next.regular) {
                    transitional = &next;
                    continue;
                }
                if (from != nullptr) {
                    Epoch& epoch = epochs[each->id][{from->ring.seq * 8 + from->ring.rep, next.ring.seq * 8 + next.ring.rep}];
                    epoch.together = transitional->members;
                    epoch.messages.assign(each->delivered.begin() + static_cast<std::ptrdiff_t>(from->delivered),
                                          each->delivered.begin() + static_cast<std::ptrdiff_t>(next.delivered));
                }
                from = &next;
            }
            // Self-delivery: all that was accepted, in order.
            int next = 0;
            for (const Delivery& message : each->delivered) {
                if (message.from != each->id) continue;
                EXPECT_EQ(message.text.substr(0, message.text.find(':', 2)), std::to_string(each->id) + ":" + std::to_string(next++)) << "seed " << seed;
            }
            EXPECT_EQ(next, count[each->id]) << "seed " << seed << " node " << each->id;
        }
        if (HasFailure()) return;
        if (GetParam() != 0) continue;
        int compared = 0;
        for (const auto& [p, of_p] : epochs) {
            for (const auto& [rings, epoch] : of_p) {
                for (const NodeId q : epoch.together) {
                    const auto other = epochs[q].find(rings);
                    // Pulled out of recovery by another join, q did not install this ring; it is bound to nothing.
                    if (other == epochs[q].end()) continue;
                    ++compared;
                    EXPECT_EQ(other->second.together, epoch.together) << "seed " << seed;
                    EXPECT_TRUE(other->second.messages == epoch.messages) << "seed " << seed << " nodes " << p << " and " << q;
                }
            }
        }
        EXPECT_GT(compared, 20) << "seed " << seed;
        if (HasFailure()) return;
    }
}
INSTANTIATE_TEST_SUITE_P(CorosyncPeers, Properties, testing::Values(0, 1, 2));

}  // namespace
}  // namespace motet::totem::test
