// When membership is made real-time, and when no more.
#include <gtest/gtest.h>

#include "supervisor/scheduling.h"
#include "supervisor/urgency.h"

namespace motet::supervisor {
namespace {

// A process that is given to run a hundred times a second, and waits `each` before each.
struct Machine {
    Urgency urgency;
    Instant now{seconds(1000).ns};
    Urgency::Waits waits;
    bool second(Duration each, std::uint64_t times = 100) {
        now = now + seconds(1);
        waits.ns += static_cast<std::uint64_t>(each.ns) * times;
        waits.times += times;
        return urgency.look(now, waits);
    }
    int seconds_until_ordinary(Duration each) {
        int n = 1;
        while (n < 10'000 && !second(each)) ++n;
        return urgency.realtime() ? -1 : n;
    }
};

TEST(Urgency, ABusyMachineOnWhichItIsSoonServedIsNone) {
    Machine m;
    for (int i = 0; i < 100; ++i) EXPECT_FALSE(m.second(microseconds(300), 20'000));
    EXPECT_FALSE(m.urgency.realtime());
}

TEST(Urgency, OneBadSecondIsNoneTwoAre) {
    Machine m;
    m.second(microseconds(20));
    EXPECT_FALSE(m.second(milliseconds(5)));
    EXPECT_FALSE(m.second(microseconds(20)));
    EXPECT_FALSE(m.second(milliseconds(5)));
    EXPECT_TRUE(m.second(milliseconds(5)));
    EXPECT_TRUE(m.urgency.realtime());
    EXPECT_EQ(m.urgency.mean(), milliseconds(5));
}

TEST(Urgency, AVeryBadSecondIsEnough) {
    Machine m;
    m.second(microseconds(20));
    EXPECT_TRUE(m.second(milliseconds(80), 10));
}

TEST(Urgency, WhatWasBeforeTheFirstLookDoesNotCount) {
    Machine m;
    EXPECT_FALSE(m.second(milliseconds(80)));
    EXPECT_FALSE(m.urgency.realtime());
}

TEST(Urgency, LastsAMinuteAndLongerEachTimeThatItIsNeededAgainSoon) {
    Machine m;
    m.second(Duration{});
    ASSERT_TRUE(m.second(milliseconds(80)));
    EXPECT_EQ(m.seconds_until_ordinary(microseconds(1)), 60);
    for (int expected = 120; expected <= 3600; expected *= 2) {
        ASSERT_TRUE(m.second(milliseconds(80)));
        EXPECT_EQ(m.seconds_until_ordinary(microseconds(1)), std::min(expected, 3600));
    }
    ASSERT_TRUE(m.second(milliseconds(80)));
    EXPECT_EQ(m.seconds_until_ordinary(microseconds(1)), 3600);
    for (int i = 0; i < 3601; ++i) m.second(microseconds(1));
    ASSERT_TRUE(m.second(milliseconds(80)));
    EXPECT_EQ(m.seconds_until_ordinary(microseconds(1)), 60);
}

TEST(Urgency, ASuccessorCountsFromTheBeginning) {
    Machine m;
    for (int i = 0; i < 5; ++i) m.second(milliseconds(1));
    m.waits = {};
    m.urgency.begin_anew();
    EXPECT_FALSE(m.second(milliseconds(80), 2));   // its start
    EXPECT_FALSE(m.second(microseconds(1)));
    // Also unannounced: what goes backwards is no wait.
    m.waits = {};
    EXPECT_FALSE(m.second(milliseconds(80), 2));
    EXPECT_TRUE(m.second(milliseconds(80), 2));
}

TEST(Urgency, AProcessThatDidNotRunAtAllWaits) {
    Machine m;
    EXPECT_FALSE(m.second(Duration{}, 0));   // since when?
    EXPECT_TRUE(m.second(Duration{}, 0));
    EXPECT_EQ(m.urgency.mean(), Duration{});
}

TEST(Urgency, ExceptWhenNobodyRan) {
    Machine m;
    m.second(microseconds(1));
    m.urgency.begin_anew();
    EXPECT_FALSE(m.second(Duration{}, 0));
}

Scheduling of(std::string_view sched_rr, std::string_view priority) {
    config::Snapshot snapshot;
    if (!sched_rr.empty()) snapshot.set("system.sched_rr", std::string(sched_rr));
    if (!priority.empty()) snapshot.set("system.priority", std::string(priority));
    return scheduling_of(snapshot);
}

TEST(Scheduling, AsTheConfigurationSays) {
    using When = Scheduling::RealTime;
    EXPECT_EQ(of("", "").real_time, When::as_needed);
    EXPECT_EQ(of("auto", "").real_time, When::as_needed);
    EXPECT_EQ(of("", "").priority, 50);
    EXPECT_LT(of("", "").nice, of("", "").worker_nice);
    EXPECT_LT(of("", "").worker_nice, 0);
    EXPECT_EQ(of("yes", "").real_time, When::always);
    EXPECT_EQ(of("yes", "max").priority, 99);
    EXPECT_EQ(of("yes", "min").priority, 1);
    EXPECT_EQ(of("yes", "7").priority, 7);
    EXPECT_EQ(of("no", "").real_time, When::never);
    EXPECT_EQ(of("no", "").priority, 0);
    EXPECT_EQ(of("no", "").nice, 0);
    EXPECT_EQ(of("no", "").worker_nice, 0);
    EXPECT_EQ(of("no", "-7").nice, -7);
    EXPECT_EQ(of("no", "max").nice, -20);
    EXPECT_EQ(of("no", "min").nice, 19);
}

}  // namespace
}  // namespace motet::supervisor
