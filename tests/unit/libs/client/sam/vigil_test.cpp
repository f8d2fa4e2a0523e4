// What a standby makes of its parent's silence, on virtual time.
#include "libs/client/sam/vigil.h"

#include <gtest/gtest.h>

using namespace motet;
using namespace motet::client::sam;

namespace {

Instant at(std::int64_t ms) { return Instant{} + milliseconds(ms); }

TEST(SamVigil, AParentHangsWhenItIsSilentForTheLimit) {
    Vigil vigil(milliseconds(1000));
    EXPECT_FALSE(vigil.hangs(at(100), at(150)));
    EXPECT_EQ(vigil.deadline(), at(1100));
    EXPECT_FALSE(vigil.hangs(at(900), at(1100)));
    EXPECT_EQ(vigil.deadline(), at(1900));
    EXPECT_FALSE(vigil.hangs(at(900), at(1899)));
    EXPECT_TRUE(vigil.hangs(at(900), at(1900)));
}

TEST(SamVigil, AStandbyThatSleptItselfSparesTheParentOnce) {
    Vigil vigil(milliseconds(1000));
    EXPECT_FALSE(vigil.hangs(at(100), at(100)));
    EXPECT_FALSE(vigil.hangs(at(100), at(60'000)));
    EXPECT_EQ(vigil.deadline(), at(60'250));
    EXPECT_TRUE(vigil.hangs(at(100), at(61'000)));   // late again: no second time
}

TEST(SamVigil, AParentThatIsHeardAgainIsWellAndMayBeSparedAgain) {
    Vigil vigil(milliseconds(1000));
    EXPECT_FALSE(vigil.hangs(at(100), at(100)));
    EXPECT_FALSE(vigil.hangs(at(100), at(60'000)));
    EXPECT_FALSE(vigil.hangs(at(60'010), at(60'250)));
    EXPECT_EQ(vigil.deadline(), at(61'010));
    EXPECT_FALSE(vigil.hangs(at(60'010), at(99'000)));
    EXPECT_TRUE(vigil.hangs(at(60'010), at(99'250)));
}

TEST(SamVigil, ABeatOfTheFutureIsOneOfNow) {
    Vigil vigil(milliseconds(1000));
    EXPECT_FALSE(vigil.hangs(at(1'000'000), at(100)));
    EXPECT_EQ(vigil.deadline(), at(1100));
}

TEST(SamVigil, AParentThatWillNotDieIsStruckAgain) {
    Vigil vigil(milliseconds(1000));
    EXPECT_FALSE(vigil.hangs(at(100), at(100)));
    EXPECT_TRUE(vigil.hangs(at(100), at(1100)));
    EXPECT_FALSE(vigil.hangs(at(100), at(1101)));
    EXPECT_TRUE(vigil.hangs(at(100), at(1350)));
}

}  // namespace
