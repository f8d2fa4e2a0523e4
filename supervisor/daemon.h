// Leaving the terminal: the process that was started waits until its successor in the background is ready, and exits with
// what became of it.
#pragma once
#include "libs/base/result.h"
#include "supervisor/unique_fd.h"

namespace motet::supervisor {

class Daemon {
public:
    // Returns in the background process only. The foreground process never returns: it exits 0 once ready() was called, or with
    // the code of finish(), whichever is first; after a minute of neither it says so and exits 0.
    static Result<Daemon> begin();
    Daemon() = default;                 // stays in the foreground: nothing to do
    void ready();                       // also lets go of the terminal
    void finish(int code);

private:
    explicit Daemon(UniqueFd report) : report_(std::move(report)) {}
    UniqueFd report_;
};

}  // namespace motet::supervisor
