// Clocks, and a process as a descriptor, for the parts of libsam that are not pure.
#pragma once
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "libs/base/time.h"

namespace motet::client::sam {

inline Instant now() {
    timespec at{};
    clock_gettime(CLOCK_MONOTONIC, &at);
    return {at.tv_sec * 1'000'000'000 + at.tv_nsec};
}

inline std::int64_t realtime_ns() {
    timespec at{};
    clock_gettime(CLOCK_REALTIME, &at);
    return at.tv_sec * 1'000'000'000 + at.tv_nsec;
}

inline void pause_for(Duration length) {
    timespec left{length.ns / 1'000'000'000, length.ns % 1'000'000'000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) continue;
}

// -1 with errno; ENOSYS before Linux 5.3.
inline int open_pidfd(pid_t pid) { return static_cast<int>(syscall(SYS_pidfd_open, pid, 0)); }

}  // namespace motet::client::sam
