// One message is one SEQPACKET datagram: header, body, descriptors. What a child says is checked here for its form; what
// it means is checked where it is used.
#include "libs/control/control.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace motet::control {
namespace {

// Takes every descriptor out of the ancillary data, whatever it holds besides.
void collect_fds(msghdr& message, std::vector<int>& out) {
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len < CMSG_LEN(0)) continue;
        const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        const std::size_t before = out.size();
        out.resize(before + count);
        std::memcpy(out.data() + before, CMSG_DATA(c), count * sizeof(int));
    }
}

void close_all(std::vector<int>& fds) {
    for (const int fd : fds) close(fd);
    fds.clear();
}

}  // namespace

Received receive(int socket, bool accept_fds, Message& out) {
    // The body buffer is kept between messages: one allocation per caller, not per message. Descriptors of the message
    // before belong to whoever took it.
    out.fds.clear();
    out.header = {};
    out.body.resize(kBodyMax);
    iovec parts[2] = {{&out.header, sizeof out.header}, {out.body.data(), out.body.size()}};
    alignas(cmsghdr) char ancillary[CMSG_SPACE(kFdsMax * sizeof(int))];
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    if (accept_fds) {  // without room for them the kernel discards descriptors unseen
        message.msg_control = ancillary;
        message.msg_controllen = sizeof ancillary;
    }
    ssize_t size;
    do {
        size = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (size < 0 && errno == EINTR);
    if (size < 0) {
        out.body.clear();
        return errno == EAGAIN || errno == EWOULDBLOCK ? Received::nothing : Received::closed;
    }
    if (accept_fds) collect_fds(message, out.fds);
    const bool cut = (message.msg_flags & MSG_TRUNC) != 0 || (accept_fds && (message.msg_flags & MSG_CTRUNC) != 0);
    if (size == 0 || static_cast<std::size_t>(size) < sizeof out.header || cut) {
        out.body.clear();
        close_all(out.fds);
        return size == 0 ? Received::closed : Received::malformed;
    }
    out.body.resize(static_cast<std::size_t>(size) - sizeof out.header);
    return Received::message;
}

bool send(int socket, const Header& header, ByteView body, std::span<const int> fds) {
    if (body.size() > kBodyMax || fds.size() > kFdsMax) {
        errno = EMSGSIZE;
        return false;
    }
    ssize_t sent;
    if (fds.empty()) {
        // Children have no sendmsg (it could pass descriptors on), so a plain message is one contiguous send.
        Bytes joined;
        const void* data = &header;
        if (!body.empty()) {
            joined.resize(sizeof header + body.size());
            std::memcpy(joined.data(), &header, sizeof header);
            std::memcpy(joined.data() + sizeof header, body.data(), body.size());
            data = joined.data();
        }
        do {
            sent = ::send(socket, data, sizeof header + body.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        } while (sent < 0 && errno == EINTR);
        return sent >= 0;
    }
    iovec parts[2] = {{const_cast<Header*>(&header), sizeof header},
                      {const_cast<std::uint8_t*>(body.data()), body.size()}};
    alignas(cmsghdr) char ancillary[CMSG_SPACE(kFdsMax * sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = body.empty() ? 1 : 2;
    message.msg_control = ancillary;
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(c), fds.data(), fds.size_bytes());
    do {
        sent = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

}  // namespace motet::control
