// Accepting clients: who they are, whether they may, their segments, the hello. They send nothing and nothing is read.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "libs/base/log.h"
#include "libs/ipc/hello.h"
#include "libs/ring/segment.h"
#include "supervisor/supervisor.h"

namespace motet::supervisor {
namespace {

// One non-blocking message on a fresh stream socket: there is room, or the client is not worth waiting for.
bool say_hello(int socket, const ipc::Hello& hello, const int (&fds)[ipc::kHelloFds]) {
    iovec part{const_cast<ipc::Hello*>(&hello), sizeof hello};
    alignas(cmsghdr) char ancillary[CMSG_SPACE(sizeof fds)] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (hello.status == 0) {
        message.msg_control = ancillary;
        message.msg_controllen = sizeof ancillary;
        cmsghdr* c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof fds);
        std::memcpy(CMSG_DATA(c), fds, sizeof fds);
    }
    return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof hello);
}

// As the kernel shows it; empty if the process is gone or hidden.
void name_of(pid_t pid, char (&out)[16]) {
    const UniqueFd file(open(("/proc/" + std::to_string(pid) + "/comm").c_str(), O_RDONLY | O_CLOEXEC));
    const ssize_t size = file ? read(file.get(), out, sizeof out - 1) : 0;
    for (ssize_t i = 0; i < size; ++i)
        if (out[i] == '\n') out[i] = '\0';
}

}  // namespace

void Supervisor::accept_clients(std::size_t index) {
    for (int i = 0; i < kAcceptsPerRound; ++i) {
        UniqueFd socket(accept4(listening_[index].get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!socket) {
            // Out of descriptors: the queue would wake us for ever. Closing one spare place would only serve one client, so wait.
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) accept_pause(listening_[index].get(), listening_tag(index));
            return;
        }
        accept_one(index, std::move(socket));
    }
}

void Supervisor::accept_one(std::size_t index, UniqueFd socket) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return;

    ipc::Hello hello;
    hello.service = static_cast<std::uint32_t>(index);
    hello.node_id = start_.node_id;
    hello.boot_incarnation = boot_;
    const auto refuse = [&](ipc::Outcome why) {
        hello.status = static_cast<std::uint32_t>(why);
        say_hello(socket.get(), hello, {-1, -1});
    };
    FdStore& store = clients_[index];
    if (!access_.allows(peer.uid, peer.gid)) {
        // Repeats become a counter: a client may try a thousand times a second.
        ++refused_;
        if (!std::exchange(access_said_, true))
            MOTET_LOG(warning, "%s: user %u, group %u (pid %d) may not connect; list it under uidgid to allow it. Further refusals are only counted.",
                      plan_[index].socket, peer.uid, peer.gid, static_cast<int>(peer.pid));
        return refuse(ipc::Outcome::access);
    }
    if (!state_.serving(index)) return refuse(ipc::Outcome::try_again);
    const bool share_used = !Access::is_ours(peer.uid) && store.of_user(peer.uid) >= limits_.of_user;
    if (store.size() >= limits_.all || share_used) {
        // Once until there is room again.
        if (!std::exchange(crowded_said_, true))
            MOTET_LOG(warning, "%s: process %d (user %u) is refused: %zu clients are connected, %zu of them this user's. The limits are "
                      "ipc.connections_max (%zu) and, for users other than root, ipc.connections_per_user_max (%zu). Further refusals are not logged.",
                      plan_[index].socket, static_cast<int>(peer.pid), peer.uid, store.size(), store.of_user(peer.uid), limits_.all, limits_.of_user);
        return refuse(ipc::Outcome::no_resources);
    }
    if (4 * store.size() < 3 * limits_.all && 4 * store.of_user(peer.uid) < 3 * limits_.of_user) crowded_said_ = false;

    const std::uint64_t id = next_link_++;
    const auto events = ring::create_segment(ring::Role::worker, id, kEventRing, kMailbox);
    if (!events) return refuse(ipc::Outcome::no_resources);
    UniqueFd worker_segment(events->writable);
    const UniqueFd events_read_only(events->read_only);
    const auto requests = ring::create_segment(ring::Role::client, id, kRequestRing, 0);
    if (!requests) return refuse(ipc::Outcome::no_resources);
    const UniqueFd requests_writable(requests->writable);
    UniqueFd client_segment(requests->read_only);

    hello.link_id = id;
    hello.request_capacity = kRequestRing;
    hello.event_capacity = kEventRing;
    hello.mailbox_capacity = kMailbox;
    if (!say_hello(socket.get(), hello, {events_read_only.get(), requests_writable.get()})) return;
    control::ConnEntry entry{.id = id, .pid = peer.pid, .uid = peer.uid, .gid = peer.gid};
    name_of(peer.pid, entry.process);
    store.add({.entry = entry,
               .socket = std::move(socket),
               .worker_segment = std::move(worker_segment),
               .client_segment = std::move(client_segment)});
    // What does not fit is tried again in the next round; while a worker is being replaced its successor gets it with the rest.
    if (state_.has_links(index)) (void)!give_clients(index);
}

void Supervisor::accept_pause(int listening, std::uint64_t tag) {
    if (!accept_paused_) MOTET_LOG(warning, "out of file descriptors or memory: new clients wait. Raise the limit (LimitNOFILE=, ulimit -n) or free memory.");
    accept_paused_ = true;
    (void)!poller_->modify(listening, tag, {.read = false});
}

void Supervisor::accept_resume() {
    if (!accept_paused_) return;
    accept_paused_ = false;
    for (std::size_t i = 0; i < plan_.size(); ++i)
        if (listening_[i]) (void)!poller_->modify(listening_[i].get(), listening_tag(i), {});
}

}  // namespace motet::supervisor
