// Starting processes: what happens between fork and exec, and how a child's end is described.
#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

#include "libs/base/result.h"
#include "supervisor/unique_fd.h"

namespace motet::supervisor {

struct SpawnRequest {
    std::string program;                // absolute path
    std::vector<std::string> arguments; // without the program's name
    int descriptor = -1;                // becomes descriptor 3
    std::vector<int> room = {};         // become sandbox::kRoomFd and the numbers after it
    int realtime_priority = 0;          // SCHED_RR; 0: as the supervisor
    int nice = 0;                       // weight in ordinary scheduling; 0: as the supervisor
    bool lock_memory = false;           // no limit on locked memory, where permitted
};

struct Process {
    pid_t pid = -1;
    UniqueFd pidfd;
    UniqueFd errors;                    // read end of its stderr, non-blocking
    template <class Archive>
    void transfer(Archive& a) { a(pid, pidfd, errors); }
};

// The child has 0 and 1 on /dev/null, 2 on the pipe, 3 as asked for, and dies with us.
Result<Process> spawn(const SpawnRequest& request);

// Reaps it and says how it ended ("exit code 3", "killed by signal 9 (Killed)"); empty if it has not ended.
struct Ended {
    bool ended = false;
    bool signalled = false;
    int code = 0;                       // exit code or signal number
    std::string text;
};
Ended reap(const Process& process);

void send_signal(const Process& process, int signal);

}  // namespace motet::supervisor
