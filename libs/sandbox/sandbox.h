// Privilege is dropped here, in one call and for good: namespaces, user, capabilities, limits, no-new-privileges, Landlock,
// system-call list. Call it first thing in main, single-threaded, before reading a byte from anybody; open what needs a path
// before it. membership alone calls it later and may have threads by then, see start_threads().
#pragma once
#include <csignal>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "libs/base/result.h"
#include "libs/sandbox/identity.h"
#include "libs/sandbox/room.h"

namespace motet::sandbox {

enum class Profile : std::uint8_t {
    config,       // parses bytes it already holds: may read, write and ask over descriptors it has, no more
    lookup,       // answers the names that `config` asks for: files and network, but no right and no other user's process
    worker,       // serves rings: what it may call is the list in profiles.cpp; everything else kills it
    metrics,      // a worker without rings that accepts connections on a socket it was given
    membership,   // owns the network: a longer list, in the same file
    membership_devices,   // the same for RDMA: devices are opened by name, behind enter() and again after a failure
};

struct Options {
    Profile profile = Profile::worker;
    // Whom to become when started as root: an identity the supervisor has looked up, or a name to look up. Neither: stay.
    std::optional<Identity> become = {};
    std::string user = {};
    std::uint64_t open_files_max = 0;      // 0: the profile's own
    std::uint64_t address_space_max = 0;   // bytes; 0: the profile's own
    int death_signal = SIGKILL;            // sent to us when the supervisor dies
    bool protect = true;                   // false: nothing is done at all, for measuring what it costs
    bool list = true;                      // false: all but the system-call list, to show what the other layers hold
};

struct Report {
    std::vector<std::string> missing;      // what could not be enforced, one clause each, for the log and the status
};

// An error means that something which must hold does not: exit with kExitCode at once.
Result<Report> enter(const Options& options);
inline constexpr int kExitCode = 112;

// "--become UID:GID" of a child's command line. An error names what was given.
Result<Identity> parse_identity(const char* text);

// Runs `start`, which starts threads, as the user that enter() will become and without a capability to inherit; the caller keeps
// its own rights for what is still to be opened. Both belong to each thread, so enter() could not take them from threads that run.
Status start_threads(const std::optional<Identity>& become, const std::function<void()>& start);

// After enter(Profile::worker) a process has: epoll_*, poll, recvmsg, recv, send (no sendmsg: children pass no descriptors on), read,
// pread, mmap without PROT_EXEC, memory of malloc, close, shutdown, futex wake, fstat, F_GET_SEALS, clock_gettime, getrandom,
// write to descriptor 2, abort, exit. Not: open (so no localtime, no getpwnam, no dlopen), socket, accept, signal handlers,
// threads, timerfd, eventfd. Profile::config has no epoll_*, recvmsg and shutdown, but write to any descriptor,
// lseek, ftruncate and F_ADD_SEALS. Profile::membership has the worker's, threads that were started before, sockets of the
// network families with their options, and writing to the files it has open.

}  // namespace motet::sandbox
