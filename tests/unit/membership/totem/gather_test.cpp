// Changes of membership: joins, leaves, partitions and merges, nodes that cannot receive or cannot store.
#include "tests/unit/membership/totem/net.h"

#include "libs/wire/commit_token.h"
#include "libs/wire/join.h"

namespace motet::totem::test {
namespace {

wire::FrameType type_of(ByteView frame) { return wire::decode_header(frame)->type; }

// totem-state.md §10: a node starts into a running ring of two.
TEST(Gather, ANodeJoinsARunningRingAsInTheReferenceTrace) {
    Net net({.nodes = {1, 2, 3}});
    net.start(1);
    net.start(2);
    ASSERT_TRUE(net.run_until_formed({1, 2}, 20_s));
    net.run_for(5_s);
    const std::uint64_t old_seq = net.node(1).core.ring().seq;

    std::vector<std::string> trace;
    net.seen = [&](NodeId from, NodeId to, ByteView frame) {
        if (to != from % 3 + 1) return;  // each multicast once
        const auto ids = [](const auto& list) {
            std::string text;
            for (const NodeId id : list) text += std::to_string(id);
            return text;
        };
        if (type_of(frame) == wire::FrameType::join) {
            const auto join = wire::decode_join(frame);
            trace.push_back("join " + std::to_string(from) + " proc " + ids(join->proc_list) + " failed " + ids(join->failed_list));
        } else if (type_of(frame) == wire::FrameType::commit_token) {
            const auto token = wire::decode_commit_token(frame);
            trace.push_back("commit " + std::to_string(from) + " " + std::to_string(token->token_seq) + " index " +
                            std::to_string(token->memb_index) + " seq +" + std::to_string(token->ring.seq - old_seq));
        } else if (type_of(frame) == wire::FrameType::orf_token && trace.size() < 20) {
            const auto token = wire::decode_token(frame);
            trace.push_back("token " + std::to_string(from) + " " + std::to_string(token->token_seq) + " aru " + std::to_string(token->aru));
        }
    };
    // The own join would be processed first and node 3 form a ring alone; the captured order had the others' first.
    net.node(3).core.start(net.now, net.node(3));
    net.node(3).own.clear();
    ASSERT_TRUE(net.run_until_formed({1, 2, 3}, 1_s));
    const std::vector<std::string> expected = {
        "join 3 proc 3 failed ",   "join 1 proc 123 failed ", "join 2 proc 123 failed ", "join 3 proc 312 failed ",
    };
    ASSERT_GE(trace.size(), 12u);
    EXPECT_EQ(std::vector<std::string>(trace.begin(), trace.begin() + 4), expected);
    std::vector<std::string> tokens;
    for (const std::string& line : trace) {
        if (line[0] != 'j') tokens.push_back(line);
    }
    const std::vector<std::string> expected_tokens = {
        "commit 1 1 index 1 seq +4", "commit 2 2 index 2 seq +4", "commit 3 3 index 3 seq +4",
        "commit 1 4 index 3 seq +4", "commit 2 5 index 3 seq +4", "commit 3 6 index 3 seq +4",
        "token 1 0 aru 4294967295",  "token 2 1 aru 4294967295",
        "token 3 2 aru 4294967295",  "token 1 3 aru 0",
    };
    ASSERT_GE(tokens.size(), expected_tokens.size());
    EXPECT_EQ(std::vector<std::string>(tokens.begin(), tokens.begin() + 10), expected_tokens);
    EXPECT_EQ(net.node(1).last_regular().changed, std::vector<NodeId>{3});
    EXPECT_EQ(net.node(1).configurations.end()[-2].members, (std::vector<NodeId>{1, 2}));
    EXPECT_TRUE(net.node(3).configurations.end()[-2].members.empty());
}

TEST(Gather, ANewLowestNodeBecomesRepresentative) {
    Net net({.nodes = {1, 2, 3}});
    net.start(2);
    net.start(3);
    ASSERT_TRUE(net.run_until_formed({2, 3}, 20_s));
    net.start(1);
    ASSERT_TRUE(net.run_until_formed({1, 2, 3}, 20_s));
    EXPECT_EQ(net.node(3).core.ring().rep, 1u);
}

TEST(Gather, AfterALeaveTheRingReformsWithinMilliseconds) {
    Net net({.nodes = {1, 2, 3}});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2, 3}));
    std::vector<Bytes> leaves;
    net.seen = [&](NodeId from, NodeId, ByteView frame) {
        if (from == 3 && type_of(frame) == wire::FrameType::join) leaves.emplace_back(frame.begin(), frame.end());
    };
    net.node(3).core.leave(net.node(3));
    net.kill(3);
    ASSERT_EQ(leaves.size(), 2u);  // one copy to each peer
    const auto leave = wire::decode_join(leaves[0]);
    EXPECT_TRUE(leave->leave());
    EXPECT_EQ(leave->system_from, 3u);
    EXPECT_EQ(leave->failed_list[leave->failed_list.size() - 1], 3u);
    ASSERT_TRUE(net.run_until_formed({1, 2}, 10_ms));
    EXPECT_EQ(net.node(2).configurations.end()[-2].changed, std::vector<NodeId>{3});
}

