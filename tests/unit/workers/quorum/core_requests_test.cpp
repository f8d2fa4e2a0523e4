// What clients may ask, what they are answered and in which order they hear what happened.
#include "tests/unit/workers/quorum/core_fixture.h"

namespace motet::quorum::test {
namespace {

constexpr ConnId kClient = 4;

TEST(Requests, AreToldToWaitUntilTheFirstRingIsSynchronised) {
    Cluster c(3);
    EXPECT_EQ(c.node(1).open(kClient, client::Interface::quorum), kTryAgain);
    EXPECT_EQ(c.node(1).ask(kClient, Request::open, record(client::OpenRequest{client::Interface::votequorum, 0})), kTryAgain);
    c.ring({1, 2, 3});
    EXPECT_EQ(c.node(1).ask(kClient, Request::open, record(client::OpenRequest{client::Interface::quorum, 1})), kOk);
    EXPECT_EQ(Reader(c.node(1).answer(kClient)).u32(), 1u);
    EXPECT_EQ(c.node(1).ask(kClient, Request::get_quorate), kOk);
    EXPECT_EQ(Reader(c.node(1).answer(kClient)).u32(), 1u);
}

TEST(Requests, CurrentStateIsQueuedBeforeTheAnswerAndInOrder) {
    Cluster c(3);
    c.ring({1, 2, 3});
    ASSERT_EQ(c.node(2).open(kClient, client::Interface::quorum, 1), kOk);
    EXPECT_EQ(c.node(2).track(kClient, 1), kOk);
    const Lines both = {"nodelist 1.4 [1 2 3] joined [] left []", "quorum 1 1.4 [1 2 3]"};
    EXPECT_EQ(c.node(2).notes.events[kClient], both);
    c.ring({1, 2, 3});
    EXPECT_EQ(c.node(2).notes.events[kClient].size(), 2u) << "current is no subscription";
    ASSERT_EQ(c.node(2).open(5, client::Interface::quorum, 0), kOk);
    EXPECT_EQ(c.node(2).track(5, 2), kOk);
    EXPECT_EQ(c.node(2).notes.events[5], (Lines{"quorum 1 1.8 [1 2 3]"})) << "model 0 knows no node lists";
    EXPECT_EQ(c.node(2).track(5, 2), kExist);
    EXPECT_EQ(c.node(2).notes.events[5].size(), 2u) << "queued all the same";
    EXPECT_EQ(c.node(2).track(5, 1), kExist);
    EXPECT_EQ(c.node(2).notes.events[5].size(), 3u);
    EXPECT_EQ(c.node(2).track(5, 0), kOk);
    EXPECT_EQ(c.node(2).track(5, 64), kOk);
    EXPECT_EQ(c.node(2).ask(5, Request::track_stop), kOk);
    EXPECT_EQ(c.node(2).ask(5, Request::track_stop), kOk);
}

TEST(Requests, VotequorumHearsNodesThenTheDecisionWithItsContext) {
    Cluster c(3);
    c.ring({1, 2, 3});
    ASSERT_EQ(c.node(1).open(kClient, client::Interface::votequorum), kOk);
    EXPECT_EQ(c.node(1).ask(kClient, Request::track_stop), kNotExist);
    EXPECT_EQ(c.node(1).track(kClient, 2, 0x1234567890), kOk);
    EXPECT_EQ(c.node(1).notes.events[kClient], (Lines{"vnodelist 1.4 [1 2 3]", "vquorum 1 [2 1 3 1 1 1]"}));
    c.ring({1, 2});
    EXPECT_EQ(c.node(1).notes.events[kClient].back(), "vquorum 1 [2 1 3 2 1 1]");
    EXPECT_EQ(c.node(1).track(kClient, 4), kExist);
    EXPECT_EQ(c.node(1).ask(kClient, Request::track_stop), kOk);
}

TEST(Requests, ExpectedVotesBelowThePresentOrBeyondQuorumAreRefused) {
    Cluster c(3);
    c.ring({1, 2, 3});
    ASSERT_EQ(c.node(1).open(kClient, client::Interface::votequorum), kOk);
    for (const std::uint32_t wrong : {0u, 1u, 2u, 6u, 7u, 0xFFFFFFFFu})
        EXPECT_EQ(c.node(1).ask(kClient, Request::set_expected, record(wrong)), kInvalidParam) << wrong;
    for (const std::uint32_t right : {3u, 4u, 5u})
        EXPECT_EQ(c.node(1).ask(kClient, Request::set_expected, record(right)), kOk) << right;
    c.deliver({1, 2, 3});
    EXPECT_EQ(c.node(2).core.votes().expected_votes(), 5u);
    EXPECT_EQ(c.node(2).core.votes().quorum(), 3u);
}

TEST(Requests, VotesOfANodeChangeEverywhereAndExpectedVotesOnlyGrow) {
    Cluster c(3);
    c.ring({1, 2, 3});
    ASSERT_EQ(c.node(1).open(kClient, client::Interface::votequorum), kOk);
    const auto set = [&](NodeId node, std::uint32_t votes) {
        const std::uint32_t code = c.node(1).ask(kClient, Request::set_votes, record(std::array<std::uint32_t, 2>{node, votes}));
        c.deliver({1, 2, 3});
        return code;
    };
    EXPECT_EQ(set(9, 1), kNameNotFound);
    EXPECT_EQ(set(0, 2), kOk);
    EXPECT_EQ(c.node(3).core.votes().expected_votes(), 4u);
    EXPECT_EQ(set(1, 1), kOk);
    EXPECT_EQ(c.node(3).core.votes().expected_votes(), 4u);
    EXPECT_EQ(c.node(3).core.votes().total_votes(), 3u);
}

TEST(Requests, InfoOfANodeNeverSeenIsRefused) {
    Cluster c(3);
    c.ring({1, 2});
    ASSERT_EQ(c.node(1).open(kClient, client::Interface::votequorum), kOk);
    EXPECT_EQ(c.node(1).ask(kClient, Request::info, record(std::uint32_t{3})), kNotExist);
    EXPECT_EQ(c.node(1).ask(kClient, Request::info, record(std::uint32_t{0})), kOk);
    client::InfoReply info;
    ASSERT_EQ(c.node(1).answer(kClient).size(), sizeof info);
    std::memcpy(&info, c.node(1).answer(kClient).data(), sizeof info);
    EXPECT_EQ(info.node_id, 1u);
    EXPECT_EQ(info.total_votes, 2u);
    EXPECT_EQ(info.quorum, 2u);
    EXPECT_EQ(info.flags, client::kInfoQuorate);
}

TEST(Requests, ReloadedVotesAndExpectedVotesGoRound) {
    Cluster c(2);
    c.ring({1, 2});
    Settings s = c.settings(1);
    s.votes = 3;
    s.expected_votes = 4;
    c.node(1).core.on_settings(s, c.node(1).notes);
    c.deliver({1, 2});
    EXPECT_EQ(c.node(2).core.votes().total_votes(), 4u);
    EXPECT_EQ(c.node(2).core.votes().quorum(), 3u);
}

}  // namespace
}  // namespace motet::quorum::test
