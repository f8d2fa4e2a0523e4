// The standby of a parent: how it is made, what it waits for, and how it becomes the parent.
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include "libs/client/sam/clock.h"
#include "libs/client/sam/parent.h"
#include "libs/client/sam/vigil.h"

namespace motet::client::sam {
namespace {

constexpr Duration kAgain = seconds(1);         // between two attempts to have a standby
constexpr Duration kChildAppears = seconds(1);  // a fork that was under way when the parent died

bool readable(int fd) {
    pollfd on{fd, POLLIN, 0};
    return poll(&on, 1, 0) > 0;
}

}  // namespace

void Parent::show_life(Instant at) {
    block_->beat_at_ns = at.ns;
    node_.on_time(at);
}

// In the parent, every round: a standby as soon as the node knows us, and a new one when it died.
void Parent::keep_standby(Instant at) {
    if (standby_ != 0 && standby_fd_ >= 0 && readable(standby_fd_)) {
        waitpid(standby_, nullptr, 0);
        close(std::exchange(standby_fd_, -1));
        standby_ = 0;
    }
    known_ = known_ || node_.up();
    if (standby_ == 0 && known_ && at >= standby_due_) make_standby();
}

// The standby of the instance before, if any, knows nothing of this one and goes.
bool Parent::make_standby() {
    standby_due_ = now() + kAgain;
    const pid_t before = standby_;
    const int before_fd = standby_fd_;
    const pid_t parent = getpid();
    const int parent_fd = open_pidfd(parent);
    if (parent_fd < 0) return false;   // a kernel without them: no standby
    block_->beat_at_ns = now().ns;
    const pid_t pid = fork();
    if (pid == 0) {
        standby_ = 0;
        standby_fd_ = -1;
        if (before_fd >= 0) close(before_fd);
        parent_fd_ = parent_fd;
        quorum_.forget();
        keys_.forget();
        stand_by();
        become_parent(parent);
        return true;
    }
    close(parent_fd);
    if (before != 0) {
        kill(before, SIGKILL);
        waitpid(before, nullptr, 0);
        close(before_fd);
    }
    standby_ = pid > 0 ? pid : 0;
    standby_fd_ = pid > 0 ? open_pidfd(pid) : -1;
    if (standby_ != 0 && standby_fd_ < 0) end_standby();
    return false;
}

void Parent::end_standby() {
    if (standby_ == 0) return;
    kill(standby_, SIGKILL);
    waitpid(standby_, nullptr, 0);
    if (standby_fd_ >= 0) close(std::exchange(standby_fd_, -1));
    standby_ = 0;
}

// Returns when the parent is gone.
void Parent::stand_by() {
    if (child_end_ >= 0) close(std::exchange(child_end_, -1));
    node_.become(Node::Role::standby);
    // A little later than the worker, which knows more: this is for the time without one.
    Vigil vigil(node_.beat_period() * 15 / 4);
    for (;;) {
        const Instant at = now();
        node_.on_time(at);
        bool hangs = vigil.hangs({block_->beat_at_ns.load()}, at);
        pollfd on[] = {{parent_fd_, POLLIN, 0}, {node_.fd(), POLLIN | POLLRDHUP, 0}};
        const Instant due = std::min(node_.deadline(), vigil.deadline());
        const std::int64_t left = hangs ? 0 : std::max<std::int64_t>(0, (due - at).ns);
        const timespec limit{left / 1'000'000'000, left % 1'000'000'000};
        ppoll(on, std::size(on), &limit, nullptr);
        if (readable(parent_fd_)) return;
        hangs = node_.listen(now()).take_over || hangs;
        // It hangs. Only when it is gone for certain may anybody else act in its place.
        if (hangs) syscall(SYS_pidfd_send_signal, parent_fd_, SIGKILL, nullptr, 0);
    }
}

void Parent::become_parent(pid_t former) {
    close(std::exchange(parent_fd_, -1));
    successor_ = true;
    ++block_->takeovers;
    node_.become(Node::Role::parent);
    standby_due_ = {};
    if (settings_.quorum()) quorum_.look(now());
    keys_.take_over(former);

    // The parent may have died between deciding to fork and the child's first act. While nobody holds the other end of the
    // channel there is no child.
    if (child_fd_ >= 0) close(std::exchange(child_fd_, -1));
    const Instant until = now() + kChildAppears;
    pollfd on{channel_.fd(), 0, 0};
    while (block_->child == 0 && poll(&on, 1, 0) == 0 && now() < until) pause_for(milliseconds(1));
    child_ = block_->child;
    child_ours_ = false;
    if (child_ == 0) {
        channel_.close();
        --block_->instance;   // the next round makes it
        return;
    }
    child_fd_ = open_pidfd(child_);
    family_.adopt(child_, Mark(*block_, block_->instance).name);
}

}  // namespace motet::client::sam