TEST(Gather, PartitionsGoOnAloneAndMerge) {
    for (const bool idle : {true, false}) {
        Net net({.nodes = {1, 2, 3, 4, 5}});
        net.start_all();
        ASSERT_TRUE(net.run_until_formed({1, 2, 3, 4, 5}));
        for (const NodeId id : {4u, 5u}) net.side[id] = 1;
        ASSERT_TRUE(net.run_until_formed({1, 2, 3}, 20_s));
        ASSERT_TRUE(net.run_until_formed({4, 5}, 20_s));
        ASSERT_TRUE(net.node(1).submit("one side"));
        ASSERT_TRUE(net.node(5).submit("other side"));
        ASSERT_TRUE(net.run_until_delivered(1));
        if (idle) net.run_for(3_s);
        for (auto& [id, side] : net.side) side = 0;
        // A foreign mcast starts the merge as well.
        if (!idle) {
            ASSERT_TRUE(net.node(4).submit("foreign"));
        }
        ASSERT_TRUE(net.run_until_formed({1, 2, 3, 4, 5}, 20_s));
        EXPECT_EQ(net.node(2).texts()[0], "one side");
        EXPECT_EQ(net.node(4).texts()[0], "other side");
        EXPECT_EQ(net.node(1).last_regular().changed, (std::vector<NodeId>{4, 5}));
        EXPECT_EQ(net.node(4).last_regular().changed, (std::vector<NodeId>{1, 2, 3}));
        const std::uint64_t detects = net.node(1).core.counters().merge_detects_received + net.node(4).core.counters().merge_detects_received;
        if (idle) {
            EXPECT_GT(detects, 0u);
        }
    }
}

TEST(Gather, ARestartedNodeIsBothLeftAndJoined) {
    Net net({.nodes = {1, 2, 3}});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2, 3}));
    const RingId before = net.node(1).core.ring();
    net.add(1, net.node(1).stored_sequence);  // crashed and back at once, the lowest of them
    net.start(1);
    ASSERT_TRUE(net.run_until([&] { return net.formed({1, 2, 3}) && net.node(2).core.ring() != before; }, 30_s));
    EXPECT_GT(net.node(2).core.ring().seq, before.seq);
    EXPECT_TRUE(std::count(net.node(2).last_regular().changed.begin(), net.node(2).last_regular().changed.end(), 1u));
}

TEST(Gather, ANodeThatCannotReceiveAccusesItselfAndMergesBack) {
    Net net({.nodes = {1, 2, 3}, .tune = [](Config& config) { config.fail_recv_const = 200; }});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2, 3}));
    bool deaf = true;
    net.drop = [&](NodeId, NodeId to, ByteView frame) { return deaf && to == 3 && type_of(frame) == wire::FrameType::mcast; };
    // Constant traffic keeps the ring from idling.
    int sent = 0;
    ASSERT_TRUE(net.run_until([&] {
        if (net.node(1).core.backlog_critical() == false && sent < 5000) net.node(1).submit(numbered(1, sent++, 1000));
        return net.node(3).core.counters().fail_to_receive > 0;
    }));
    ASSERT_TRUE(net.run_until([&] { return net.node(3).core.members().size() == 1; }));
    ASSERT_TRUE(net.run_until_formed({1, 2}));
    EXPECT_EQ(net.node(1).core.counters().fail_to_receive, 0u);
    deaf = false;
    ASSERT_TRUE(net.run_until_formed({1, 2, 3}));
}

