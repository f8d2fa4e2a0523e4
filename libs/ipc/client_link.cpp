// Connecting, and the slow halves of requests and events: full rings, replies, sleeping and dying.
#include "libs/ipc/client_link.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <new>
#include <utility>

namespace motet::ipc {
namespace {

constexpr long kReplyPeriodMs = 500;           // between looks at the socket while waiting for a reply
constexpr long kRoomPauseMs = 1;               // between looks at a full request ring, doubling
constexpr long kRoomPauseMaxMs = 16;
constexpr std::uint32_t kStatusMax = 100;      // the largest cs_error_t

constexpr timespec milliseconds_spec(long ms) { return {ms / 1000, (ms % 1000) * 1'000'000}; }

std::int64_t now_ms() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

// close() is a cancellation point, and a thread must not be unwound out of a destructor.
void close_uncancelled(int fd) {
    int before = 0;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    close(fd);
    pthread_setcancelstate(before, nullptr);
}

struct Fd {
    int value = -1;
    Fd() = default;
    explicit Fd(int fd) : value(fd) {}
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    ~Fd() {
        if (value >= 0) close_uncancelled(value);
    }
    int release() { return std::exchange(value, -1); }
};

Outcome out_of(int error) {
    switch (error) {
    case EMFILE: case ENFILE: return Outcome::no_resources;
    case ENOMEM: case ENOBUFS: return Outcome::no_memory;
    case EACCES: case EPERM: return Outcome::access;
    case EAGAIN: return Outcome::try_again;  // the supervisor's backlog stayed full
    default: return Outcome::library;        // ENOENT, ECONNREFUSED: nobody there
    }
}

bool address_of(const char* service, sockaddr_un& address) {
    const char* directory = secure_getenv("MOTET_RUNTIME_DIR");
    if (directory == nullptr || *directory == '\0') directory = "/run/motet";
    address.sun_family = AF_UNIX;
    const int length = std::snprintf(address.sun_path, sizeof address.sun_path, "%s/%s.sock", directory, service);
    return length > 0 && static_cast<std::size_t>(length) < sizeof address.sun_path;
}

Outcome open_socket(const char* service, int timeout_ms, Fd& out) {
    sockaddr_un address{};
    if (!address_of(service, address)) return Outcome::library;
    Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (fd.value < 0) return out_of(errno);
    // Bounds connect() while the supervisor accepts nobody.
    const timeval limit{timeout_ms / 1000, timeout_ms % 1000 * 1000};
    setsockopt(fd.value, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    while (connect(fd.value, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        if (errno == EINTR) continue;
        return out_of(errno);
    }
    const int flags = fcntl(fd.value, F_GETFL);
    if (flags < 0 || fcntl(fd.value, F_SETFL, flags | O_NONBLOCK) != 0) return Outcome::library;
    out.value = fd.release();
    return Outcome::ok;
}

// Takes descriptors out of a message; more than are expected are closed, by the kernel or here.
void collect_fds(msghdr& message, Fd (&fds)[kHelloFds], int& count) {
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len < CMSG_LEN(0)) continue;
        const std::size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < n; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof fd);
            if (count < kHelloFds) fds[count].value = fd;
            else close_uncancelled(fd);
            ++count;
        }
    }
}

Outcome receive_hello(int fd, std::int64_t deadline_ms, Hello& hello, Fd (&fds)[kHelloFds], int& count) {
    std::size_t have = 0;
    while (have < sizeof hello) {
        iovec part{reinterpret_cast<std::uint8_t*>(&hello) + have, sizeof hello - have};
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kHelloFds)];
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        const ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
        if (n > 0) {
            collect_fds(message, fds, count);
            if ((message.msg_flags & MSG_CTRUNC) != 0) return Outcome::library;  // more than there should be
            have += static_cast<std::size_t>(n);
        } else if (n == 0) {
            return Outcome::library;
        } else if (errno == EAGAIN) {
            const std::int64_t left = deadline_ms - now_ms();
            if (left <= 0) return Outcome::try_again;
            pollfd waiting{fd, POLLIN, 0};
            poll(&waiting, 1, static_cast<int>(left));
        } else if (errno != EINTR) {
            return Outcome::library;
        }
    }
    return Outcome::ok;
}

bool is(const ring::Segment& segment, ring::Role role, const Hello& hello, std::uint64_t capacity, std::size_t mailbox) {
    return segment.page()->role == static_cast<std::uint32_t>(role) && segment.link_id() == hello.link_id &&
           segment.capacity() == capacity && segment.mailbox_capacity() == mailbox;
}

}  // namespace

