// The decision, feature by feature, on clusters whose messages arrive at once.
#include "tests/unit/workers/quorum/core_fixture.h"

namespace motet::quorum::test {
namespace {

TEST(Votes, AMajorityOfTheExpectedVotesIsQuorate) {
    Cluster c(5);
    c.ring({1, 2});
    EXPECT_FALSE(c.quorate(1));
    c.ring({1, 2, 3});
    EXPECT_TRUE(c.quorate(1) && c.quorate(2) && c.quorate(3));
    c.ring({4, 5});
    EXPECT_FALSE(c.quorate(4) || c.quorate(5));
    c.ring({1, 2});
    EXPECT_FALSE(c.quorate(1));
}

TEST(Votes, UnequalVotesAreAddedUp) {
    Cluster c(3);
    for (NodeId id = 1; id <= 3; ++id) c.settings(id).expected_votes = 5;
    c.settings(1).votes = 3;
    for (NodeId id = 1; id <= 3; ++id) c.start(id);
    c.ring({1, 2, 3});
    c.ring({2, 3});
    EXPECT_FALSE(c.quorate(2));
    c.ring({1});
    EXPECT_TRUE(c.quorate(1));
}

TEST(Votes, MoreVotesThanExpectedRaiseWhatIsExpected) {
    Settings s;
    s.expected_votes = 2;
    Cluster c(4, s);
    c.ring({1, 2, 3, 4});
    EXPECT_EQ(c.node(1).core.votes().expected_votes(), 4u);
    EXPECT_EQ(c.node(1).core.votes().quorum(), 3u);
}

TEST(Votes, TheNeededVotesAreNotCutToEightBits) {
    Settings s;
    s.expected_votes = 602;
    Cluster c(2, s);
    c.settings(1).votes = 46;
    c.start(1);
    c.ring({1, 2});
    EXPECT_EQ(c.node(1).core.votes().quorum(), 302u);
    EXPECT_FALSE(c.quorate(1)) << "Corosync 3.1 needs 302 mod 256 = 46 votes";
}

TEST(Votes, WaitForAllWaitsAfterEveryStart) {
    Settings s;
    s.wait_for_all = true;
    Cluster c(3, s);
    c.ring({1, 2});
    EXPECT_FALSE(c.quorate(1));
    c.ring({1, 2, 3});
    EXPECT_TRUE(c.quorate(1));
    c.ring({1, 2});
    EXPECT_TRUE(c.quorate(1)) << "all were seen once";
    c.ring({1});
    c.ring({2});
    c.ring({1, 2});
    EXPECT_FALSE(c.quorate(1)) << "the loss of quorum starts the wait again";
    c.node(1).core.on_connect(9);
    ASSERT_EQ(c.node(1).open(9, client::Interface::votequorum), kOk);
    EXPECT_EQ(c.node(1).ask(9, Request::cancel_wait_for_all), kOk);
    c.deliver({1, 2});
    EXPECT_TRUE(c.quorate(1) && c.quorate(2));
}

TEST(Votes, WaitForAllEndsWhereAQuorateNodeIsMet) {
    Settings s;
    s.wait_for_all = true;
    Cluster c(5, s);
    c.ring({1, 2, 3, 4, 5});
    c.ring({1, 2, 3});
    c.start(4);
    c.ring({4});
    EXPECT_FALSE(c.quorate(4));
    c.ring({1, 2, 3, 4});
    EXPECT_TRUE(c.quorate(4));
    EXPECT_FALSE(c.node(4).core.votes().waiting_for_all());
}

TEST(Votes, OneOfTwoNodesGoesOnAloneButNotAfterItsOwnStart) {
    Settings s;
    s.two_node = s.wait_for_all = true;
    Cluster c(2, s);
    c.ring({1});
    EXPECT_FALSE(c.quorate(1));
    c.ring({1, 2});
    c.ring({1});
    EXPECT_TRUE(c.quorate(1));
    c.start(2);
    c.ring({2});
    EXPECT_FALSE(c.quorate(2));
    c.ring({1, 2});
    EXPECT_TRUE(c.quorate(2));
}

TEST(Votes, TheHalfWithTheLowestNodeRemainsQuorate) {
    Settings s;
    s.auto_tie_breaker = true;
    Cluster c(4, s);
    c.ring({1, 2, 3, 4});
    c.ring({1, 2});
    c.ring({3, 4});
    EXPECT_TRUE(c.quorate(1) && c.quorate(2));
    EXPECT_FALSE(c.quorate(3) || c.quorate(4));
}

TEST(Votes, TheHalfWithTheHighestOrTheListedNodeRemainsQuorate) {
    Settings s;
    s.auto_tie_breaker = true;
    s.tie_breaker = TieBreaker::highest;
    Cluster highest(4, s);
    highest.ring({1, 2, 3, 4});
    highest.ring({1, 2});
    highest.ring({3, 4});
    EXPECT_TRUE(!highest.quorate(1) && highest.quorate(3));
    s.tie_breaker = TieBreaker::list;
    s.tie_breaker_nodes = {9, 2, 3};
    Cluster list(4, s);
    list.ring({1, 2, 3, 4});
    list.ring({1, 2});
    list.ring({3, 4});
    EXPECT_TRUE(list.quorate(1) && !list.quorate(3));
}

TEST(Votes, AListedNodeThatWasGoneBeforeTheSplitLetsTheNextOneDecide) {
    Settings s;
    s.auto_tie_breaker = true;
    s.tie_breaker = TieBreaker::list;
    s.tie_breaker_nodes = {1, 3};
    Cluster c(4, s);
    c.ring({1, 2, 3, 4});
    c.ring({2, 3, 4});
    c.ring({3, 4});
    EXPECT_TRUE(c.quorate(3));
    c.ring({2});
    EXPECT_FALSE(c.quorate(2));
}

// Corosync decides for {1, 4} here as well: node 1 still remembers that it was the lowest.
TEST(Votes, AHalfOfStrangersDoesNotWinATie) {
    Settings s;
    s.auto_tie_breaker = true;
    Cluster c(4, s);
    c.ring({1, 2, 3, 4});
    c.ring({1});
    c.ring({2, 3, 4});
    c.ring({2, 3});
    EXPECT_TRUE(c.quorate(2));
    c.ring({4});
    c.ring({1, 4});
    EXPECT_FALSE(c.quorate(1) || c.quorate(4));
}

Settings last_man() {
    Settings s;
    s.last_man_standing = s.wait_for_all = true;
    return s;
}

TEST(Votes, LastManStandingLowersTheExpectedVotesAfterItsWindow) {
    Cluster c(5, last_man());
    c.ring({1, 2, 3, 4, 5});
    c.ring({1, 2, 3});
    c.time({1, 2, 3}, milliseconds(9999));
    EXPECT_EQ(c.node(1).core.votes().expected_votes(), 5u);
    c.time({1, 2, 3}, milliseconds(1));
    EXPECT_EQ(c.node(1).core.votes().expected_votes(), 3u);
    c.ring({1, 2});
    EXPECT_TRUE(c.quorate(1));
    c.time({1, 2}, milliseconds(10000));
    EXPECT_EQ(c.node(1).core.votes().expected_votes(), 2u);
    c.ring({1});
    EXPECT_FALSE(c.quorate(1)) << "from two to one only with the tie breaker";
}

TEST(Votes, LastManStandingGoesDownToOneWithTheTieBreaker) {
    Settings s = last_man();
    s.auto_tie_breaker = true;
    Cluster c(4, s);
    Nodes members = {1, 2, 3, 4};
    c.ring(members);
    for (int left = 3; left >= 1; --left) {
        members.pop_back();
        c.ring(members);
        c.time(members, milliseconds(10000));
        EXPECT_TRUE(c.quorate(1)) << left << " left";
    }
}

// Corosync lets {3, 4, 5} be quorate beside {1, 2}: node 3 brings its reduced expectation along.
TEST(Votes, AMinorityOfAReducedRingMakesNoSecondMajorityWithStrangers) {
    Cluster c(5, last_man());
    c.ring({1, 2, 3, 4, 5});
    c.ring({4, 5});
    c.ring({1, 2, 3});
    c.time({1, 2, 3}, milliseconds(10000));
    c.ring({1, 2});
    EXPECT_TRUE(c.quorate(1));
    c.ring({3, 4, 5});
    EXPECT_FALSE(c.quorate(3) || c.quorate(4) || c.quorate(5));
}

TEST(Votes, LastManStandingEndsWhereANodeHasMoreThanOneVote) {
    Cluster c(5, last_man());
    c.settings(1).votes = 2;
    for (NodeId id = 1; id <= 5; ++id) {
        c.settings(id).expected_votes = 6;
        c.start(id);
    }
    c.ring({1, 2, 3, 4, 5});
    c.ring({1, 2, 3});
    c.time({1, 2, 3}, milliseconds(10000));
    EXPECT_EQ(c.node(2).core.votes().expected_votes(), 6u);
}

TEST(Votes, AnOrderlyLeaveLowersTheExpectedVotesDownToThoseConfigured) {
    Settings s;
    s.allow_downscale = s.expected_votes_tracking = true;
    s.expected_votes = 3;
    Cluster c(5, s);
    c.ring({1, 2, 3, 4, 5});
    EXPECT_EQ(c.node(1).core.votes().quorum(), 3u);
    c.node(5).core.on_leave(c.node(5).notes);
    c.deliver({1, 2, 3, 4, 5});
    c.ring({1, 2, 3, 4});
    c.node(4).core.on_leave(c.node(4).notes);
    c.deliver({1, 2, 3, 4});
    c.ring({1, 2, 3});
    EXPECT_EQ(c.node(1).core.votes().expected_votes(), 3u);
    EXPECT_EQ(c.node(1).core.votes().quorum(), 2u);
    EXPECT_EQ(c.node(1).notes.stored.back(), 5u) << "what is stored never gets less";
}

TEST(Votes, WhatWasStoredIsExpectedAfterAStart) {
    Settings s;
    s.expected_votes_tracking = true;
    s.expected_votes = 3;
    s.stored_expected_votes = 7;
    Cluster c(3, s);
    c.ring({1, 2, 3});
    EXPECT_EQ(c.node(1).core.votes().quorum(), 4u);
    EXPECT_FALSE(c.quorate(1));
}

TEST(Votes, ASynchronisationThatWasGivenUpDecidesNothing) {
    Settings s;
    s.auto_tie_breaker = true;
    Cluster c(4, s);
    c.ring({1, 2, 3, 4});
    c.ring({2, 3, 4});
    c.ring({2, 3});
    c.begin({1, 4});  // and given up
    c.ring({1, 4});
    EXPECT_TRUE(c.quorate(2));
    EXPECT_FALSE(c.quorate(1)) << "its companions are those of its last counted ring, not of the ring given up";
}

TEST(Providers, WithoutOneEveryNodeIsQuorate) {
    Settings s;
    s.self = 1;
    Node n(s);
    EXPECT_TRUE(n.core.quorate());
    n.core.on_complete({1, 4}, true, n.notes);
    ASSERT_EQ(n.open(7, client::Interface::quorum), kOk);
    EXPECT_EQ(Reader(n.answer(7)).u32(), 0u) << "type: free";
    EXPECT_EQ(n.open(8, client::Interface::votequorum), kLibrary);
}

TEST(Providers, MajorityAndAllCountTheNodeList) {
    for (const Provider provider : {Provider::majority, Provider::all}) {
        Settings s;
        s.self = 1;
        s.provider = provider;
        s.listed = 3;
        Node n(s);
        const auto ring = [&](const Nodes& members, std::uint64_t seq) {
            n.core.on_init(kQuorumService, seq, {1, seq}, members, members);
            n.core.on_activate(kQuorumService, seq, n.notes);
            n.core.on_complete({1, seq}, true, n.notes);
            return n.core.quorate();
        };
        EXPECT_FALSE(ring({1}, 4));
        EXPECT_EQ(ring({1, 2}, 8), provider == Provider::majority);
        ASSERT_EQ(n.open(7, client::Interface::quorum), kOk);
        EXPECT_EQ(Reader(n.answer(7)).u32(), 1u) << "type: set";
        ASSERT_EQ(n.track(7, 4), kOk);
        EXPECT_TRUE(ring({1, 2, 3}, 12));
        EXPECT_EQ(n.notes.events[7], (Lines{"nodelist 1.12 [1 2 3] joined [3] left []", "quorum 1 1.12 [1 2 3]"}));
        EXPECT_EQ(n.core.status_json().find("\"provider\":\"majority\"") != std::string::npos, provider == Provider::majority);
    }
}

TEST(Report, SaysWhyAndWhatWouldChangeIt) {
    Cluster c(3);
    c.ring({1, 2, 3});
    EXPECT_NE(c.node(1).core.status_json().find("\"why\":\"3 votes of 3 present, 2 needed\",\"change\":\"the loss of 2 votes\""),
              std::string::npos) << c.node(1).core.status_json();
    c.ring({1});
    EXPECT_NE(c.node(1).core.status_json().find("\"change\":\"1 more vote, that is node 2 or 3 back\""), std::string::npos)
        << c.node(1).core.status_json();
}

TEST(Save, ASuccessorDecidesAndTellsAsTheOneBeforeWouldHave) {
    Settings s;
    s.wait_for_all = true;
    s.auto_tie_breaker = true;
    Cluster c(4, s);
    c.ring({1, 2, 3, 4});
    c.ring({1, 2, 3, 4});
    ASSERT_EQ(c.node(1).open(5, client::Interface::quorum), kOk);
    ASSERT_EQ(c.node(1).track(5, 4), kOk);
    ASSERT_EQ(c.node(1).open(6, client::Interface::votequorum), kOk);
    ASSERT_EQ(c.node(1).track(6, 4, 77), kOk);
    Bytes saved;
    c.node(1).core.save(saved);
    Node heir(c.settings(1));
    ASSERT_TRUE(heir.core.restore(saved));
    Bytes again;
    heir.core.save(again);
    EXPECT_EQ(saved, again);
    EXPECT_EQ(heir.core.status_json(), c.node(1).core.status_json());
    for (Core* core : {&c.node(1).core, &heir.core}) {
        Notebook notes;
        for (const std::uint32_t service : {kQuorumService, kVotequorumService}) {
            core->on_init(service, 99, {1, 99}, Nodes{1, 2}, Nodes{1, 2});
            core->on_process(service, 99, notes);
            core->on_activate(service, 99, notes);
        }
        EXPECT_TRUE(core->quorate());
        EXPECT_EQ(notes.events[5], (Lines{"nodelist 1.99 [1 2] joined [] left [3 4]", "quorum 1 1.99 [1 2]"}));
        EXPECT_EQ(notes.events[6].size(), 2u);
    }
}

TEST(Save, WhatIsCutOrChangedIsRefusedOrHarmless) {
    Cluster c(3);
    c.ring({1, 2, 3});
    c.node(1).open(5, client::Interface::quorum);
    Bytes saved;
    c.node(1).core.save(saved);
    for (std::size_t size = 0; size < saved.size(); ++size) {
        Node heir(c.settings(1));
        EXPECT_FALSE(heir.core.restore(ByteView(saved).first(size))) << size;
    }
    for (std::size_t at = 0; at < saved.size(); ++at) {
        Bytes bad = saved;
        bad[at] ^= 0xff;
        Node heir(c.settings(1));
        if (heir.core.restore(bad)) heir.core.status_json();
    }
}

}  // namespace
}  // namespace motet::quorum::test
