// A peer that writes what it likes into its own pages: every lie is a violation or harmless, never a fault.
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/libs/ring/memory_link.h"

namespace motet::ring {
namespace {

constexpr std::uint64_t kCapacity = 4096;

void write_header(MemoryLink& link, std::uint64_t offset, std::uint32_t length, std::uint16_t type = 1) {
    const RecordHeader header{.length = length, .type = type, .flags = 3, .sub = 0, .id = 1};
    std::memcpy(link.a.data() + offset, &header, sizeof header);
}

TEST(HostileProducer, HeadFurtherThanTheCapacity) {
    MemoryLink link(kCapacity);
    link.a.page()->head = kCapacity + 16;
    Record record;
    EXPECT_EQ(link.consumer.next(record), Pull::violation);
}

TEST(HostileProducer, HeadBehindTheTail) {
    MemoryLink link(kCapacity);
    push(link.producer, pattern(100, 1), 1);
    link.producer.publish();
    Record record;
    ASSERT_EQ(link.consumer.next(record), Pull::record);
    link.a.page()->head = 16;
    EXPECT_EQ(link.consumer.next(record), Pull::violation);
}

TEST(HostileProducer, HeadNotOnARecordBoundary) {
    MemoryLink link(kCapacity);
    link.a.page()->head = 24;
    Record record;
    EXPECT_EQ(link.consumer.next(record), Pull::violation);
}

TEST(HostileProducer, RecordLongerThanWhatWasPublished) {
    MemoryLink link(kCapacity);
    for (const std::uint32_t length : {17u, 4096u, 0x7fffffffu, 0xfffffff0u, 0xffffffffu}) {
        write_header(link, 0, length);
        link.a.page()->head = 32;
        Consumer consumer(link.b.page(), link.a.page(), 0xffffffff, kCapacity);
        Record record;
        EXPECT_EQ(consumer.next(record), Pull::violation) << length;
    }
}

TEST(HostileProducer, RecordAcrossTheEnd) {
    MemoryLink link(kCapacity);
    link.b.page()->tail = kCapacity - 32;
    link.a.page()->head = kCapacity + 32;
    write_header(link, kCapacity - 32, 32);  // 48 bytes where 32 are left
    Consumer consumer(link.b.page(), link.a.page(), 4096, kCapacity);
    Record record;
    EXPECT_EQ(consumer.next(record), Pull::violation);
}

TEST(HostileProducer, PadAcrossTheEnd) {
    MemoryLink link(kCapacity);
    link.b.page()->tail = kCapacity - 32;
    link.a.page()->head = kCapacity + 32;
    write_header(link, kCapacity - 32, 32, kPad);
    Consumer consumer(link.b.page(), link.a.page(), 4096, kCapacity);
    Record record;
    EXPECT_EQ(consumer.next(record), Pull::violation);
}

TEST(HostileProducer, RecordLongerThanTheLinkAllows) {
    MemoryLink link(kCapacity, 64);
    push(link.producer, pattern(64, 1), 1);
    push(link.producer, pattern(65, 1), 1);
    link.producer.publish();
    Record record;
    EXPECT_EQ(link.consumer.next(record), Pull::record);
    EXPECT_EQ(link.consumer.next(record), Pull::violation);
}

TEST(HostileProducer, PadsWithoutEnd) {
    MemoryLink link(kCapacity);
    for (std::uint64_t offset = 0; offset < kCapacity; offset += 16) write_header(link, offset, 0, kPad);
    link.a.page()->head = kCapacity;
    Record record;
    EXPECT_EQ(link.consumer.next(record), Pull::violation);
}

// The capacity a consumer works with is the one checked when the segment was mapped.
TEST(HostileProducer, TheCapacityWordIsNotReadAgain) {
    MemoryLink link(kCapacity);
    link.a.page()->capacity = 1u << 30;
    link.a.page()->head = kCapacity + 16;
    Consumer consumer(link.b.page(), link.a.page(), 4096, kCapacity);
    Record record;
    EXPECT_EQ(consumer.next(record), Pull::violation);
}

TEST(HostileConsumer, TailAheadOfTheHead) {
    MemoryLink link(kCapacity);
    while (push(link.producer, pattern(500, 1), 1) == Push::ok) {
    }
    link.producer.publish();
    link.b.page()->tail = link.producer.head() + 16;
    EXPECT_EQ(push(link.producer, pattern(500, 1), 1), Push::violation);
    EXPECT_EQ(link.producer.used_bytes(), kCapacity);
    EXPECT_EQ(link.producer.free_bytes(), 0u);
    EXPECT_FALSE(link.producer.want_space());  // not asleep for ever: the next push tells
}

TEST(HostileConsumer, TailNotOnARecordBoundary) {
    MemoryLink link(kCapacity);
    link.b.page()->tail = 8;
    EXPECT_EQ(push(link.producer, pattern(100, 1), 1), Push::violation);
}

TEST(HostileConsumer, TailFarBehind) {
    MemoryLink link(kCapacity);
    Record record;
    for (int i = 0; i < 100; ++i) {
        ASSERT_EQ(push(link.producer, pattern(100, 1), 1), Push::ok);
        link.producer.publish();
        ASSERT_EQ(link.consumer.next(record), Pull::record);
        link.consumer.release();
    }
    link.b.page()->tail = 0;
    Push last = Push::ok;
    for (int i = 0; i < 100 && last == Push::ok; ++i) last = push(link.producer, pattern(100, 1), 1);
    EXPECT_EQ(last, Push::violation);
}

// Random words everywhere a peer can write, in every mix with plausible ones. The sanitizer build proves that nothing
// outside the ring is touched; here that what is handed out lies inside.
TEST(HostilePeer, RandomWordsNeverLeadOutsideTheRing) {
    std::mt19937_64 random(3);
    unsigned records = 0, violations = 0;
    for (int i = 0; i < 15'000; ++i) {
        MemoryLink link(kCapacity, static_cast<std::uint32_t>(random() % 5000));
        const auto word = [&]() -> std::uint64_t {
            switch (random() % 4) {
                case 0: return random();
                case 1: return random() % (2 * kCapacity);
                case 2: return random() % (2 * kCapacity) & ~15ull;
                default: return (random() % 3 == 0 ? ~0ull : 0) - random() % 64;
            }
        };
        link.b.page()->tail = word() & ~15ull;
        Consumer consumer(link.b.page(), link.a.page(), static_cast<std::uint32_t>(random() % 5000), kCapacity);
        for (int round = 0; round < 8; ++round) {
            link.a.page()->head = random() % 2 ? word() : consumer.tail() + (random() % (kCapacity + 32) & ~15ull);
            link.a.page()->arm = word();
            link.a.page()->space_arm = word();
            link.a.page()->capacity = word();
            for (int n = 0; n < 32; ++n)
                write_header(link, random() % kCapacity & ~15ull,
                             static_cast<std::uint32_t>(random() % 2 ? random() % 300 : random()), random() % 4 ? 1 : kPad);
            Record record;
            Pull pulled = Pull::empty;
            for (int n = 0; n < 300 && (pulled = consumer.next(record)) == Pull::record; ++n) {
                ++records;
                const std::uint8_t* first = record.payload.data();
                ASSERT_GE(first, link.a.data());
                ASSERT_LE(first + record.payload.size(), link.a.data() + kCapacity);
            }
            consumer.release();
            consumer.arm();
            violations += pulled == Pull::violation;
        }
        Producer producer(link.b.page(), link.a.page());
        for (int round = 0; round < 8; ++round) {
            link.a.page()->tail = random() % 2 ? word() : producer.head() - (random() % kCapacity & ~15ull);
            ASSERT_LE(producer.free_bytes(), kCapacity);
            push(producer, pattern(random() % 2100, 1), 1);
            producer.publish();
            producer.want_space();
            producer.consumer_waits();
        }
    }
    EXPECT_GT(records, 3'000u);
    EXPECT_GT(violations, 3'000u);
}

}  // namespace
}  // namespace motet::ring
