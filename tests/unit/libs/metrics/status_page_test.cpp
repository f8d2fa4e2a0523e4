#include "libs/metrics/status_page.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace motet::metrics {
namespace {

struct Page : testing::Test {
    alignas(64) unsigned char bytes[4096] = {};
    StatusWriter writer{bytes, sizeof bytes};
};

TEST_F(Page, AnEmptyPageSaysNothing) { EXPECT_FALSE(read_status(bytes, sizeof bytes)); }

TEST_F(Page, WhatIsPublishedIsRead) {
    writer.publish("{\"state\":\"operational\"}", 42);
    const auto status = read_status(bytes, sizeof bytes);
    ASSERT_TRUE(status);
    EXPECT_EQ(status->text, "{\"state\":\"operational\"}");
    EXPECT_EQ(status->written_ns, 42);
    EXPECT_EQ(status->pid, static_cast<std::uint32_t>(getpid()));
    writer.publish("", 43);
    EXPECT_EQ(read_status(bytes, sizeof bytes)->text, "");
    EXPECT_EQ(read_status(bytes, sizeof bytes)->written_ns, 43);
}

TEST_F(Page, TextBeyondThePageIsCut) {
    writer.publish(std::string(10'000, 'x'), 1);
    const auto status = read_status(bytes, sizeof bytes);
    ASSERT_TRUE(status);
    EXPECT_EQ(status->text, std::string(4096 - 24, 'x'));
}

TEST_F(Page, AWriterThatDiedInTheMiddleIsNotBelievedButItsSuccessorIs) {
    writer.publish("first", 1);
    const std::uint64_t odd = 3;
    std::memcpy(bytes, &odd, sizeof odd);
    EXPECT_FALSE(read_status(bytes, sizeof bytes));
    StatusWriter(bytes, sizeof bytes).publish("second", 2);
    ASSERT_TRUE(read_status(bytes, sizeof bytes));
    EXPECT_EQ(read_status(bytes, sizeof bytes)->text, "second");
}

TEST_F(Page, AnImpossibleLengthIsRefused) {
    writer.publish("text", 1);
    for (const std::uint32_t length : {4096u - 23, 5000u, 0xFFFFFFFFu}) {
        std::memcpy(bytes + 16, &length, sizeof length);
        EXPECT_FALSE(read_status(bytes, sizeof bytes)) << length;
    }
}

TEST_F(Page, APageTooSmallForItsHeaderIsLeftAlone) {
    StatusWriter(bytes, 23).publish("text", 1);
    EXPECT_EQ(bytes[0], 0);
    EXPECT_FALSE(read_status(bytes, 23));
}

// Method: one thread publishes texts of one repeated letter, another reads; a mixture would be a torn read.
TEST_F(Page, AReaderNeverSeesAMixture) {
    std::atomic<bool> done{false};
    std::thread publisher([&] {
        for (int i = 0; i < 20'000; ++i) writer.publish(std::string(1 + static_cast<std::size_t>(i % 700), static_cast<char>('a' + i % 26)), i);
        done = true;
    });
    std::size_t seen = 0;
    do {
        const auto status = read_status(bytes, sizeof bytes);
        if (!status) continue;
        ++seen;
        ASSERT_EQ(status->text.find_first_not_of(status->text[0]), std::string::npos);
        ASSERT_EQ(status->text.size(), 1 + static_cast<std::size_t>(status->written_ns % 700));
    } while (!done);
    publisher.join();
    EXPECT_EQ(read_status(bytes, sizeof bytes)->written_ns, 19'999);
}

}  // namespace
}  // namespace motet::metrics
