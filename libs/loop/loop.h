// Waiting for descriptors, and the clock. Timers are the caller's: it passes its next deadline to wait().
#pragma once
#include <array>
#include <cstdint>
#include <span>

#include "libs/base/result.h"
#include "libs/base/time.h"

namespace motet::loop {

// CLOCK_MONOTONIC, without a system call.
Instant monotonic_now();

struct Interest {
    bool read = true;
    bool write = false;  // with neither, only hang-up and errors are reported
};

struct Ready {
    std::uint64_t tag = 0;
    bool readable = false;
    bool writable = false;
    bool hung_up = false;  // the peer is gone or the descriptor broken; there may still be something to read
};

// A level-triggered epoll set. Create it before entering a sandbox: afterwards only waiting and changing are allowed.
class Poller {
public:
    static constexpr std::size_t kBatchMax = 64;  // what is ready beyond it is reported by the next wait()

    static Result<Poller> create();
    Poller(Poller&& other) noexcept;
    Poller& operator=(Poller&&) = delete;
    ~Poller();

    Status add(int fd, std::uint64_t tag, Interest interest = {});
    Status modify(int fd, std::uint64_t tag, Interest interest);
    // To be called before close() when anybody else holds the same open file: the registration would outlive it.
    void remove(int fd);

    // Until something is ready or `deadline` has passed (never early, rounded up to a millisecond; a deadline in the past
    // only looks). The result is valid until the next call. Signals may end the wait early.
    std::span<const Ready> wait(Instant deadline);
    // Only looks: no clock read.
    std::span<const Ready> look() { return wait_ms(0); }

private:
    explicit Poller(int fd) : fd_(fd) {}
    std::span<const Ready> wait_ms(int timeout_ms);
    int fd_ = -1;
    std::array<Ready, kBatchMax> ready_{};
};

}  // namespace motet::loop
