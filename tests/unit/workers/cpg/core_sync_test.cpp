// Ring changes: who is told what, in which order, and that nobody is forgotten or invented.
#include "tests/unit/workers/cpg/core_fixture.h"

namespace motet::cpg::test {
namespace {

using CpgSync = CpgCore;

TEST_F(CpgSync, APartitionTakesAllProcessesOfTheLostNodesAtOnce) {
    ring(4, {1, 2, 3}, {1});
    member(1, "alpha", 10);
    from(3, procjoin("alpha", 31));
    from(2, procjoin("alpha", 20));
    from(3, procjoin("alpha", 30));
    connect(2);
    events(1);
    ring(8, {1, 2}, {1, 2}, {{2, joinlist({{20, "alpha"}})}});
    EXPECT_EQ(events(1), (Lines{"alpha [1/10 2/20] left 3/30:3 3/31:3", "ring 1.8 of 1 2"}));
    EXPECT_EQ(events(2), (Lines{"ring 1.8 of 1 2"})) << "also without a group";
}

TEST_F(CpgSync, AMergeAddsAllProcessesAtOnceInOneOrderEverywhere) {
    ring(4, {1}, {1});
    member(1, "alpha", 10);
    events(1);
    ring(8, {1, 2, 3}, {1}, {{3, joinlist({{30, "alpha"}, {31, "beta"}, {29, "alpha"}})}, {2, joinlist({{40, "alpha"}})}});
    EXPECT_EQ(events(1), (Lines{"alpha [1/10 2/40 3/29 3/30] joined 2/40:4 3/29:4 3/30:4", "ring 1.8 of 1 2 3"}));
    EXPECT_EQ(membership(1, "beta"), Lines{"3/31"});
}

// C4: departures by node loss, arrivals, processes found dead, ring.
TEST_F(CpgSync, TheBlockOfARingChangeHasItsOrder) {
    ring(4, {1, 2, 3}, {1});
    member(1, "alpha", 10);
    from(2, procjoin("alpha", 20));
    from(2, procjoin("alpha", 21));
    from(2, procjoin("alpha", 22));
    from(3, procjoin("alpha", 30));
    events(1);
    ring(8, {1, 2, 4}, {1, 2}, {{2, joinlist({{20, "alpha"}})}, {4, joinlist({{40, "alpha"}})}});
    EXPECT_EQ(events(1), (Lines{"alpha [1/10 2/20 2/21 2/22] left 3/30:3", "alpha [1/10 2/20 2/21 2/22 4/40] joined 4/40:4",
                                "alpha [1/10 2/20 4/40] left 2/21:5 2/22:5", "ring 1.8 of 1 2 4"}));
}

TEST_F(CpgSync, AMemberThatDidNotComeAlongGoesDownAndUp) {
    ring(4, {1, 2}, {1});
    member(1, "alpha", 10);
    from(2, procjoin("alpha", 20));
    from(2, procjoin("alpha", 21));
    events(1);
    ring(8, {1, 2}, {1}, {{2, joinlist({{20, "alpha"}})}});
    EXPECT_EQ(events(1), (Lines{"alpha [1/10] left 2/20:3 2/21:3", "alpha [1/10 2/20] joined 2/20:4", "ring 1.8 of 1 2"}));
}

// Our own processes never leave us, whatever is said about who came along.
TEST_F(CpgSync, OwnProcessesStayInView) {
    ring(4, {1, 2}, {1, 2});
    member(1, "alpha", 10);
    events(1);
    ring(8, {1}, {});
    EXPECT_EQ(events(1), Lines{"ring 1.8 of 1"});
    EXPECT_EQ(membership(1, "alpha"), Lines{"1/10"});
}

TEST_F(CpgSync, ASupersededRingIsNeverShown) {
    ring(4, {1, 2}, {1});
    member(1, "alpha", 10);
    from(2, procjoin("alpha", 20));
    events(1);
    core.on_sync_started(out);
    begin(8, {1, 3}, {1});
    from(3, joinlist({{30, "alpha"}}));
    core.on_abort(round, out);
    ring(12, {1, 2}, {1}, {{2, joinlist({{20, "alpha"}})}});
    EXPECT_EQ(events(1), (Lines{"alpha [1/10] left 2/20:3", "alpha [1/10 2/20] joined 2/20:4", "ring 1.12 of 1 2"}));
}

TEST_F(CpgSync, JoinListsCountOnlyInTheStepOfThisRoundAndFromMembers) {
    ring(4, {1}, {1});
    connect(1);
    from(2, joinlist({{1, "alpha"}}));  // no synchronisation at all
    core.on_init(++round, {1, 8}, Nodes{1, 2}, Nodes{1}, out);
    from(2, joinlist({{2, "alpha"}}));  // left over from an aborted round, sent before our step
    core.on_process(round, out);
    from(3, joinlist({{3, "alpha"}}));  // not a member
    from(2, joinlist({{4, "alpha"}}));
    from(2, joinlist({{4, "alpha"}}));
    core.on_activate(round, out);
    from(2, joinlist({{5, "alpha"}}));  // too late
    EXPECT_EQ(membership(1, "alpha"), Lines{"2/4"});
    EXPECT_EQ(core.dropped(), 4u);
}

TEST_F(CpgSync, AnAbortedRoundsJoinListsAreForgotten) {
    ring(4, {1}, {1});
    connect(1);
    begin(8, {1, 2}, {1});
    from(2, joinlist({{20, "alpha"}}));
    begin(12, {1, 2}, {1});  // no abort was heard of
    core.on_activate(round, out);
    EXPECT_EQ(membership(1, "alpha"), Lines{});
}

TEST_F(CpgSync, RecordsOfOtherRoundsAreIgnored) {
    ring(4, {1}, {1});
    connect(1);
    begin(8, {1, 2}, {1});
    const std::size_t sync_before = out.sync.size(), done_before = out.done.size();
    core.on_process(round - 1, out);
    core.on_abort(round - 1, out);
    core.on_activate(round - 1, out);
    EXPECT_EQ(out.sync.size(), sync_before);
    EXPECT_EQ(out.done.size(), done_before);
    EXPECT_EQ(events(1), Lines{});
    core.on_activate(round, out);
    EXPECT_EQ(events(1), Lines{"ring 1.8 of 1 2"});
}

// V5, V11: a process that dies during the synchronisation is gone for good, whichever of its death and its node's
// join list is ordered first.
TEST_F(CpgSync, ADeathDuringTheSynchronisationBeatsTheJoinList) {
    ring(4, {1}, {1});
    member(1, "alpha", 10);
    events(1);
    begin(8, {1, 2}, {1});
    from(2, procleave("alpha", 21, 5));  // sent first
    from(2, joinlist({{20, "alpha"}, {21, "alpha"}, {22, "alpha"}}));
    from(2, procleave("alpha", 22, 5));  // sent last
    core.on_activate(round, out);
    EXPECT_EQ(events(1), (Lines{"alpha [1/10 2/20] joined 2/20:4", "ring 1.8 of 1 2"}));
}

// V9: neither lost nor applied twice.
TEST_F(CpgSync, AJoinDuringTheSynchronisationSurvivesAJoinListWithoutIt) {
    ring(4, {1, 2}, {1});
    member(1, "alpha", 10);
    events(1);
    begin(8, {1, 2}, {1, 2});
    from(2, joinlist({{30, "alpha"}}));
    from(2, procjoin("alpha", 20));
    from(2, procjoin("alpha", 30));
    core.on_activate(round, out);
    EXPECT_EQ(events(1),
              (Lines{"alpha [1/10 2/20] joined 2/20:1", "alpha [1/10 2/20 2/30] joined 2/30:1", "ring 1.8 of 1 2"}));
}

TEST_F(CpgSync, OurJoinListHasTheProcessesInViewAndTheirLastWordsStayValid) {
    ring(4, {1}, {1});
    member(1, "beta", 12);
    member(2, "alpha", 11);
    member(3, "alpha", 12);
    core.on_disconnect(2, out);  // its leave is not delivered yet
    connect(4);
    join(4, "alpha", 5);  // nor is this join
    out.sync.clear();
    begin(8, {1, 2}, {1});
    ASSERT_EQ(out.sync.size(), 2u);
    EXPECT_EQ(out.sync[0].first, round);
    const auto downlist = wire::cpg::decode_downlist(out.sync[0].second, false);
    ASSERT_TRUE(downlist);
    EXPECT_EQ(downlist->old_members, 1u);
    EXPECT_EQ(out.sync[1].second, joinlist({{11, "alpha"}, {12, "alpha"}, {12, "beta"}}));
}

TEST_F(CpgSync, WithoutProcessesThereIsADownlistOnly) {
    ring(4, {1, 2, 3}, {1});
    out.sync.clear();
    begin(8, {1, 4}, {1});
    ASSERT_EQ(out.sync.size(), 1u);
    const auto downlist = wire::cpg::decode_downlist(out.sync[0].second, false);
    ASSERT_TRUE(downlist);
    EXPECT_EQ(downlist->old_members, 3u);
    EXPECT_EQ(Nodes(downlist->left.begin(), downlist->left.end()), (Nodes{2, 3}));
}

// V7: the process, not its node, must be in view.
TEST_F(CpgSync, OnlyProcessesInViewAreHeard) {
    ring(4, {1, 2}, {1});
    member(1, "alpha", 10);
    from(2, procjoin("alpha", 20));
    from(2, procjoin("beta", 21));
    events(1);
    from(2, mcast("alpha", 20, "yes"));
    from(2, mcast("alpha", 21, "not of this group"));
    from(3, mcast("alpha", 20, "not of this node"));
    from(2, mcast("gamma", 20, "no such group"));
    from(2, procleave("alpha", 20, 2));
    from(2, mcast("alpha", 20, "gone"));
    EXPECT_EQ(events(1), (Lines{"alpha from 2/20: yes", "alpha [1/10] left 2/20:2"}));
    EXPECT_EQ(core.dropped(), 4u);
}

// V2: nobody leaves who was not there, and nobody comes twice.
TEST_F(CpgSync, UnknownLeavesAndRepeatedJoinsAreNotShown) {
    ring(4, {1, 2}, {1});
    member(1, "alpha", 10);
    from(2, procjoin("alpha", 20));
    events(1);
    from(2, procjoin("alpha", 20));
    from(2, procleave("alpha", 21, 5));
    from(2, procleave("beta", 20, 5));
    EXPECT_EQ(events(1), Lines{});
}

// A worker that was restarted finds a join of its predecessor in the stream: its process has no connection any more.
TEST_F(CpgSync, AJoinThatNobodyAskedForIsTakenBack) {
    ring(4, {1}, {1});
    member(1, "alpha", 10);
    events(1);
    from_predecessor(procjoin("alpha", 99));
    EXPECT_EQ(out.submitted.back().bytes, procleave("alpha", 99, 5));
    connect(2);
    EXPECT_EQ(join(2, "alpha", 99), kTryAgain);
    deliver_own();
    EXPECT_EQ(events(1), (Lines{"alpha [1/10 1/99] joined 1/99:1", "alpha [1/10] left 1/99:5"}));
    EXPECT_EQ(join(2, "alpha", 99), kOk);
}

// The same, but the client is back under its pid before the predecessor's join is delivered. Others hear of that one, the client
// only of its own.
TEST_F(CpgSync, AClientThatIsBackEarlyHearsOfItsOwnJoinOnly) {
    ring(4, {1}, {1});
    connect(1);
    member(2, "alpha", 20);
    events(2);
    EXPECT_EQ(join(1, "alpha", 10), kOk);
    from_predecessor(procjoin("alpha", 10));
    EXPECT_EQ(events(1), Lines{});
    EXPECT_EQ(events(2), (Lines{"alpha [1/10 1/20] joined 1/10:1"}));
    deliver_own();
    say(1, "here");
    deliver_own();
    EXPECT_EQ(events(1), (Lines{"alpha [1/10 1/20] joined 1/10:1", "alpha from 1/10: here"}));
    EXPECT_EQ(events(2), (Lines{"alpha from 1/10: here"}));
    EXPECT_EQ(leave(1, "alpha"), kOk);
    deliver_own();
    EXPECT_EQ(events(1), (Lines{"alpha [1/20] left 1/10:2"}));
    EXPECT_EQ(events(2), (Lines{"alpha [1/20] left 1/10:2"}));
    EXPECT_TRUE(out.closed.empty());
}

// Left over from a predecessor and ordered before the join that is under way: a leave, or a join and a leave.
TEST_F(CpgSync, ALeaveOfAPredecessorDoesNotUndoAJoinUnderWay) {
    ring(4, {1}, {1});
    connect(1);
    EXPECT_EQ(join(1, "alpha", 10), kOk);
    from_predecessor(procleave("alpha", 10, 5));
    deliver_own();
    EXPECT_EQ(events(1), (Lines{"alpha [1/10] joined 1/10:1"}));
    EXPECT_EQ(out.submitted.size(), 1u);

    connect(2);
    EXPECT_EQ(join(2, "beta", 20), kOk);
    from_predecessor(procjoin("beta", 20));
    from_predecessor(procleave("beta", 20, 5));
    say(2, "here");
    deliver_own();
    EXPECT_EQ(events(2), (Lines{"beta [1/20] joined 1/20:1", "beta from 1/20: here"}));
    EXPECT_EQ(leave(2, "beta"), kOk);
    deliver_own();
    EXPECT_EQ(events(2), (Lines{"beta [] left 1/20:2"}));
}

// A client that is gone again before its own join comes: the leave behind that ends both.
TEST_F(CpgSync, ALeaveOfAPredecessorIsNotTheOneThatIsWaitedFor) {
    ring(4, {1}, {1});
    connect(1);
    EXPECT_EQ(join(1, "alpha", 10), kOk);
    core.on_disconnect(1, out);
    from_predecessor(procleave("alpha", 10, 5));
    connect(2);
    EXPECT_EQ(join(2, "alpha", 10), kTryAgain);
    deliver_own();
    EXPECT_EQ(join(2, "alpha", 10), kOk);
    deliver_own();
    EXPECT_EQ(events(2), (Lines{"alpha [1/10] joined 1/10:1"}));
}

// A core that knows nothing joins a ring that does: it learns everything from the join lists.
TEST_F(CpgSync, AFreshCoreLearnsTheViewsFromJoinLists) {
    ring(40, {1, 2, 3}, {1}, {{2, joinlist({{20, "alpha"}})}, {3, joinlist({{30, "alpha"}})}});
    member(1, "alpha", 10);
    EXPECT_EQ(events(1), Lines{"alpha [1/10 2/20 3/30] joined 1/10:1"});
}

TEST_F(CpgSync, TheRingIsShownOnlyToThoseWhoWantIt) {
    ring(4, {2, 1}, {1});
    connect(1, true, true);
    connect(2, true, false);
    join(2, "alpha", 20);
    deliver_own();
    EXPECT_EQ(events(2), Lines{"alpha [1/20] joined 1/20:1"});
    core.on_sync_started(out);
    begin(8, {3, 1}, {1});
    core.on_activate(round, out);
    EXPECT_EQ(events(1), Lines{"ring 3.8 of 1 3"}) << "members ascending";
    EXPECT_EQ(events(2), Lines{});
}

}  // namespace
}  // namespace motet::cpg::test
