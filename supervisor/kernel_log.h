// Which system call a child was killed for: the kernel writes it into its own log.
#pragma once
#include <sys/types.h>

#include "supervisor/unique_fd.h"

namespace motet::supervisor {

class KernelLog {
public:
    // From now on; without the right to read it, or where an audit daemon takes the lines, nothing is ever found.
    KernelLog();
    // The number of the call `pid` was killed for; -1 if the log does not tell within 30 ms.
    int killed_for(pid_t pid);

private:
    UniqueFd log_;
};

}  // namespace motet::supervisor
