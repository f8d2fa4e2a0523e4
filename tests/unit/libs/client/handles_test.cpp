// The handle table by itself: checks, references, reuse, and closing under use.
#include "libs/client/handles.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace motet::client {
namespace {

struct Object {
    explicit Object(std::atomic<int>& count) : live(count) { ++live; }
    ~Object() { --live; }
    std::atomic<int>& live;
    int value = 0;
};
using Table = Handles<Object>;

class HandlesTest : public testing::Test {
protected:
    std::uint64_t add() {
        std::uint64_t handle = 0;
        EXPECT_EQ(table.add(std::make_unique<Object>(live), handle), Table::Added::ok);
        return handle;
    }
    std::atomic<int> live{0};
    static inline Table table;   // as in the libraries: for the life of the process
};

TEST_F(HandlesTest, ValuesAreFoundUntilClosed) {
    const std::uint64_t a = add(), b = add();
    EXPECT_NE(a, b);
    EXPECT_NE(a >> 32, 0u);
    EXPECT_TRUE(table.get(a));
    EXPECT_FALSE(table.get(a ^ (std::uint64_t{1} << 33)));
    EXPECT_FALSE(table.get(0));
    EXPECT_FALSE(table.get(a + 70000));
    EXPECT_TRUE(table.close(a));
    EXPECT_EQ(live, 1);
    EXPECT_FALSE(table.get(a));
    EXPECT_FALSE(table.close(a));
    EXPECT_TRUE(table.get(b));
    table.close(b);
    EXPECT_EQ(live, 0);
}

TEST_F(HandlesTest, ClosedObjectLivesUntilItsLastReference) {
    const std::uint64_t a = add();
    {
        const Table::Ref inside = table.get(a);
        EXPECT_FALSE(inside.closed());
        EXPECT_TRUE(table.close(a));
        EXPECT_TRUE(inside.closed());
        EXPECT_EQ(live, 1);
        inside->value = 3;
    }
    EXPECT_EQ(live, 0);
}

TEST_F(HandlesTest, EntriesAreReusedWithAnotherCheck) {
    const std::uint64_t a = add();
    table.close(a);
    const std::uint64_t b = add();
    EXPECT_EQ(static_cast<std::uint32_t>(a), static_cast<std::uint32_t>(b));
    EXPECT_NE(a, b);
    EXPECT_FALSE(table.get(a));
    table.close(b);
}

TEST_F(HandlesTest, TableEndsAtItsBound) {
    std::vector<std::uint64_t> handles;
    for (int i = 0; i < 65536; ++i) handles.push_back(add());
    std::uint64_t more = 0;
    EXPECT_EQ(table.add(std::make_unique<Object>(live), more), Table::Added::full);
    EXPECT_EQ(live, 65536);
    for (const std::uint64_t h : handles) table.close(h);
    EXPECT_EQ(live, 0);
    table.close(add());
}

// Goal: no use after the last reference, no double deletion, whoever wins.
TEST_F(HandlesTest, UseAndCloseFromManyThreads) {
    for (int round = 0; round < 200; ++round) {
        const std::uint64_t h = add();
        std::atomic<int> closed{0};
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([&, t] {
                for (int i = 0; i < 50; ++i) {
                    const Table::Ref ref = table.get(h);
                    if (ref) {
                        EXPECT_GT(ref->live, 0);
                    }
                    if (t == i % 4 && i > 20 && table.close(h)) ++closed;
                }
            });
        for (auto& t : threads) t.join();
        EXPECT_EQ(closed, 1);
        EXPECT_EQ(live, 0);
    }
}

}  // namespace
}  // namespace motet::client
