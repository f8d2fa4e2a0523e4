// The availability manager's core on virtual time.
#include "workers/sam/core.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace motet::sam {
namespace {

template <class T>
ByteView bytes(const T& value) {
    return {reinterpret_cast<const std::uint8_t*>(&value), sizeof value};
}

struct Rig : Output {
    void event(ConnId conn, wire::Event type, std::span<const ByteView> pieces) override {
        Bytes all;
        for (const ByteView piece : pieces) all.insert(all.end(), piece.begin(), piece.end());
        events.push_back({conn, type, all});
    }
    void reply(ConnId, std::uint64_t, std::span<const ByteView> pieces) override {
        last_reply.clear();
        for (const ByteView piece : pieces) last_reply.insert(last_reply.end(), piece.begin(), piece.end());
    }
    void close(ConnId conn, Close why) override { closed[conn] = why; }
    void note(const std::string& line) override { notes.push_back(line); }

    explicit Rig(const Budget& budget = {}) : core(budget) { time(1000); }

    void time(std::int64_t ms) { core.on_time(Instant{} + milliseconds(ms), *this); }
    template <class T>
    void say(ConnId conn, wire::Request type, const T& record) {
        core.on_request(conn, type, 1, bytes(record), *this);
    }
    wire::Enrol enrol_of(std::uint8_t key) {
        wire::Enrol enrol;
        std::memset(enrol.key, key, sizeof enrol.key);
        std::strcpy(enrol.name, "app");
        enrol.interval_ms = 1000;
        enrol.policy = 2;
        enrol.beat_ms = 500;
        enrol.now.instance = 1;
        enrol.now.child = 100u + key;
        enrol.now.state = static_cast<std::uint32_t>(wire::State::running);
        return enrol;
    }
    void enrol(ConnId conn, std::uint8_t key, std::int32_t pid, std::uint32_t uid = 0) {
        core.on_connect(conn, pid, uid);
        say(conn, wire::Request::enrol, enrol_of(key));
    }
    void attach(ConnId conn, std::uint8_t key, std::int32_t pid, std::uint32_t uid = 0) {
        core.on_connect(conn, pid, uid);
        wire::Attach attach;
        attach.enrol = enrol_of(key);
        attach.parent = 50;
        say(conn, wire::Request::attach, attach);
    }
    void beat(ConnId conn) { say(conn, wire::Request::beat, wire::Beat{}); }
    wire::Recover fail(ConnId conn, std::uint32_t number, std::int64_t at_ms) {
        wire::Failed failed;
        failed.now = enrol_of(1).now;
        failed.now.state = static_cast<std::uint32_t>(wire::State::failed);
        failed.now.cause = static_cast<std::uint32_t>(wire::Cause::died);
        failed.restarts_wanted = 1;
        failed.number = number;
        say(conn, wire::Request::failed, failed);
        time(at_ms);
        wire::Recover answer;
        for (const Said& e : events)
            if (e.type == wire::Event::recover && e.conn == conn) std::memcpy(&answer, e.bytes.data(), sizeof answer);
        return answer;
    }
    std::size_t count(ConnId conn, wire::Event type) const {
        std::size_t n = 0;
        for (const Said& e : events) n += e.conn == conn && e.type == type;
        return n;
    }
    std::uint32_t error() const {
        wire::Reply head;
        std::memcpy(&head, last_reply.data(), sizeof head);
        return head.error;
    }
    std::string body() const { return {last_reply.begin() + sizeof(wire::Reply), last_reply.end()}; }
    std::string show(std::uint64_t target) {
        core.on_connect(999, 1, 0);
        say(999, wire::Request::show, wire::TargetRequest{target, 0});
        return error() == 1 ? body() : "";
    }

