// The encoding of a snapshot, and what its decoder refuses.
#include "libs/config/snapshot.h"

#include <gtest/gtest.h>

namespace motet::config {
namespace {

Snapshot example() {
    Snapshot s;
    s.set("totem.version", "2");
    s.set("totem.token", "3000");
    s.set("nodelist.node.0.ring0_addr", "192.0.2.1");
    s.set("nodelist.node.0.name", "");
    s.set("logging.debug", "on");
    return s;
}

TEST(Snapshot, WhatIsEncodedIsDecoded) {
    const Snapshot s = example();
    const auto decoded = Snapshot::decode(s.encode());
    ASSERT_TRUE(decoded) << decoded.error().text;
    EXPECT_EQ(decoded->entries(), s.entries());
    EXPECT_EQ(decoded->encode(), s.encode());
}

TEST(Snapshot, AnEmptyOneIsDecodedToo) {
    const auto decoded = Snapshot::decode(Snapshot().encode());
    ASSERT_TRUE(decoded) << decoded.error().text;
    EXPECT_TRUE(decoded->entries().empty());
}

TEST(Snapshot, ValuesAreReadAsWhatTheyAre) {
    Snapshot s = example();
    s.set("a", "18446744073709551615");
    s.set("b", "18446744073709551616");
    s.set("c", "-1");
    EXPECT_EQ(s.number("totem.token"), 3000u);
    EXPECT_EQ(s.number("a"), UINT64_MAX);
    EXPECT_EQ(s.number("b"), std::nullopt);
    EXPECT_EQ(s.number("c"), std::nullopt);
    EXPECT_EQ(s.number("absent"), std::nullopt);
    EXPECT_EQ(s.number_or("absent", 7), 7u);
    EXPECT_EQ(s.number("nodelist.node.0.name"), std::nullopt);
    EXPECT_EQ(s.get("nodelist.node.0.name"), "");
    EXPECT_EQ(s.get_or("absent", "x"), "x");
    EXPECT_TRUE(s.flag("logging.debug", false));
    EXPECT_FALSE(s.flag("totem.token", true));
    EXPECT_TRUE(s.flag("absent", true));
}

TEST(Snapshot, EveryTruncationIsRefused) {
    const Bytes bytes = example().encode();
    for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(Snapshot::decode(ByteView(bytes).first(size))) << size;
    Bytes longer = bytes;
    longer.push_back(0);
    EXPECT_FALSE(Snapshot::decode(longer));
}

TEST(Snapshot, OneAboveTheLimitIsRefused) {
    Bytes bytes(kSnapshotMax + 1);
    const auto decoded = Snapshot::decode(bytes);
    ASSERT_FALSE(decoded);
    EXPECT_NE(decoded.error().text.find("at most"), std::string::npos);
}

// Counts and sizes of the header and of the first entry, each set to what an attacker would try.
TEST(Snapshot, FalseCountsAndSizesAreRefused) {
    const Bytes good = example().encode();
    for (const std::uint32_t value : {0u, 1u, 4u, 6u, 0x7fffffffu, 0x80000000u, 0xfffffffeu, 0xffffffffu}) {
        for (const std::size_t offset : {std::size_t{8}, std::size_t{12}, std::size_t{18}}) {
            Bytes bytes = good;
            store_at(std::span(bytes), offset, value);
            if (bytes == good) continue;
            EXPECT_FALSE(Snapshot::decode(bytes)) << offset << " " << value;
        }
        Bytes bytes = good;
        store_at(std::span(bytes), 16, static_cast<std::uint16_t>(value));
        if (bytes != good) { EXPECT_FALSE(Snapshot::decode(bytes)) << value; }
    }
}

TEST(Snapshot, EntriesOutOfOrderOrTwiceAreRefused) {
    for (const auto& [first, second] : {std::pair<std::string, std::string>{"b", "a"}, {"a", "a"}}) {
        Bytes bytes;
        Writer w(bytes);
        w.bytes(as_bytes("MTCFG001"));
        w.u32(2);
        w.u32(16);
        for (const std::string& key : {first, second}) {
            w.u16(1);
            w.u32(1);
            w.bytes(as_bytes(key));
            w.bytes(as_bytes("v"));
        }
        EXPECT_FALSE(Snapshot::decode(bytes)) << first << second;
    }
}

// Whatever is decoded from damaged bytes encodes to exactly these bytes again: nothing is read that is not there.
TEST(Snapshot, DamagedBytesAreRefusedOrMeanWhatTheySay) {
    const Bytes good = example().encode();
    std::uint64_t random = 1234567891011u;
    const auto next = [&random] { random ^= random << 13, random ^= random >> 7, random ^= random << 17; return random; };
    int refused = 0;
    for (int round = 0; round < 20000; ++round) {
        Bytes bytes = good;
        for (std::uint64_t n = 0; n <= next() % 4; ++n) bytes[next() % bytes.size()] = static_cast<std::uint8_t>(next());
        if (next() % 8 == 0) bytes.resize(next() % (bytes.size() + 1));
        const auto decoded = Snapshot::decode(bytes);
        if (decoded) {
            EXPECT_EQ(decoded->encode(), bytes);
        } else {
            ++refused;
        }
    }
    EXPECT_GT(refused, 5000);
}

}  // namespace
}  // namespace motet::config
