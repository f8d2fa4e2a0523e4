// Goal: between two threads that really sleep nothing is lost, doubled, reordered or forgotten asleep.
// Method: producer and consumer as in docs/rings.md, tokens through a socket pair; both sides poll with a limit, and a
// wait that reaches it while there is something to do is a lost wake-up.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <random>
#include <thread>

#include "tests/unit/libs/ring/memory_link.h"

namespace motet::ring {
namespace {

constexpr int kLimitMs = 5000;

bool sleep_until_token(int socket) {
    pollfd waiting{.fd = socket, .events = POLLIN, .revents = 0};
    const bool woken = poll(&waiting, 1, kLimitMs) > 0;
    char bytes[64];
    while (recv(socket, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
    }
    return woken;
}
void token(int socket) { (void)send(socket, "w", 1, MSG_DONTWAIT | MSG_NOSIGNAL); }

struct Stress {
    std::uint64_t capacity;
    std::uint32_t length_max;
    std::uint64_t records;
    unsigned batch;
};

void run(const Stress& stress) {
    MemoryLink link(stress.capacity);
    int sockets[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    std::atomic<bool> failed{false};

    std::thread producing([&] {
        std::mt19937_64 random(4);
        Producer& out = link.producer;
        const auto publish = [&] {
            if (out.publish()) token(sockets[0]), out.served();
        };
        for (std::uint64_t id = 0; id < stress.records && !failed;) {
            for (unsigned n = random() % stress.batch + 1; n > 0 && id < stress.records; --n) {
                const Bytes bytes = pattern(id * 37 % (stress.length_max + 1), id);
                const Push pushed = push(out, bytes, id);
                if (pushed == Push::ok) {
                    ++id;
                    continue;
                }
                if (pushed == Push::violation) failed = true;
                publish();
                if (out.want_space() && !sleep_until_token(sockets[0])) failed = true;
                break;
            }
            publish();
        }
    });

    std::uint64_t expected = 0;
    Consumer& in = link.consumer;
    while (expected < stress.records && !failed) {
        Record record;
        Pull pulled = Pull::empty;
        for (unsigned n = 0; n < 32 && (pulled = in.next(record)) == Pull::record; ++n) {
            if (record.id != expected || !same(record.payload, pattern(expected * 37 % (stress.length_max + 1), expected)))
                failed = true;
            ++expected;
        }
        if (pulled == Pull::violation) failed = true;
        if (in.release()) token(sockets[1]), in.space_served();
        if (expected == stress.records || pulled == Pull::record) continue;
        if (in.arm() && !sleep_until_token(sockets[1])) failed = true;
    }
    if (failed) shutdown(sockets[0], SHUT_RDWR);
    producing.join();
    EXPECT_FALSE(failed);
    EXPECT_EQ(expected, stress.records);
    close(sockets[0]);
    close(sockets[1]);
}

TEST(TwoThreads, OneRecordAtATime) { run({.capacity = 4096, .length_max = 64, .records = 60'000, .batch = 1}); }
TEST(TwoThreads, Batches) { run({.capacity = 16384, .length_max = 700, .records = 150'000, .batch = 40}); }
TEST(TwoThreads, LargeRecordsInASmallRing) { run({.capacity = 4096, .length_max = 2000, .records = 30'000, .batch = 4}); }
TEST(TwoThreads, ALargeRing) { run({.capacity = 1u << 20, .length_max = 3000, .records = 60'000, .batch = 300}); }

}  // namespace
}  // namespace motet::ring
