#include "supervisor/watchdog.h"

#include <fcntl.h>
#include <linux/watchdog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace motet::supervisor {

Status Watchdog::configure(const std::string& device, Duration timeout, Instant now) {
    if (device.empty() || device == "off") {
        disarm();
        return Done{};
    }
    if (!armed() || device != path_) {
        UniqueFd fd(open(device.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK));
        if (!fd) return error("resources.watchdog_device: %s: %s. The node runs without a watchdog.", device.c_str(), std::strerror(errno));
        disarm();
        device_ = std::move(fd);
        path_ = device;
    }
    timeout_ = timeout;
    due_ = now;
    int wanted = static_cast<int>(timeout.ms() / 1000);
    if (ioctl(device_.get(), WDIOC_SETTIMEOUT, &wanted) != 0 && errno != ENOTTY && errno != EINVAL && errno != EOPNOTSUPP)
        return error("resources.watchdog_timeout: %s does not take %d s: %s. It keeps its own timeout.", device.c_str(), wanted, std::strerror(errno));
    return Done{};
}

Status Watchdog::feed(bool healthy, Instant now) {
    due_ = now + timeout_ / 2;
    starving_ = !healthy;
    if (starving_ || !armed()) return Done{};
    if (write(device_.get(), ".", 1) != 1) return error("%s: feeding the watchdog: %s", path_.c_str(), std::strerror(errno));
    return Done{};
}

void Watchdog::disarm() {
    if (!armed()) return;
    // The magic letter: what follows is no crash. A driver that cannot stop goes on counting.
    [[maybe_unused]] const ssize_t written = write(device_.get(), "V", 1);
    device_.reset();
    due_ = kNever;
    starving_ = false;
}

}  // namespace motet::supervisor
