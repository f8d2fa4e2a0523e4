#include "supervisor/control.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "supervisor/plan.h"

namespace motet::supervisor {

bool ControlServer::accept(int listening, Instant now) {
    for (int i = 0; i < kAcceptsPerRound; ++i) {
        UniqueFd socket(accept4(listening, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!socket) return errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM;
        if (clients_.size() >= kClientsMax) continue;
        const std::uint64_t tag = first_tag_ + next_++;
        if (!poller_.add(socket.get(), tag)) continue;
        clients_[tag] = Client{.socket = std::move(socket), .request = {}, .answer = {}, .due = now + kIdleMax};
    }
    return true;
}

void ControlServer::on_ready(const loop::Ready& ready, Instant now) {
    const auto it = clients_.find(ready.tag);
    if (it == clients_.end()) return;
    Client& client = it->second;
    client.due = now + kIdleMax;
    if (!client.answering && !take(client)) return close(ready.tag);
    if (!client.answering) return;
    if (!give(client)) return close(ready.tag);
    (void)!poller_.modify(client.socket.get(), ready.tag, {.read = false, .write = true});
}

// Reads up to the end of the line. False: the client is gone or said nonsense and was told so.
bool ControlServer::take(Client& client) {
    char bytes[kRequestMax];
    const ssize_t size = recv(client.socket.get(), bytes, sizeof bytes, MSG_DONTWAIT);
    if (size <= 0) return size < 0 && (errno == EAGAIN || errno == EINTR);
    client.request.append(bytes, static_cast<std::size_t>(size));
    const std::size_t end = client.request.find('\n');
    if (end == std::string::npos && client.request.size() <= kRequestMax) return true;
    client.answer = end == std::string::npos || end > kRequestMax ? "error a request is one line of at most 4096 bytes\n"
                                                                  : answer_(client.request.substr(0, end));
    client.answering = true;
    return true;
}

// False: all is sent, or nobody listens.
bool ControlServer::give(Client& client) {
    while (client.sent < client.answer.size()) {
        const ssize_t size = send(client.socket.get(), client.answer.data() + client.sent, client.answer.size() - client.sent,
                                  MSG_DONTWAIT | MSG_NOSIGNAL);
        if (size < 0) return errno == EAGAIN || errno == EINTR;
        client.sent += static_cast<std::size_t>(size);
    }
    return false;
}

void ControlServer::close(std::uint64_t tag) {
    const auto it = clients_.find(tag);
    if (it == clients_.end()) return;
    poller_.remove(it->second.socket.get());
    clients_.erase(it);
}

void ControlServer::on_time(Instant now) {
    for (auto it = clients_.begin(); it != clients_.end();) {
        const std::uint64_t tag = it->first;
        const bool late = it->second.due <= now;
        ++it;
        if (late) close(tag);
    }
}

Instant ControlServer::deadline() const {
    Instant first = kNever;
    for (const auto& [tag, client] : clients_) first = std::min(first, client.due);
    return first;
}

}  // namespace motet::supervisor
