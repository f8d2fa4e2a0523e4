// motetctl sam run: a program becomes an application under libsam.
#pragma once
#include <csignal>
#include <string>

namespace motet::ctl {

struct RunOptions {
    bool restart = true;         // else quit
    bool always = false;         // restart after exit status 0 too
    bool quorum = false, publish = false;
    int interval_ms = 0;         // 0: only the program's end is a failure
    std::string health;          // shell command; empty: none
    int warn_signal = SIGTERM;
    char** command = nullptr;    // null-terminated, not empty
};

// Returns in the supervised process and, on errors, in the caller: what to exit with.
int run(const RunOptions& options);

}  // namespace motet::ctl
