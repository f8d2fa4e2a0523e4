// Privilege is dropped here, in one call and for good: user, capabilities, limits, no-new-privileges, system-call list.
// Call it first thing in main, single-threaded, before reading a byte from anybody; open what needs a path before it.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "libs/base/result.h"

namespace motet::sandbox {

enum class Profile : std::uint8_t {
    config,       // parses bytes it already holds: may read, write and ask over descriptors it has, no more
    worker,       // serves rings: what it may call is the list in profiles.cpp; everything else kills it
    membership,   // owns the network: no capabilities, no new privileges; no system-call list yet
};

struct Options {
    Profile profile = Profile::worker;
    // As root: the user to become ("motet-cpg"); missing on this machine: nobody, and a line in the report. Empty: stay.
    std::string user = {};
    std::uint64_t open_files_max = 0;      // 0: the profile's own
    std::uint64_t address_space_max = 0;   // bytes; 0: the profile's own
};

struct Report {
    std::vector<std::string> missing;      // what could not be enforced, one clause each, for the log and the status
};

// An error means that something which must hold does not: exit with kExitCode at once.
Result<Report> enter(const Options& options);
inline constexpr int kExitCode = 112;

// After enter(Profile::worker) a process has: epoll_*, poll, recvmsg, recv, send (no sendmsg: children pass no descriptors on), read,
// pread, mmap without PROT_EXEC, memory of malloc, close, shutdown, futex wake, fstat, F_GET_SEALS, clock_gettime, getrandom,
// write to descriptor 2, abort, exit. Not: open (so no localtime, no getpwnam, no dlopen), socket, accept, signal handlers,
// threads, timerfd, eventfd. Profile::config has no epoll_*, recvmsg and shutdown, but write to any descriptor,
// lseek, ftruncate and F_ADD_SEALS.

}  // namespace motet::sandbox
