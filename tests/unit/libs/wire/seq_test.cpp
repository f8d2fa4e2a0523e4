// The order of wrapping sequence numbers, at the edges where it differs from that of plain numbers.
#include "libs/wire/seq.h"

#include <gtest/gtest.h>

namespace motet::wire {
namespace {

TEST(Seq, IsThePlainOrderBelowTheMiddle) {
    EXPECT_TRUE(seq_lt(0, 1));
    EXPECT_FALSE(seq_lt(1, 0));
    EXPECT_FALSE(seq_lt(5, 5));
    EXPECT_TRUE(seq_lt(0x7fffffff, 0x80000000));
    EXPECT_TRUE(seq_lt(0, 0x80000000));
}

TEST(Seq, PutsTheLastNumberBeforeZero) {
    EXPECT_TRUE(seq_lt(0xffffffff, 0));
    EXPECT_FALSE(seq_lt(0, 0xffffffff));
    EXPECT_TRUE(seq_lt(0xffffffff, 0xfffe));
    EXPECT_TRUE(seq_lt(0xfffffff0, 5));
}

TEST(Seq, WrapsOnlyForNumbersCloserThanTheShift) {
    EXPECT_FALSE(seq_lt(0xffffffff, 0x10000));
    EXPECT_TRUE(seq_lt(0x10000, 0xffffffff));
    EXPECT_TRUE(seq_lt(0x80000000, 0x80000001));
}

TEST(Seq, OrEqualAndDistanceFollow) {
    EXPECT_TRUE(seq_lte(7, 7));
    EXPECT_TRUE(seq_lte(0xffffffff, 0));
    EXPECT_FALSE(seq_lte(1, 0xffffffff));
    EXPECT_EQ(seq_distance(3, 0xfffffffe), 5u);
}

}  // namespace
}  // namespace motet::wire