    struct Said {
        ConnId conn;
        wire::Event type;
        Bytes bytes;
    };
    Core core;
    std::vector<Said> events;
    Bytes last_reply;
    std::map<ConnId, Close> closed;
    std::vector<std::string> notes;
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(SamCore, AnApplicationIsKnownByItsIdAndByItsPids) {
    Rig rig;
    rig.enrol(1, 1, 50);
    EXPECT_EQ(rig.count(1, wire::Event::enrolled), 1u);
    for (const std::uint64_t target : {1, 101, 50}) EXPECT_TRUE(has(rig.show(target), "\"supervisor\":50")) << target;
    EXPECT_EQ(rig.show(7), "");
}

TEST(SamCore, AStandbyIsToldToTakeOverWhenTheParentIsSilentForTooLong) {
    Rig rig;
    rig.enrol(1, 1, 50);
    rig.attach(2, 1, 51);
    rig.time(1000);
    rig.time(2749);
    EXPECT_EQ(rig.count(2, wire::Event::take_over), 0u);
    rig.beat(1);
    rig.time(2749);
    rig.time(4498);
    EXPECT_EQ(rig.count(2, wire::Event::take_over), 0u);
    rig.time(4499);
    EXPECT_EQ(rig.count(2, wire::Event::take_over), 1u);
    EXPECT_TRUE(has(rig.show(1), "\"supervision\":\"hung\""));
    EXPECT_EQ(rig.core.counters().hung_parents, 1u);
}

TEST(SamCore, AWorkerThatHasForgottenAHangingParentHearsOfItFromTheStandby) {
    Rig rig;
    rig.attach(2, 1, 51);
    rig.time(1000);
    EXPECT_TRUE(has(rig.show(101), "\"supervisor\":50")) << rig.show(101);
    rig.time(2749);
    EXPECT_EQ(rig.count(2, wire::Event::take_over), 0u);
    rig.time(2750);
    EXPECT_EQ(rig.count(2, wire::Event::take_over), 1u);
    rig.core.on_disconnect(2, rig);
    rig.enrol(3, 1, 51);
    rig.time(3001);
    EXPECT_TRUE(has(rig.show(101), "\"supervisor\":51"));
    EXPECT_EQ(rig.core.counters().takeovers, 1u);
    EXPECT_EQ(rig.core.size(), 1u);
}

TEST(SamCore, TheSuccessorKeepsTheRegistrationWithItsData) {
    Rig rig;
    rig.enrol(1, 1, 50);
    rig.attach(2, 1, 51);
    struct { wire::Data head; char bytes[3]; } data;
    data.head.total = data.head.length = 3;
    std::memcpy(data.bytes, "abc", 3);
    rig.core.on_request(1, wire::Request::data, 0, ByteView(reinterpret_cast<const std::uint8_t*>(&data), sizeof data.head + 3), rig);
    rig.core.on_disconnect(1, rig);
    rig.time(1000);
    EXPECT_TRUE(has(rig.show(1), "orphaned"));
    rig.core.on_disconnect(2, rig);
    rig.enrol(3, 1, 51);
    rig.time(1001);
    const std::string app = rig.show(1);
    EXPECT_TRUE(has(app, "\"supervisor\":51") && has(app, "watched") && has(app, "\"data_kept\":3")) << app;
    EXPECT_EQ(rig.core.counters().takeovers, 1u);
    EXPECT_EQ(rig.core.size(), 1u);
    rig.say(999, wire::Request::data_of, wire::TargetRequest{1, 1});
    EXPECT_EQ(rig.body(), "bc");
}

TEST(SamCore, WithoutParentAndStandbyAnApplicationIsLostAndSaidToBe) {
    Rig rig;
    rig.enrol(1, 1, 50);
    rig.core.on_disconnect(1, rig);
    rig.time(1000);
    rig.time(100'000);
    // As if the worker itself had slept: another look after the time it gave back.
    for (int i = 1; i < 40; ++i) rig.time(100'000 + i * 400);
    EXPECT_EQ(rig.core.size(), 0u);
    EXPECT_EQ(rig.core.counters().lost, 1u);
    EXPECT_TRUE(has(rig.notes.back(), "nobody supervises"));
}

TEST(SamCore, AWorkerThatSleptBlamesNobody) {
    Rig rig;
    rig.enrol(1, 1, 50);
    rig.attach(2, 1, 51);
    rig.time(1000);
    rig.time(60'000);   // stopped for a minute
    EXPECT_EQ(rig.count(2, wire::Event::take_over), 0u);
    rig.beat(1);
    rig.time(60'001);
    rig.time(60'400);
    EXPECT_EQ(rig.count(2, wire::Event::take_over), 0u);
}

// Each time the parent would be due, the worker is dead, and its successor comes late.
TEST(SamCore, ASupervisorThatHangsIsFoundAlthoughTheWorkerDiesAgainAndAgain) {
    Bytes state;
    {
        Rig first;
        first.enrol(1, 1, 50);
        first.attach(2, 1, 51);
        first.time(1000);
        first.core.snapshot(state);
    }
    std::size_t told = 0;
    for (std::int64_t start : {3500, 6000}) {
        Rig successor;
        ASSERT_TRUE(successor.core.restore(state));
        for (std::int64_t ms = start; ms < start + 900; ms += 100) successor.time(ms);
        told += successor.count(2, wire::Event::take_over);
        state.clear();
        successor.core.snapshot(state);
    }
    EXPECT_GE(told, 1u);
}

TEST(SamCore, RestartsBeyondTheBurstWaitTwiceAsLongEachAndAreForgottenInTime) {
    Rig rig({.burst = 2, .window = seconds(10), .delay_max = milliseconds(1000)});
    rig.enrol(1, 1, 50);
    rig.time(1000);
    const std::uint32_t expected[] = {0, 0, 100, 200, 400, 800, 1000, 1000};
    for (std::uint32_t i = 0; i < std::size(expected); ++i) {
        const wire::Recover answer = rig.fail(1, i + 1, 1000);
        EXPECT_EQ(answer.number, i + 1);
        EXPECT_EQ(answer.delay_ms, expected[i]) << i;
        EXPECT_EQ(answer.give_up, 0u);
    }
    EXPECT_EQ(rig.fail(1, 99, 1000 + 60'000).delay_ms, 0u);
}

TEST(SamCore, AnApplicationIsGivenUpOnlyIfTheConfigurationSaysSo) {
    Rig rig({.burst = 1, .most = 3});
    rig.enrol(1, 1, 50);
    EXPECT_EQ(rig.fail(1, 1, 1000).give_up, 0u);
    EXPECT_EQ(rig.fail(1, 2, 1000).give_up, 0u);
    EXPECT_EQ(rig.fail(1, 3, 1000).give_up, 0u);
    EXPECT_EQ(rig.fail(1, 4, 1000).give_up, 1u);
}

TEST(SamCore, AnotherUserWithTheKeyIsCutOff) {
    Rig rig;
    rig.enrol(1, 1, 50, 1000);
    rig.enrol(2, 1, 60, 1001);
    rig.attach(3, 1, 61, 1001);
    EXPECT_EQ(rig.closed.at(2), Close::violation);
    EXPECT_EQ(rig.closed.at(3), Close::violation);
    EXPECT_TRUE(has(rig.show(1), "\"supervisor\":50"));
}

TEST(SamCore, OrdersAreTakenFromRootAndTheOwnerOnly) {
    Rig rig;
    rig.enrol(1, 1, 50, 1000);
    rig.core.on_connect(10, 70, 1001);
    rig.say(10, wire::Request::restart, wire::TargetRequest{1, 0});
    EXPECT_EQ(rig.error(), 11u);
    EXPECT_EQ(rig.count(1, wire::Event::restart), 0u);
    rig.core.on_connect(11, 71, 1000);
    rig.say(11, wire::Request::restart, wire::TargetRequest{101, 0});
    EXPECT_EQ(rig.error(), 1u);
    EXPECT_EQ(rig.count(1, wire::Event::restart), 1u);
    rig.core.on_connect(12, 72, 0);
    rig.say(12, wire::Request::fail, wire::TargetRequest{1, 0});
    EXPECT_EQ(rig.count(1, wire::Event::fail), 1u);
}

TEST(SamCore, MalformedRecordsCostTheirSenderItsConnection) {
    const auto refused = [](auto make) {
        Rig rig;
        rig.enrol(1, 1, 50);
        make(rig);
        return rig.closed.contains(1) && rig.closed.at(1) == Close::violation;
    };
    EXPECT_TRUE(refused([](Rig& rig) { rig.core.on_request(1, wire::Request::beat, 0, {}, rig); }));
    EXPECT_TRUE(refused([](Rig& rig) { rig.core.on_request(1, static_cast<wire::Request>(9), 0, {}, rig); }));
    EXPECT_TRUE(refused([](Rig& rig) { rig.core.on_request(1, static_cast<wire::Request>(60000), 0, {}, rig); }));
    EXPECT_TRUE(refused([](Rig& rig) { rig.say(1, wire::Request::change, wire::Change{.state = 4}); }));
    EXPECT_TRUE(refused([](Rig& rig) { rig.say(1, wire::Request::data, wire::Data{.total = 10, .offset = 0, .length = 10}); }));
    EXPECT_TRUE(refused([](Rig& rig) { rig.say(1, wire::Request::data, wire::Data{.total = 10, .offset = 5, .length = 0}); }));
    EXPECT_TRUE(refused([](Rig& rig) { rig.say(1, wire::Request::enrol, rig.enrol_of(2)); }));   // a second application on one connection
    EXPECT_TRUE(refused([](Rig& rig) { rig.core.on_request(1, wire::Request::show, 0, {}, rig); }));
}

TEST(SamCore, NamesAreShownWithoutWhatMayHarmAReader) {
    Rig rig;
    rig.core.on_connect(1, 50, 0);
    wire::Enrol enrol = rig.enrol_of(1);
    std::memcpy(enrol.name, "a\"\\\n\x1b\xff", 6);
    rig.say(1, wire::Request::enrol, enrol);
    EXPECT_TRUE(has(rig.show(1), "\"name\":\"a?????\""));
}

TEST(SamCore, ARestoredCoreGoesOnWhereTheOldOneStopped) {
    Rig old;
    old.enrol(1, 1, 50);
    old.attach(2, 1, 51);
    old.enrol(3, 2, 60);
    old.fail(3, 1, 1500);
    Bytes state;
    old.core.snapshot(state);
    Rig fresh;
    ASSERT_TRUE(fresh.core.restore(state));
    EXPECT_EQ(fresh.show(1), old.show(1));
    EXPECT_EQ(fresh.show(2), old.show(2));
    fresh.beat(1);
    fresh.time(2000);
    fresh.time(3500);
    fresh.time(4000);
    EXPECT_EQ(fresh.count(2, wire::Event::take_over), 1u);
    Bytes again;
    Rig third;
    ASSERT_TRUE(third.core.restore(state));
    third.core.snapshot(again);
    EXPECT_EQ(again, state);
    for (std::size_t cut = 0; cut < state.size(); ++cut) {
        Rig broken;
        EXPECT_FALSE(broken.core.restore(ByteView(state).first(cut))) << cut;
    }
}

TEST(SamCore, LongListsComeInPages) {
    Rig rig;
    for (ConnId conn = 1; conn <= 250; ++conn) rig.enrol(conn, static_cast<std::uint8_t>(conn), static_cast<std::int32_t>(conn + 1000));
    wire::ListRequest wanted;
    std::size_t seen = 0, pages = 0;
    rig.core.on_connect(999, 1, 0);
    for (wire::Reply head{.more = 1}; head.more != 0 && pages < 20; ++pages) {
        rig.say(999, wire::Request::list, wanted);
        std::memcpy(&head, rig.last_reply.data(), sizeof head);
        ASSERT_LE(rig.last_reply.size(), 64u * 1024);
        const std::string body = rig.body();
        for (std::size_t at = 0; (at = body.find("{\"id\":", at)) != body.npos; ++at, ++seen) wanted.after = std::stoull(body.substr(at + 6));
    }
    EXPECT_EQ(seen, 250u);
    EXPECT_GT(pages, 1u);
}

}  // namespace
}  // namespace motet::sam