TEST(Gather, WithoutAStoredSequenceNoRingIsEntered) {
    Net net({.nodes = {1, 2}});
    net.node(2).store_failures_left = 1000;
    net.start_all();
    net.run_for(10_s);
    EXPECT_EQ(net.node(2).core.counters().commit_entered, 0u);
    EXPECT_EQ(net.node(2).core.state(), State::gather);
    EXPECT_LT(net.node(2).store_failures_left, 1000u);
    EXPECT_GT(net.node(2).store_failures_left, 700u);  // asked again, but not with every frame
    net.node(2).store_failures_left = 0;
    ASSERT_TRUE(net.run_until_formed({1, 2}, 20_s));
}

// Two nodes in GATHER, and one of them hears a stranger whose list of failed nodes means nothing to it: it must not
// answer at once each time, or the two would answer each other for ever.
TEST(Gather, AStrangersFailedListIsNotAnsweredAtOnceForEver) {
    Net net({.nodes = {1, 2, 3}});
    for (const NodeId id : {1u, 2u}) {
        net.node(id).core.start(net.now, net.node(id));
        net.node(id).own.clear();
    }
    net.run_for(1_ms);
    const auto joins = [&] { return net.node(1).core.counters().joins_sent; };
    wire::Join join;
    join.header.nodeid = join.system_from = 2;
    for (const NodeId id : {1u, 2u}) join.proc_list.push(id);
    join.failed_list.push(3);
    Bytes frame;
    wire::encode_join(join, frame);
    const std::uint64_t before = joins();
    for (int i = 0; i < 100; ++i) {
        net.node(1).core.on_frame(frame, net.now, net.node(1));
        net.node(1).own.clear();
    }
    EXPECT_LE(joins(), before + 1);
}

TEST(Gather, AnOperationalNodeHearsStrangersOnlyAfterTheTokenHasComeRound) {
    Net net({.nodes = {1, 2, 3}});
    net.start(1);
    net.start(2);
    wire::Mcast mcast;
    mcast.header.nodeid = mcast.system_from = 3;
    mcast.ring = {3, 4};
    Bytes stranger;
    wire::encode_mcast(mcast, stranger);
    const std::vector<NodeId> both = {1, 2};
    ASSERT_TRUE(net.run_until([&] { return net.node(2).core.members().size() == 2; }, 20_s));
    ASSERT_EQ(net.node(2).core.state(), State::operational);
    net.inject(2, stranger);
    EXPECT_EQ(net.node(2).core.state(), State::operational);
    ASSERT_TRUE(net.run_until_formed(both, 1_s));
    net.run_for(1_ms);
    net.inject(2, stranger);
    EXPECT_EQ(net.node(2).core.state(), State::gather);
}

TEST(Gather, AStrayNodeThatIsNotConfiguredDisturbsNobody) {
    Net net({.nodes = {1, 2}});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2}));
    const RingId ring = net.node(1).core.ring();
    wire::Join join;
    join.header.nodeid = join.system_from = 99;
    join.proc_list.push(99);
    Bytes frame;
    wire::encode_join(join, frame);
    wire::Mcast mcast;
    mcast.header.nodeid = mcast.system_from = 99;
    mcast.ring = {99, 4};
    Bytes stray;
    wire::encode_mcast(mcast, stray);
    net.inject(1, frame);
    net.inject(1, stray);
    net.run_for(1_s);
    EXPECT_EQ(net.node(1).core.ring(), ring);
    EXPECT_EQ(net.node(1).core.counters().dropped_unlisted, 2u);
}

TEST(Gather, ALateFrameOfAnEarlierRingFromAMemberDoesNotBreakTheRing) {
    Net net({.nodes = {1, 2, 3}});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2, 3}));
    ASSERT_TRUE(net.node(2).submit("old"));
    ASSERT_TRUE(net.run_until_delivered(1));
    Bytes late;
    for (const Bytes& frame : net.node(2).frames_sent) {
        if (type_of(frame) == wire::FrameType::mcast) late = frame;
    }
    net.kill(3);
    ASSERT_TRUE(net.run_until_formed({1, 2}));
    const RingId ring = net.node(1).core.ring();
    net.inject(1, late);
    net.run_for(1_s);
    EXPECT_EQ(net.node(1).core.ring(), ring);
    EXPECT_EQ(net.node(1).texts(), std::vector<std::string>{"old"});
}

