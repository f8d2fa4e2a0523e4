#include "supervisor/supervisor.h"

#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "libs/base/log.h"
#include "libs/ring/state_page.h"
#include "libs/sandbox/profiles.h"
#include "supervisor/keyfile.h"
#include "supervisor/events.h"
#include "supervisor/logging.h"
#include "supervisor/metrics_socket.h"
#include "supervisor/remembered.h"

namespace motet::supervisor {
namespace {

enum Tag : std::uint64_t { kTagSignals = 1, kTagAdministrators, kTagReloadExit, kTagReloadErrors, kTagProbe, kTagListening = 16, kTagChildren = 64 };
constexpr std::uint64_t kTagAdministratorClients = std::uint64_t{1} << 32;
constexpr std::uint64_t kTagsPerChild = 4;
enum ChildTag : std::uint64_t { kControlLine, kExit, kErrors };

constexpr Duration kTick = milliseconds(1000);
constexpr Duration kStuckMax = seconds(3);              // a worker that has work and does none
constexpr Duration kConnsRetry = milliseconds(10);      // a worker's control socket was full
constexpr Duration kPausedIfLonger = milliseconds(1500); // between two rounds, a tick apart: we were stopped, not the children
constexpr int kMessagesPerRound = 64;                   // of one child
constexpr int kLastMessages = 1024;                     // of a child that has ended
constexpr int kControlBuffer = 1 << 20;                 // bytes; as far as the system allows
constexpr std::uint64_t kSomeWork = 4096;                // bytes of inputs: more than come by themselves in a moment
constexpr std::uint32_t kVotes = 5;                      // service of the worker that counts votes

std::uint64_t tag_of(std::size_t child, ChildTag what) { return kTagChildren + child * kTagsPerChild + what; }
bool is_worker(std::size_t index) { return index != kMembership; }

control::Header header_of(control::Type type, std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t c = 0) {
    return {.type = static_cast<std::uint32_t>(type), .a = a, .b = b, .c = c};
}

// What a worker was at, for log lines.
std::string in_hand(const WorkerState::Look& look) {
    switch (static_cast<ring::Marker>(look.kind)) {
        case ring::Marker::none: return "nothing";
        case ring::Marker::request: return "a request of connection " + std::to_string(look.conn) + ", which ends at position " + std::to_string(look.position);
        case ring::Marker::delivery: return "a delivery (position " + std::to_string(look.position) + ")";
        default: return "an input of its own (position " + std::to_string(look.position) + ")";
    }
}

std::string list_of(const std::vector<std::string>& clauses) {
    std::string all;
    for (const std::string& one : clauses) all += (all.empty() ? "" : ", ") + one;
    return all;
}

}  // namespace

Supervisor::Supervisor(Start start, RuntimeDir& runtime, Notify& notify, std::function<void()> ready)
    : start_(std::move(start)), runtime_(runtime), notify_(notify), ready_callback_(std::move(ready)), plan_(std::move(start_.plan)),
      access_(start_.configuration.snapshot),
      limits_(ConnectionLimits::of(start_.configuration.snapshot)) {
    timespec real{};
    clock_gettime(CLOCK_REALTIME, &real);
    boot_ = static_cast<std::uint64_t>(real.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(real.tv_nsec);
}

Status Supervisor::open_loop() {
    Result<loop::Poller> poller = loop::Poller::create();
    if (!poller) return poller.error();
    poller_.emplace(std::move(*poller));
    sigset_t mask;
    sigemptyset(&mask);
    for (const int s : {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2}) sigaddset(&mask, s);
    sigprocmask(SIG_BLOCK, &mask, nullptr);
    signal(SIGPIPE, SIG_IGN);
    signals_ = UniqueFd(signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals_) return error("signalfd: %s", std::strerror(errno));
    return poller_->add(signals_.get(), kTagSignals);
}

Status Supervisor::open() {
    Result<UniqueFd> key = open_key(start_.configuration.snapshot);
    if (!key) return key.error();
    key_ = std::move(*key);
    if (Status loop = open_loop(); !loop) return loop;
    for (std::size_t i = 0; i < plan_.size(); ++i) {
        if (plan_[i].listen != nullptr) {
            Result<UniqueFd> metrics = listen_for_metrics(runtime_, plan_[i].listen);
            if (!metrics) return metrics.error();
            listening_[i] = std::move(*metrics);   // its process accepts
        }
        if (plan_[i].socket == nullptr) continue;
        Result<UniqueFd> socket = runtime_.listen(plan_[i].socket, 0666);
        if (!socket) return socket.error();
        listening_[i] = std::move(*socket);
        if (Status added = poller_->add(listening_[i].get(), listening_tag(i)); !added) return added;
    }
    Result<UniqueFd> socket = runtime_.listen("control.sock", 0660);
    if (!socket) return socket.error();
    administrator_socket_ = std::move(*socket);
    if (Status administrators = open_administrators(); !administrators) return administrators;

    realtime_priority_ = scheduling_of(start_.configuration.snapshot).priority;
    if (realtime_priority_ > 0 && !realtime_permitted(realtime_priority_)) {
        unenforced_.emplace_back("real-time scheduling of membership");
        realtime_priority_ = 0;
    }
    if (realtime_priority_ > 0 && scheduling_of(start_.configuration.snapshot).real_time == Scheduling::RealTime::as_needed) be_realtime(realtime_priority_);
    if (geteuid() != 0) unenforced_.emplace_back("other users for the children (not started as root)");
    prepare_quarters();
    if (!unenforced_.empty())
        MOTET_LOG(warning, "not enforced here: %s. See motet(8), section ISOLATION, for what full isolation needs.", list_of(unenforced_).c_str());
    return Done{};
}

Status Supervisor::open_administrators() {
    if (Status added = poller_->add(administrator_socket_.get(), kTagAdministrators); !added) return added;
    administrators_ = std::make_unique<ControlServer>(*poller_, kTagAdministratorClients, [this](const std::string& request) { return answer(request); });
    return Done{};
}

int Supervisor::run() {
    now_ = loop::monotonic_now();
    last_round_ = tick_due_ = now_;
    if (notify_.watchdog_period().ns > 0) watchdog_due_ = now_;
    if (!resumed_) {
        started_at_ = now_;
        Actions first;
        state_.start(now_, first);
        act(std::move(first));
    }
    configure_watchdog();
    while (!quit_) {
        const std::span<const loop::Ready> ready = poller_->wait(deadline());
        now_ = loop::monotonic_now();
        if (now_ - last_round_ > kPausedIfLonger) not_hung_before_ = now_;
        last_round_ = now_;
        for (const loop::Ready& r : ready) on_ready(r);
        tick();
    }
    if (*quit_ == kExitOk) device_.disarm();   // else the machine has reason to be reset
    return *quit_;
}

void Supervisor::prepare_quarters() {
    if (start_.options.unprotected) {
        unenforced_.assign(1, "everything: started with --unprotected, which is for measurements only");
        return;
    }
    for (std::size_t i = 0; i < plan_.size(); ++i) {
        quarters_[i] = Quarters::prepare(plan_[i], is_worker(i));
        for (const std::string& one : quarters_[i].missing) unenforced_.push_back(plan_[i].name + (": " + one));
    }
}

std::uint64_t Supervisor::listening_tag(std::size_t index) { return kTagListening + index; }
std::uint64_t Supervisor::probe_tag() { return kTagProbe; }

void Supervisor::watch_child(std::size_t index) {
    const Child& child = children_[index];
    if (child.control) (void)!poller_->add(child.control.get(), tag_of(index, kControlLine));
    if (child.process.pidfd) (void)!poller_->add(child.process.pidfd.get(), tag_of(index, kExit));
    if (child.process.errors) (void)!poller_->add(child.process.errors.get(), tag_of(index, kErrors));
}

void Supervisor::watch_reload() {
    (void)!poller_->add(reload_->pidfd(), kTagReloadExit);
    (void)!poller_->add(reload_->errors_fd(), kTagReloadErrors);
}

Instant Supervisor::deadline() const {
    Instant due = std::min({state_.deadline(), tick_due_, watchdog_due_, administrators_->deadline(), taking_due_, device_.deadline()});
    if (reload_) due = std::min(due, reload_->deadline());
    if (probe_) due = std::min(due, probe_->due);
    for (std::size_t i = 0; i < plan_.size(); ++i)
        if ((clients_[i].waiting() || children_[i].go_owed) && state_.has_links(i)) due = std::min(due, now_ + kConnsRetry);
    return due;
}

void Supervisor::tick() {
    for (std::size_t i = 0; i < plan_.size(); ++i)
        if (state_.phase(i) == Phase::launched && now_ - state_.launched_at(i) >= State::kHelloLimit)
            MOTET_LOG(error, "%s has said nothing for 10 s after its start and is replaced", plan_[i].program);
    Actions due;
    state_.on_time(now_, due);
    act(std::move(due));
    for (std::size_t i = 0; i < plan_.size(); ++i)
        if ((clients_[i].waiting() || children_[i].go_owed) && state_.has_links(i)) (void)!give_clients(i);
    administrators_->on_time(now_);
    replacement_on_time();
    if (reload_ && now_ >= reload_->deadline()) reload_->give_up();
    if (now_ >= taking_due_) on_config_taken(taking_, false, "membership has not confirmed it within 5 s");
    if (now_ >= watchdog_due_) {
        notify_.say("WATCHDOG=1");
        watchdog_due_ = now_ + notify_.watchdog_period();
    }
    if (now_ >= tick_due_) {
        tick_due_ = now_ + kTick;
        if (accept_paused_) (void)!poller_->modify(administrator_socket_.get(), kTagAdministrators, {});
        accept_resume();
        publish_values();
        look_for_hung_children();
        look_for_waits();
        obey_verdict();
    }
    if (now_ >= device_.deadline()) feed_watchdog();
}

bool Supervisor::membership_is_realtime() const {
    const Scheduling::RealTime wanted = scheduling_of(start_.configuration.snapshot).real_time;
    return realtime_priority_ > 0 && (wanted == Scheduling::RealTime::always || (wanted == Scheduling::RealTime::as_needed && urgency_.realtime()));
}

// Membership that the machine makes wait is real-time for a while.
void Supervisor::look_for_waits() {
    const Child& membership = children_[kMembership];
    if (realtime_priority_ == 0 || !membership.started || scheduling_of(start_.configuration.snapshot).real_time != Scheduling::RealTime::as_needed) return;
    const auto waits = waits_of(membership.process.pid);
    if (!waits) return;
    if (now_ - not_hung_before_ < kTick * 2) urgency_.begin_anew();
    const bool changed = urgency_.look(now_, *waits);
    if (changed && urgency_.realtime())
        MOTET_LOG(notice, "motet-membership %s in the last second and is real-time now, for %lld s. "
                  "If this comes often, the machine has more to do than it can: give it processors, or take work away",
                  urgency_.mean().ns == 0 ? "did not get a processor" :
                  ("waited " + std::to_string(urgency_.mean().ns / 1000) + " us for a processor on average").c_str(),
                  static_cast<long long>(urgency_.span().ms() / 1000));
    else if (changed)
        MOTET_LOG(info, "motet-membership is scheduled in the ordinary way again");
    // Once also behind a predecessor, which may have left it the other way.
    if (changed || (resumed_ && !scheduled_)) set_realtime(membership.process.pid, urgency_.realtime() ? realtime_priority_ : 0);
    scheduled_ = true;
}

// A child publishes its page at least every second. We may have slept ourselves (SIGSTOP, a paused machine): then nobody is to blame.
void Supervisor::look_for_hung_children() {
    Actions actions;
    for (std::size_t i = 0; i < plan_.size(); ++i) {
        if (!state_.has_links(i)) continue;
        const std::optional<metrics::StatusText>& status = children_[i].page.read();
        Instant last = std::max(state_.handed_over_at(i), not_hung_before_);
        const WorkerState::Look look = is_worker(i) ? children_[i].state.look() : WorkerState::Look();
        if (Child& child = children_[i]; is_worker(i) && child.state && state_.phase(i) == Phase::ready) {
            // It is in the middle of something, or there is something for it to take, and its loop does not turn.
            if (look.heartbeat != child.heartbeat || !(look.busy || child.link.waiting())) {
                child.heartbeat = look.heartbeat;
                child.heartbeat_at = now_;
            } else if (const Duration stuck = now_ - std::max(child.heartbeat_at, last); stuck >= std::min(start_.options.hang, kStuckMax)) {
                events::note({.process = plan_[i].name, .pid = child.process.pid, .kind = "hung", .level = log::Level::error,
                              .text = "has not moved for " + std::to_string(stuck.ms()) + " ms although it has work, with " + in_hand(look) +
                                      " in hand; it is replaced", .system_call_name = {}, .last = child.page.recorded()});
                const events::Quiet said;
                logging::line(log::Level::error, "motet", std::string(plan_[i].program) + " has not moved for " + std::to_string(stuck.ms() / 1000) +
                              " s although it has work, and is replaced");
                state_.on_hung(i, now_, actions);
                continue;
            }
        }
        if (status) last = std::max(last, Instant{status->written_ns});
        if (now_ - last <= start_.options.hang) continue;
        events::note({.process = plan_[i].name, .pid = children_[i].process.pid, .kind = "hung", .level = log::Level::error,
                      .text = "silent for " + std::to_string((now_ - last).ms()) + " ms" + (look.kind != 0 ? ", with " + in_hand(look) + " in hand" : "") +
                              "; it is replaced", .system_call_name = {},
                      .last = children_[i].page.recorded()});
        const events::Quiet said;
        logging::line(log::Level::error, "motet", std::string(plan_[i].program) + " has been silent for " +
                      std::to_string((now_ - last).ms() / 1000) + " s and is replaced");
        state_.on_hung(i, now_, actions);
    }
    act(std::move(actions));
}

void Supervisor::act(Actions actions) {
    // What an action causes is appended and done after the rest, in order.
    for (std::size_t n = 0; n < actions.size(); ++n) {
        const Action a = actions[n];
        Child& child = children_[a.child];
        switch (a.kind) {
            case Action::Kind::launch: launch(a.child); break;
            case Action::Kind::hand_over: hand_over(a.child); break;
            case Action::Kind::ask_to_stop:
                if (!control::send(child.control.get(), header_of(control::Type::stop))) send_signal(child.process, SIGKILL);
                break;
            case Action::Kind::abort:
                child.aborted = true;
                send_signal(child.process, SIGABRT);
                break;
            case Action::Kind::kill: send_signal(child.process, SIGKILL); break;
            case Action::Kind::cut_clients:
                if (clients_[a.child].size() > 0)
                    MOTET_LOG(notice, "%s: its %zu clients are disconnected", plan_[a.child].name, clients_[a.child].size());
                clients_[a.child].clear();
                // Other nodes must not wait for it while its successor is on its way. If this is lost, the successor's link says the same.
                if (child.link && children_[kMembership].started)
                    control::send(children_[kMembership].control.get(), header_of(control::Type::link, a.child, child.link_incarnation));
                child.link = {};
                child.state = {};
                child.quarantine.clear();
                child.last_fault = {};
                break;
            case Action::Kind::failed:
                if (a.code != 0)
                    MOTET_LOG(error, "%s ended %u times in a row, last: %s. Giving up: find the reason in the lines above, then start motet again.",
                              plan_[a.child].program, State::kStreakMax, child.last_exit.c_str());
                else
                    MOTET_LOG(error, "%s ended %u times in a row, last: %s. Its service is down; it is tried again every 30 s.",
                              plan_[a.child].program, State::kStreakMax, child.last_exit.c_str());
                break;
            case Action::Kind::quit: quit_ = a.code; break;
        }
    }
}

void Supervisor::launch(std::size_t index) {
    const ChildPlan& plan = plan_[index];
    Child& child = children_[index];
    const auto failed = [&](const std::string& why) {
        MOTET_LOG(error, "%s: cannot be started: %s", plan.program, why.c_str());
        child.last_exit = why;
        child.process = {};
        child.control.reset();
        Actions actions;
        state_.on_exit(index, now_, actions);
        act(std::move(actions));
    };
    child.started = child.broken = child.go_owed = child.aborted = false;
    child.unenforced.clear();
    child.error_text.clear();
    ++child.incarnation;

    if (plan.path != nullptr)
        if (const Status trusted = trusted_program(plan.path); !trusted) return failed(trusted.error().text);
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) return failed(std::string("socketpair: ") + std::strerror(errno));
    child.control = UniqueFd(ends[0]);
    const UniqueFd theirs(ends[1]);
    for (const int end : ends) {
        setsockopt(end, SOL_SOCKET, SO_SNDBUF, &kControlBuffer, sizeof kControlBuffer);
        setsockopt(end, SOL_SOCKET, SO_RCVBUF, &kControlBuffer, sizeof kControlBuffer);
    }
    // One for all its lives: who reads it need not be told of a new one.
    if (!child.page) {
        Result<StatusPage> page = StatusPage::create();
        if (!page) return failed(page.error().text);
        child.page = std::move(*page);
    }

    const Scheduling scheduling = scheduling_of(start_.configuration.snapshot);
    SpawnRequest request{.program = plan.path != nullptr ? plan.path : start_.libexec + "/" + plan.program,
                         .arguments = {"--log-level", log::name(logging::level_of(plan.program))},
                         .descriptor = theirs.get(),
                         .room = quarters_[index].descriptors(),
                         .realtime_priority = index == kMembership && membership_is_realtime() ? realtime_priority_ : 0,
                         .nice = index == kMembership ? scheduling.nice : scheduling.worker_nice,
                         .lock_memory = !is_worker(index)};
    for (const std::string& argument : quarters_[index].arguments()) request.arguments.push_back(argument);
    if (start_.options.unprotected) request.arguments.insert(request.arguments.end(), {"--unprotected", "yes"});
    if (!is_worker(index)) {
        request.arguments.insert(request.arguments.end(), {"--state-dir", start_.options.state_dir});
        if (!start_.options.node.empty()) request.arguments.insert(request.arguments.end(), {"--node", start_.options.node});
    }
    Result<Process> process = spawn(request);
    if (!process) return failed(process.error().text);
    child.process = std::move(*process);
    if (index == kMembership) urgency_.begin_anew();
    watch_child(index);
    events::note({.process = plan.name, .pid = child.process.pid, .kind = "start", .text = state_.restarts(index) == 0 ? "started" : "started again, life " + std::to_string(state_.restarts(index) + 1)});
    MOTET_LOG(info, "%s started, pid %d", plan.program, static_cast<int>(child.process.pid));
}

void Supervisor::hand_over(std::size_t index) {
    if (plan_[index].listen != nullptr) hand_over_metrics(index);
    else if (is_worker(index)) hand_over_worker(index);
    else hand_over_membership();
}

// Of the children behind membership all but the one that only looks.
bool Supervisor::linked(std::size_t index) const { return is_worker(index) && plan_[index].listen == nullptr; }

void Supervisor::hand_over_metrics(std::size_t index) {
    Child& child = children_[index];
    const int fds[] = {start_.configuration.file.get(), child.page.fd(), listening_[index].get()};
    bool ok = control::send(child.control.get(), header_of(control::Type::start, child.incarnation, start_.node_id), {}, fds);
    child.started = ok;
    ok = ok && send_pages(index) && control::send(child.control.get(), header_of(control::Type::go));
    if (ok) return;
    Actions actions;
    state_.on_broken(index, now_, actions);
    act(std::move(actions));
}

// A successor gets what its predecessor had: link, state, overflow and clients. Membership does not hear of it.
void Supervisor::hand_over_worker(std::size_t index) {
    Child& child = children_[index];
    const bool fresh = !child.link || !child.state;
    bool ok = true;
    if (fresh) {
        Result<WorkerLink> link = WorkerLink::create(next_link_++);
        Result<WorkerState> state = WorkerState::create();
        ok = link && state;
        if (!ok) MOTET_LOG(error, "%s: %s", plan_[index].program, (link ? state.error() : link.error()).text.c_str());
        if (ok) {
            child.link = std::move(*link);
            child.link_incarnation = child.incarnation;
            child.state = std::move(*state);
        }
    }
    if (ok) {
        child.delivered_at_start = child.link.delivered();
        const int fds[] = {start_.configuration.file.get(), child.page.fd(), child.link.worker_socket.get(), child.link.submit_writable.get(),
                           child.link.delivery_read_only.get(), child.state.state_writable.get(), child.state.overflow.get()};
        ok = control::send(child.control.get(), header_of(control::Type::start, child.incarnation, start_.node_id, plan_[index].services), {}, fds);
        child.started = child.go_owed = ok;
        for (const Fault& fault : child.quarantine)
            ok = ok && control::send(child.control.get(), header_of(control::Type::quarantine, fault.conn, fault.position));
        if (ok && contains(plan_[index].services, kVotes))
            ok = control::send(child.control.get(), header_of(control::Type::expected_votes, remembered_votes(start_.options.state_dir)));
        clients_[index].hand_over_again();
        ok = ok && give_clients(index);
        if (ok && plan_[index].administers) ok = send_pages(index);
        // Before its own START membership could make nothing of it; it gets all links behind that.
        if (ok && fresh && children_[kMembership].started) ok = send_link(index);
    }
    if (ok) return;
    Actions actions;
    state_.on_broken(index, now_, actions);
    act(std::move(actions));
}

// As many as its socket takes; when it has all of its predecessor's it may begin. False: it cannot be told.
bool Supervisor::give_clients(std::size_t index) {
    Child& child = children_[index];
    if (!clients_[index].hand_over(child.control.get()) || !child.go_owed) return true;
    if (!control::send(child.control.get(), header_of(control::Type::go))) return errno == EAGAIN;
    child.go_owed = false;
    return true;
}

// Pages of children that were never started yet are made here: there is one for each, for as long as we live.
bool Supervisor::send_pages(std::size_t to) {
    std::string names;
    std::vector<UniqueFd> pages;
    std::vector<int> fds;
    const auto add = [&](std::string_view page_name, StatusPage& page) {
        if (!page) {
            Result<StatusPage> made = StatusPage::create();
            if (!made) return false;
            page = std::move(*made);
        }
        pages.push_back(page.read_only());
        fds.push_back(pages.back().get());
        names += std::string(page_name) + "\n";
        return static_cast<bool>(pages.back());
    };
    for (std::size_t i = 0; i < plan_.size(); ++i)
        if (!add(plan_[i].name, children_[i].page)) return false;
    if (!add("motet", own_page_)) return false;
    return control::send(children_[to].control.get(), header_of(control::Type::pages), as_bytes(names), fds);
}

bool Supervisor::send_link(std::size_t worker) {
    const Child& child = children_[worker];
    const int fds[] = {child.link.membership_socket.get(), child.link.delivery_writable.get(), child.link.submit_read_only.get()};
    return control::send(children_[kMembership].control.get(), header_of(control::Type::link, worker, child.link_incarnation, plan_[worker].services),
                         as_bytes(plan_[worker].name), fds);
}

void Supervisor::hand_over_membership() {
    Child& child = children_[kMembership];
    const int fds[] = {start_.configuration.file.get(), child.page.fd()};
    const int key[] = {key_.get()};
    bool ok = !key_ || control::send(child.control.get(), header_of(control::Type::key), {}, key);
    ok = ok && control::send(child.control.get(), header_of(control::Type::start, child.incarnation, start_.node_id), {}, fds);
    child.started = ok;
    for (std::size_t i = 0; ok && i < plan_.size(); ++i)
        if (linked(i) && children_[i].link) ok = send_link(i);   // also of one whose successor is on its way
    ok = ok && control::send(child.control.get(), header_of(control::Type::go));
    if (ok) return;
    Actions actions;
    state_.on_broken(kMembership, now_, actions);
    act(std::move(actions));
}

void Supervisor::on_ready(const loop::Ready& ready) {
    if (ready.tag >= kTagAdministratorClients) return administrators_->on_ready(ready, now_);
    if (ready.tag >= kTagChildren) {
        const std::size_t index = (ready.tag - kTagChildren) / kTagsPerChild;
        switch ((ready.tag - kTagChildren) % kTagsPerChild) {
            case kControlLine: return on_control(index);
            case kExit: return on_exit(index);
            case kErrors:
                children_[index].read_errors(plan_[index], now_);
                // Closed by the child: what is left is read at its end.
                if (ready.hung_up && !ready.readable && children_[index].process.errors) poller_->remove(children_[index].process.errors.get());
                return;
        }
        return;
    }
    if (ready.tag >= kTagListening) return accept_clients(ready.tag - kTagListening);
    switch (ready.tag) {
        case kTagSignals: return on_signal();
        case kTagAdministrators:
            if (!administrators_->accept(administrator_socket_.get(), now_)) accept_pause(administrator_socket_.get(), kTagAdministrators);
            return;
        case kTagReloadErrors:
            if (!reload_) return;
            reload_->read_errors();
            if (ready.hung_up) poller_->remove(reload_->errors_fd());
            return;
        case kTagReloadExit: return on_reload();
        case kTagProbe: return on_probe();
    }
}

void Supervisor::on_control(std::size_t index) {
    Child& child = children_[index];
    for (int i = 0; i < kMessagesPerRound && child.control; ++i) {
        switch (control::receive(child.control.get(), false, message_)) {
            case control::Received::nothing: return;
            case control::Received::closed: return poller_->remove(child.control.get());   // its exit follows
            case control::Received::malformed: {
                MOTET_LOG(error, "%s sent a malformed message and is replaced", plan_[index].program);
                Actions actions;
                state_.on_broken(index, now_, actions);
                return act(std::move(actions));
            }
            case control::Received::message: on_message(index, message_); break;
        }
    }
}

void Supervisor::on_message(std::size_t index, control::Message& message) {
    Child& child = children_[index];
    switch (message.type()) {
        case control::Type::hello: return on_hello(index, message.body);
        case control::Type::ready: return on_child_ready(index);
        case control::Type::drop:
            if (is_worker(index)) {
                clients_[index].drop(message.header.a);
                std::erase_if(child.quarantine, [&](const Fault& f) { return f.conn == message.header.a; });
            }
            return;
        case control::Type::access:
            if (plan_[index].administers && message.header.b <= UINT32_MAX)
                access_.set(message.header.a == 0 ? Access::Of::user : Access::Of::group, message.header.b, message.header.c != 0);
            return;
        case control::Type::expected_votes:
            if (!contains(plan_[index].services, kVotes) || message.header.a > UINT32_MAX) return;
            if (const Status kept = remember_votes(start_.options.state_dir, static_cast<std::uint32_t>(message.header.a)); !kept)
                MOTET_LOG(error, "%s", kept.error().text.c_str());
            return;
        case control::Type::cancel_wait_for_all:
            for (std::size_t i = 0; plan_[index].administers && i < plan_.size(); ++i)
                if (contains(plan_[i].services, kVotes) && children_[i].control) control::send(children_[i].control.get(), message.header);
            return;
        case control::Type::change:
            if (plan_[index].administers) on_live_keys(message.body);
            return;
        case control::Type::shutdown: {
            if (!plan_[index].administers) return;
            const std::string why(as_text(message.body).substr(0, 200));
            MOTET_LOG(notice, "stopping: %s", why.c_str());
            return stop_with(static_cast<int>(message.header.a & 0xff), nullptr);
        }
        case control::Type::link_broken:
            if (!is_worker(index)) on_link_broken(message.header.a, message.header.b);
            return;
        case control::Type::operation:
            if (!is_worker(index)) on_operation(message);
            return;
        case control::Type::config_taken:
            if (!is_worker(index)) on_config_taken(message.header.a, message.header.b != 0, as_text(message.body));
            return;
        case control::Type::log: {
            const auto level = static_cast<log::Level>(std::clamp<std::uint64_t>(message.header.a, 3, 7));
            return child.log(plan_[index], level, as_text(message.body), now_);
        }
        case control::Type::event:
            if (!is_worker(index) && child.limit.admit(now_))
                events::note({.process = plan_[index].name, .pid = child.process.pid, .kind = "view", .text = std::string(as_text(message.body))});
            return;
        case control::Type::fatal: {
            child.log(plan_[index], log::Level::error, as_text(message.body), now_);
            // A worker's word ends nothing but itself: it may have been broken into.
            const auto code = message.header.a;
            if (is_worker(index) && message.header.b != 0) child.broken = true;
            if (!is_worker(index) && code >= kExitConfig && code <= kExitGivenUp) stop_with(static_cast<int>(code), nullptr);
            return;
        }
        default: return;   // not for us
    }
}

void Supervisor::on_hello(std::size_t index, ByteView report) {
    Child& child = children_[index];
    if (state_.phase(index) != Phase::launched) return;
    constexpr std::size_t kReportLinesMax = 16;
    std::string_view rest = as_text(report);
    while (!rest.empty() && child.unenforced.size() < kReportLinesMax) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        if (end > 0) child.unenforced.emplace_back(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    Actions actions;
    if (is_worker(index) && !start_.options.unprotected) {
        // The child's word is not taken for it.
        const std::vector<std::string> found =
            faults(confinement(child.process.pid, quarters_[index]), quarters_[index], sandbox::has_filter(sandbox::Profile::worker));
        if (!found.empty()) {
            MOTET_LOG(error, "%s has not entered its sandbox: %s; it gets no descriptors and is stopped", plan_[index].program, list_of(found).c_str());
            state_.on_broken(index, now_, actions);
            return act(std::move(actions));
        }
    }
    state_.on_hello(index, now_, actions);
    act(std::move(actions));
}

void Supervisor::on_child_ready(std::size_t index) {
    if (state_.phase(index) != Phase::handed_over) return;
    // Membership opens its sockets with root's rights first and gives these up before it reads from the network.
    if (!is_worker(index) && !start_.options.unprotected) {
        const std::vector<std::string> found = faults(confinement(children_[index].process.pid, quarters_[index]), quarters_[index],
                                                      sandbox::has_filter(sandbox::Profile::membership));
        for (const std::string& one : found) children_[index].unenforced.push_back("its confinement: " + one);
        if (!found.empty()) MOTET_LOG(error, "%s has not given up its rights: %s", plan_[index].program, list_of(found).c_str());
    }
    state_.on_ready(index, now_);
    if (children_[index].state) {
        const WorkerState::Look look = children_[index].state.look();
        children_[index].snapshot_at_start = look.snapshot;
        children_[index].journal_at_start = look.journal;
    }
    publish_values();   // who waits for us to be ready looks at once
    events::note({.process = plan_[index].name, .pid = children_[index].process.pid, .kind = "ready",
                  .text = "ready " + std::to_string((now_ - state_.launched_at(index)).ms()) + " ms after its start"});
    MOTET_LOG(notice, "%s is ready, %lld ms after its start", plan_[index].program,
              static_cast<long long>((now_ - state_.launched_at(index)).ms()));
    for (std::size_t i = 0; i < std::size(kChildren); ++i)   // nobody waits for what is foreign
        if (state_.phase(i) != Phase::ready) return;
    notify_.say("READY=1\nSTATUS=all services are ready\n");
    if (!all_ready_said_ && ready_callback_) ready_callback_();
    all_ready_said_ = true;
}

void Supervisor::on_link_broken(std::uint64_t worker, std::uint64_t incarnation) {
    if (worker >= plan_.size() || !linked(worker) || children_[worker].link_incarnation != incarnation || !state_.has_links(worker)) return;
    MOTET_LOG(error, "%s broke the rules of its link to membership and is replaced", plan_[worker].program);
    children_[worker].broken = true;
    Actions actions;
    state_.on_broken(worker, now_, actions);
    act(std::move(actions));
}

void Supervisor::on_exit(std::size_t index) {
    Child& child = children_[index];
    // What it said last still counts: which connections are gone, why it cannot go on.
    for (int i = 0; i < kLastMessages && child.control && control::receive(child.control.get(), false, message_) == control::Received::message; ++i)
        if (message_.type() == control::Type::log || message_.type() == control::Type::fatal || message_.type() == control::Type::drop)
            on_message(index, message_);
    const Ended ended = reap(child.process);
    if (!ended.ended) return;
    for (int i = 0; i < 16; ++i) child.read_errors(plan_[index], now_);
    child.last_exit = ended.text;
    const bool expected = state_.stopping() && !ended.signalled && ended.code == 0;
    note_exit(index, ended, expected);
    {
        const events::Quiet said;
        if (expected) MOTET_LOG(info, "%s has stopped", plan_[index].program);
        else MOTET_LOG(warning, "%s (pid %d) ended after %lld ms: %s", plan_[index].program, static_cast<int>(child.process.pid),
                       static_cast<long long>((now_ - state_.launched_at(index)).ms()), ended.text.c_str());
    }
    const State::Legacy legacy = is_worker(index) ? judge_death(index, ended) : State::Legacy();
    child.process = {};
    child.control.reset();
    child.started = child.go_owed = false;
    Actions actions;
    state_.on_exit(index, now_, actions, legacy);
    act(std::move(actions));
}

// Whether a successor can go on, and without what. An input that has ended two workers in a row is not tried a third time: a
// request costs its client the connection, anything else the service its state.
State::Legacy Supervisor::judge_death(std::size_t index, const Ended& ended) {
    Child& child = children_[index];
    const WorkerState::Look left = child.state.look();
    State::Legacy legacy{.resumable = child.link && left.resumable && !child.broken,
                         .progressed = child.link && (child.link.delivered() != child.delivered_at_start || left.snapshot != child.snapshot_at_start ||
                                                      left.journal > child.journal_at_start + kSomeWork)};
    const bool killed = ended.signalled && ended.code == SIGKILL && !child.aborted;   // by somebody outside: nobody's fault
    if (killed && state_.phase(index) == Phase::ready) legacy.progressed = true;      // and no sign that the next life will be short
    if (!ended.signalled || killed || left.kind == 0) return legacy;
    const Fault fault{left.kind, left.conn, left.position};
    const auto kind = static_cast<ring::Marker>(fault.kind);
    MOTET_LOG(warning, "%s had %s in hand", plan_[index].program, in_hand(left).c_str());
    if (fault != std::exchange(child.last_fault, fault)) return legacy;
    if (kind == ring::Marker::request) {
        if (child.quarantine.size() == Child::kQuarantineMax) child.quarantine.erase(child.quarantine.begin());
        child.quarantine.push_back(fault);
        MOTET_LOG(error, "%s: connection %llu is cut off by the next worker: the same request has ended two", plan_[index].program,
                  static_cast<unsigned long long>(fault.conn));
    } else {
        MOTET_LOG(error, "%s: the same input has ended two workers; the service starts empty and its clients are disconnected", plan_[index].program);
        legacy.resumable = false;
    }
    return legacy;
}

// With what only now can be told: the call it was killed for, what it wrote last.
void Supervisor::note_exit(std::size_t index, const Ended& ended, bool expected) {
    Child& child = children_[index];
    Event event{.process = plan_[index].name, .pid = child.process.pid, .kind = "exit", .level = expected ? log::Level::info : log::Level::warning,
                .text = ended.text, .system_call_name = {}, .last = {}};
    if (ended.signalled) event.signal = ended.code;
    else event.exit_code = ended.code;
    if (ended.signalled && ended.code == SIGSYS && (event.system_call = kernel_log_.killed_for(child.process.pid)) >= 0) {
        event.system_call_name = sandbox::call_name(event.system_call);
        event.text = child.last_exit = "killed for a system call outside its list: " + std::to_string(event.system_call) + " (" + event.system_call_name + ")";
        MOTET_LOG(error, "%s (pid %d) was %s. Look whether it has been broken into.", plan_[index].program, static_cast<int>(child.process.pid), event.text.c_str());
    }
    if (!expected) event.last = child.page.recorded();
    events::note(event);
}

void Supervisor::on_signal() {
    signalfd_siginfo info{};
    while (read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
        switch (info.ssi_signo) {
            case SIGHUP: on_hup(); break;
            case SIGUSR1: dump(); break;
            case SIGUSR2: begin_replacement(); break;
            default: stop_with(kExitOk, (std::string("signal ") + strsignal(static_cast<int>(info.ssi_signo))).c_str());
        }
    }
}

void Supervisor::stop_with(int code, const char* why) {
    if (state_.stopping()) return;
    if (why != nullptr) MOTET_LOG(notice, "stopping: %s", why);
    else MOTET_LOG(error, "stopping with exit code %d: %s", code, code == kExitConfig ? "correct the configuration, then start motet again"
                                                                                     : "remove the reason given above, then start motet again");
    notify_.say("STOPPING=1");
    Actions actions;
    state_.stop(code, now_, actions);
    act(std::move(actions));
}

}  // namespace motet::supervisor
