#include "libs/client/sam/channel.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace motet::client::sam {

bool Channel::pair(int (&ends)[2]) { return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0; }

void Channel::close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

bool Channel::send(const Packet& packet, const void* bytes, std::size_t size) const {
    Packet head = packet;
    iovec parts[2] = {{&head, sizeof head}, {const_cast<void*>(bytes), size}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = size != 0 ? 2 : 1;
    while (sendmsg(fd_, &message, MSG_NOSIGNAL) < 0)
        if (errno != EINTR) return false;
    return true;
}

bool Channel::heartbeat() const {
    const int before = errno;
    const Packet packet{.command = Command::heartbeat};
    ssize_t sent = 0;
    while ((sent = ::send(fd_, &packet, sizeof packet, MSG_NOSIGNAL | MSG_DONTWAIT)) < 0 && errno == EINTR) continue;
    const bool alive = sent >= 0 || errno == EAGAIN;
    errno = before;
    return alive;
}

bool Channel::wait_answer(std::uint32_t number, std::uint64_t& error) const {
    for (;;) {
        Packet packet;
        const ssize_t n = recv(fd_, &packet, sizeof packet, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        if (n == sizeof packet && packet.command == Command::answer && packet.number == number) {
            error = packet.a;
            return true;
        }
    }
}

Channel::Got Channel::peek(Packet& packet, std::uint8_t (&bytes)[kPieceMax], std::size_t& size) const {
    iovec parts[2] = {{&packet, sizeof packet}, {bytes, sizeof bytes}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    ssize_t n = 0;
    // A reset, told once, says that an answer was not read; what the application had sent before is still there.
    while ((n = recvmsg(fd_, &message, MSG_PEEK | MSG_DONTWAIT)) < 0 && (errno == EINTR || errno == ECONNRESET)) continue;
    if (n < 0) return errno == EAGAIN ? Got::nothing : Got::closed;
    if (n == 0) return Got::closed;
    if (n < static_cast<ssize_t>(sizeof packet)) packet = {};   // not ours; consumed and ignored
    size = n > static_cast<ssize_t>(sizeof packet) ? static_cast<std::size_t>(n) - sizeof packet : 0;
    return Got::packet;
}

void Channel::consume() const {
    char byte;
    while (recv(fd_, &byte, 1, MSG_DONTWAIT | MSG_TRUNC) < 0 && errno == EINTR) continue;
}

void Channel::answer(std::uint32_t number, std::uint64_t error) const {
    if (number == 0) return;
    const Packet packet{.command = Command::answer, .number = number, .a = error};
    // An application that takes no answers does not get them: nobody here waits for it.
    while (::send(fd_, &packet, sizeof packet, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EINTR) continue;
}

}  // namespace motet::client::sam
