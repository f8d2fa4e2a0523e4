// The watchdog device, played by a file.
#include "supervisor/watchdog.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace motet::supervisor {
namespace {

struct File {
    File() {
        const int fd = mkstemp(path);
        if (fd >= 0) close(fd);
    }
    ~File() { unlink(path); }
    std::string text() const {
        std::ifstream in(path);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    char path[32] = "/tmp/motet-watchdog-XXXXXX";
};

Instant at(std::int64_t ms) { return Instant{} + milliseconds(ms); }

TEST(Watchdog, IsFedTwicePerTimeoutAndDisarmedWithTheMagicLetter) {
    File file;
    Watchdog watchdog;
    EXPECT_EQ(watchdog.deadline(), kNever);
    ASSERT_TRUE(watchdog.configure(file.path, seconds(6), at(0)));
    EXPECT_EQ(watchdog.deadline(), at(0));
    ASSERT_TRUE(watchdog.feed(true, at(0)));
    EXPECT_EQ(watchdog.deadline(), at(3000));
    ASSERT_TRUE(watchdog.feed(true, at(3000)));
    EXPECT_EQ(file.text(), "..");
    watchdog.disarm();
    EXPECT_EQ(file.text(), "..V");
    EXPECT_EQ(watchdog.deadline(), kNever);
}

TEST(Watchdog, StarvesWhileTheNodeIsNotHealthy) {
    File file;
    Watchdog watchdog;
    ASSERT_TRUE(watchdog.configure(file.path, seconds(2), at(0)));
    ASSERT_TRUE(watchdog.feed(false, at(0)));
    EXPECT_TRUE(watchdog.starving());
    EXPECT_EQ(file.text(), "");
    EXPECT_EQ(watchdog.deadline(), at(1000));
    ASSERT_TRUE(watchdog.feed(true, at(1000)));
    EXPECT_FALSE(watchdog.starving());
    EXPECT_EQ(file.text(), ".");
}

TEST(Watchdog, AProcessThatDiesWithoutDisarmingLeavesItArmed) {
    File file;
    {
        Watchdog watchdog;
        ASSERT_TRUE(watchdog.configure(file.path, seconds(2), at(0)));
        ASSERT_TRUE(watchdog.feed(true, at(0)));
    }
    EXPECT_EQ(file.text(), ".");
}

TEST(Watchdog, ADeviceThatIsNotThereIsSaidAndTheOldOneStays) {
    File file;
    Watchdog watchdog;
    ASSERT_TRUE(watchdog.configure(file.path, seconds(2), at(0)));
    const Status missing = watchdog.configure("/nonexistent/watchdog", seconds(2), at(0));
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().text.find("/nonexistent/watchdog"), std::string::npos);
    EXPECT_TRUE(watchdog.armed());
    ASSERT_TRUE(watchdog.configure("off", seconds(2), at(0)));
    EXPECT_FALSE(watchdog.armed());
    EXPECT_EQ(file.text(), "V");
}

}  // namespace
}  // namespace motet::supervisor
