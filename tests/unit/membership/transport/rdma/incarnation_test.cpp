// The file behind incarnations: each life gets a larger one than every life before, whatever the clock says.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "membership/transport/rdma/rdma.h"

namespace motet::transport {
namespace {

class Incarnation : public ::testing::Test {
protected:
    Incarnation() {
        char pattern[] = "/tmp/motet-test-XXXXXX";
        dir_ = mkdtemp(pattern);
    }
    ~Incarnation() override { std::filesystem::remove_all(dir_); }
    void write(const std::string& text) { std::ofstream(dir_ + "/rdma_incarnation_7") << text; }
    std::string dir_;
};

TEST_F(Incarnation, FollowsTheClockAndNeverGoesBack) {
    EXPECT_EQ(*next_incarnation(dir_, 7, 1000), 1000u);
    EXPECT_EQ(*next_incarnation(dir_, 7, 2000), 2000u);
    EXPECT_EQ(*next_incarnation(dir_, 7, 500), 2001u) << "the clock was set back";
    EXPECT_EQ(*next_incarnation(dir_, 7, 500), 2002u);
    EXPECT_EQ(*next_incarnation(dir_, 8, 500), 500u) << "another node's";
}

TEST_F(Incarnation, AShorterNumberReplacesALongerOneWhole) {
    write("99999999999\n");
    EXPECT_EQ(*next_incarnation(dir_, 7, 5), 100000000000u);
    EXPECT_EQ(*next_incarnation(dir_, 7, 5), 100000000001u);
}

TEST_F(Incarnation, RubbishIsRefusedWithThePathAndTheRemedy) {
    for (const char* text : {"rubbish", "-1", "18446744073709551615", "99999999999999999999999999999"}) {
        write(text);
        const auto next = next_incarnation(dir_, 7, 1);
        ASSERT_FALSE(next) << text;
        EXPECT_NE(next.error().text.find("rdma_incarnation_7: it holds no number below 2^63; remove it"), std::string::npos) << next.error().text;
    }
    const auto nowhere = next_incarnation(dir_ + "/none", 7, 1);
    ASSERT_FALSE(nowhere);
    EXPECT_NE(nowhere.error().text.find("the directory must exist"), std::string::npos);
}

}  // namespace
}  // namespace motet::transport
