// What a successor reads is what was written, or an error: never something in between.
#include "libs/worker/journal.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <random>

#include "libs/base/crc32c.h"
#include "libs/worker/frame_state.h"

namespace motet::worker {
namespace {

struct JournalTest : testing::Test {
    JournalTest() {
        const auto made = ring::create_memory(ring::kStateSize);
        EXPECT_TRUE(made);
        fd = made->writable;
        close(made->read_only);
    }
    ~JournalTest() override { close(fd); }
    Journal open() {
        auto journal = Journal::map(fd);
        EXPECT_TRUE(journal) << journal.error().text;
        return std::move(*journal);
    }
    // The bytes behind a journal, to damage them.
    ring::Memory raw() { return std::move(*ring::Memory::map(fd, ring::kStateSize, true)); }
    static Journal::Entry request(std::uint64_t conn, std::string_view payload) {
        return {.kind = ring::Marker::request, .type = 2, .conn = conn, .number = 7, .position = 64, .delivery = 32, .submitted = 5,
                .payload = as_bytes(payload)};
    }
    int fd = -1;
};

TEST(Crc32c, HasTheKnownCheckValueAndGoesOnWhereItEnded) {
    EXPECT_EQ(crc32c(as_bytes("123456789")), 0xE3069283u);
    EXPECT_EQ(crc32c(as_bytes("6789"), crc32c(as_bytes("12345"))), 0xE3069283u);
}

TEST_F(JournalTest, NothingIsKeptBeforeTheFirstSnapshot) {
    const Journal journal = open();
    const auto kept = journal.read();
    ASSERT_TRUE(kept);
    EXPECT_FALSE(kept->has_value());
}

TEST_F(JournalTest, ASuccessorReadsSnapshotAndEntriesInOrder) {
    {
        Journal journal = open();
        ASSERT_TRUE(journal.replace(as_bytes("frame"), as_bytes("engine")));
        ASSERT_TRUE(journal.append(request(5, "one")));
        ASSERT_TRUE(journal.append(request(6, "")));
        const auto copy = journal.append(request(7, "a longer payload of an odd length"));
        ASSERT_TRUE(copy);
        EXPECT_EQ(as_text(*copy), "a longer payload of an odd length");
    }
    Journal journal = open();
    const auto kept = journal.read();
    ASSERT_TRUE(kept && kept->has_value());
    EXPECT_EQ(as_text((*kept)->snapshot), "frameengine");
    ASSERT_EQ((*kept)->entries.size(), 3u);
    const Journal::Entry& first = (*kept)->entries[0];
    EXPECT_EQ(first.kind, ring::Marker::request);
    EXPECT_EQ(first.type, 2u);
    EXPECT_EQ(first.conn, 5u);
    EXPECT_EQ(first.number, 7u);
    EXPECT_EQ(first.position, 64u);
    EXPECT_EQ(first.delivery, 32u);
    EXPECT_EQ(first.submitted, 5u);
    EXPECT_EQ(as_text(first.payload), "one");
    EXPECT_EQ(as_text((*kept)->entries[2].payload), "a longer payload of an odd length");
    // And goes on behind them.
    ASSERT_TRUE(journal.append(request(8, "four")));
    EXPECT_EQ((*open().read())->entries.size(), 4u);
}

TEST_F(JournalTest, ANewSnapshotTakesThePlaceOfEverything) {
    Journal journal = open();
    for (int i = 0; i < 5; ++i) {
        ASSERT_TRUE(journal.replace(as_bytes("f"), as_bytes(std::string(1000 * i, 'x'))));
        ASSERT_TRUE(journal.append(request(1, "entry")));
        const auto kept = open().read();
        ASSERT_TRUE(kept && kept->has_value());
        EXPECT_EQ((*kept)->snapshot.size(), 1u + 1000 * i);
        EXPECT_EQ((*kept)->entries.size(), 1u);
    }
}

TEST_F(JournalTest, ASnapshotIsDueAfterManyEntriesOrMuchData) {
    Journal journal = open();
    ASSERT_TRUE(journal.replace({}, {}));
    for (int i = 0; i < 1023; ++i) ASSERT_TRUE(journal.append(request(1, "x")));
    EXPECT_FALSE(journal.due());
    ASSERT_TRUE(journal.append(request(1, "x")));
    EXPECT_TRUE(journal.due());
    ASSERT_TRUE(journal.replace({}, {}));
    EXPECT_FALSE(journal.due());
    const std::string big(1 << 20, 'y');
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(journal.append(request(1, big)));
    EXPECT_TRUE(journal.due());
}

// One flipped bit anywhere in what counts.
TEST_F(JournalTest, DamageIsFound) {
    Journal journal = open();
    const std::string snapshot(300, 's');
    ASSERT_TRUE(journal.replace(as_bytes("frame"), as_bytes(snapshot)));
    ASSERT_TRUE(journal.append(request(5, "a payload")));
    ring::Memory bytes = raw();
    const std::uint64_t slot = ring::kPage + ring::kStateSlot;   // of the first snapshot, number 1
    const std::uint64_t log = slot + (64 + 305 + 63) / 64 * 64;
    std::mt19937 random(1);
    for (int i = 0; i < 300; ++i) {
        const bool in_snapshot = i % 2 == 0;
        const std::uint64_t at = in_snapshot ? slot + 64 + random() % 305 : log + random() % (80 + 9);
        const auto bit = static_cast<std::uint8_t>(1u << random() % 8);
        bytes.data()[at] ^= bit;
        EXPECT_FALSE(journal.read()) << (in_snapshot ? "snapshot " : "entry ") << at;
        bytes.data()[at] ^= bit;
    }
    EXPECT_TRUE(journal.read());
}

TEST_F(JournalTest, ImpossibleLengthsAreRefused) {
    Journal journal = open();
    ASSERT_TRUE(journal.replace(as_bytes("frame"), {}));
    ring::Memory bytes = raw();
    auto* page = reinterpret_cast<ring::StatePage*>(bytes.data());
    page->log_end[1].store(ring::kStateSlot);
    EXPECT_FALSE(Journal::map(fd));
    page->log_end[1].store(24);
    EXPECT_FALSE(open().read());
    page->log_end[1].store(0);
    const std::uint64_t long_one = ring::kStateSlot;
    std::memcpy(bytes.data() + ring::kPage + ring::kStateSlot + 8, &long_one, sizeof long_one);
    EXPECT_FALSE(Journal::map(fd));
}

TEST(FrameState, ComesBackAsItWas) {
    FrameState state{.journal = 9, .delivery = 160, .submitted = 12, .submitted_sync = 3, .syncing = true, .submitted_while_syncing = 77,
                     .known = {4, 8, 15}, .waiting = {{1, Bytes(40, 1)}, {1, Bytes(33, 2)}}, .waiting_sync = {{3, Bytes(32, 3)}}};
    Bytes bytes;
    encode_frame_state(state, bytes);
    bytes.insert(bytes.end(), {1, 2, 3});
    ByteView rest;
    const auto back = decode_frame_state(bytes, rest);
    ASSERT_TRUE(back);
    EXPECT_EQ(rest.size(), 3u);
    EXPECT_EQ(back->journal, 9u);
    EXPECT_EQ(back->submitted, 12u);
    EXPECT_TRUE(back->syncing);
    EXPECT_EQ(back->known, state.known);
    ASSERT_EQ(back->waiting.size(), 2u);
    EXPECT_EQ(back->waiting[1].record, Bytes(33, 2));
    EXPECT_EQ(back->waiting_sync[0].kind, 3u);
}

TEST(FrameState, CutOrFalseBytesAreRefused) {
    FrameState state{.known = {4, 8}, .waiting = {{1, Bytes(40, 1)}}};
    Bytes bytes;
    encode_frame_state(state, bytes);
    ByteView rest;
    for (std::size_t n = 0; n < bytes.size(); ++n) EXPECT_FALSE(decode_frame_state(ByteView(bytes).first(n), rest)) << n;
    Bytes other = bytes;
    other[0] = 9;
    EXPECT_FALSE(decode_frame_state(other, rest));
    Bytes many = bytes;
    for (std::size_t i = 45; i < 53; ++i) many[i] = 0xff;   // the number of known connections
    EXPECT_FALSE(decode_frame_state(many, rest));
}

}  // namespace
}  // namespace motet::worker
