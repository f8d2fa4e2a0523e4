// Telling the service manager: readiness, status line, watchdog. Its protocol is datagrams of NAME=value lines.
#pragma once
#include <string>

#include "libs/base/time.h"
#include "supervisor/unique_fd.h"

namespace motet::supervisor {

class Notify {
public:
    // Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID and removes them, so that children do not inherit them.
    Notify();
    void say(const std::string& lines);      // nothing if nobody listens
    // How often WATCHDOG=1 is due; zero: never.
    Duration watchdog_period() const { return watchdog_; }

    template <class Archive>
    void transfer(Archive& a) { a(socket_, address_, watchdog_); }

private:
    UniqueFd socket_;
    std::string address_;
    Duration watchdog_{};
};

}  // namespace motet::supervisor
