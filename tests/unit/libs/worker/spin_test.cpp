// When the loop looks around before it sleeps.
#include <gtest/gtest.h>

#include "libs/worker/spin.h"

namespace motet::worker {
namespace {

TEST(Spin, OnlyAfterAShortSleep) {
    Spin spin(microseconds(20));
    EXPECT_FALSE(spin.worthwhile());
    spin.slept(microseconds(30));
    EXPECT_TRUE(spin.worthwhile());
    spin.slept(milliseconds(5));
    EXPECT_FALSE(spin.worthwhile());
}

TEST(Spin, ZeroIsOff) {
    Spin spin(Duration{});
    spin.slept(microseconds(30));
    EXPECT_FALSE(spin.worthwhile());
}

TEST(Spin, GivesUpWhereItFindsNothingAndTriesAgainLater) {
    Spin spin(microseconds(20));
    spin.slept(microseconds(30));
    int spins = 0;
    for (int i = 0; i < 1000; ++i) {
        if (!spin.worthwhile()) continue;
        ++spins;
        spin.missed();
    }
    EXPECT_GT(spins, 5);
    EXPECT_LT(spins, 30);
    for (int i = 0; i < 100 && !spin.worthwhile(); ++i) {
    }
    spin.hit();
    EXPECT_TRUE(spin.worthwhile());
}

}  // namespace
}  // namespace motet::worker
