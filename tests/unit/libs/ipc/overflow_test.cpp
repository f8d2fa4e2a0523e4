// Events beyond the ring outlive the process that put them there, in order and exactly once.
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "libs/ipc/backlog.h"
#include "tests/unit/libs/ipc/scripted_client.h"

namespace motet::ipc {
namespace {

struct OverflowTest : testing::Test {
    OverflowTest() {
        const auto made = ring::create_memory(Overflow::kSize);
        EXPECT_TRUE(made);
        fd = made->writable;
        close(made->read_only);
        const auto segment = ring::create_segment(ring::Role::worker, 1, kRing, kMailbox);
        EXPECT_TRUE(segment);
        page = std::move(*ring::Segment::map(segment->writable, true));
        close(segment->writable);
        close(segment->read_only);
    }
    ~OverflowTest() override { close(fd); }
    Overflow map() { return std::move(*Overflow::map(fd)); }
    static bool append(Backlog& to, std::uint64_t cause, std::size_t length) {
        const Bytes bytes(length, static_cast<std::uint8_t>(cause));
        const ByteView piece = bytes;
        return to.append(3, {{cause, 1}, 2}, std::span(&piece, 1), length);
    }
    static void expect_front(Backlog& in, std::uint64_t cause, std::size_t length) {
        ASSERT_FALSE(in.empty());
        const Backlog::Item item = in.front();
        EXPECT_EQ(item.type, 3u);
        EXPECT_EQ(item.key, (EventKey{{cause, 1}, 2}));
        ASSERT_EQ(item.length, length);
        std::size_t seen = 0;
        for (const ByteView piece : item.pieces()) {
            for (const std::uint8_t byte : piece) ASSERT_EQ(byte, static_cast<std::uint8_t>(cause));
            seen += piece.size();
        }
        EXPECT_EQ(seen, length);
        in.pop();
    }
    int fd = -1;
    ring::Segment page;
};

TEST_F(OverflowTest, ItemsOfAllSizesComeBackInOrderAcrossTheBordersOfChunks) {
    Overflow overflow = map();
    Backlog backlog(overflow, 1, page.page());
    const std::size_t sizes[] = {0, 1, 15, 16, 17, 65500, 65536, 200'000, 1'048'560, 3};
    std::uint64_t cause = 0;
    for (const std::size_t size : sizes) ASSERT_TRUE(append(backlog, ++cause, size));
    cause = 0;
    for (const std::size_t size : sizes) expect_front(backlog, ++cause, size);
    EXPECT_TRUE(backlog.empty());
    EXPECT_EQ(backlog.bytes(), 0u);
}

TEST_F(OverflowTest, ASuccessorFindsWhatWasNotSettled) {
    {
        Overflow overflow = map();
        Backlog backlog(overflow, 1, page.page());
        for (std::uint64_t cause = 1; cause <= 10; ++cause) ASSERT_TRUE(append(backlog, cause, 30'000));
        backlog.pop();
        backlog.pop();
        backlog.settle();
        backlog.pop();   // and dies before it is published
    }
    Overflow overflow = map();
    Backlog backlog(overflow, 1, page.page());
    ASSERT_TRUE(backlog.intact());
    EXPECT_EQ(backlog.last_key(), (EventKey{{10, 1}, 2}));
    for (std::uint64_t cause = 3; cause <= 10; ++cause) expect_front(backlog, cause, 30'000);
    EXPECT_TRUE(backlog.empty());
    backlog.settle();
    ASSERT_TRUE(append(backlog, 11, 5));   // in the middle of a chunk that was given back
    expect_front(backlog, 11, 5);
}

TEST_F(OverflowTest, ChunksOfNobodyAndOfItemsThatNeverCountedAreFreed) {
    {
        Overflow overflow = map();
        Backlog backlog(overflow, 1, page.page());
        ASSERT_TRUE(append(backlog, 1, 100));
        Overflow::Chunk chunk;
        ASSERT_TRUE(overflow.allocate(1, 1, chunk));    // for an item whose end was never stored
        for (std::uint64_t i = 0; i < 100; ++i) ASSERT_TRUE(overflow.allocate(99, i, chunk));   // of a connection that has gone
    }
    Overflow overflow = map();
    Backlog backlog(overflow, 1, page.page());
    EXPECT_TRUE(backlog.intact());
    overflow.free_unclaimed();
    Overflow::Chunk chunk;
    std::uint32_t left = 0;
    while (overflow.allocate(5, left, chunk)) ++left;
    EXPECT_EQ(left, Overflow::kChunks - 1);
    EXPECT_FALSE(append(backlog, 2, 100'000));
}

TEST_F(OverflowTest, AStreamThatCannotBeReadIsNotFollowed) {
    for (const auto& [head, tail] : {std::pair<std::uint64_t, std::uint64_t>{100'000, 0}, {0, 64}, {std::uint64_t{1} << 60, 0}}) {
        page.page()->backlog_head.store(head);
        page.page()->backlog_tail.store(tail);
        Overflow overflow = map();
        Backlog backlog(overflow, 1, page.page());
        EXPECT_FALSE(backlog.intact());
        EXPECT_TRUE(backlog.empty());
    }
}

// The server: a client that reads nothing, a server that dies, another that goes on.
TEST_F(ServerTest, ASuccessorGivesTheRestOfABacklogOnce) {
    const auto made = ring::create_memory(Overflow::kSize);
    ScriptedClient client(1);
    const Bytes bytes(10'000);
    const ByteView piece = bytes;
    std::vector<std::uint64_t> seen;
    {
        Server first(poller, service, {}, std::move(*Overflow::map(made->writable)));
        ASSERT_TRUE(first.adopt(client.connection()));
        for (std::uint64_t cause = 16; cause <= 16 * 100; cause += 16) first.event(1, 1, cause, std::span(&piece, 1));
        first.publish();
        seen = client.read_events(5);
    }
    Server second(poller, service, {}, std::move(*Overflow::map(made->writable)));
    ASSERT_TRUE(second.adopt(client.connection_again()));
    EXPECT_EQ(second.delivered_to_anyone(), 1600u);
    for (std::uint64_t cause = 16 * 50; cause <= 16 * 120; cause += 16) second.event(1, 1, cause, std::span(&piece, 1));   // repeated, then new
    second.resumed();
    for (int i = 0; i < 100; ++i) {
        for (const std::uint64_t id : client.read_events()) seen.push_back(id);
        for (const loop::Ready& ready : poller.look())
            if (Server::owns(ready.tag)) second.on_ready(ready, now);
        second.publish();
    }
    ASSERT_EQ(seen.size(), 120u);
    for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], 16 * (i + 1));
    close(made->writable);
    close(made->read_only);
}

}  // namespace
}  // namespace motet::ipc