TEST(Gather, JoinsThatWaitedThroughAPauseOfTheProcessAreDropped) {
    Net net({.nodes = {1, 2}});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2}));
    wire::Join join;
    join.header.nodeid = join.system_from = 2;
    join.proc_list.push(2);
    join.ring_seq = net.node(1).core.ring().seq;
    Bytes frame;
    wire::encode_join(join, frame);
    Node& paused = net.node(1);
    const std::uint64_t before = paused.core.counters().gather_entered;
    const Instant later = net.now + 2_s;  // more than half a token time without a call
    paused.core.on_frame(frame, later, paused);
    paused.core.on_frame(frame, later + 1_ms, paused);
    EXPECT_EQ(paused.core.counters().gather_entered, before);
    EXPECT_EQ(paused.core.counters().dropped_state, 2u);
    paused.core.on_frame(frame, later + 60_ms, paused);
    EXPECT_EQ(paused.core.counters().gather_entered, before + 1);
}

TEST(Gather, ARandomDelayPrecedesEachJoinWhenConfigured) {
    Net net({.nodes = {1, 2}, .tune = [](Config& config) { config.send_join = 40_ms; }});
    net.start_all();
    EXPECT_TRUE(net.node(1).frames_sent.empty());
    ASSERT_TRUE(net.run_until_formed({1, 2}, 20_s));
}

TEST(Gather, StartInAnOperationalRingFormsANewRingOfTheSameMembers) {
    Net net({.nodes = {1, 2, 3}});
    net.start_all();
    ASSERT_TRUE(net.run_until_formed({1, 2, 3}));
    const RingId ring = net.node(1).core.ring();
    net.start(2);
    ASSERT_TRUE(net.run_until([&] { return net.formed({1, 2, 3}) && net.node(1).core.ring() != ring; }, 1_s));
    EXPECT_TRUE(net.node(1).last_regular().changed.empty());
    EXPECT_EQ(net.node(3).configurations.end()[-2].members, (std::vector<NodeId>{1, 2, 3}));
}

TEST(Gather, LossOfEveryKindOfFrameDuringFormationIsOvercome) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        Net net({.nodes = {1, 2, 3, 4}, .seed = seed});
        net.drop = [&](NodeId, NodeId, ByteView) { return net.now.ns < 20'000'000'000 && net.draw() < 0.1; };
        net.start_all();
        ASSERT_TRUE(net.run_until_formed({1, 2, 3, 4}, 120_s)) << "seed " << seed;
    }
}

TEST(Gather, ACommitTokenThatIsNotOursToTakeIsIgnored) {
    Net net({.nodes = {1, 2, 3}});
    net.node(2).core.start(net.now, net.node(2));
    net.node(2).own.clear();
    wire::CommitToken token;
    token.header.nodeid = 1;
    token.ring = {1, 100};
    for (const NodeId id : {1u, 2u}) {
        wire::CommitMember member;
        member.nodeid = id;
        token.members.push(member);
    }
    const auto hand_in = [&](std::uint32_t index) {
        token.memb_index = index;
        Bytes frame;
        wire::encode_commit_token(token, frame);
        net.inject(2, frame);
        return net.node(2).core.state();
    };
    EXPECT_EQ(hand_in(1), State::gather);  // proposes node 1, of whom node 2 knows nothing
    wire::Join join;
    join.header.nodeid = join.system_from = 1;
    join.proc_list.push(1);
    join.proc_list.push(2);
    Bytes frame;
    wire::encode_join(join, frame);
    net.inject(2, frame);
    EXPECT_EQ(hand_in(0), State::gather);  // node 1's turn
    EXPECT_EQ(hand_in(2), State::gather);  // complete, but this node is not in it
    EXPECT_EQ(hand_in(1), State::commit);
}

}  // namespace
}  // namespace motet::totem::test
