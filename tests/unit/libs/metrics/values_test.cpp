// Values that one process publishes and others read.
#include "libs/metrics/values.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>

namespace motet::metrics {
namespace {

struct ValuesTest : testing::Test {
    alignas(64) std::uint8_t memory[4096] = {};
    std::span<std::uint8_t> area{memory};
    ValueWriter writer{area};
};

TEST_F(ValuesTest, AreReadAsTheyWereWritten) {
    EXPECT_FALSE(read_values(area));
    writer.begin();
    writer.u8("stats.a", 7);
    writer.u64("stats.b", 1ull << 40);
    writer.text("stats.c", "words");
    writer.commit(123);
    const auto values = read_values(area);
    ASSERT_TRUE(values);
    ASSERT_EQ(values->all.size(), 3u);
    EXPECT_EQ(values->written_ns, 123);
    EXPECT_EQ(values->all[0].name, "stats.a");
    EXPECT_EQ(values->all[0].type, ValueType::u8);
    EXPECT_EQ(values->all[2].bytes, "words");
    std::uint64_t b = 0;
    std::memcpy(&b, values->all[1].bytes.data(), sizeof b);
    EXPECT_EQ(b, 1ull << 40);
}

TEST_F(ValuesTest, TheSequenceMovesWithChangesOnly) {
    writer.begin(), writer.u8("x.y", 1), writer.commit(1);
    const std::uint64_t first = values_sequence(area);
    writer.begin(), writer.u8("x.y", 1), writer.commit(2);
    EXPECT_EQ(values_sequence(area), first);
    writer.begin(), writer.u8("x.y", 2), writer.commit(3);
    EXPECT_NE(values_sequence(area), first);
    ValueWriter successor(area);   // knows nothing of what its predecessor wrote
    successor.begin(), successor.u8("x.y", 2), successor.commit(4);
    EXPECT_TRUE(read_values(area));
}

TEST_F(ValuesTest, WhatDoesNotFitIsLeftOutAndCounted) {
    writer.begin();
    for (int i = 0; i < 1000; ++i) writer.u64("name." + std::to_string(i), 1);
    writer.text("too.long", std::string(kValueTextMax + 1, 'x'));
    writer.u8(std::string(256, 'n'), 1);
    writer.commit(1);
    const auto values = read_values(area);
    ASSERT_TRUE(values);
    EXPECT_GT(values->all.size(), 100u);
    EXPECT_EQ(values->all.size() + values->left_out, 1002u);
}

TEST_F(ValuesTest, NothingOnAPageIsBelieved) {
    writer.begin(), writer.u64("name.a", 1), writer.text("name.b", "text"), writer.commit(1);
    const std::uint64_t sequence = values_sequence(area);
    for (std::size_t at = 8; at < 80; ++at)
        for (const std::uint8_t flip : {0xff, 0x80, 0x01}) {
            std::uint8_t copy[sizeof memory];
            std::memcpy(copy, memory, sizeof memory);
            memory[at] ^= flip;
            (void)read_values(area);   // whatever it finds, it stays within the area (sanitizers)
            std::memcpy(memory, copy, sizeof memory);
        }
    std::memset(memory + 20, 0xff, 12);   // length and counts
    EXPECT_FALSE(read_values(area));
    const std::uint64_t odd = sequence | 1;   // a writer that died while writing
    std::memcpy(memory, &odd, sizeof odd);
    EXPECT_FALSE(read_values(area));
    writer.begin(), writer.u64("name.c", 1), writer.commit(2);
    EXPECT_TRUE(read_values(area));
}

TEST_F(ValuesTest, ConnectionsAreATable) {
    ConnectionValues one;
    one.id = 5, one.pid = 77, one.requests = 3;
    std::memset(one.process, 'p', sizeof one.process);
    write_connections(area, {&one, 1}, 9);
    const auto read = read_connections(area);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->closed, 9u);
    ASSERT_EQ(read->all.size(), 1u);
    EXPECT_EQ(read->all[0].pid, 77);
    EXPECT_EQ(std::strlen(read->all[0].process), 15u);
    write_connections(area, {}, 10);
    EXPECT_TRUE(read_connections(area)->all.empty());
}

}  // namespace
}  // namespace motet::metrics
