// What the two classes promise each other when both are honest.
#include <gtest/gtest.h>

#include <deque>
#include <random>

#include "tests/unit/libs/ring/memory_link.h"

namespace motet::ring {
namespace {

TEST(Ring, RecordsComeOutAsTheyWentInAcrossManyWraps) {
    MemoryLink link(4096);
    std::mt19937_64 random(1);
    std::deque<std::pair<std::uint64_t, std::size_t>> expected;
    std::uint64_t in = 0, out = 0, full = 0;
    while (out < 50'000) {
        const std::size_t length = random() % 700;
        const Push pushed = push(link.producer, pattern(length, in), in);
        ASSERT_NE(pushed, Push::violation);
        if (pushed == Push::ok)
            expected.emplace_back(in++, length);
        else
            ++full;
        if (random() % 3 == 0 || pushed == Push::full) link.producer.publish();
        for (unsigned n = random() % 4; n > 0; --n) {
            Record record;
            const Pull pulled = link.consumer.next(record);
            if (pulled == Pull::empty) break;
            ASSERT_EQ(pulled, Pull::record);
            ASSERT_FALSE(expected.empty());
            const auto [id, size] = expected.front();
            expected.pop_front();
            ASSERT_EQ(record.id, id);
            ASSERT_EQ(record.type, 1);
            ASSERT_EQ(record.flags, 3);
            ASSERT_TRUE(same(record.payload, pattern(size, id)));
            ASSERT_EQ(record.position_after, link.consumer.tail());
            ++out;
        }
        link.consumer.release();
    }
    EXPECT_GT(full, 100u);
    EXPECT_GT(link.consumer.tail(), 100u * 4096);
}

TEST(Ring, NothingIsVisibleBeforePublish) {
    MemoryLink link(4096);
    Record record;
    ASSERT_EQ(push(link.producer, pattern(10, 1), 1), Push::ok);
    EXPECT_EQ(link.consumer.next(record), Pull::empty);
    EXPECT_TRUE(link.consumer.empty());
    link.producer.publish();
    EXPECT_FALSE(link.consumer.empty());
    EXPECT_EQ(link.consumer.next(record), Pull::record);
}

TEST(Ring, AnAbandonedBeginLeavesNoTrace) {
    MemoryLink link(4096);
    Push why;
    ASSERT_NE(link.producer.begin(2000, why), nullptr);
    std::uint8_t* to = link.producer.begin(100, why);
    ASSERT_NE(to, nullptr);
    to[0] = 7;
    link.producer.finish(1, 9, 42, 5);  // shorter than reserved
    link.producer.publish();
    Record record;
    ASSERT_EQ(link.consumer.next(record), Pull::record);
    EXPECT_EQ(record.payload.size(), 1u);
    EXPECT_EQ(record.payload[0], 7);
    EXPECT_EQ(record.type, 9);
    EXPECT_EQ(record.sub, 5);
    EXPECT_EQ(record.id, 42u);
    EXPECT_EQ(link.consumer.next(record), Pull::empty);
}

// A drained ring takes a record of record_max() at every offset, so no length is ever stuck.
TEST(Ring, TheLargestRecordFitsIntoADrainedRingAtEveryOffset) {
    for (std::uint64_t offset = 0; offset < 4096; offset += 16) {
        MemoryLink link(4096);
        Record record;
        while (link.producer.head() < offset) {
            ASSERT_EQ(push(link.producer, {}, 0), Push::ok);
            link.producer.publish();
            ASSERT_EQ(link.consumer.next(record), Pull::record);
            link.consumer.release();
        }
        ASSERT_EQ(link.producer.record_max(), 4096u / 2 - 16);
        EXPECT_EQ(link.producer.free_bytes(), link.producer.record_max()) << offset;
        ASSERT_EQ(push(link.producer, pattern(link.producer.record_max(), 3), 3), Push::ok) << offset;
        link.producer.publish();
        ASSERT_EQ(link.consumer.next(record), Pull::record);
        EXPECT_TRUE(same(record.payload, pattern(link.producer.record_max(), 3)));
    }
}

TEST(Ring, FreeBytesIsAPromise) {
    MemoryLink link(4096);
    std::mt19937_64 random(2);
    for (int i = 0; i < 20'000; ++i) {
        const std::size_t free = link.producer.free_bytes();
        if (free > 0 && random() % 2 == 0) {
            const std::size_t length = std::min<std::size_t>(free, random() % 2048);
            ASSERT_EQ(push(link.producer, pattern(length, 1), 1), Push::ok);
            link.producer.publish();
        }
        Record record;
        for (unsigned n = random() % 3; n > 0 && link.consumer.next(record) == Pull::record; --n) {
        }
        link.consumer.release();
        ASSERT_LE(link.producer.used_bytes(), link.producer.head() - link.consumer.tail());
    }
}

TEST(Ring, TooLongIsNeverTaken) {
    MemoryLink link(4096);
    Push why = Push::ok;
    EXPECT_EQ(link.producer.begin(link.producer.record_max() + 1, why), nullptr);
    EXPECT_EQ(why, Push::full);
    EXPECT_EQ(push(link.producer, pattern(5000, 1), 1), Push::full);
}

// Goal: a ring in ping-pong touches its first pages only. Positions tell which offsets were used.
TEST(Ring, AnIdleRingStaysWithinItsFirstPages) {
    MemoryLink link(2u << 20);
    std::uint64_t highest = 0;
    for (std::uint64_t i = 0; i < 140'000; ++i) {
        ASSERT_EQ(push(link.producer, pattern(64, i), i), Push::ok);
        link.producer.publish();
        Record record;
        ASSERT_EQ(link.consumer.next(record), Pull::record);
        ASSERT_EQ(record.id, i);
        highest = std::max<std::uint64_t>(highest, static_cast<std::uint64_t>(record.payload.data() - link.a.data()));
        link.consumer.release();
    }
    EXPECT_LT(highest, 72u * 1024);
}

// Goal: a rewind does not take away the room that the next burst needs.
// Method: bursts of 200 KiB through a ring of 2 MiB, the consumer following only after each burst.
TEST(Ring, BurstsFindRoomAfterARewind) {
    MemoryLink link(2u << 20);
    std::uint64_t highest = 0;
    unsigned full = 0;
    for (unsigned burst = 0; burst < 500; ++burst) {
        for (unsigned i = 0; i < 200; ++i) full += push(link.producer, pattern(1008, i), i) == Push::full && burst > 2;
        link.producer.publish();
        EXPECT_LE(link.producer.used_bytes(), 201u * 1024);  // pads do not count
        Record record;
        while (link.consumer.next(record) == Pull::record)
            highest = std::max<std::uint64_t>(highest, static_cast<std::uint64_t>(record.payload.data() - link.a.data()));
        link.consumer.release();
    }
    EXPECT_EQ(full, 0u);
    EXPECT_LT(highest, 1100u * 1024);  // and yet it does not wander through the whole ring
}

TEST(Ring, ARewindLeavesTheRoomThatIsAskedFor) {
    MemoryLink link(2u << 20);
    link.producer.keep_room(500'000);
    for (unsigned i = 0; i < 20'000; ++i) {
        ASSERT_EQ(push(link.producer, pattern(240, i), i), Push::ok);
        link.producer.publish();
        ASSERT_GT(link.producer.free_bytes(), 400'000u) << i;
        Record record;
        ASSERT_EQ(link.consumer.next(record), Pull::record);
        link.consumer.release();
    }
}

TEST(Ring, WorthPublishingAfter32KiB) {
    MemoryLink link(1u << 20);
    while (!link.producer.worth_publishing()) ASSERT_EQ(push(link.producer, pattern(1008, 1), 1), Push::ok);
    EXPECT_EQ(link.producer.head(), 32u * 1024);
    link.producer.publish();
    EXPECT_FALSE(link.producer.worth_publishing());
}

TEST(Ring, OneTokenPerSleep) {
    MemoryLink link(4096);
    Record record;
    push(link.producer, {}, 1);
    ASSERT_TRUE(link.producer.publish());  // born asleep
    link.producer.served();
    push(link.producer, {}, 2);
    EXPECT_FALSE(link.producer.publish());  // it has its token
    EXPECT_FALSE(link.producer.consumer_waits());
    EXPECT_FALSE(link.consumer.arm());  // there is something to read
    while (link.consumer.next(record) == Pull::record) {
    }
    ASSERT_TRUE(link.consumer.arm());
    EXPECT_FALSE(link.producer.publish());  // nothing new: no token
    push(link.producer, {}, 3);
    EXPECT_TRUE(link.producer.publish());
    EXPECT_TRUE(link.producer.consumer_waits());  // until it was served
    link.producer.served();
    EXPECT_FALSE(link.producer.consumer_waits());
}

TEST(Ring, OneSpaceTokenPerWish) {
    MemoryLink link(4096);
    Record record;
    while (push(link.producer, pattern(240, 1), 1) == Push::ok) {
    }
    link.producer.publish();
    EXPECT_TRUE(link.producer.want_space());
    ASSERT_EQ(link.consumer.next(record), Pull::record);
    EXPECT_TRUE(link.consumer.release());
    link.consumer.space_served();
    ASSERT_EQ(link.consumer.next(record), Pull::record);
    EXPECT_FALSE(link.consumer.release());     // nobody waits any more
    EXPECT_FALSE(link.producer.want_space());  // room appeared since the producer last looked
    EXPECT_EQ(push(link.producer, pattern(240, 1), 1), Push::ok);
}

TEST(Ring, WorthReleasingAfterAnEighth) {
    MemoryLink link(4096);
    Record record;
    while (push(link.producer, pattern(112, 1), 1) == Push::ok) {
    }
    link.producer.publish();
    unsigned taken = 0;
    while (!link.consumer.worth_releasing()) {
        ASSERT_EQ(link.consumer.next(record), Pull::record);
        ++taken;
    }
    EXPECT_EQ(taken, 4u);
}

// A successor takes up where the published cursors stand; what was finished but not published never existed.
TEST(Ring, ASuccessorContinuesAtThePublishedCursors) {
    MemoryLink link(4096);
    push(link.producer, pattern(8, 1), 1);
    push(link.producer, pattern(8, 2), 2);
    link.producer.publish();
    push(link.producer, pattern(8, 99), 99);
    Record record;
    ASSERT_EQ(link.consumer.next(record), Pull::record);
    link.consumer.release();
    ASSERT_EQ(link.consumer.next(record), Pull::record);  // consumed, not released

    Producer producer(link.a.page(), link.b.page());
    Consumer consumer(link.b.page(), link.a.page(), 4096, 4096);
    push(producer, pattern(8, 3), 3);
    producer.publish();
    ASSERT_EQ(consumer.next(record), Pull::record);
    EXPECT_EQ(record.id, 2u);
    ASSERT_EQ(consumer.next(record), Pull::record);
    EXPECT_EQ(record.id, 3u);
    EXPECT_EQ(consumer.next(record), Pull::empty);
}

}  // namespace
}  // namespace motet::ring
