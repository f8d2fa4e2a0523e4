// When the loop looks around before it sleeps.
#include <gtest/gtest.h>

#include "libs/loop/spin.h"

namespace motet::loop {
namespace {

using For = Spin::For;

TEST(Spin, OnlyAfterAShortSleep) {
    Spin spin(microseconds(20));
    EXPECT_FALSE(spin.worthwhile(For::requests));
    spin.slept(For::requests, microseconds(30));
    EXPECT_TRUE(spin.worthwhile(For::requests));
    spin.slept(For::requests, milliseconds(5));
    EXPECT_FALSE(spin.worthwhile(For::requests));
}

TEST(Spin, ZeroIsOff) {
    Spin spin(Duration{});
    spin.slept(For::deliveries, microseconds(30));
    EXPECT_FALSE(spin.worthwhile(For::deliveries));
}

TEST(Spin, GivesUpWhereItSeldomFindsAnythingAndTriesAgainLater) {
    Spin spin(microseconds(20));
    spin.slept(For::requests, microseconds(30));
    int spins = 0;
    for (int i = 0; i < 1000; ++i) {
        if (!spin.worthwhile(For::requests)) continue;
        spin.ended(For::requests, ++spins % 2 == 0);
    }
    EXPECT_GT(spins, 5);
    EXPECT_LT(spins, 60);
    int tries = 0;
    for (; tries < 1000 && !(spin.worthwhile(For::requests) && spin.worthwhile(For::requests)); ++tries) spin.ended(For::requests, true);
    EXPECT_LT(tries, 100);
}

TEST(Spin, WhatIsLookedForInVainDoesNotSpoilTheOther) {
    Spin spin(microseconds(20));
    for (const For what : {For::requests, For::deliveries}) spin.slept(what, microseconds(30));
    for (int i = 0; i < 20; ++i) spin.ended(For::deliveries, false);
    EXPECT_FALSE(spin.worthwhile(For::deliveries));
    EXPECT_TRUE(spin.worthwhile(For::requests));
    spin.slept(For::requests, milliseconds(1));
    EXPECT_FALSE(spin.worthwhile(For::requests));
}

TEST(Spin, LooksWhereItCostsNothingFirstAndEndsWithTheFirstFind) {
    Spin spin(seconds(30));     // no test waits for it
    int found = 0, looked = 0;
    EXPECT_TRUE(spin.look_around(For::requests, [&] { return ++found == 3; }, [&] { return ++looked > 0; }));
    EXPECT_EQ(found, 3);
    EXPECT_EQ(looked, 0);
    EXPECT_TRUE(spin.look_around(For::requests, [] { return false; }, [&] { return ++looked == 2; }));
    EXPECT_EQ(looked, 2);
}

TEST(Spin, WhenTheLimitIsOverItCountsAsInVain) {
    Spin spin(microseconds(1));
    spin.slept(For::requests, microseconds(30));
    for (int i = 0; i < 20; ++i) EXPECT_FALSE(spin.look_around(For::requests, [] { return false; }, [] { return false; }));
    EXPECT_FALSE(spin.worthwhile(For::requests));
}

}  // namespace
}  // namespace motet::loop