Outcome ClientLink::connect(const char* service, std::uint32_t request_max, std::unique_ptr<ClientLink>& out, int timeout_ms) {
    const std::int64_t deadline_ms = now_ms() + timeout_ms;
    Fd socket;
    if (const Outcome opened = open_socket(service, timeout_ms, socket); opened != Outcome::ok) return opened;

    Hello hello;
    Fd fds[kHelloFds];
    int count = 0;
    if (const Outcome heard = receive_hello(socket.value, deadline_ms, hello, fds, count); heard != Outcome::ok) return heard;
    if (hello.magic != kHelloMagic) return Outcome::library;
    if (hello.major != kProtocolMajor) return Outcome::version;
    if (hello.status != 0)
        return hello.status == static_cast<std::uint32_t>(Outcome::ok) || hello.status > kStatusMax
                   ? Outcome::library
                   : static_cast<Outcome>(hello.status);
    if (count != kHelloFds) return Outcome::library;

    Result<ring::Segment> worker = ring::Segment::map(fds[0].value, false);
    Result<ring::Segment> own = ring::Segment::map(fds[1].value, true);
    if (!worker || !own) return Outcome::library;
    if (!is(*worker, ring::Role::worker, hello, hello.event_capacity, hello.mailbox_capacity) ||
        !is(*own, ring::Role::client, hello, hello.request_capacity, 0) || worker->mailbox() == nullptr)
        return Outcome::library;

    std::unique_ptr<ClientLink> link(new (std::nothrow) ClientLink(socket.value, hello, std::move(*worker), std::move(*own)));
    if (!link) return Outcome::no_memory;
    socket.release();
    if (link->requests_.record_max() < request_max) return Outcome::library;
    out = std::move(link);
    return Outcome::ok;
}

ClientLink::ClientLink(int fd, const Hello& hello, ring::Segment worker, ring::Segment own)
    : fd_(fd), hello_(hello), worker_(std::move(worker)), own_(std::move(own)), requests_(own_.page(), worker_.page()),
      events_(own_.page(), worker_.page(), static_cast<std::uint32_t>(worker_.capacity() / 2), worker_.capacity()) {}

ClientLink::~ClientLink() { close_uncancelled(fd_); }

void ClientLink::fail(Outcome why) {
    std::uint32_t alive = 0;
    if (dead_.compare_exchange_strong(alive, static_cast<std::uint32_t>(why))) shutdown(fd_, SHUT_RDWR);
}

Outcome ClientLink::cut_reason() const {
    const auto reason = static_cast<ring::CutReason>(worker_.page()->reason.load(std::memory_order_acquire));
    return reason == ring::CutReason::access ? Outcome::access : Outcome::library;
}

Outcome ClientLink::health() {
    if (const std::uint32_t dead = dead_.load(std::memory_order_acquire); dead != 0) return static_cast<Outcome>(dead);
    if (worker_.page()->state.load(std::memory_order_acquire) != 3) return Outcome::ok;
    fail(cut_reason());
    return static_cast<Outcome>(dead_.load(std::memory_order_acquire));
}

Outcome ClientLink::health_now() {
    if (const Outcome known = health(); known != Outcome::ok) return known;
    pollfd looked{fd_, POLLRDHUP, 0};
    if (poll(&looked, 1, 0) > 0 && (looked.revents & (POLLHUP | POLLRDHUP | POLLERR | POLLNVAL)) != 0) fail(cut_reason());
    return health();
}

