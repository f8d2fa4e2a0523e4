// The stored ring sequence survives, tolerates a short file, and says where it cannot be kept.
#include "membership/ring_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

namespace motet {
namespace {

struct TemporaryDirectory {
    std::string path;
    TemporaryDirectory() {
        char name[] = "/tmp/motet-ring-XXXXXX";
        path = mkdtemp(name);
    }
    ~TemporaryDirectory() {
        unlink((path + "/ringid_7").c_str());
        rmdir(path.c_str());
    }
};

TEST(RingFile, StartsAtZeroAndKeepsWhatWasStored) {
    TemporaryDirectory dir;
    {
        auto file = RingFile::open(dir.path, 7);
        ASSERT_TRUE(file) << file.error().text;
        EXPECT_EQ(file->loaded(), 0u);
        EXPECT_TRUE(file->store(0x1122334455ull));
    }
    auto again = RingFile::open(dir.path, 7);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->loaded(), 0x1122334455ull);
    struct stat info{};
    ASSERT_EQ(stat((dir.path + "/ringid_7").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
    EXPECT_EQ(info.st_size, 8);
}

TEST(RingFile, AShortFileCountsAsNone) {
    TemporaryDirectory dir;
    const int fd = open((dir.path + "/ringid_7").c_str(), O_CREAT | O_WRONLY, 0600);
    ASSERT_EQ(write(fd, "abc", 3), 3);
    close(fd);
    auto file = RingFile::open(dir.path, 7);
    ASSERT_TRUE(file);
    EXPECT_EQ(file->loaded(), 0u);
}

TEST(RingFile, AnImpossibleSequenceIsRefused) {
    TemporaryDirectory dir;
    const int fd = open((dir.path + "/ringid_7").c_str(), O_CREAT | O_WRONLY, 0600);
    const std::uint64_t seq = ~std::uint64_t{0};
    ASSERT_EQ(write(fd, &seq, sizeof seq), static_cast<ssize_t>(sizeof seq));
    close(fd);
    auto file = RingFile::open(dir.path, 7);
    ASSERT_FALSE(file);
    EXPECT_NE(file.error().text.find("ringid_7"), std::string::npos);
}

TEST(RingFile, AMissingDirectoryIsNamedWithARemedy) {
    auto file = RingFile::open("/nonexistent/motet", 7);
    ASSERT_FALSE(file);
    EXPECT_NE(file.error().text.find("/nonexistent/motet/ringid_7"), std::string::npos);
    EXPECT_NE(file.error().text.find("--state-dir"), std::string::npos);
}

TEST(RingFile, IsNotWrittenThroughASymbolicLink) {
    TemporaryDirectory dir;
    ASSERT_EQ(symlink("/tmp/elsewhere", (dir.path + "/ringid_7").c_str()), 0);
    EXPECT_FALSE(RingFile::open(dir.path, 7));
}

}  // namespace
}  // namespace motet
