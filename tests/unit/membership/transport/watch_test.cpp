#include "membership/transport/knet/watch.h"

#include <errno.h>
#include <gtest/gtest.h>

namespace motet::transport {
namespace {

constexpr Duration kTick = milliseconds(250);

struct Watched {
    LinkWatch watch{3, 0, "192.0.2.3", milliseconds(250)};
    LinkSample s{.enabled = true, .connected = false, .pings_sent = 0, .pings_received = 0, .pongs_received = 0, .send_errors = 0, .send_errno = 0, .unauthenticated = 0};
    Instant now{1'000'000'000'000};
    std::vector<std::string> lines;

    // `heard`: their pings reach us; `answered`: so do their answers to ours.
    void run(int ticks, bool connected, bool heard, bool answered) {
        for (int i = 0; i < ticks; ++i) {
            now = now + kTick;
            s.connected = connected;
            ++s.pings_sent;
            s.pings_received += heard;
            s.pongs_received += answered;
            if (const auto line = watch.on_sample(s, now)) lines.push_back(line->text);
        }
    }
    const LinkState& state() const { return watch.state(); }
};

TEST(LinkWatch, ALinkThatComesUpIsOneLine) {
    Watched w;
    w.run(3, false, true, false);
    w.run(8, true, true, true);
    EXPECT_EQ(w.lines, (std::vector<std::string>{"link 0 to node 3 (192.0.2.3) is up"}));
    EXPECT_TRUE(w.state().connected);
    EXPECT_EQ(w.state().cause, "node 3 answers");
    w.run(300, true, true, true);
    EXPECT_EQ(w.state().loss_permille, 0u);
    EXPECT_EQ(w.lines.size(), 1u);
}

TEST(LinkWatch, ASilentPeerIsNamedAsSuch) {
    Watched w;
    w.run(8, true, true, true);
    w.run(4, true, false, false);
    w.run(20, false, false, false);
    ASSERT_EQ(w.lines.size(), 2u);
    EXPECT_EQ(w.lines[1], "link 0 to node 3 (192.0.2.3) is down: nothing heard of node 3 for 1250 ms");
    EXPECT_FALSE(w.state().one_way);
    EXPECT_GT(w.state().loss_permille, 400u);
}

TEST(LinkWatch, OneWayReachabilityIsNamedAfterAWhile) {
    Watched w;
    w.run(8, true, true, true);
    w.run(4, true, true, false);
    w.run(30, false, true, false);
    ASSERT_EQ(w.lines.size(), 3u);
    EXPECT_NE(w.lines[2].find("stays down: we hear node 3, node 3 does not hear us"), std::string::npos) << w.lines[2];
    EXPECT_TRUE(w.state().one_way);
    w.run(4, true, true, true);
    EXPECT_FALSE(w.state().one_way);
}

TEST(LinkWatch, FailingSendsAreTheCauseAndTellWhatToDo) {
    Watched w;
    w.run(8, true, true, true);
    w.s.send_errno = EPERM;
    for (int i = 0; i < 6; ++i) {
        ++w.s.send_errors;
        w.run(1, i < 4, true, false);
    }
    ASSERT_EQ(w.lines.size(), 2u);
    EXPECT_NE(w.lines[1].find("is down: sending fails: EPERM"), std::string::npos) << w.lines[1];
    EXPECT_NE(w.lines[1].find("firewall"), std::string::npos);
    EXPECT_EQ(w.state().send_errors, 6u);
}

TEST(LinkWatch, AnotherKeyIsSaidOnceAndNotAgainAndAgain) {
    Watched w;
    for (int i = 0; i < 200; ++i) {
        w.s.unauthenticated += 2;
        w.run(1, false, false, false);
    }
    ASSERT_EQ(w.lines.size(), 1u);
    EXPECT_NE(w.lines[0].find("do not authenticate"), std::string::npos);
}

TEST(SendErrors, AreReportedPerPeerOnceAMinute) {
    SendErrors errors;
    Instant now{1'000'000'000};
    std::size_t lines = 0;
    for (int second = 0; second < 150; ++second) {
        errors.note(2, static_cast<std::uint64_t>(second) * 10, ENOBUFS);
        errors.note(3, 0, 0);
        for (const std::string& line : errors.due(now)) {
            ++lines;
            EXPECT_NE(line.find("packets to node 2 could not be sent in the last minute: ENOBUFS"), std::string::npos) << line;
        }
        now = now + seconds(1);
    }
    EXPECT_EQ(lines, 2u);
}

}  // namespace
}  // namespace motet::transport
