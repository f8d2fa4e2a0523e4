#include "supervisor/notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace motet::supervisor {

Notify::Notify() {
    if (const char* address = getenv("NOTIFY_SOCKET"); address != nullptr && (*address == '/' || *address == '@')) {
        address_ = address;
        if (address_.size() < sizeof(sockaddr_un::sun_path)) socket_ = UniqueFd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    }
    const char* period_us = getenv("WATCHDOG_USEC");
    const char* pid = getenv("WATCHDOG_PID");
    if (period_us != nullptr && (pid == nullptr || std::atol(pid) == getpid())) {
        const long long us = std::atoll(period_us);
        if (us > 0) watchdog_ = microseconds(us) / 3;   // two may be missed
    }
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) unsetenv(name);
}

void Notify::say(const std::string& lines) {
    if (!socket_) return;
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::memcpy(to.sun_path, address_.data(), address_.size());
    if (to.sun_path[0] == '@') to.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
    (void)!sendto(socket_.get(), lines.data(), lines.size(), MSG_NOSIGNAL | MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&to), size);
}

}  // namespace motet::supervisor