void ClientLink::token(char kind) {
    // EAGAIN: tokens are waiting already. EPIPE: the other side is gone.
    if (send(fd_, &kind, 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN && errno != EINTR) fail(cut_reason());
}

Outcome ClientLink::refused(ring::Push why) {
    if (why == ring::Push::violation) fail(Outcome::library);
    const Outcome state = health_now();
    return state != Outcome::ok ? state : Outcome::try_again;
}

// The consumer of a dead daemon neither sleeps nor reads: without a token to send we would not notice for a whole ring.
Outcome ClientLink::announce() {
    if (requests_.publish()) {
        token('w');
        requests_.served();
        unannounced_ = 0;
        return health();
    }
    if (++unannounced_ % kAskKernelEvery == 0) return health_now();
    return Outcome::ok;
}

Outcome ClientLink::push_when_room(std::uint16_t type, std::span<const ByteView> pieces, std::uint64_t& number) {
    for (long pause_ms = kRoomPauseMs;; pause_ms = std::min(2 * pause_ms, kRoomPauseMaxMs)) {
        {
            const std::lock_guard lock(send_mutex_);
            const ring::Push pushed = requests_.push(type, request_number_ + 1, pieces);
            if (pushed == ring::Push::ok) {
                number = ++request_number_;
                announce();  // a link that dies now may still have answered: finalize is followed by the hang-up
                return Outcome::ok;
            }
            if (const Outcome why = refused(pushed); why != Outcome::try_again) return why;
        }
        const timespec pause = milliseconds_spec(pause_ms);
        nanosleep(&pause, nullptr);
    }
}

Outcome ClientLink::wait_for_reply(std::uint64_t number) {
    const ring::SegmentPage* page = worker_.page();
    const auto low = static_cast<std::uint32_t>(number);
    const auto answered = [&] { return page->reply_seq.load(std::memory_order_acquire) == number; };
    const timespec period = milliseconds_spec(kReplyPeriodMs);
    // The waiting word is not left behind when this thread is cancelled; at worst the worker wakes nobody.
    while (!answered()) {
        own_.page()->reply_wait.store(low, std::memory_order_release);
        const std::uint32_t seen = page->reply_futex.load(std::memory_order_acquire);
        std::atomic_thread_fence(std::memory_order_seq_cst);  // the worker must see us waiting, or we its answer
        if (answered()) break;
        // The mapping is read-only; that is all a futex wait needs.
        syscall(SYS_futex, &page->reply_futex, FUTEX_WAIT, seen, &period, nullptr, 0);
        if (answered()) break;
        if (const Outcome state = health_now(); state != Outcome::ok) {
            if (answered()) break;  // the answer to finalize is followed by the hang-up
            own_.page()->reply_wait.store(0, std::memory_order_relaxed);
            return state;
        }
    }
    own_.page()->reply_wait.store(0, std::memory_order_relaxed);
    return Outcome::ok;
}

Outcome ClientLink::call(std::uint16_t type, std::span<const ByteView> pieces, std::span<std::uint8_t> reply, std::size_t& got) {
    const std::lock_guard lock(call_mutex_);
    std::uint64_t length = 0;
    for (const ByteView piece : pieces) length += piece.size();
    if (length > requests_.record_max()) return Outcome::too_big;
    if (const Outcome state = health(); state != Outcome::ok) return state;

    std::uint64_t number = 0;
    if (const Outcome sent = push_when_room(type, pieces, number); sent != Outcome::ok) return sent;
    if (const Outcome waited = wait_for_reply(number); waited != Outcome::ok) return waited;

    const std::uint32_t filled = worker_.page()->reply_len.load(std::memory_order_acquire);
    if (filled > worker_.mailbox_capacity()) {
        fail(Outcome::library);
        return Outcome::library;
    }
    got = std::min<std::size_t>(filled, reply.size());
    if (got != 0) std::memcpy(reply.data(), worker_.mailbox(), got);
    return Outcome::ok;
}

ring::Pull ClientLink::peek(ring::Record& out) {
    if (!peeked_) {
        const ring::Pull pulled = events_.next(peeked_record_);
        if (pulled == ring::Pull::violation) fail(Outcome::library);
        if (pulled != ring::Pull::record) return pulled;
        peeked_ = true;
    }
    out = peeked_record_;
    return ring::Pull::record;
}

void ClientLink::release() {
    if (peeked_) return;  // the ring's tail is already behind an event that is still in use
    if (events_.release()) {
        token('s');
        events_.space_served();
    }
}

// Draining comes before arming, never after: a token that answers the new arming must stay. One recv takes all tokens
// that can be waiting unless the worker floods us; what it leaves only wakes us once more.
ClientLink::Settled ClientLink::settle() {
    char tokens[64];
    const ssize_t n = recv(fd_, tokens, sizeof tokens, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        fail(cut_reason());
        return {.health = health()};
    }
    return {.health = Outcome::ok, .empty = events_.arm(), .token = n > 0};
}

void ClientLink::kick() { token('k'); }

Outcome ClientLink::wait_for_event() {
    pollfd waiting{fd_, POLLIN | POLLRDHUP, 0};
    while (poll(&waiting, 1, -1) < 0) {
        if (errno != EINTR) return health();
    }
    if ((waiting.revents & (POLLHUP | POLLRDHUP | POLLERR | POLLNVAL)) != 0) fail(cut_reason());
    return health();
}

}  // namespace motet::ipc
