// The flight recorder: what its process wrote last is there after any death, and nothing it writes can hurt the reader.
#include "libs/metrics/recorder.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <string>

namespace motet::metrics {
namespace {

class Recorder : public testing::Test {
protected:
    void SetUp() override {
        area = mmap(nullptr, kRecorderArea, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        ASSERT_NE(area, MAP_FAILED);
    }
    void TearDown() override {
        record_into(nullptr);
        munmap(area, kRecorderArea);
    }
    void* area = nullptr;
};

TEST_F(Recorder, NothingIsWrittenBeforeThereIsAnArea) {
    record("lost %d", 1);
    EXPECT_TRUE(read_records(area).empty());
}

TEST_F(Recorder, TheLastEventsStayInOrderAndOldOnesGo) {
    const pid_t child = fork();   // its counter is a fresh one
    if (child == 0) {
        record_into(area);
        for (int i = 0; i < 200; ++i) record("event %d", i);
        raise(SIGKILL);
    }
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    const std::vector<Recorded> records = read_records(area);
    ASSERT_EQ(records.size(), kRecords);
    for (std::size_t i = 0; i < kRecords; ++i) {
        EXPECT_EQ(records[i].text, "event " + std::to_string(200 - kRecords + i));
        EXPECT_GT(records[i].at_ns, 1'600'000'000'000'000'000);
    }
}

TEST_F(Recorder, LongTextIsCutAndMarksDoNotMatter) {
    record_into(area);
    record_text(std::string(1000, 'x'));
    record("%s", std::string(1000, 'y').c_str());
    const std::vector<Recorded> records = read_records(area);
    ASSERT_EQ(records.size(), 2u);
    EXPECT_EQ(records[0].text.size(), kRecordTextMax);
    EXPECT_LE(records[1].text.size(), kRecordTextMax);
}

TEST_F(Recorder, RubbishInTheAreaIsReadWithoutHarm) {
    for (unsigned seed = 1; seed < 50; ++seed) {
        auto* bytes = static_cast<unsigned char*>(area);
        unsigned x = seed * 2654435761u;
        for (std::size_t i = 0; i < kRecorderArea; ++i) bytes[i] = static_cast<unsigned char>((x = x * 1103515245u + 12345u) >> 16);
        const std::vector<Recorded> records = read_records(area);
        EXPECT_LE(records.size(), kRecords);
        for (const Recorded& r : records) EXPECT_LE(r.text.size(), kRecordTextMax);
    }
}

TEST_F(Recorder, AnEntryThatWasBeingWrittenIsLeftOut) {
    record_into(area);
    record("whole");
    record("torn");
    auto* bytes = static_cast<unsigned char*>(area);
    for (std::size_t at = kRecordSize; at < kRecorderArea; at += kRecordSize)
        if (std::memcmp(bytes + at + 18, "torn", 4) == 0) std::memset(bytes + at, 0, 8);
    const std::vector<Recorded> records = read_records(area);
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].text, "whole");
}

}  // namespace
}  // namespace motet::metrics
