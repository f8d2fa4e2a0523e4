// One life of an instance after the other: fork, supervise, reap, recover.
#include "libs/client/sam/parent.h"

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <utility>

#include "libs/client/sam/clock.h"

namespace motet::client::sam {
namespace {

constexpr unsigned kCommandsPerRound = 256;
constexpr unsigned kCommandsOfTheDead = 65536;      // what an instance may have left in its queue, and more
constexpr Duration kReapPeriod = seconds(5);
constexpr Duration kNoPidfdPeriod = milliseconds(50);
constexpr Duration kRecoverAnswer = milliseconds(500);   // the node has this long to say when to restart
constexpr Duration kForkPause = milliseconds(500);   // not as long as a standby takes for a hang

Node::About about(const Settings& settings) {
    Node::About out;
    out.interval_ms = static_cast<std::uint32_t>(std::max(0, settings.interval_ms));
    out.policy = settings.policy;
    out.registered_ns = static_cast<std::uint64_t>(realtime_ns());
    std::strncpy(out.name, program_invocation_short_name, sizeof out.name - 1);
    return out;
}

}  // namespace

Parent::Parent(const Settings& settings, Quorum& quorum)
    : settings_(settings), node_(Node::Role::parent, about(settings), block_), quorum_(quorum) {}

cs_error_t Parent::run(Instance& instance) {
    if (const cs_error_t prepared = prepare(); prepared != CS_OK) return prepared;
    for (bool first = true;; first = false) {
        switch (spawn(instance)) {
        case Spawned::child: return restore_data(instance);
        case Spawned::parent: break;
        case Spawned::again: continue;
        case Spawned::failed:
            if (first && !successor_) {
                undo();
                return CS_ERR_LIBRARY;
            }
            pause_for(kForkPause);
            continue;
        }
        supervise();
        if (!recover()) finish();
    }
}

cs_error_t Parent::prepare() {
    const auto interval_ms = static_cast<std::uint64_t>(std::max(0, settings_.interval_ms));
    if (settings_.cmap())
        if (const cs_error_t begun = keys_.begin(settings_.restarts(), interval_ms); begun != CS_OK) return begun;
    const auto* data = static_cast<const std::uint8_t*>(settings_.data);
    const bool made = block_.create(milliseconds(static_cast<std::int64_t>(interval_ms)), settings_.restarts(), settings_.quorum()) &&
                      (settings_.data_size == 0 || block_.put(settings_.data_size, 0, data, settings_.data_size));
    // With SIGCHLD ignored there would be no exit status; the application gets back what it had.
    struct sigaction normal {};
    normal.sa_handler = SIG_DFL;
    sigaction(SIGCHLD, &normal, &sigchld_);
    if (!made) {
        undo();
        return CS_ERR_LIBRARY;
    }
    block_->warn_signal = settings_.warn_signal;
    family_.begin();
    return CS_OK;
}

void Parent::undo() {
    sigaction(SIGCHLD, &sigchld_, nullptr);
    keys_.end(false);
    block_.release();
}

Parent::Spawned Parent::spawn(Instance& instance) {
    int ends[2];
    if (!Channel::pair(ends)) return Spawned::failed;
    channel_ = Channel(ends[0]);
    child_end_ = ends[1];
    hung_up_ = false;
    block_->watch.begin();
    block_->start_waiting = 0;
    block_->child = 0;
    ++block_->instance;
    block_->child_since_ns = realtime_ns();
    block_->command_at_ns = now().ns;
    // First, so that no instance is without one. It returns here as the parent if this process dies now.
    if (known_ && make_standby()) return child_ != 0 ? Spawned::parent : Spawned::again;
    const pid_t pid = fork();
    if (pid < 0) {
        const int why = errno;
        --block_->instance;
        channel_.close();
        close(std::exchange(child_end_, -1));
        errno = why;
        return Spawned::failed;
    }
    if (pid == 0) {
        begin_child(instance, ends[0], ends[1]);
        return Spawned::child;
    }
    close(std::exchange(child_end_, -1));
    child_ = pid;
    child_fd_ = open_pidfd(pid);
    child_ours_ = true;
    block_->child = pid;
    return Spawned::parent;
}

// The first thing an instance does; it keeps its end of the channel and nothing else of ours.
void Parent::begin_child(Instance& instance, int parent_end, int child_end) {
    block_->child = getpid();
    Family::mark(Mark(*block_, block_->instance).name);
    sigaction(SIGCHLD, &sigchld_, nullptr);
    instance.number = block_->instance;
    instance.channel = Channel(child_end);
    close(parent_end);
    if (standby_fd_ >= 0) close(std::exchange(standby_fd_, -1));
    node_.forget();
    quorum_.forget();
    keys_.forget();
}

cs_error_t Parent::restore_data(Instance& instance) {
    cs_error_t result = CS_OK;
    instance.data = nullptr;
    instance.data_size = block_.data_size();
    if (instance.data_size != 0) {
        instance.data = std::malloc(instance.data_size);
        if (instance.data == nullptr || !block_.get(0, instance.data, instance.data_size)) {
            std::free(std::exchange(instance.data, nullptr));
            instance.data_size = 0;
            result = CS_ERR_NO_MEMORY;
        }
    }
    block_.release();
    return result;
}

void Parent::supervise() {
    node_.change(exit_status_);
    published_ = block_->watch.state();
    published_child_ = child_;
    keys_.state(published_);
    for (;;) {
        take_quorum(now());
        take_commands();
        const Instant at = now();
        take_from_node(at);
        block_->watch.on_time(at);
        act(at);
        publish_changes();
        if (child_dead()) break;
        show_life(at);
        keep_standby(at);
        if (at >= reap_due_) {
            family_.reap(child_, standby_);
            reap_due_ = at + kReapPeriod;
        }
        if (!child_ours_ && at >= look_due_) {
            family_.look();
            look_due_ = at + seconds(1);
        }
        sleep(at);
    }
    // What it said before it died still counts.
    for (unsigned i = 0; i < kCommandsOfTheDead / kCommandsPerRound; ++i)
        if (take_commands()) break;
    reap_child();
    block_->watch.on_death();
    channel_.close();
}

bool Parent::take_commands() {
    static std::uint8_t bytes[kPieceMax];   // one thread, and not on a stack that may be small
    for (unsigned i = 0; i < kCommandsPerRound && !hung_up_; ++i) {
        Packet packet;
        std::size_t size = 0;
        const Channel::Got got = channel_.peek(packet, bytes, size);
        if (got == Channel::Got::closed) hung_up_ = true;
        if (got != Channel::Got::packet) return true;
        apply(packet, bytes, size);
        channel_.consume();
    }
    return hung_up_;
}

// The answer comes once supervision runs; with quorum that may be later.
void Parent::start(std::uint32_t number, bool runs) {
    const cs_error_t said = keys_.state(block_->watch.state());
    if (said != CS_OK) block_->watch.on_stop();
    block_->start_waiting = runs || said != CS_OK ? 0 : number;
    if (block_->start_waiting == 0) channel_.answer(number, said);
}

void Parent::apply(const Packet& packet, const std::uint8_t* bytes, std::size_t size) {
    const Instant at = now();
    Watch& watch = block_->watch;
    watch.on_command(at);
    block_->command_at_ns = at.ns;
    keys_.alive(at);
    switch (packet.command) {
    case Command::start: start(packet.number, watch.on_start(at)); break;
    case Command::stop:
        watch.on_stop();
        channel_.answer(packet.number, keys_.state(watch.state()));
        break;
    case Command::heartbeat: break;
    case Command::warn_signal: block_->warn_signal = static_cast<std::int32_t>(packet.a); break;
    case Command::mark_failed: watch.on_mark_failed(); break;
    case Command::store: {
        const bool kept = block_.put(packet.a, packet.b, bytes, size);
        if (!kept || packet.b + size >= packet.a) channel_.answer(packet.number, kept ? CS_OK : CS_ERR_NO_MEMORY);
        if (kept && packet.b + size >= packet.a) node_.data_changed();
        break;
    }
    case Command::answer: break;
    }
}

void Parent::take_quorum(Instant at) {
    if (!settings_.quorum()) return;
    quorum_.look(at);
    if (block_->watch.on_quorum(quorum_.quorate(), at)) start(block_->start_waiting, true);
}

void Parent::take_from_node(Instant at) {
    const Node::Heard heard = node_.listen(at);
    if (heard.restart) block_->watch.on_order_restart(at);
    if (heard.fail) block_->watch.on_order_fail();
    if (heard.recover) {
        recover_ = heard.how;
        recover_heard_ = true;
    }
}

void Parent::signal_child(int signal) const {
    if (child_fd_ >= 0) syscall(SYS_pidfd_send_signal, child_fd_, signal, nullptr, 0);
    else kill(child_, signal);
}

void Parent::act(Instant at) {
    (void)at;
    switch (block_->watch.take_act()) {
    case Watch::Act::none: break;
    case Watch::Act::warn: signal_child(block_->warn_signal); break;
    case Watch::Act::kill:
        // An adopted application's last offspring is lost with it.
        if (!child_ours_) family_.look();
        signal_child(SIGKILL);
        break;
    }
}

void Parent::publish_changes() {
    const Watch::State state = block_->watch.state();
    if (state == published_ && child_ == published_child_) return;
    published_ = state;
    published_child_ = child_;
    keys_.state(state);
    node_.change(exit_status_);
}

Instant Parent::deadline(Instant at) const {
    Instant due = std::min({block_->watch.deadline(), node_.deadline(), quorum_.deadline(), at + kReapPeriod});
    if (child_fd_ < 0) due = std::min(due, at + kNoPidfdPeriod);
    if (!child_ours_) due = std::min(due, look_due_);
    if (known_) due = std::min(due, standby_ == 0 ? standby_due_ : at + node_.beat_period());
    return due;
}

void Parent::sleep(Instant at) {
    pollfd on[] = {{hung_up_ ? -1 : channel_.fd(), POLLIN, 0}, {child_fd_, POLLIN, 0}, {node_.fd(), POLLIN | POLLRDHUP, 0}, {standby_fd_, POLLIN, 0},
                   {quorum_.fd(), POLLIN | POLLRDHUP, 0}};
    const Instant due = deadline(at);
    const std::int64_t left = due == kNever ? -1 : std::max<std::int64_t>(0, (due - at).ns);
    const timespec limit{left / 1'000'000'000, left % 1'000'000'000};
    ppoll(on, std::size(on), left < 0 ? nullptr : &limit, nullptr);
}

bool Parent::child_dead() {
    if (child_fd_ >= 0) {
        pollfd on{child_fd_, POLLIN, 0};
        return poll(&on, 1, 0) > 0;
    }
    if (!child_ours_) return kill(child_, 0) != 0 && errno == ESRCH;
    siginfo_t info{};
    return waitid(P_PID, static_cast<id_t>(child_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == child_;
}

void Parent::reap_child() {
    exit_status_ = 0;
    if (child_ours_) {
        int status = 0;
        pid_t reaped = 0;
        while ((reaped = waitpid(child_, &status, 0)) < 0 && errno == EINTR) continue;
        if (reaped == child_) exit_status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }
    if (child_fd_ >= 0) close(std::exchange(child_fd_, -1));
}

// True: make the next instance.
bool Parent::recover() {
    Watch& watch = block_->watch;
    if (watch.state() != Watch::State::failed) return false;
    keys_.state(Watch::State::failed);
    family_.sweep(standby_, [this] { show_life(now()); });
    bool restart = watch.end() == Watch::End::restart;
    recover_heard_ = false;
    const std::uint32_t number = ++failures_;
    if (!node_.failed(restart, number, exit_status_) || !restart) return restart;

    // The node counts restarts and says how long to wait. Without an answer, at once, as without a node.
    Instant until = now() + kRecoverAnswer;
    for (Instant at = now(); node_.up() && at < until; at = now()) {
        if (recover_heard_ && recover_.number == number) {
            block_->budget_used = recover_.budget_used;
            if (recover_.give_up != 0) restart = false;
            until = at + milliseconds(recover_.delay_ms);
            recover_heard_ = false;
            recover_.number = 0;
            if (recover_.delay_ms == 0 || !restart) break;
        }
        const std::int64_t left = std::min((until - at).ns, milliseconds(200).ns);
        const timespec limit{left / 1'000'000'000, left % 1'000'000'000};
        pollfd on{node_.fd(), POLLIN | POLLRDHUP, 0};
        ppoll(&on, 1, &limit, nullptr);
        take_from_node(now());
        show_life(now());
    }
    if (restart) ++block_->restarts;
    return restart;
}

void Parent::finish() {
    node_.leave(exit_status_);
    keys_.end(block_->watch.state() == Watch::State::failed);
    end_standby();
    sigaction(SIGCHLD, &sigchld_, nullptr);
    std::exit(exit_status_);
}

}  // namespace motet::client::sam
