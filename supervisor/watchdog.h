// The watchdog device. This process holds it because it is the one that may open it and does not die with a service; whether the
// node deserves to be fed is for others to say.
#pragma once
#include <string>

#include "libs/base/result.h"
#include "libs/base/time.h"
#include "supervisor/unique_fd.h"

namespace motet::supervisor {

class Watchdog {
public:
    Watchdog() = default;
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

    // "off" or empty disarms. An error leaves what was there. Setting the timeout of what is no device is not an error.
    Status configure(const std::string& device, Duration timeout, Instant now);
    bool armed() const { return static_cast<bool>(device_); }
    bool starving() const { return starving_; }
    Duration timeout() const { return timeout_; }

    // Twice per timeout; kNever while not armed.
    Instant deadline() const { return armed() ? due_ : kNever; }
    // Feeds the device, or lets it starve. An error: it cannot be written.
    Status feed(bool healthy, Instant now);
    // An orderly end: the machine is not reset.
    void disarm();

private:
    UniqueFd device_;
    std::string path_;
    Duration timeout_{};
    Instant due_ = kNever;
    bool starving_ = false;
};

}  // namespace motet::supervisor
