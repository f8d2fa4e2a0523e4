// Resources of the machine against their limits.
#include "workers/sam/core_monitors.h"

#include <gtest/gtest.h>

namespace motet::sam {
namespace {

Instant at(std::int64_t ms) { return Instant{} + milliseconds(ms); }

TEST(SamMonitors, NothingIsWatchedWithoutALimit) {
    Monitors monitors;
    EXPECT_EQ(monitors.deadline(), kNever);
    EXPECT_EQ(monitors.state(Resource::memory_used), MonitorState::stopped);
    EXPECT_EQ(monitors.verdict(), Verdict::feed);
}

TEST(SamMonitors, AValueAboveItsLimitFailsUntilItIsBelowAgain) {
    Monitors monitors;
    monitors.configure(Resource::memory_used, {.max = 80.0, .recovery = Recovery::watchdog, .poll_period = milliseconds(500)});
    EXPECT_TRUE(monitors.due(Resource::memory_used, at(0)));
    EXPECT_EQ(monitors.state(Resource::memory_used), MonitorState::running);
    monitors.sample(Resource::memory_used, 80.0, at(1000));
    EXPECT_EQ(monitors.verdict(), Verdict::feed);
    EXPECT_FALSE(monitors.due(Resource::memory_used, at(1499)));
    EXPECT_EQ(monitors.deadline(), at(1500));
    monitors.sample(Resource::memory_used, 80.1, at(1500));
    EXPECT_EQ(monitors.state(Resource::memory_used), MonitorState::failed);
    EXPECT_EQ(monitors.verdict(), Verdict::starve);
    monitors.sample(Resource::memory_used, std::nullopt, at(2000));   // unreadable: the last value stands
    EXPECT_EQ(monitors.verdict(), Verdict::starve);
    monitors.sample(Resource::memory_used, 20.0, at(2500));
    EXPECT_EQ(monitors.verdict(), Verdict::feed);
}

TEST(SamMonitors, TheStrongestRecoveryWins) {
    Monitors monitors;
    monitors.configure(Resource::memory_used, {.max = 1.0, .recovery = Recovery::watchdog});
    monitors.configure(Resource::load_15min, {.max = 1.0, .recovery = Recovery::shutdown});
    monitors.sample(Resource::memory_used, 2.0, at(1));
    EXPECT_EQ(monitors.verdict(), Verdict::starve);
    monitors.sample(Resource::load_15min, 2.0, at(1));
    EXPECT_EQ(monitors.verdict(), Verdict::shutdown);
    monitors.configure(Resource::load_15min, {.max = 1.0, .recovery = Recovery::reboot});
    EXPECT_EQ(monitors.verdict(), Verdict::reboot);
    monitors.configure(Resource::load_15min, {.max = 1.0});
    EXPECT_EQ(monitors.verdict(), Verdict::starve);
}

TEST(SamMonitors, AChangedLimitJudgesTheValueAtHand) {
    Monitors monitors;
    monitors.configure(Resource::load_15min, {.max = 10.0, .recovery = Recovery::watchdog});
    monitors.sample(Resource::load_15min, 5.0, at(1));
    monitors.configure(Resource::load_15min, {.max = 4.0, .recovery = Recovery::watchdog});
    EXPECT_EQ(monitors.verdict(), Verdict::starve);
    monitors.configure(Resource::load_15min, {});
    EXPECT_EQ(monitors.state(Resource::load_15min), MonitorState::stopped);
    EXPECT_EQ(monitors.verdict(), Verdict::feed);
}

TEST(SamMonitors, TheKernelsFilesAreReadAndNothingElseIsBelieved) {
    EXPECT_NEAR(*memory_used_of("MemTotal:       1000 kB\nMemFree:  10 kB\nMemAvailable:    250 kB\n"), 75.0, 1e-9);
    EXPECT_NEAR(*load_15min_of("0.10 0.20 3.25 1/200 4711\n"), 3.25, 1e-9);
    for (const char* text : {"", "MemTotal: 1000 kB", "MemTotal: 0 kB\nMemAvailable: 0 kB", "MemTotal: 10 kB\nMemAvailable: 20 kB", "MemTotal: x\nMemAvailable: 1"})
        EXPECT_FALSE(memory_used_of(text)) << text;
    for (const char* text : {"", "1 2", "1 2 x", "1 2 -3"}) EXPECT_FALSE(load_15min_of(text)) << text;
}

TEST(SamMonitors, RecoveriesAreTheFourWords) {
    EXPECT_EQ(parse_recovery("reboot"), Recovery::reboot);
    EXPECT_FALSE(parse_recovery("panic"));
}

}  // namespace
}  // namespace motet::sam
