// epoll behind value types: callers see tags and flags, never the kernel's structures.
#include "libs/loop/loop.h"

#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace motet::loop {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;
constexpr std::int64_t kTimeoutMaxMs = 3'600'000;  // a longer wait is an early return after an hour

epoll_event event_of(std::uint64_t tag, Interest interest) {
    epoll_event event{};
    event.events = (interest.read ? EPOLLIN | EPOLLRDHUP : 0u) | (interest.write ? EPOLLOUT : 0u);
    event.data.u64 = tag;
    return event;
}

}  // namespace

Instant monotonic_now() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return {static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec};
}

Result<Poller> Poller::create() {
    const int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) return error("epoll_create1: %s", std::strerror(errno));
    return Poller(fd);
}

Poller::Poller(Poller&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

Poller::~Poller() {
    if (fd_ >= 0) close(fd_);
}

Status Poller::add(int fd, std::uint64_t tag, Interest interest) {
    epoll_event event = event_of(tag, interest);
    if (epoll_ctl(fd_, EPOLL_CTL_ADD, fd, &event) != 0)
        return error("watching descriptor %d: %s", fd, std::strerror(errno));
    return Done{};
}

Status Poller::modify(int fd, std::uint64_t tag, Interest interest) {
    epoll_event event = event_of(tag, interest);
    if (epoll_ctl(fd_, EPOLL_CTL_MOD, fd, &event) != 0)
        return error("watching descriptor %d: %s", fd, std::strerror(errno));
    return Done{};
}

void Poller::remove(int fd) {
    epoll_event unused{};
    epoll_ctl(fd_, EPOLL_CTL_DEL, fd, &unused);
}

std::span<const Ready> Poller::wait(Instant deadline) {
    if (deadline == kNever) return wait_ms(-1);
    const std::int64_t left_ns = (deadline - monotonic_now()).ns;
    const std::int64_t left_ms = left_ns <= 0 ? 0 : (left_ns - 1) / kNsPerMs + 1;
    return wait_ms(static_cast<int>(std::min(left_ms, kTimeoutMaxMs)));
}

std::span<const Ready> Poller::wait_ms(int timeout_ms) {
    std::array<epoll_event, kBatchMax> events;
    const int n = epoll_wait(fd_, events.data(), static_cast<int>(events.size()), timeout_ms);
    for (int i = 0; i < n; ++i) {
        const std::uint32_t flags = events[i].events;
        ready_[i] = {.tag = events[i].data.u64,
                     .readable = (flags & EPOLLIN) != 0,
                     .writable = (flags & EPOLLOUT) != 0,
                     .hung_up = (flags & (EPOLLHUP | EPOLLRDHUP | EPOLLERR)) != 0};
    }
    return {ready_.data(), static_cast<std::size_t>(std::max(n, 0))};
}

}  // namespace motet::loop
