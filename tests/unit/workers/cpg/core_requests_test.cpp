// What clients may ask, when, and what they hear: the state table of a handle.
#include "tests/unit/workers/cpg/core_fixture.h"

namespace motet::cpg::test {
namespace {

using CpgRequests = CpgCore;

TEST_F(CpgRequests, ThereIsNoCpgBeforeTheFirstRing) {
    EXPECT_EQ(connect(1), kTryAgain);
    ring(4, {1}, {1});
    EXPECT_EQ(request(1, Request::model, record(client::ModelRequest{})), kOk);
}

TEST_F(CpgRequests, AJoinIsToldToTheJoinerWhenItIsDelivered) {
    ring(4, {1, 2}, {1});
    ASSERT_EQ(connect(1), kOk);
    ASSERT_EQ(join(1, "alpha", 10), kOk);
    EXPECT_EQ(events(1), Lines{});
    ASSERT_EQ(out.submitted.size(), 1u);
    EXPECT_EQ(out.submitted[0].bytes, procjoin("alpha", 10));
    EXPECT_TRUE(out.submitted[0].first && out.submitted[0].last);
    deliver_own();
    EXPECT_EQ(events(1), Lines{"alpha [1/10] joined 1/10:1"});
    from(2, procjoin("alpha", 20));
    EXPECT_EQ(events(1), Lines{"alpha [1/10 2/20] joined 2/20:1"});
    EXPECT_EQ(membership(1, "alpha"), (Lines{"1/10", "2/20"}));
    EXPECT_EQ(membership(1, "nobody"), Lines{});
}

TEST_F(CpgRequests, TheInitialRingFollowsTheOwnJoin) {
    ring(4, {1, 2}, {1});
    member(1, "alpha", 10, true);
    EXPECT_EQ(events(1), (Lines{"alpha [1/10] joined 1/10:1", "ring 1.4 of 1 2"}));
    member(2, "alpha", 11, false);
    EXPECT_EQ(events(2), (Lines{"alpha [1/10 1/11] joined 1/11:1"}));
    EXPECT_EQ(events(1), (Lines{"alpha [1/10 1/11] joined 1/11:1"}));
}

// C3: a join delivered while the next ring is being synchronised is shown the ring that is announced, not the one to come.
TEST_F(CpgRequests, TheInitialRingIsTheLastAnnouncedOneWithItsOwnMembers) {
    ring(4, {1, 2}, {1});
    ASSERT_EQ(connect(1, true), kOk);
    ASSERT_EQ(join(1, "alpha", 10), kOk);
    core.on_sync_started(out);
    begin(8, {1, 2, 3}, {1, 2});
    deliver_own();
    EXPECT_EQ(events(1), (Lines{"alpha [1/10] joined 1/10:1", "ring 1.4 of 1 2"}));
    core.on_activate(round, out);
    EXPECT_EQ(events(1), (Lines{"ring 1.8 of 1 2 3"}));
}

TEST_F(CpgRequests, JoinsAndLeavesInFlightAreAnsweredWithoutBusy) {
    ring(4, {1}, {1});
    connect(1);
    EXPECT_EQ(leave(1, "alpha"), kNotExist);
    EXPECT_EQ(join(1, "alpha", 10), kOk);
    EXPECT_EQ(join(1, "alpha", 10), kExist);
    EXPECT_EQ(join(1, "beta", 10), kExist);
    connect(2);
    EXPECT_EQ(join(2, "alpha", 10), kExist) << "the same process through another handle";
    EXPECT_EQ(join(2, "beta", 10), kOk) << "but another group";
    deliver_own();
    EXPECT_EQ(join(1, "alpha", 10), kExist);
    EXPECT_EQ(leave(1, "beta"), kNotExist) << "the name must be that of the group joined";
    EXPECT_EQ(leave(1, "alpha"), kOk);
    EXPECT_EQ(leave(1, "alpha"), kNotExist);
    EXPECT_EQ(join(1, "alpha", 10), kTryAgain);
    EXPECT_EQ(join(1, "gamma", 10), kTryAgain);
    connect(3);
    EXPECT_EQ(join(3, "alpha", 10), kTryAgain);
    deliver_own();
    EXPECT_EQ(join(1, "gamma", 10), kOk);
    EXPECT_EQ(join(3, "alpha", 10), kOk);
}

// V4 and rejoin: up to the own leave everything, then nothing, until the handle joins again.
TEST_F(CpgRequests, AfterTheOwnLeaveThereIsSilenceUntilTheNextJoin) {
    ring(4, {1, 2}, {1});
    from(2, procjoin("alpha", 20));
    member(1, "alpha", 10);
    events(1);
    EXPECT_EQ(leave(1, "alpha"), kOk);
    from(2, mcast("alpha", 20, "still"));
    deliver_own();
    from(2, mcast("alpha", 20, "not any more"));
    from(2, procleave("alpha", 20, 2));
    EXPECT_EQ(events(1), (Lines{"alpha from 2/20: still", "alpha [2/20] left 1/10:2"}));
    EXPECT_EQ(join(1, "alpha", 10), kOk);
    deliver_own();
    EXPECT_EQ(events(1), (Lines{"alpha [1/10] joined 1/10:1"}));
}

TEST_F(CpgRequests, ALeaveBehindAnUndeliveredJoinTakesEffectAfterIt) {
    ring(4, {1}, {1});
    connect(1);
    join(1, "alpha", 10);
    say(1, "in between");
    EXPECT_EQ(leave(1, "alpha"), kOk);
    say(1, "too late");
    deliver_own();
    EXPECT_EQ(events(1), (Lines{"alpha [1/10] joined 1/10:1", "alpha from 1/10: in between", "alpha [] left 1/10:2"}));
    EXPECT_EQ(membership(1, "alpha"), Lines{});
}

TEST_F(CpgRequests, FinalizeAndDisconnectAnnounceADeathBehindAllThatWasSent) {
    ring(4, {1}, {1});
    member(1, "alpha", 10);
    member(2, "alpha", 11);
    member(3, "alpha", 12);
    for (const ConnId conn : {1, 2, 3}) events(conn);
    say(1, "last words");
    EXPECT_EQ(request(1, Request::finalize, {}), kOk);
    EXPECT_EQ(out.closed.at(1), Output::Close::orderly);
    core.on_disconnect(1, out);
    say(2, "mine too");
    core.on_disconnect(2, out);
    ASSERT_EQ(out.submitted.size(), 7u) << "one leave each";
    EXPECT_EQ(out.submitted[4].bytes, procleave("alpha", 10, 5));
    EXPECT_EQ(out.submitted[4].conn, 1u);
    deliver_own();
    EXPECT_EQ(events(3), (Lines{"alpha from 1/10: last words", "alpha [1/11 1/12] left 1/10:5", "alpha from 1/11: mine too",
                                "alpha [1/12] left 1/11:5"}));
    EXPECT_EQ(events(1), Lines{});
    EXPECT_EQ(events(2), Lines{});
}

TEST_F(CpgRequests, ADisconnectAfterTheLeaveRequestAddsNothing) {
    ring(4, {1}, {1});
    member(1, "alpha", 10);
    leave(1, "alpha");
    const std::size_t before = out.submitted.size();
    core.on_disconnect(1, out);
    EXPECT_EQ(out.submitted.size(), before);
    connect(2);
    EXPECT_EQ(join(2, "alpha", 10), kTryAgain) << "the leave is in flight";
    deliver_own();
    EXPECT_EQ(join(2, "alpha", 10), kOk);
}

// The process dies with its join in flight: both are delivered, and nobody mistakes them for those of its successor.
TEST_F(CpgRequests, ASuccessorWaitsForTheJoinAndLeaveOfItsPredecessor) {
    ring(4, {1}, {1});
    connect(1);
    join(1, "alpha", 10);
    core.on_disconnect(1, out);
    connect(2);
    EXPECT_EQ(join(2, "alpha", 10), kTryAgain);
    deliver_own();
    EXPECT_EQ(events(2), Lines{});
    EXPECT_EQ(join(2, "alpha", 10), kOk);
    deliver_own();
    EXPECT_EQ(events(2), (Lines{"alpha [1/10] joined 1/10:1"}));
}

TEST_F(CpgRequests, WhileSynchronisingSomeRequestsMustBeRepeatedAndOthersAreServed) {
    ring(4, {1}, {1});
    member(1, "alpha", 10);
    connect(2);
    core.on_sync_started(out);
    EXPECT_FALSE(core.synchronised());
    EXPECT_EQ(join(2, "alpha", 11), kTryAgain);
    EXPECT_EQ(leave(1, "alpha"), kTryAgain);
    EXPECT_EQ(send_part(1, 1, 100, pattern(10)), kTryAgain);
    EXPECT_EQ(request(1, Request::multicast_sync, record(client::MulticastRequest{2, 1}, pattern(1))), kTryAgain);
    EXPECT_EQ(membership(2, "alpha"), Lines{"1/10"});
    EXPECT_EQ(request(2, Request::local, {}), kOk);
    const std::size_t before = out.submitted.size();
    say(1, "queued");
    EXPECT_EQ(out.submitted.size(), before + 1) << "a multicast waits behind the synchronisation";
    EXPECT_EQ(request(1, Request::finalize, {}), kOk);
    EXPECT_EQ(out.submitted.back().bytes, procleave("alpha", 10, 5));
}

TEST_F(CpgRequests, AMulticastCarriesItsGuaranteeAndComesBackToItsSender) {
    ring(4, {1}, {1});
    member(1, "alpha", 10);
    events(1);
    for (const std::uint32_t guarantee : {0u, 1u, 2u, 3u, 99u}) {
        say(1, "m", guarantee);
        EXPECT_EQ(out.submitted.back().guarantee, guarantee == 3 ? Guarantee::safe : Guarantee::agreed);
    }
    say(1, "");
    deliver_own();
    EXPECT_EQ(events(1), (Lines{"alpha from 1/10: m", "alpha from 1/10: m", "alpha from 1/10: m", "alpha from 1/10: m",
                                "alpha from 1/10: m", "alpha from 1/10: "}));
    Bytes expected = mcast("alpha", 10, "m");
    store_at<std::uint32_t>(expected, 168, kSelf);  // the source of the message
    EXPECT_EQ(out.submitted[1].bytes, expected);
}

TEST_F(CpgRequests, MulticastsOfHandlesThatHaveNotJoinedAreDropped) {
    ring(4, {1}, {1});
    connect(1);
    say(1, "nobody");
    EXPECT_TRUE(out.submitted.empty());
    EXPECT_NE(core.status_json().find("\"dropped_unjoined\":1"), std::string::npos);
    EXPECT_EQ(request(1, Request::multicast_sync, record(client::MulticastRequest{2, 1}, pattern(1))), kNotExist);
    EXPECT_EQ(send_part(1, 1, 100, pattern(10)), kNotExist);
    EXPECT_TRUE(out.closed.empty());
}

TEST_F(CpgRequests, ZeroCopySendsAreAnswered) {
    ring(4, {1}, {1});
    member(1, "alpha", 10);
    events(1);
    EXPECT_EQ(request(1, Request::multicast_sync, record(client::MulticastRequest{2, 5}, pattern(5))), kOk);
    EXPECT_EQ(request(1, Request::multicast_sync,
                      record(client::MulticastRequest{2, client::kZeroCopyMax}, pattern(client::kZeroCopyMax))),
              kOk);
    EXPECT_EQ(request(1, Request::multicast_sync,
                      record(client::MulticastRequest{2, client::kZeroCopyMax + 1}, pattern(client::kZeroCopyMax + 1))),
              kTooBig);
    for (const Submitted& s : out.submitted) EXPECT_LE(s.bytes.size(), wire::kMessageBodyMax);
    deliver_own();
    EXPECT_EQ(events(1).back(), "alpha from 1/10: 1048576 bytes");
    EXPECT_EQ(out.last_payload, pattern(client::kZeroCopyMax));
}

TEST_F(CpgRequests, GroupNamesAreBytesWithALength) {
    using namespace std::string_view_literals;
    ring(4, {1}, {1});
    member(1, "alpha"sv, 10);
    member(2, "alpha\0"sv, 11);
    member(3, ""sv, 12);
    member(4, std::string(128, 'x'), 13);
    EXPECT_EQ(events(1), Lines{"alpha [1/10] joined 1/10:1"});
    EXPECT_EQ(events(2), Lines{"alpha~ [1/11] joined 1/11:1"});
    EXPECT_EQ(events(3), Lines{" [1/12] joined 1/12:1"});
    EXPECT_EQ(membership(1, std::string(128, 'x')), Lines{"1/13"});
    core.on_disconnect(3, out);
    EXPECT_EQ(out.submitted.back().bytes, procleave("", 12, 5)) << "also for the empty name";
    connect(5);
    client::JoinRequest longer{14, name("")};
    longer.name.length = 129;
    EXPECT_EQ(request(5, Request::join, record(longer)), kNameTooLong);
}

TEST_F(CpgRequests, AForkedChildSpeaksUnderItsOwnPid) {
    ring(4, {1}, {1});
    connect(1);
    EXPECT_EQ(join(1, "alpha", 77), kOk);
    deliver_own();
    say(1, "child");
    deliver_own();
    EXPECT_EQ(events(1), (Lines{"alpha [1/77] joined 1/77:1", "alpha from 1/77: child"}));
}

class CpgIteration : public CpgCore {
protected:
    std::uint32_t start(ConnId conn, std::uint32_t type, std::optional<std::string> group = {}) {
        const std::uint32_t code =
            request(conn, Request::iteration_start,
                    record(client::IterationRequest{type, group ? 1u : 0u, name(group.value_or(""))}));
        if (code == kOk) number = Reader(rest).u64();
        return code;
    }
    Lines read_all(ConnId conn) {
        Lines lines;
        while (request(conn, Request::iteration_next, record(number)) == kOk) {
            Reader in(rest);
            const std::uint32_t node = in.u32(), pid = in.u32();
            lines.push_back(printable(event_name(in)) + " " + std::to_string(node) + "/" + std::to_string(pid));
            EXPECT_EQ(in.remaining(), 0u);
        }
        EXPECT_EQ(out.replies.at({conn, last_request}).code, kNoSections);
        return lines;
    }
    std::uint64_t number = 0;
};

TEST_F(CpgIteration, GroupsComeNewestFirstAndMembersInOrder) {
    ring(4, {1, 2}, {1});
    from(2, procjoin("old", 21));
    from(2, procjoin("new", 5));
    from(2, procjoin("old", 20));
    member(1, "old", 10);
    ASSERT_EQ(start(1, 3), kOk);
    from(2, procjoin("newest", 1));  // a snapshot does not see it
    EXPECT_EQ(read_all(1), (Lines{"new 2/5", "old 1/10", "old 2/20", "old 2/21"}));
    EXPECT_EQ(read_all(1), (Lines{"new 2/5", "old 1/10", "old 2/20", "old 2/21"})) << "a further call starts over";
    ASSERT_EQ(start(1, 1), kOk);
    EXPECT_EQ(read_all(1), (Lines{"newest 0/0", "new 0/0", "old 0/0"}));
    ASSERT_EQ(start(1, 2, "old"), kOk);
    EXPECT_EQ(read_all(1), (Lines{"old 1/10", "old 2/20", "old 2/21"}));
    ASSERT_EQ(start(1, 2, "none"), kOk);
    EXPECT_EQ(read_all(1), Lines{});
    EXPECT_EQ(request(1, Request::iteration_end, record(number)), kOk);
    EXPECT_EQ(request(1, Request::iteration_end, record(number)), kBadHandle);
    EXPECT_EQ(request(1, Request::iteration_next, record(number)), kBadHandle);
}

TEST_F(CpgIteration, BadTypesAreRefusedAndOpenOnesAreBounded) {
    ring(4, {1}, {1});
    connect(1);
    connect(2);
    EXPECT_EQ(start(1, 0), kInvalidParam);
    EXPECT_EQ(start(1, 4), kInvalidParam);
    EXPECT_EQ(start(1, 2), kInvalidParam);
    EXPECT_EQ(start(1, 3, "alpha"), kInvalidParam);
    for (int i = 0; i < 16; ++i) EXPECT_EQ(start(1, 3), kOk);
    EXPECT_EQ(start(1, 3), kNoResources);
    EXPECT_EQ(request(2, Request::iteration_next, record(number)), kBadHandle) << "another connection's";
}

}  // namespace
}  // namespace motet::cpg::test
