#include "membership/transport/key.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <new>

namespace motet::transport {
namespace {

int file_of(std::size_t size, std::uint8_t byte) {
    const int fd = memfd_create("key", MFD_CLOEXEC);
    const Bytes bytes(size, byte);
    EXPECT_EQ(write(fd, bytes.data(), size), static_cast<ssize_t>(size));
    return fd;
}

TEST(Key, IsReadWholeAndOnlyInTheRightSize) {
    for (const std::size_t size : {std::size_t{0}, std::size_t{127}, std::size_t{4097}}) {
        const int fd = file_of(size, 7);
        const Result<Key> key = Key::read(fd);
        ASSERT_FALSE(key);
        EXPECT_NE(key.error().text.find("corosync-keygen"), std::string::npos);
        close(fd);
    }
    const int fd = file_of(4096, 7);
    const Result<Key> key = Key::read(fd);
    ASSERT_TRUE(key);
    EXPECT_EQ(key->bytes().size(), 4096u);
    EXPECT_EQ(key->bytes()[4095], 7);
    close(fd);
    EXPECT_FALSE(Key::read(-1));
}

// Goal: nothing of a key stays where it was. Method: the object lives in memory of ours that is looked at afterwards.
TEST(Key, IsWipedWhenItGoesAndWhenItMoves) {
    alignas(Key) static unsigned char memory[sizeof(Key)];
    const int fd = file_of(200, 0xa7);
    const auto left = [] { return std::memchr(memory, 0xa7, sizeof memory) != nullptr; };
    auto* key = new (memory) Key(std::move(*Key::read(fd)));
    EXPECT_TRUE(left());
    Key other = std::move(*key);
    EXPECT_FALSE(left());
    EXPECT_EQ(other.bytes().size(), 200u);
    EXPECT_TRUE(key->empty());
    *key = std::move(other);
    EXPECT_TRUE(left());
    key->~Key();
    EXPECT_FALSE(left());
    close(fd);
}

}  // namespace
}  // namespace motet::transport
