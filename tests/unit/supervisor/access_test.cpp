#include "supervisor/access.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace motet::supervisor {
namespace {

config::Snapshot listed() {
    config::Snapshot s;
    s.set("uidgid.config.uid.4711", "1");
    s.set("uidgid.uid.4712", "1");
    s.set("uidgid.config.gid.815", "1");
    s.set("uidgid.config.uid.5000", "0");
    s.set("uidgid.config.uid.12x", "1");
    s.set("uidgid.config.uid.", "1");
    s.set("uidgid.config.uid.99999999999999999999", "1");
    return s;
}

TEST(Access, RootAndOurselvesAlwaysMay) {
    const Access nobody_listed{config::Snapshot{}};
    EXPECT_TRUE(nobody_listed.allows(0, 12345));
    EXPECT_TRUE(nobody_listed.allows(12345, 0));
    EXPECT_TRUE(nobody_listed.allows(geteuid(), 12345));
    EXPECT_FALSE(nobody_listed.allows(12345, 12345));
}

TEST(Access, ListedUsersAndGroupsMay) {
    const Access access(listed());
    EXPECT_TRUE(access.allows(4711, 99));
    EXPECT_TRUE(access.allows(4712, 99));
    EXPECT_TRUE(access.allows(98, 815));
}

TEST(Access, OthersMayNot) {
    const Access access(listed());
    EXPECT_FALSE(access.allows(815, 4711)) << "a user's number is not a group's";
    EXPECT_FALSE(access.allows(5000, 99)) << "listed with 0";
    EXPECT_FALSE(access.allows(12, 99)) << "a key that is no number";
}

TEST(Access, AtRunTimeUsersComeAndGoAndAReloadDoesNotTouchThem) {
    Access access(listed());
    EXPECT_FALSE(access.allows(98, 900));
    access.set(Access::Of::group, 900, true);
    EXPECT_TRUE(access.allows(98, 900));
    EXPECT_FALSE(access.allows(900, 98));
    access.configure(config::Snapshot{});
    EXPECT_TRUE(access.allows(98, 900));
    EXPECT_FALSE(access.allows(4711, 99));
    access.set(Access::Of::group, 900, false);
    EXPECT_FALSE(access.allows(98, 900));
    access.set(Access::Of::group, 815, false);
    access.configure(listed());
    EXPECT_TRUE(access.allows(98, 815)) << "what the file says stays";
}

TEST(Access, OnlyOrdinaryUsersAreCounted) {
    EXPECT_TRUE(Access::is_ours(0));
    EXPECT_TRUE(Access::is_ours(geteuid()));
    EXPECT_FALSE(Access::is_ours(4711));
}

}  // namespace
}  // namespace motet::supervisor
