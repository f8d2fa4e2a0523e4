// Clients that lie, flood, vanish or do not read. Each costs itself its link; the others notice nothing.
#include <random>

#include "tests/unit/libs/ipc/scripted_client.h"

namespace motet::ipc {
namespace {

class HostileClient : public ServerTest {
protected:
    HostileClient() {
        adopt(honest);
        adopt(hostile);
        settle();
        hostile.tokens();
        honest.tokens();
    }
    // The hostile one is gone for the given reason, with one line; the honest one is served.
    void expect_cut(ring::CutReason reason) {
        for (int i = 0; i < 3; ++i) round();
        EXPECT_TRUE(hostile.cut());
        EXPECT_TRUE(hostile.hung());
        EXPECT_EQ(hostile.reason(), reason);
        EXPECT_EQ(service.closed, std::vector<ConnId>{2});
        EXPECT_EQ(lines.size(), 1u);
        const std::size_t before = service.taken.size();
        honest.post(1);
        round();
        EXPECT_EQ(service.taken.size(), before + 1);
        event(1, 16);
        server->publish();
        EXPECT_EQ(honest.read_events(), std::vector<std::uint64_t>{16});
        EXPECT_FALSE(honest.cut());
    }
    ScriptedClient honest{1}, hostile{2};
};

TEST_F(HostileClient, ImpossibleHead) {
    hostile.page().head = 8;
    hostile.token('w');
    expect_cut(ring::CutReason::violation);
}

TEST_F(HostileClient, HeadFarAhead) {
    hostile.page().head = ~0ull - 15;
    hostile.token('w');
    expect_cut(ring::CutReason::violation);
}

TEST_F(HostileClient, RubbishInTheRing) {
    std::memset(hostile.request_bytes(), 0xEE, kRing);
    hostile.page().head = 4096;
    hostile.token('w');
    expect_cut(ring::CutReason::violation);
}

TEST_F(HostileClient, RequestOfAnUnknownType) {
    hostile.post(100);
    expect_cut(ring::CutReason::violation);
}

TEST_F(HostileClient, FragmentFlagsThatNobodyDefined) {
    hostile.post(1);
    hostile.request_bytes()[6] = 0;
    expect_cut(ring::CutReason::violation);
}

TEST_F(HostileClient, ImpossibleEventCursor) {
    hostile.page().tail = 1u << 30;
    for (std::uint64_t i = 0; i < 100; ++i) event(2, i * 16, 8000);
    expect_cut(ring::CutReason::violation);
}

TEST_F(HostileClient, NoRequestIsTakenAfterTheBadOne) {
    hostile.post(1);
    hostile.post(100);
    hostile.post(1);
    expect_cut(ring::CutReason::violation);
    EXPECT_EQ(std::count_if(service.taken.begin(), service.taken.end(), [](auto& t) { return t.conn == 2; }), 2);
}

// Words of its page and bytes of its ring change at random while it is served: never a fault, sooner or later a cut.
TEST_F(ServerTest, RandomWordsOfAClientNeverHurt) {
    std::mt19937_64 random(5);
    for (ConnId id = 1; id <= 300; ++id) {
        ScriptedClient client(id);
        adopt(client);
        for (int i = 0; i < 30 && !client.cut(); ++i) {
            std::uint64_t* words = reinterpret_cast<std::uint64_t*>(&client.page());
            const std::size_t places[] = {0x40, 0x80, 0x88, 0x100, 0x140, 0x148, 0x180, 0x210, 0x18, 0x28};
            words[places[random() % 10] / 8] = random() % 3 ? random() % 4096 & ~15ull : random();
            for (int n = 0; n < 20; ++n)
                client.request_bytes()[random() % 4096] = static_cast<std::uint8_t>(random() % 4 ? 0 : random());
            client.token(static_cast<char>(random()));
            event(id, 16 * static_cast<std::uint64_t>(i), random() % 9000);
            server->reply(id, random(), {});
            round();
        }
        client.hang_up();
        for (int i = 0; i < 1200 && server->clients() != 0; ++i) round();
        ASSERT_EQ(server->clients(), 0u) << "client " << id;
    }
    EXPECT_EQ(service.closed.size(), 300u);
}

TEST_F(ServerTest, ATokenFloodIsNotListenedToForAWhile) {
    ScriptedClient flood(1), honest(2);
    start({.idle_tokens_per_second = 100});
    adopt(flood);
    adopt(honest);
    settle();
    int heard = 0;
    while (server->deadline() == kNever && heard < 1000) {
        flood.token('w');
        heard += would_wake();
        settle();
    }
    EXPECT_GE(heard, 100);
    EXPECT_LT(heard, 120);
    flood.token('w');
    EXPECT_FALSE(would_wake());
    EXPECT_EQ(server->deadline(), now + Limits{}.token_penalty);
    honest.post(1);
    EXPECT_TRUE(would_wake());
    settle();
    EXPECT_EQ(service.taken.size(), 1u);

    flood.post(2);  // what it really sends is found when the penalty is over
    now = now + seconds(1);
    settle();
    EXPECT_EQ(service.taken.size(), 2u);
    EXPECT_EQ(server->deadline(), kNever);
}

// Requests are often found before the token that announced them; such tokens are no flood.
TEST_F(ServerTest, LateAnnouncementsAreNoFlood) {
    ScriptedClient client(1);
    start({.idle_tokens_per_second = 10});
    adopt(client);
    for (int i = 0; i < 200; ++i) {
        settle();
        server->on_ready({.tag = Server::kTag, .readable = true, .writable = false, .hung_up = false},
                         now);  // awake for another reason
        client.post(1);
        ASSERT_EQ(server->serve(), 1u);
        ASSERT_TRUE(would_wake());
    }
    EXPECT_EQ(server->deadline(), kNever);
}

TEST_F(ServerTest, SpaceTokensAreNoFlood) {
    ScriptedClient slow(1);
    start({.idle_tokens_per_second = 10});
    adopt(slow);
    for (std::uint64_t i = 1; i <= 1500; ++i) event(1, i * 16, i % 2 ? 100 : 4000);
    std::size_t got = 0;
    while (got < 1500) {
        settle();
        const std::size_t some = slow.read_events(1).size();
        ASSERT_EQ(some, 1u);
        ASSERT_EQ(server->deadline(), kNever);
        got += some;
    }
}

TEST_F(ServerTest, ASlowReaderGetsEverythingInOrder) {
    ScriptedClient slow(1);
    adopt(slow);
    std::vector<std::uint64_t> expected, got;
    for (std::uint64_t i = 1; i <= 3000; ++i) {
        event(1, i * 16, 1000);
        expected.push_back(i * 16);
        if (i % 100 == 0) round();
        if (i % 50 == 0) {
            const auto some = slow.read_events(10);
            got.insert(got.end(), some.begin(), some.end());
        }
    }
    EXPECT_GT(server->backlog_bytes(), 1u << 20);
    for (int i = 0; i < 2000 && got.size() < expected.size(); ++i) {
        settle();
        const auto some = slow.read_events(7);
        ASSERT_FALSE(some.empty());  // a wake-up for room was lost
        got.insert(got.end(), some.begin(), some.end());
    }
    EXPECT_EQ(got, expected);
    EXPECT_EQ(server->backlog_bytes(), 0u);
    EXPECT_TRUE(lines.empty());
}

TEST_F(ServerTest, ASilentReaderIsCutOffAtItsLimit) {
    ScriptedClient silent(1), reader(2);
    start({.backlog_per_client = 1u << 20});
    adopt(silent);
    adopt(reader);
    for (std::uint64_t i = 1; i <= 2000; ++i) {
        event(1, i * 16, 1000);
        event(2, i * 16, 1000);
        if (i % 50 == 0) {
            round();
            EXPECT_EQ(reader.read_events().size(), 50u);
        }
        ASSERT_LE(server->backlog_bytes(), 1u << 20);
    }
    EXPECT_TRUE(silent.cut());
    EXPECT_EQ(silent.reason(), ring::CutReason::backlog);
    EXPECT_FALSE(reader.cut());
    EXPECT_EQ(service.closed, std::vector<ConnId>{1});
    ASSERT_EQ(lines.size(), 2u);  // slow, then cut off
    EXPECT_NE(lines[0].find("process 101"), std::string::npos);
    EXPECT_NE(lines[1].find("process 101"), std::string::npos);
    EXPECT_EQ(server->backlog_bytes(), 0u);
}

TEST_F(ServerTest, AllBacklogsTogetherAreBounded) {
    start({.backlog_total = 1u << 20});
    std::vector<std::unique_ptr<ScriptedClient>> silent;
    for (ConnId id = 1; id <= 8; ++id) adopt(*silent.emplace_back(std::make_unique<ScriptedClient>(id)));
    for (std::uint64_t i = 1; i <= 600; ++i) {
        for (ConnId id = 1; id <= 8; ++id) event(id, i * 16, 1000);
        ASSERT_LE(server->backlog_bytes(), 1u << 20);
        if (i % 50 == 0) round();
    }
    EXPECT_GE(service.closed.size(), 1u);
    for (const ConnId id : service.closed) EXPECT_EQ(silent[id - 1]->reason(), ring::CutReason::backlog);
}

TEST_F(ServerTest, WhoHoldsMostIsCutOffFirst) {
    start({.backlog_total = 1u << 20});
    ScriptedClient hoarder(1), late(2);
    adopt(hoarder);
    adopt(late);
    std::uint64_t i = 0;
    while (server->backlog_bytes() + 4096 < 1u << 20) event(1, ++i * 16, 1000);
    for (std::uint64_t n = 1; n <= 300; ++n) event(2, n * 16, 1000);
    round();
    EXPECT_TRUE(hoarder.cut());
    EXPECT_FALSE(late.cut());
    EXPECT_EQ(lines.size(), 1u);
    std::size_t got = 0;
    for (int n = 0; n < 20 && got < 300; ++n) {
        got += late.read_events().size();
        settle();
    }
    EXPECT_EQ(got, 300u);
}

// A member that reads, only too slowly, holds the senders back; when it stops reading altogether it does not.
TEST_F(ServerTest, OnlyALaggardThatMovesThrottles) {
    ScriptedClient lagging(1), sender(2);
    start({.backlog_per_client = 1u << 20});
    adopt(lagging);
    adopt(sender);
    const auto throttled = [&] { return (sender.worker_page().flow_control.load() & ring::kFlowLagging) != 0; };
    for (std::uint64_t i = 1; i <= 600; ++i) event(1, i * 16, 1000);
    lagging.read_events(1);
    round();
    EXPECT_TRUE(throttled());
    EXPECT_NE(server->deadline(), kNever);
    now = now + milliseconds(50);
    lagging.read_events(1);
    round();
    EXPECT_TRUE(throttled());
    now = now + milliseconds(150);
    round();
    EXPECT_FALSE(throttled());
    lagging.read_events(1);
    now = now + milliseconds(5);
    round();
    EXPECT_TRUE(throttled());
    sender.tokens();
    for (int i = 0; i < 1000 && server->backlog_bytes() > (1u << 20) / 8; ++i) {
        lagging.read_events();
        now = now + milliseconds(5);
        round();
    }
    now = now + milliseconds(5);
    round();
    EXPECT_FALSE(throttled());
    EXPECT_EQ(sender.tokens(), 1u);
    EXPECT_FALSE(lagging.cut());
}

TEST_F(ServerTest, AnEventThatNoRingCanCarryEndsTheLinkWithALine) {
    ScriptedClient client(1);
    adopt(client);
    event(1, 16, kRing);
    server->reap();
    EXPECT_TRUE(client.cut());
    EXPECT_EQ(lines.size(), 1u);
}

}  // namespace
}  // namespace motet::ipc
