// What the supervisor makes of a status page whose writer was interrupted.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>

#include "libs/metrics/status_page.h"
#include "supervisor/child.h"

namespace motet::supervisor {
namespace {

TEST(StatusPage, APageMetInTheMiddleOfAWriteSaysWhatItSaidBefore) {
    const auto page = StatusPage::create();
    ASSERT_TRUE(page);
    EXPECT_FALSE(page->read());
    void* at = mmap(nullptr, metrics::kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED, page->fd(), 0);
    ASSERT_NE(at, MAP_FAILED);
    metrics::StatusWriter(at, metrics::kStatusArea).publish("first", 17);
    ASSERT_TRUE(page->read());
    EXPECT_EQ(page->read()->text, "first");

    std::uint64_t sequence = 0;
    std::memcpy(&sequence, at, sizeof sequence);
    const std::uint64_t writing = sequence | 1;
    std::memcpy(at, &writing, sizeof writing);
    ASSERT_TRUE(page->read());   // or a writer that is slow would be taken for one that hangs
    EXPECT_EQ(page->read()->written_ns, 17);

    metrics::StatusWriter(at, metrics::kStatusArea).publish("second", 18);
    EXPECT_EQ(page->read()->text, "second");
    EXPECT_EQ(page->read()->written_ns, 18);
    munmap(at, metrics::kPageSize);
}

}  // namespace
}  // namespace motet::supervisor
