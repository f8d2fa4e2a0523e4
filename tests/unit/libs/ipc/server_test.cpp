// The server and honest clients: requests, events, replies, wake-ups, flow control, the end of a link.
#include "tests/unit/libs/ipc/scripted_client.h"

#include <fcntl.h>

namespace motet::ipc {
namespace {

TEST_F(ServerTest, RequestsArriveInOrder) {
    ScriptedClient client(1);
    adopt(client);
    for (int i = 0; i < 100; ++i) client.post(5, as_bytes("request " + std::to_string(i)));
    settle();
    ASSERT_EQ(service.taken.size(), 100u);
    EXPECT_EQ(service.taken[99].payload, "request 99");
    EXPECT_EQ(service.taken[99].number, 100u);
    EXPECT_EQ(service.taken[99].type, 5);
    EXPECT_TRUE(client.requests->consumer_caught_up());
}

TEST_F(ServerTest, ABusyClientDoesNotStarveAnother) {
    ScriptedClient busy(1), quiet(2);
    adopt(busy);
    adopt(quiet);
    for (int i = 0; i < 200; ++i) busy.post(1);
    quiet.post(2);
    EXPECT_EQ(round(), Limits{}.requests_per_round + 1);
    EXPECT_EQ(std::count_if(service.taken.begin(), service.taken.end(), [](auto& t) { return t.conn == 2; }), 1);
}

TEST_F(ServerTest, WithoutRoomRequestsStayInTheRing) {
    ScriptedClient client(1);
    adopt(client);
    service.room = false;
    client.post(1);
    EXPECT_EQ(round(), 0u);
    EXPECT_TRUE(server->prepare_sleep(true));
    EXPECT_FALSE(client.requests->consumer_caught_up());
    service.room = true;
    EXPECT_EQ(round(), 1u);
}

TEST_F(ServerTest, ASleepingServerIsWokenByOneTokenAndNoMore) {
    ScriptedClient client(1);
    adopt(client);
    settle();
    EXPECT_FALSE(would_wake());
    EXPECT_EQ(client.worker_page().idle.load(), 1u);
    client.post(1);
    client.post(1);
    ASSERT_TRUE(would_wake());
    look();
    EXPECT_EQ(client.worker_page().idle.load(), 0u);
    EXPECT_FALSE(would_wake());
    settle();
    EXPECT_EQ(service.taken.size(), 2u);
}

TEST_F(ServerTest, WhoeverIsGivenAnEventIsWatchedForItsAnswer) {
    ScriptedClient client(1);
    adopt(client);
    settle();
    ASSERT_EQ(client.worker_page().idle.load(), 1u);
    server->event(1, 9, 0, {});
    server->publish();
    EXPECT_FALSE(server->anything_waiting());
    client.post(1);
    EXPECT_TRUE(server->anything_waiting());    // its token has not been read yet
    EXPECT_EQ(round(), 1u);
}

TEST_F(ServerTest, NoTokensWhileTheServerIsAwake) {
    ScriptedClient client(1);
    adopt(client);
    client.post(1);
    round();
    for (int i = 0; i < 20; ++i) {
        client.post(1);
        EXPECT_FALSE(would_wake());
        EXPECT_EQ(round(), 1u);
    }
}

// A ring that stays empty while the worker is busy with others is put to rest, so idle clients cost nothing per round.
TEST_F(ServerTest, AnIdleClientIsPutToRestDuringBusyRounds) {
    ScriptedClient client(1);
    adopt(client);
    for (int i = 0; i < 100; ++i) round();
    EXPECT_EQ(client.worker_page().idle.load(), 1u);
    EXPECT_FALSE(server->anything_waiting());
    client.post(1);
    EXPECT_EQ(round(), 1u);
}

TEST_F(ServerTest, EventsWakeASleepingClientOnce) {
    ScriptedClient client(1);
    adopt(client);
    settle();
    event(1, 16);
    event(1, 32);
    EXPECT_TRUE(client.events->empty());  // not before the round is published
    server->publish();
    EXPECT_EQ(client.tokens(), 1u);
    event(1, 48);
    server->publish();
    EXPECT_EQ(client.tokens(), 0u);
    EXPECT_EQ(client.read_events(), (std::vector<std::uint64_t>{16, 32, 48}));
    ASSERT_TRUE(client.events->arm());
    event(1, 64);
    server->publish();
    EXPECT_EQ(client.tokens(), 1u);
}

// A client that armed, found an event in its second look and does not take it asks for a token with a kick.
TEST_F(ServerTest, AKickIsAnswered) {
    ScriptedClient client(1);
    adopt(client);
    settle();
    client.tokens();
    event(1, 16);
    server->publish();
    client.tokens();
    client.page().arm.fetch_add(1);
    client.token('k');
    round();
    EXPECT_EQ(client.tokens(), 1u);
    client.token('k');  // answered already
    round();
    EXPECT_EQ(client.tokens(), 0u);
}

TEST_F(ServerTest, CommitSlotsNameTheLastCause) {
    ScriptedClient client(1);
    adopt(client);
    for (std::uint64_t cause = 16; cause <= 160; cause += 16) {
        event(1, cause);
        event(1, cause);
        server->publish();
        const ring::SegmentPage& page = client.worker_page();
        const auto& [first, second] = page.commit;
        ASSERT_NE(first.head_after.load() == page.head.load(), second.head_after.load() == page.head.load());
        const auto& slot = first.head_after.load() == page.head.load() ? first : second;
        EXPECT_EQ(slot.a.load(), cause);
        EXPECT_EQ(slot.c.load(), 2u);   // how many of this cause
    }
}

TEST_F(ServerTest, RepliesComeThroughTheMailbox) {
    ScriptedClient client(1);
    adopt(client);
    const ByteView pieces[] = {as_bytes("two "), as_bytes("pieces")};
    server->reply(1, 0x1'0000'0007, pieces);
    EXPECT_EQ(client.worker_page().reply_seq.load(), 0x1'0000'0007u);
    EXPECT_EQ(client.worker_page().reply_futex.load(), 7u);
    EXPECT_EQ(client.worker_page().reply_len.load(), 10u);
    EXPECT_EQ(as_text(client.mailbox().first(10)), "two pieces");
}

TEST_F(ServerTest, FlowControlReachesEverybodyAndClearingWakesThem) {
    ScriptedClient first(1), second(2);
    adopt(first);
    server->set_flow(ring::kFlowSync, true);
    adopt(second);
    server->set_flow(ring::kFlowCritical, true);
    EXPECT_EQ(first.worker_page().flow_control.load(), ring::kFlowSync | ring::kFlowCritical);
    EXPECT_EQ(second.worker_page().flow_control.load(), ring::kFlowSync | ring::kFlowCritical);
    EXPECT_EQ(first.tokens() + second.tokens(), 0u);
    server->set_flow(ring::kFlowSync, false);
    EXPECT_EQ(first.worker_page().flow_control.load(), ring::kFlowCritical);
    EXPECT_EQ(first.tokens(), 1u);
    EXPECT_EQ(second.tokens(), 1u);
    server->set_flow(ring::kFlowSync, false);
    EXPECT_EQ(first.tokens(), 0u);
}

TEST_F(ServerTest, CuttingOffTellsTheClientThoughTheSupervisorHoldsTheSocket) {
    ScriptedClient client(1);
    adopt(client);
    settle();
    server->cut_off(1, ring::CutReason::orderly);
    event(1, 16);
    EXPECT_TRUE(server->reap());
    EXPECT_EQ(client.reason(), ring::CutReason::orderly);
    EXPECT_TRUE(client.cut());
    EXPECT_TRUE(client.hung());
    EXPECT_EQ(service.closed, std::vector<ConnId>{1});
    EXPECT_EQ(server->clients(), 0u);
    EXPECT_FALSE(would_wake());
    EXPECT_FALSE(server->reap());
    event(1, 32);  // nobody there any more
    server->reply(1, 1, {});
    server->cut_off(1, ring::CutReason::orderly);
    EXPECT_FALSE(server->reap());
}

TEST_F(ServerTest, WhatADeadClientHadSentIsStillTaken) {
    ScriptedClient client(1);
    adopt(client);
    settle();
    for (int i = 0; i < 100; ++i) client.post(1);
    client.hang_up();
    service.room = false;
    for (int i = 0; i < 5; ++i) round();
    EXPECT_TRUE(service.closed.empty());  // requests wait for room, dead client or not
    EXPECT_FALSE(would_wake());           // and the hang-up is not reported again and again
    service.room = true;
    for (int i = 0; i < 20 && service.closed.empty(); ++i) round();
    EXPECT_EQ(service.taken.size(), 100u);
    EXPECT_EQ(service.closed, std::vector<ConnId>{1});
    EXPECT_TRUE(lines.empty());
}

TEST_F(ServerTest, SlotsAreReusedWithoutConfusion) {
    ScriptedClient first(1), second(2), third(1025);  // 1 and 1025 share a place in the table of recent ones
    adopt(first);
    adopt(second);
    server->cut_off(1, ring::CutReason::orderly);
    server->reap();
    adopt(third);
    event(1025, 16);
    event(2, 32);
    event(1, 48);
    server->publish();
    EXPECT_EQ(third.read_events(), std::vector<std::uint64_t>{16});
    EXPECT_EQ(second.read_events(), std::vector<std::uint64_t>{32});
    EXPECT_TRUE(first.read_events().empty());
}

TEST_F(ServerTest, ASuccessorKnowsThatTheLinkWasUsed) {
    ScriptedClient client(1);
    adopt(client);
    server->set_flow(ring::kFlowCritical, true);
    Server successor(poller, service);
    const auto adopted = successor.adopt(client.connection_again());
    ASSERT_TRUE(adopted);
    EXPECT_TRUE(adopted->used_before);
    EXPECT_EQ(client.tokens(), 0u);
    successor.resumed();
    EXPECT_EQ(client.worker_page().flow_control.load(), 0u);  // a bit left behind would silence the client for ever
    EXPECT_EQ(client.tokens(), 1u);
}

TEST_F(ServerTest, SegmentsOfAnotherLinkAreRefused) {
    ScriptedClient one(1), other(2);
    start();
    Connection mixed = one.connection_again();
    mixed.id = 2;
    EXPECT_FALSE(server->adopt(mixed));
    EXPECT_EQ(server->clients(), 0u);
    Connection broken = other.connection_again();
    close(broken.client_segment);
    broken.client_segment = open("/dev/null", O_RDONLY);
    EXPECT_FALSE(server->adopt(broken));
    EXPECT_TRUE(other.cut());
    EXPECT_EQ(other.reason(), ring::CutReason::violation);
}

}  // namespace
}  // namespace motet::ipc
