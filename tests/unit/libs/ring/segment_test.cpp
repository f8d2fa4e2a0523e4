// Segments as the kernel keeps them: what the peer of a segment can and cannot do with its descriptor.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libs/ring/ring.h"
#include "libs/ring/segment.h"

namespace motet::ring {
namespace {

struct Fds {
    explicit Fds(SegmentFds from) : fds(from) {}
    ~Fds() { close(fds.writable), close(fds.read_only); }
    SegmentFds fds;
};
SegmentFds make(std::uint64_t capacity = kCapacityMin, std::uint64_t mailbox = 0) {
    auto made = create_segment(Role::worker, 7, capacity, mailbox);
    EXPECT_TRUE(made) << made.error().text;
    return made ? *made : SegmentFds{};
}

TEST(Segment, BothSidesSeeOneMemory) {
    const Fds made(make(kCapacityMin, 4096));
    auto own = Segment::map(made.fds.writable, true);
    auto peer = Segment::map(made.fds.read_only, false, true);
    ASSERT_TRUE(own) << own.error().text;
    ASSERT_TRUE(peer) << peer.error().text;
    EXPECT_EQ(peer->capacity(), kCapacityMin);
    EXPECT_EQ(peer->link_id(), 7u);
    EXPECT_EQ(peer->mailbox_capacity(), 4096u);
    EXPECT_EQ(peer->page()->role, static_cast<std::uint32_t>(Role::worker));
    EXPECT_EQ(peer->page()->arm.load(), 1u);
    EXPECT_EQ(peer->page()->served.load(), 0u);
    EXPECT_EQ(peer->page()->state.load(), 1u);
    own->mailbox()[4095] = 9;
    own->page()->head = 16;
    EXPECT_EQ(peer->mailbox()[4095], 9);
    EXPECT_EQ(peer->page()->head.load(), 16u);
}

TEST(Segment, NoMailboxIsNull) {
    const Fds made(make());
    auto own = Segment::map(made.fds.writable, true);
    ASSERT_TRUE(own);
    EXPECT_EQ(own->mailbox(), nullptr);
    Segment moved = std::move(*own);
    EXPECT_TRUE(moved);
    EXPECT_FALSE(*own);
}

TEST(Segment, ThePeerCannotWriteOrResize) {
    const Fds made(make());
    EXPECT_FALSE(Segment::map(made.fds.read_only, true));
    EXPECT_EQ(write(made.fds.read_only, "x", 1), -1);
    EXPECT_NE(ftruncate(made.fds.writable, 4096), 0);
    EXPECT_NE(ftruncate(made.fds.writable, 1 << 24), 0);
    struct stat st {};
    ASSERT_EQ(fstat(made.fds.read_only, &st), 0);
    EXPECT_EQ(st.st_mode & 0777, 0600u);
}

TEST(Segment, ImpossibleSizesAreRefused) {
    EXPECT_FALSE(create_segment(Role::client, 1, kCapacityMin / 2, 0));
    EXPECT_FALSE(create_segment(Role::client, 1, kCapacityMin + 4096, 0));
    EXPECT_FALSE(create_segment(Role::client, 1, kCapacityMax * 2, 0));
    EXPECT_FALSE(create_segment(Role::client, 1, kCapacityMin, 1ull << 40));
}

TEST(Segment, AnUnsealedFileIsRefused) {
    const int fd = memfd_create("plain", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ASSERT_GE(fd, 0);
    ASSERT_EQ(ftruncate(fd, static_cast<off_t>(kPage + kCapacityMin)), 0);
    EXPECT_FALSE(Segment::map(fd, false));
    close(fd);
    EXPECT_FALSE(Segment::map(-1, false));
}

// The owner rewrites its constant words after the seals: every inconsistency is refused before anything is used.
TEST(Segment, LiesInTheFirstPageAreRefused) {
    const auto refused = [](auto lie) {
        const Fds made(make(kCapacityMin, 4096));
        auto own = Segment::map(made.fds.writable, true);
        lie(*own->page());
        return !Segment::map(made.fds.read_only, false);
    };
    EXPECT_FALSE(refused([](SegmentPage&) {}));
    EXPECT_TRUE(refused([](SegmentPage& page) { page.magic[0] = 'X'; }));
    EXPECT_TRUE(refused([](SegmentPage& page) { page.version = 2; }));
    EXPECT_TRUE(refused([](SegmentPage& page) { page.capacity = kCapacityMin * 2; }));
    EXPECT_TRUE(refused([](SegmentPage& page) { page.capacity = kCapacityMin - 16; }));
    EXPECT_TRUE(refused([](SegmentPage& page) { page.capacity = 0; }));
    EXPECT_TRUE(refused([](SegmentPage& page) { page.mailbox_offset = 0; }));
    EXPECT_TRUE(refused([](SegmentPage& page) { page.mailbox_offset = kPage; }));
    EXPECT_TRUE(refused([](SegmentPage& page) { page.mailbox_capacity = 8192; }));
    EXPECT_TRUE(refused([](SegmentPage& page) { page.mailbox_capacity = ~0ull; }));
}

}  // namespace
}  // namespace motet::ring
