// The poller over socket pairs; deadlines only where waiting ends at once.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "libs/loop/loop.h"

namespace motet::loop {
namespace {

class LoopTest : public ::testing::Test {
protected:
    LoopTest() { EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0); }
    ~LoopTest() override {
        for (const int fd : fds) {
            if (fd >= 0) close(fd);
        }
    }
    int fds[2];
    Poller poller = std::move(*Poller::create());
};

TEST_F(LoopTest, NothingReadyReturnsAtOnceWhenTheDeadlineHasPassed) {
    ASSERT_TRUE(poller.add(fds[0], 7));
    EXPECT_TRUE(poller.look().empty());
    EXPECT_TRUE(poller.wait(monotonic_now()).empty());
    EXPECT_TRUE(poller.wait(Instant{-5}).empty());
}

TEST_F(LoopTest, AWaitIsNeverEarly) {
    const Instant deadline = monotonic_now() + microseconds(300);
    poller.wait(deadline);
    EXPECT_GE(monotonic_now(), deadline);
}

TEST_F(LoopTest, ReportsTagAndReadinessUntilTheBytesAreTaken) {
    ASSERT_TRUE(poller.add(fds[0], 0x8000'0000'0000'0007u));
    ASSERT_EQ(write(fds[1], "x", 1), 1);
    for (int i = 0; i < 2; ++i) {
        const auto ready = poller.wait(kNever);
        ASSERT_EQ(ready.size(), 1u);
        EXPECT_EQ(ready[0].tag, 0x8000'0000'0000'0007u);
        EXPECT_TRUE(ready[0].readable);
        EXPECT_FALSE(ready[0].writable);
        EXPECT_FALSE(ready[0].hung_up);
    }
    char byte;
    ASSERT_EQ(read(fds[0], &byte, 1), 1);
    EXPECT_TRUE(poller.look().empty());
}

TEST_F(LoopTest, InterestCanChange) {
    ASSERT_TRUE(poller.add(fds[0], 1, {.read = false, .write = true}));
    ASSERT_EQ(write(fds[1], "x", 1), 1);
    ASSERT_EQ(poller.look().size(), 1u);
    EXPECT_TRUE(poller.look()[0].writable);
    EXPECT_FALSE(poller.look()[0].readable);
    ASSERT_TRUE(poller.modify(fds[0], 2, {.read = false}));
    EXPECT_TRUE(poller.look().empty());
    ASSERT_TRUE(poller.modify(fds[0], 3, {}));
    ASSERT_EQ(poller.look().size(), 1u);
    EXPECT_EQ(poller.look()[0].tag, 3u);
}

TEST_F(LoopTest, HangUpIsReportedWithWhatIsStillToRead) {
    ASSERT_TRUE(poller.add(fds[0], 1));
    ASSERT_EQ(write(fds[1], "x", 1), 1);
    close(fds[1]);
    fds[1] = -1;
    const auto ready = poller.look();
    ASSERT_EQ(ready.size(), 1u);
    EXPECT_TRUE(ready[0].readable);
    EXPECT_TRUE(ready[0].hung_up);
    ASSERT_TRUE(poller.modify(fds[0], 1, {.read = false}));
    ASSERT_EQ(poller.look().size(), 1u);  // a hang-up is always reported
    EXPECT_TRUE(poller.look()[0].hung_up);
}

// A duplicate elsewhere keeps the open file, and with it the registration, alive.
TEST_F(LoopTest, RemovedMeansSilentEvenWhileADuplicateLives) {
    ASSERT_TRUE(poller.add(fds[0], 1));
    const int duplicate = dup(fds[0]);
    poller.remove(fds[0]);
    ASSERT_EQ(write(fds[1], "x", 1), 1);
    EXPECT_TRUE(poller.look().empty());
    close(duplicate);
}

TEST_F(LoopTest, MoreThanABatchIsReportedOverSeveralLooks) {
    std::vector<int> all;
    for (std::size_t i = 0; i < Poller::kBatchMax + 10; ++i) {
        int pair[2];
        ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        ASSERT_EQ(write(pair[1], "x", 1), 1);
        ASSERT_TRUE(poller.add(pair[0], i));
        all.insert(all.end(), {pair[0], pair[1]});
    }
    std::vector<std::uint64_t> seen;
    while (seen.size() < Poller::kBatchMax + 10) {
        const auto ready = poller.look();
        ASSERT_FALSE(ready.empty());
        ASSERT_LE(ready.size(), Poller::kBatchMax);
        for (const Ready& one : ready) {
            seen.push_back(one.tag);
            poller.remove(all[2 * one.tag]);
        }
    }
    std::sort(seen.begin(), seen.end());
    for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], i);
    for (const int fd : all) close(fd);
}

TEST_F(LoopTest, WhatCannotBeWatchedIsAnError) {
    EXPECT_FALSE(poller.add(-1, 1));
    const int file = open("/dev/null", O_RDONLY);
    EXPECT_FALSE(poller.modify(fds[0], 1, {}));
    close(file);
}

}  // namespace
}  // namespace motet::loop
