#include "supervisor/metrics_socket.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "libs/config/listen.h"

namespace motet::supervisor {
namespace {

constexpr int kListenQueue = 64;

sockaddr_storage internet_address(const config::Listen& listen, socklen_t& size) {
    sockaddr_storage out{};
    if (listen.address.ipv6) {
        auto& in6 = reinterpret_cast<sockaddr_in6&>(out);
        in6.sin6_family = AF_INET6;
        in6.sin6_port = htons(listen.port);
        std::memcpy(&in6.sin6_addr, listen.address.bytes.data(), sizeof in6.sin6_addr);
        size = sizeof in6;
    } else {
        auto& in = reinterpret_cast<sockaddr_in&>(out);
        in.sin_family = AF_INET;
        in.sin_port = htons(listen.port);
        in.sin_addr.s_addr = htonl(listen.address.ipv4_number());
        size = sizeof in;
    }
    return out;
}

}  // namespace

Result<UniqueFd> listen_for_metrics(RuntimeDir& runtime, const std::string& where) {
    const Result<config::Listen> listen = config::parse_listen(where);
    if (!listen) return error("metrics.listen: %s", listen.error().text.c_str());
    if (!listen->path.empty()) {
        Result<UniqueFd> socket = runtime.listen_at(listen->path, 0666);
        if (!socket) return error("metrics.listen: %s", socket.error().text.c_str());
        return socket;
    }
    socklen_t size = 0;
    const sockaddr_storage address = internet_address(*listen, size);
    UniqueFd fd(socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int yes = 1;
    if (!fd || setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 || ::listen(fd.get(), kListenQueue) != 0)
        return error("metrics.listen: %s: %s. Choose another port, or stop who listens there.", where.c_str(), std::strerror(errno));
    return fd;
}

}  // namespace motet::supervisor
