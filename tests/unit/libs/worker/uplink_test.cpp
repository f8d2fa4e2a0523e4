// The way to membership when it is slow: order, bounds, the ring of synchronisations beside the one of applications.
#include <gtest/gtest.h>

#include <string>

#include "libs/worker/uplink.h"
#include "tests/unit/libs/ring/memory_link.h"

namespace motet::worker {
namespace {

class UplinkTest : public ::testing::Test {
protected:
    void submit(std::uint64_t number, std::size_t length = 8) {
        feed::SubmitHeader header;
        header.req_after = number;
        const Bytes body = ring::pattern(length, number);
        const ByteView piece = body;
        uplink.submit(header, std::span(&piece, 1));
    }
    void sync(std::uint64_t round, std::size_t length = 8) {
        const Bytes body = ring::pattern(length, round);
        const ByteView piece = body;
        uplink.sync(feed::Submit::sync_multicast, 2, round, std::span(&piece, 1));
    }
    // What membership reads: minus the round of synchronisation messages, then req_after of multicasts.
    std::vector<std::int64_t> read(std::size_t limit = SIZE_MAX) {
        uplink.publish();
        std::vector<std::int64_t> all;
        read_from(sync_link.consumer, limit, all);
        read_from(link.consumer, limit, all);
        return all;
    }
    void read_from(ring::Consumer& from, std::size_t limit, std::vector<std::int64_t>& all) {
        ring::Record record;
        while (all.size() < limit && from.next(record) == ring::Pull::record) {
            const auto got = feed::decode_submit(record.payload);
            EXPECT_TRUE(got);
            const bool app = static_cast<feed::Submit>(record.type) == feed::Submit::multicast;
            const auto number = static_cast<std::int64_t>(app ? got->header.req_after : got->header.round);
            EXPECT_TRUE(ring::same(got->body, ring::pattern(got->body.size(), static_cast<std::uint64_t>(number))));
            all.push_back(app ? number : -number);
        }
        from.release();
    }
    ring::MemoryLink link{ring::kCapacityMin}, sync_link{ring::kCapacityMin};
    Uplink uplink{ring::Producer(link.a.page(), link.b.page()), ring::Producer(sync_link.a.page(), sync_link.b.page())};
};

// An operation that was counted as a step of a synchronisation would swallow the next one, and the whole ring would wait.
TEST_F(UplinkTest, AnOperationSwallowsNoStepOfASynchronisation) {
    uplink.operation(4, 1, "text");
    uplink.publish();
    ring::Record record;
    ASSERT_EQ(link.consumer.next(record), ring::Pull::record);
    EXPECT_EQ(static_cast<feed::Submit>(record.type), feed::Submit::operation);
    submit(5);
    sync(9);
    EXPECT_EQ(read(), (std::vector<std::int64_t>{-9, 5}));
}

// A message in parts, 1.5 MiB in all, through a ring of 256 KiB.
TEST_F(UplinkTest, AUnitLargerThanTheRingArrivesWholeAndInOrder) {
    for (std::uint64_t i = 1; i <= 100; ++i) submit(i, 16'000);
    EXPECT_FALSE(uplink.has_room());
    EXPECT_TRUE(uplink.critical());
    std::vector<std::int64_t> all;
    for (int i = 0; i < 50; ++i) {
        const auto some = read();
        all.insert(all.end(), some.begin(), some.end());
        if (!uplink.flush()) break;
    }
    ASSERT_EQ(all.size(), 100u);
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], static_cast<std::int64_t>(i) + 1);
    EXPECT_TRUE(uplink.has_room());
    EXPECT_FALSE(uplink.critical());
    EXPECT_EQ(uplink.broken(), nullptr);
}

// Membership keeps application messages in their ring until they are delivered, which may be after the synchronisation.
TEST_F(UplinkTest, SynchronisationGoesOnHoweverFullTheOtherRingIs) {
    for (std::uint64_t i = 1; i <= 30; ++i) submit(i, 16'000);
    uplink.publish();
    EXPECT_FALSE(uplink.has_room());
    std::vector<std::int64_t> rounds;
    for (std::uint64_t i = 1; i <= 100; ++i) {
        sync(i, 16'000);
        uplink.publish();
        read_from(sync_link.consumer, SIZE_MAX, rounds);
    }
    ASSERT_EQ(rounds.size(), 100u);
    EXPECT_EQ(rounds.front(), -1);
    EXPECT_EQ(rounds.back(), -100);
    submit(31);  // behind what still waits, although it would fit
    std::vector<std::int64_t> all;
    for (int i = 0; i < 10; ++i) {
        const auto some = read();
        all.insert(all.end(), some.begin(), some.end());
        uplink.flush();
    }
    ASSERT_EQ(all.size(), 31u);
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], static_cast<std::int64_t>(i) + 1);
}

TEST_F(UplinkTest, SynchronisationWaitsInOrderWhenItsRingIsFull) {
    for (std::uint64_t i = 1; i <= 50; ++i) sync(i, 8'000);
    std::vector<std::int64_t> rounds;
    for (int i = 0; i < 20; ++i) {
        for (const std::int64_t number : read()) rounds.push_back(-number);
        uplink.flush();
    }
    ASSERT_EQ(rounds.size(), 50u);
    for (std::size_t i = 0; i < rounds.size(); ++i) EXPECT_EQ(rounds[i], static_cast<std::int64_t>(i) + 1);
}

TEST_F(UplinkTest, OfWhatIsUnderWayTheRingTakesNoMoreRequestsBeyondThreeSixteenths) {
    std::uint64_t number = 0;
    while (uplink.has_room()) submit(++number, 4'000);
    uplink.publish();
    EXPECT_GT(number * 4'000, ring::kCapacityMin / 16 * 3 - 8'000);
    EXPECT_LT(number * 4'000, ring::kCapacityMin / 16 * 3 + 8'000);
    // The consumer has read them, but keeps them.
    ring::Record record;
    for (std::uint64_t i = 0; i < number; ++i) ASSERT_EQ(link.consumer.next(record), ring::Pull::record);
    EXPECT_FALSE(uplink.has_room());
    link.consumer.release();
    EXPECT_TRUE(uplink.has_room());
}

TEST_F(UplinkTest, WhileThereIsRoomAnyRequestFits) {
    std::uint64_t number = 0;
    for (int i = 0; i < 200; ++i) {
        while (uplink.has_room()) submit(++number, 60'000);
        submit(++number, 10);  // has_room() was false: goes in or waits, never lost
        read(1);
        uplink.flush();
    }
    std::vector<std::int64_t> all;
    for (int i = 0; i < 20; ++i) {
        const auto some = read();
        all.insert(all.end(), some.begin(), some.end());
        uplink.flush();
    }
    EXPECT_EQ(all.back(), static_cast<std::int64_t>(number));
}

TEST_F(UplinkTest, CriticalEndsAtHalf) {
    std::uint64_t number = 0;
    while (!uplink.critical()) submit(++number, 1000);
    std::size_t taken = 0;
    while (uplink.critical()) taken += read(1).size();
    EXPECT_GT(taken, number / 4);
    EXPECT_LT(taken, number * 3 / 4);
}

TEST_F(UplinkTest, MembershipThatTakesNothingIsGivenUpAtTheBound) {
    for (std::uint64_t i = 0; uplink.broken() == nullptr && i < 2000; ++i) submit(i, 100'000);
    ASSERT_NE(uplink.broken(), nullptr);
    submit(1);
    sync(1);
    EXPECT_FALSE(uplink.flush());
}

TEST_F(UplinkTest, AMessageLongerThanTheRingCarriesIsAnError) {
    submit(1, 200'000);
    EXPECT_NE(uplink.broken(), nullptr);
}

TEST_F(UplinkTest, AnImpossibleCursorIsNoticedWithoutSubmitting) {
    link.b.page()->tail = 1u << 30;
    EXPECT_FALSE(uplink.has_room());
    EXPECT_NE(uplink.broken(), nullptr);
}

}  // namespace
}  // namespace motet::worker
