// The rules of supervision on virtual time.
#include "libs/client/sam/watch.h"

#include <gtest/gtest.h>

using namespace motet;
using namespace motet::client::sam;

namespace {

using Act = Watch::Act;
using State = Watch::State;

constexpr Duration kInterval = milliseconds(100);

struct Watched : Watch {
    Watched(bool restarts = true, bool quorum = false, Duration interval = kInterval) : Watch(interval, restarts, quorum) { begin(); }
    Act at(std::int64_t ms) {
        on_time(Instant{} + milliseconds(ms));
        return take_act();
    }
    bool start(std::int64_t ms) { return on_start(Instant{} + milliseconds(ms)); }
    void beat(std::int64_t ms) { on_command(Instant{} + milliseconds(ms)); }
    bool quorum(bool quorate, std::int64_t ms) { return on_quorum(quorate, Instant{} + milliseconds(ms)); }
    End dies() {
        on_death();
        return end();
    }
};

TEST(SamWatch, ASilentApplicationIsWarnedAfterOneIntervalAndKilledAfterTwo) {
    Watched w;
    w.start(0);
    EXPECT_EQ(w.at(99), Act::none);
    EXPECT_EQ(w.at(100), Act::warn);
    EXPECT_EQ(w.at(199), Act::none);
    EXPECT_EQ(w.at(200), Act::kill);
    EXPECT_EQ(w.at(1000), Act::none);
    EXPECT_EQ(w.dies(), Watch::End::restart);
    EXPECT_EQ(w.cause(), Watch::Cause::no_heartbeat);
}

TEST(SamWatch, HeartbeatsPutTheWarningOff) {
    Watched w;
    w.start(0);
    for (int ms = 0; ms < 1000; ms += 50) {
        w.beat(ms);
        EXPECT_EQ(w.at(ms + 49), Act::none);
    }
    EXPECT_EQ(w.at(1050), Act::warn);
}

TEST(SamWatch, AnInstanceIsWarnedOnceInItsLife) {
    Watched w;
    w.start(0);
    EXPECT_EQ(w.at(100), Act::warn);
    w.beat(150);
    EXPECT_EQ(w.at(249), Act::none);
    EXPECT_EQ(w.at(250), Act::kill);
    w.dies();
    w.begin();
    w.start(300);
    EXPECT_EQ(w.at(400), Act::warn);
}

TEST(SamWatch, WithoutAnIntervalOnlyDeathCounts) {
    Watched w(true, false, Duration{});
    w.start(0);
    EXPECT_EQ(w.deadline(), kNever);
    EXPECT_EQ(w.at(1'000'000), Act::none);
    EXPECT_EQ(w.dies(), Watch::End::restart);
    EXPECT_EQ(w.cause(), Watch::Cause::died);
}

TEST(SamWatch, DeathIsNoFailureUnlessStarted) {
    Watched registered;
    EXPECT_EQ(registered.dies(), Watch::End::quit);
    EXPECT_EQ(registered.state(), State::stopped);
    Watched stopped;
    stopped.start(0);
    stopped.on_stop();
    EXPECT_EQ(stopped.deadline(), kNever);
    EXPECT_EQ(stopped.dies(), Watch::End::quit);
    EXPECT_EQ(stopped.state(), State::stopped);
}

TEST(SamWatch, PolicyQuitEndsAfterAFailureAndKeepsTheStateFailed) {
    Watched w(false);
    w.start(0);
    EXPECT_EQ(w.dies(), Watch::End::quit);
    EXPECT_EQ(w.state(), State::failed);
}

TEST(SamWatch, AWarnedApplicationMayStillStop) {
    Watched w;
    w.start(0);
    EXPECT_EQ(w.at(100), Act::warn);
    w.on_stop();
    EXPECT_EQ(w.at(500), Act::none);
    EXPECT_EQ(w.dies(), Watch::End::quit);
}

TEST(SamWatch, MarkedFailedIsKilledAtOnceAndNotRestarted) {
    Watched w;
    w.start(0);
    w.on_mark_failed();
    EXPECT_EQ(w.take_act(), Act::kill);
    w.on_stop();
    EXPECT_EQ(w.state(), State::failed);
    EXPECT_EQ(w.dies(), Watch::End::quit);
}

TEST(SamWatch, StartWaitsForQuorum) {
    Watched w(true, true);
    EXPECT_FALSE(w.start(0));
    EXPECT_EQ(w.state(), State::waiting_for_quorum);
    EXPECT_EQ(w.deadline(), kNever);
    EXPECT_FALSE(w.quorum(false, 10));
    EXPECT_TRUE(w.quorum(true, 5000));
    EXPECT_EQ(w.state(), State::running);
    EXPECT_EQ(w.at(5099), Act::none);
    EXPECT_EQ(w.at(5100), Act::warn);
}

TEST(SamWatch, LossOfQuorumWarnsAtOnceAndKillsAfterAnIntervalWhateverIsHeard) {
    Watched w(true, true);
    w.quorum(true, 0);
    EXPECT_TRUE(w.start(0));
    w.quorum(false, 50);
    EXPECT_EQ(w.take_act(), Act::warn);
    w.beat(100);
    w.quorum(true, 120);
    EXPECT_EQ(w.at(149), Act::none);
    EXPECT_EQ(w.at(150), Act::kill);
    EXPECT_EQ(w.dies(), Watch::End::restart);
    EXPECT_EQ(w.cause(), Watch::Cause::no_quorum);
    w.begin();
    w.quorum(false, 160);
    EXPECT_FALSE(w.start(170));   // the next instance waits again
}

TEST(SamWatch, LossOfQuorumEndsAnApplicationWithoutIntervalToo) {
    Watched w(true, true, Duration{});
    w.quorum(true, 0);
    w.start(0);
    w.quorum(false, 10);
    EXPECT_EQ(w.take_act(), Act::warn);
    EXPECT_EQ(w.at(1009), Act::none);
    EXPECT_EQ(w.at(1010), Act::kill);
}

TEST(SamWatch, AnAdministratorsRestartHappensWhateverThePolicyAndTheApplicationsStop) {
    Watched w(false);
    w.start(0);
    w.on_order_restart(Instant{} + milliseconds(10));
    EXPECT_EQ(w.take_act(), Act::warn);
    w.on_stop();
    EXPECT_EQ(w.dies(), Watch::End::restart);
    EXPECT_EQ(w.cause(), Watch::Cause::ordered);
}

TEST(SamWatch, AParentThatSleptLooksAtHeartbeatsFirst) {
    Watched w;
    w.start(0);
    w.beat(5000);   // taken from the queue before time is looked at
    EXPECT_EQ(w.at(5000), Act::none);
}

}  // namespace
