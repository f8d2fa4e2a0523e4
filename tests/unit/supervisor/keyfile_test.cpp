// What tells one new key of the cluster from another. That the file is checked is tested with whole nodes.
#include "supervisor/keyfile.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

namespace motet::supervisor {
namespace {

UniqueFd key(std::string_view text) {
    UniqueFd fd(memfd_create("key", MFD_CLOEXEC));
    EXPECT_EQ(write(fd.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    return fd;
}

TEST(KeyCheck, IsTheSameForTheSameKeyOnly) {
    const UniqueFd running = key("the key that the ring uses"), fresh = key("the next key"), copy = key("the next key"), other = key("the next kez");
    EXPECT_NE(key_check(running, fresh), 0u);
    EXPECT_EQ(key_check(running, fresh), key_check(running, copy));
    EXPECT_NE(key_check(running, fresh), key_check(running, other));
}

TEST(KeyCheck, SaysNothingToWhoDoesNotHaveTheRunningKey) {
    const UniqueFd running = key("the key that the ring uses"), guess = key("the key that the ring used"), fresh = key("the next key");
    EXPECT_NE(key_check(running, fresh), key_check(guess, fresh));
    EXPECT_NE(key_check(running, fresh), key_check(UniqueFd(), fresh));
}

TEST(KeyCheck, OfNoKeyIsNothing) {
    const UniqueFd running = key("the key that the ring uses"), fresh = key("the next key");
    EXPECT_EQ(key_check(running, UniqueFd()), 0u);
    EXPECT_NE(key_check(UniqueFd(), fresh), 0u) << "encryption begins";
}

TEST(SameKey, ComparesBytes) {
    const UniqueFd a = key("abc"), b = key("abc"), c = key("abd"), d = key("abcd");
    EXPECT_TRUE(same_key(a, b));
    EXPECT_FALSE(same_key(a, c));
    EXPECT_FALSE(same_key(a, d));
    EXPECT_FALSE(same_key(a, UniqueFd()));
    EXPECT_TRUE(same_key(UniqueFd(), UniqueFd()));
}

}  // namespace
}  // namespace motet::supervisor
