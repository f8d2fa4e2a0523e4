#include "membership/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <algorithm>
#include <optional>
#include <utility>

#include "libs/base/log.h"
#include "libs/config/host.h"
#include "libs/config/services.h"
#include "libs/sandbox/sandbox.h"

namespace motet {
namespace {

constexpr std::size_t kSubmitBatch = 128;       // submissions of one worker per round
constexpr std::size_t kLoopedBatch = 64;
constexpr loop::Spin::For kAwaited = loop::Spin::For::requests;
constexpr int kReceives = 4;                    // batches of datagrams per round
constexpr std::size_t kLoopedMax = 4096;        // own frames waiting; Totem never has more than a few under way
constexpr unsigned kLookEvery = 32;             // busy rounds between two looks at the other descriptors
constexpr Duration kStatusEvery = milliseconds(250);
constexpr Duration kThrottleMax = milliseconds(100);   // longest pause of receiving for the sake of a slow worker
constexpr Duration kFarewellMax = milliseconds(500);    // of an orderly end, for what is still to be sent
constexpr Duration kTellAgain = milliseconds(10);       // the supervisor's socket was full
// A service's step of a synchronisation, for which the whole cluster waits: so long with nothing taken from its deliveries,
// and altogether.
constexpr Duration kStepIdleMax = seconds(10), kStepMax = seconds(60);
constexpr Duration kStepCountMax = milliseconds(500);   // counted between two looks: if we were stopped, the worker may have been too
constexpr int kStartTimeoutMs = 30'000;
constexpr std::size_t kPopulated = 1u << 20;    // of a delivery ring: more only comes into memory when it is used

// Empty: all memory is locked. Under a limit nothing is: it would turn every later mapping, and the growth of the stack, into
// a failure.
std::string lock_memory() {
    rlimit locked{};
    if (getrlimit(RLIMIT_MEMLOCK, &locked) != 0) return std::strerror(errno);
    if (locked.rlim_cur != RLIM_INFINITY) return "it is limited to " + std::to_string(locked.rlim_cur / 1024) + " KiB";
    return ::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0 ? std::string() : std::strerror(errno);
}

std::string list(std::span<const NodeId> nodes) {
    std::string out;
    for (const NodeId n : nodes) out += (out.empty() ? "" : " ") + std::to_string(n);
    return out.empty() ? "none" : out;
}

std::string hexadecimal(unsigned long long value) {
    char text[20];
    std::snprintf(text, sizeof text, "%llx", value);
    return text;
}

}  // namespace

Result<config::Snapshot> read_snapshot(int fd) {
    struct stat info{};
    if (fstat(fd, &info) != 0 || info.st_size <= 0 || static_cast<std::size_t>(info.st_size) > config::kSnapshotMax)
        return error("the configuration snapshot has an impossible size");
    Bytes bytes(static_cast<std::size_t>(info.st_size));
    if (pread(fd, bytes.data(), bytes.size(), 0) != info.st_size) return error("the configuration snapshot cannot be read");
    return config::Snapshot::decode(bytes);
}

void Process::unicast(NodeId to, ByteView frame) {
    if (to == settings_.self().id) loop_back(frame);
    else transport_->unicast(to, frame);
}

bool Process::store_ring_sequence(std::uint64_t seq) {
    const bool stored = ring_file_->store(seq);
    if (stored == store_failed_) {      // say it once each way
        store_failed_ = !stored;
        if (!stored)
            MOTET_LOG(error, "%s: cannot be written: %s; this node joins no ring until it can", ring_file_->path().c_str(),
                      std::strerror(errno));
    }
    return stored;
}

Process::Ended Process::wait_for_start() {
    // While there is one thread and nothing was read: of its namespaces only the root waits, for what is still to be opened.
    const Result<std::string> room = options_.protect ? sandbox::enter_room(sandbox::Entering::rest) : std::string();
    if (!room) return {sandbox::kExitCode, room.error().text};
    if (!room->empty()) unenforced_.push_back("membership: " + *room);
    const control::Header hello{.type = static_cast<std::uint32_t>(control::Type::hello)};
    if (!control::send(control::kChildFd, hello)) return {3, "no supervisor on descriptor 3: motet-membership is started by motet"};
    for (int waited_ms = 0; waited_ms < kStartTimeoutMs;) {
        pollfd p{control::kChildFd, POLLIN, 0};
        if (::poll(&p, 1, 1000) == 0) waited_ms += 1000;
        control::Message message;
        switch (control::receive(control::kChildFd, true, message)) {
            case control::Received::closed: return {3, "the supervisor is gone"};
            case control::Received::malformed: return {3, "the supervisor sent a malformed message"};
            case control::Received::nothing: continue;
            case control::Received::message: break;
        }
        if (message.type() == control::Type::stop) return {0, "stopped before the start"};
        if (message.type() == control::Type::start) return start(message);
        if (message.type() == control::Type::key) {
            take_key(message);
            continue;
        }
        for (const int fd : message.fds) ::close(fd);
    }
    return {3, "the supervisor sent no start message within 30 s"};
}

Process::Ended Process::start(control::Message& message) {
    if (message.fds.size() < 2) return {3, "the start message lacks descriptors"};
    const Result<config::Snapshot> snapshot = read_snapshot(message.fds[0]);
    ::close(message.fds[0]);
    if (!snapshot) return {1, snapshot.error().text};
    void* page = ::mmap(nullptr, metrics::kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED, message.fds[1], 0);
    ::close(message.fds[1]);
    if (page == MAP_FAILED) return {3, std::string("the status page cannot be mapped: ") + std::strerror(errno)};
    status_ = std::make_unique<metrics::StatusWriter>(page, metrics::kStatusArea);
    values_.emplace(metrics::values_area(page));
    metrics::record_into(metrics::recorder_area(page));

    Result<config::TotemSettings> settings = config::totem_settings(*snapshot, options_.node, config::this_host());
    if (!settings) return {1, settings.error().text};
    settings_ = std::move(*settings);

    Result<RingFile> file = RingFile::open(options_.state_dir, settings_.self().id);
    if (!file) return {3, file.error().text};
    ring_file_ = std::make_unique<RingFile>(std::move(*file));
    // The kernel denies RDMA devices to a process whose rights changed since it opened them: that transport comes last.
    const bool devices = settings_.transport == config::Transport::rdma;
    if (const Status ready = devices ? prepare_devices() : open_transport(); !ready) return {3, ready.error().text};
    Result<loop::Poller> poller = loop::Poller::create();
    if (!poller) return {3, poller.error().text};
    poller_ = std::make_unique<loop::Poller>(std::move(*poller));
    (void)!poller_->add(control::kChildFd, kTagControl);

    // Without a supervisor the ring is left in order, which its closed socket brings about, but never later than in a second.
    std::signal(SIGTERM, [](int) { ::alarm(1); });
    // The last privileged acts are behind: sockets with large buffers, the state file, memory. The network has not been read yet.
    if (const std::string why = lock_memory(); !why.empty()) unenforced_.push_back("membership: memory is not locked (" + why + ")");
    const Result<sandbox::Report> confined =
        sandbox::enter({.profile = devices ? sandbox::Profile::membership_devices : sandbox::Profile::membership, .become = options_.become,
                        .death_signal = SIGTERM, .protect = options_.protect});
    if (!confined) return {sandbox::kExitCode, confined.error().text};
    for (const std::string& one : confined->missing) unenforced_.push_back("membership: " + one);
    if (devices)
        if (const Status opened = open_transport(); !opened) return {3, opened.error().text};
    for (const int fd : transport_->descriptors()) (void)!poller_->add(fd, kTagTransport);
    spin_ = loop::Spin(loop::spin_limit(snapshot->number_or("workers.spin_us", loop::kSpinDefaultUs)));
    node::Config config = node_config(settings_);
    config.rounds_from = message.header.a << 32;     // rounds of an earlier process are in the workers' rings
    if (const auto services = config::foreign_services(*snapshot))
        for (const config::ForeignService& s : *services) config.further |= service_set(s.id);
    node_ = std::make_unique<node::Node>(config, ring_file_->loaded(), *this);
    if (const std::size_t most = transport_->frame_max(); most != 0) node_->limit_frames(most);
    return {-1, {}};
}

void Process::take_key(control::Message& message) {
    if (key_ >= 0) ::close(key_);
    key_ = message.fds.empty() ? -1 : message.fds[0];
    for (std::size_t i = 1; i < message.fds.size(); ++i) ::close(message.fds[i]);
}

// Opens sockets, with the privileges this process still has. Threads, if there are any, are made without them.
// What needs files that are out of reach behind the sandbox.
Status Process::prepare_devices() {
#ifdef HAVE_RDMA
    Result<std::uint64_t> incarnation = transport::prepare_rdma(rdma_config(settings_, options_.state_dir));
    if (!incarnation) return incarnation.error();
    rdma_incarnation_ = *incarnation;
    return Done{};
#else
    return error("totem.transport: rdma is not in this build; build with librdmacm and libibverbs, or use knet");
#endif
}

Status Process::open_transport() {
    std::optional<Result<std::unique_ptr<transport::Transport>>> opened;
    transport::Key key;
    if (key_ >= 0) {
        Result<transport::Key> read = transport::Key::read(key_);
        if (!read) return read.error();
        key = std::move(*read);
    }
    if (settings_.transport == config::Transport::rdma) {
#ifdef HAVE_RDMA
        opened = transport::open_rdma(rdma_config(settings_, options_.state_dir), key.bytes(), rdma_incarnation_);
#endif
    } else if (settings_.transport == config::Transport::knet) {
#ifdef HAVE_KNET
        transport::KnetConfig knet = knet_config(settings_);
        knet.start_threads = [this](const std::function<void()>& start) { return sandbox::start_threads(options_.become, start); };
        opened = transport::open_knet(knet, std::move(key), unenforced_);
#else
        return error("totem.transport: knet is not in this build; build with libknet, or use udpu or udp with allow_unencrypted: yes");
#endif
    } else {
        opened = transport::open_udp(udp_config(settings_));
    }
    if (key_ >= 0) ::close(std::exchange(key_, -1));
    if (!*opened) return opened->error();
    transport_ = std::move(**opened);
    return Done{};
}

Process::Ended Process::run() {
    if (Ended ended = wait_for_start(); ended.status >= 0) return ended;
    now_ = loop::monotonic_now();
    publish_status();
    // The workers' links are on their way behind the start message; `go` ends them.
    bool started = false;
    while (!stop_) {
        now_ = loop::monotonic_now();
        if (!started) {
            if (!read_control()) break;
            if (!stop_ && go_) {
                started = true;
                MOTET_LOG(notice, "node %u (%s) starts on %s%s, ring sequence %llu", settings_.self().id,
                          settings_.self().name.c_str(), transport_->describe().c_str(),
                          settings_.encrypted ? "" : ", UNENCRYPTED",
                          static_cast<unsigned long long>(ring_file_->loaded()));
                node_->start(now_);
                transport_->flush();
            } else {
                poller_->wait(now_ + milliseconds(100));
            }
            continue;
        }
        note_late_wakeup();
        if (round()) {
            // Among others the token comes through the poller; alone it comes through `looped_`.
            const bool token_by_poller = !socket_ready_ && node_->totem().members().size() > 1;
            if (++rounds_ % kLookEvery != 0 && !token_by_poller) continue;
            handle(poller_->look());
        } else {
            sleep();
        }
    }
    if (started) {
        send_the_rest();
        node_->leave();
        transport_->flush();
        MOTET_LOG(notice, "node %u has left ring %u.%llx", settings_.self().id, node_->totem().ring().rep,
                  static_cast<unsigned long long>(node_->totem().ring().seq));
    }
    return {0, {}};
}

// What services said last - that clients leave their groups, that this node leaves in order - goes out while there is a ring.
void Process::send_the_rest() {
    const Instant until = loop::monotonic_now() + kFarewellMax;
    for (now_ = loop::monotonic_now(); now_ < until; now_ = loop::monotonic_now()) {
        bool waiting = false;
        for (auto& [number, link] : links_) {
            waiting |= link->drain(*node_, now_, kSubmitBatch);     // one batch: who always has more does not keep us
            waiting |= link->holding() && link->broken() == nullptr;
        }
        if (!waiting && node_->totem().all_sent()) return;
        if (!round()) handle(poller_->wait(std::min(node_->deadline(), now_ + milliseconds(5))));
    }
    MOTET_LOG(warning, "node %u leaves without having sent all its messages: the ring does not turn", settings_.self().id);
}

bool Process::round() {
    bool worked = false;
    const bool throttle = throttled();
    // Before the frames: what is submitted by now goes out with the token that may be among them.
    for (auto& [id, link] : links_) worked |= link->drain(*node_, now_, kSubmitBatch);
    change_keys();
    if (!throttle) {
        for (std::size_t i = 0; i < kLoopedBatch && !looped_.empty(); ++i) {
            const Bytes frame = std::move(looped_.front());
            looped_.pop_front();
            node_->on_frame(frame, now_);
            worked = true;
            if (unpublished()) break;       // not behind what an idle token still has to do
        }
        if (looped_.size() > kLoopedMax) looped_.clear();   // lost frames, which Totem recovers
        // What follows from a batch is sent at once: waking a worker takes longer than passing the token on. For the same
        // reason the socket is looked at once more when messages have come in: their token is right behind them.
        for (int i = 0; i < kReceives; ++i) {
            const transport::Received got = receive();
            if (got == transport::Received::nothing) break;
            const bool wakes = unpublished();
            publish();
            transport_->flush();
            worked = true;
            if (got == transport::Received::some && (i > 0 || !wakes)) break;
            socket_ready_ = true;
        }
    }
    if (node_->deadline() <= now_) {
        node_->on_time(now_);
        worked = true;
    }
    worked |= publish();
    transport_->flush();
    for (auto& [number, link] : links_) link->wake();
    log_events();
    watch_synchronisation();
    worked |= report_broken_links();
    if (!owed_.empty() && now_ >= owed_due_) tell_owed();
    worked |= forward_operations();
    if (now_ >= status_due_) publish_status();
    return worked;
}

// A worker that is awake takes its deliveries while the frames are still leaving.
bool Process::publish() {
    bool moved = false;
    for (auto& [number, link] : links_) moved |= link->publish();
    return moved;
}

bool Process::unpublished() const {
    return std::any_of(links_.begin(), links_.end(), [](const auto& l) { return l.second->unpublished(); });
}

transport::Received Process::receive() {
    if (!socket_ready_) return transport::Received::nothing;    // the poller tells
    const transport::Received got = transport_->receive([this](ByteView frame) {
        heard_.note(frame, now_);
        node_->on_frame(frame, now_);
    });
    socket_ready_ = got == transport::Received::more;
    return got;
}

// A worker that is slow to take its deliveries slows the whole ring down for a while: the token waits here.
bool Process::throttled() {
    bool congested = false;
    for (auto& [id, link] : links_) congested |= link->congested(now_);     // each keeps its own time
    if (!congested) {
        throttling_ = false;
        return false;
    }
    if (!throttling_) {
        throttling_ = true;
        throttled_since_ = now_;
    }
    if (now_ - throttled_since_ < std::min(kThrottleMax, settings_.token_retransmit / 2)) return true;
    throttling_ = false;    // one batch, then the next pause
    return false;
}

void Process::sleep() {
    const bool alone = node_->totem().members().size() <= 1;
    // A submission cannot leave before the token's next visit: while that is certain to come, nobody needs to wake us for it.
    const bool token_will_come = node_->totem().token_rotates() && !alone;
    // Among others their frames come through the kernel, which then had better find a processor at rest; alone a client that
    // waits for each of its messages is the usual case, and to be woken takes longer than all the rest of a message's way.
    if (alone && !throttling_ && spin_.worthwhile(kAwaited)) {
        std::span<const loop::Ready> ready;
        const auto found = [&] { return std::any_of(links_.begin(), links_.end(), [](auto& l) { return l.second->submitted(); }); };
        if (spin_.look_around(kAwaited, found, [&] { return !(ready = poller_->look()).empty(); })) return handle(ready);
    }
    for (auto& [id, link] : links_)
        if (!link->arm(!token_will_come) && link->broken() == nullptr && !throttling_) return;
    Instant until = std::min(node_->deadline(), status_due_);
    if (throttling_) until = std::min(until, now_ + milliseconds(2));
    if (!owed_.empty()) until = std::min(until, owed_due_);
    for (auto& [number, link] : links_)
        if (!link->operations().empty()) until = std::min(until, now_ + kTellAgain);
    // Frames that are left waiting must not keep us awake: with real-time priority that could cost the slow worker its CPU.
    listen(!throttling_);
    expected_ = std::max(now_, until);
    const Instant slept_at = loop::monotonic_now();
    const auto ready = poller_->wait(until);
    spin_.slept(kAwaited, loop::monotonic_now() - slept_at);
    handle(ready);
}

// The kernel gave us the processor too late, or somebody stopped us: others may have counted us out meanwhile.
void Process::note_late_wakeup() {
    if (expected_ != Instant{} && now_ - expected_ > settings_.token * 4 / 5) {
        timespec t{};
        clock_gettime(CLOCK_REALTIME, &t);
        if (late_.note(now_, expected_, settings_.token, std::int64_t{t.tv_sec} * 1000 + t.tv_nsec / 1'000'000))
            MOTET_LOG(warning, "this process was not scheduled for %lld ms, of the %lld ms that a token may take; consider a longer totem.token",
                      static_cast<long long>(late_.last().ms()), static_cast<long long>(settings_.token.ms()));
    }
    expected_ = now_;
}

void Process::handle(std::span<const loop::Ready> ready) {
    for (const loop::Ready& r : ready) {
        if (r.tag == kTagTransport) socket_ready_ = true;
        if (r.tag == kTagControl && !read_control()) stop_ = true;
        if (r.tag < kTagLink) continue;
        const auto it = links_.find(static_cast<std::uint32_t>(r.tag - kTagLink));
        if (it == links_.end()) continue;
        it->second->drain_tokens();     // here, before the rings are armed again, never after
        // Reported for ever otherwise; what comes next is the supervisor's to say.
        if (r.hung_up) poller_->remove(it->second->socket());
    }
}

void Process::listen(bool on) {
    if (on == listening_) return;
    listening_ = on;
    for (const int fd : transport_->descriptors()) (void)!poller_->modify(fd, kTagTransport, {.read = on});
}

bool Process::read_control() {
    for (int i = 0; i < 64; ++i) {
        control::Message message;
        switch (control::receive(control::kChildFd, true, message)) {
            case control::Received::nothing: return true;
            case control::Received::closed: return false;
            case control::Received::malformed: continue;
            case control::Received::message: break;
        }
        switch (message.type()) {
            case control::Type::link: take_link(message); break;
            case control::Type::go: go_ = true; break;
            case control::Type::stop: stop_ = true; return true;
            case control::Type::dump: dump(); break;
            case control::Type::key: take_key(message); break;
            case control::Type::config: take_config(message); break;
            default:
                for (const int fd : message.fds) ::close(fd);
        }
    }
    return true;
}

void Process::take_link(control::Message& message) {
    const auto number = static_cast<std::uint32_t>(message.header.a);
    if (message.fds.empty()) return lose_link(number, message.header.b);
    const std::string name(as_text(message.body));
    if (message.fds.size() != 3) {
        for (const int fd : message.fds) ::close(fd);
        MOTET_LOG(error, "the link of %s came without its descriptors", name.c_str());
        return;
    }
    Result<ring::Segment> delivery = ring::Segment::map(message.fds[1], true, kPopulated);
    Result<ring::Segment> submit = ring::Segment::map(message.fds[2], false);
    ::close(message.fds[1]);
    ::close(message.fds[2]);
    if (delivery && submit && (delivery->second() == nullptr || submit->second_capacity() == 0))
        submit = error("it has no ring for synchronisation");
    if (!delivery || !submit) {
        ::close(message.fds[0]);
        MOTET_LOG(error, "the link of %s cannot be mapped: %s", name.c_str(),
                  (!delivery ? delivery.error() : submit.error()).text.c_str());
        return;
    }
    if (const auto it = links_.find(number); it != links_.end()) {
        node_->detach(it->second.get());
        poller_->remove(it->second->socket());
    }
    auto link = std::make_unique<Link>(number, name, ServiceSet{message.header.c}, message.header.b, message.fds[0], std::move(*delivery),
                                       std::move(*submit));
    (void)!poller_->add(link->socket(), kTagLink + number);
    node_->attach(link->services(), link.get());
    if (link->inherited()) {
        const std::size_t again = link->take_over(settings_.self().id);
        MOTET_LOG(notice, "%s goes on with this process: %zu messages of its own were still to be delivered", name.c_str(), again);
    }
    links_[number] = std::move(link);
    if (!go_) return;
    MOTET_LOG(notice, "%s has a new worker: the ring is formed again to synchronise it", name.c_str());
    node_->resynchronise(now_);
}

// The worker is dead. Until its successor comes, other nodes must not wait for what nobody will say.
void Process::lose_link(std::uint32_t number, std::uint64_t incarnation) {
    const auto it = links_.find(number);
    if (it == links_.end() || it->second->incarnation() != incarnation) return;
    Link& link = *it->second;
    while (link.drain(*node_, now_, kSubmitBatch)) {    // its clients were told that these are accepted
        change_keys();
        forward_operations();
    }
    node_->detach(&link);
    poller_->remove(link.socket());
    links_.erase(it);
    node_->on_time(now_);   // carries out what the loss of the service has put off
}

Link* Process::serving(std::uint32_t service) {
    for (const auto& [number, link] : links_)
        if (contains(link->services(), service)) return link.get();
    return nullptr;
}

// A worker that lives but does not finish its step of a synchronisation would hold up every node for ever.
void Process::watch_synchronisation() {
    const node::Node::Awaited awaited = node_->awaited();
    Link* const link = serving(awaited.service);
    const Duration passed = std::min(now_ - watched_at_, kStepCountMax);
    watched_at_ = now_;
    // What waits for room in Totem's queue is our delay, not the worker's.
    if (awaited != watched_ || link == nullptr || link->holding()) {
        watched_ = awaited;
        watched_for_ = watched_idle_ = {};
        return;
    }
    const std::uint64_t cursor = link->cursor();
    watched_for_ = watched_for_ + passed;
    watched_idle_ = cursor == std::exchange(watched_cursor_, cursor) ? watched_idle_ + passed : Duration{};
    if (watched_idle_ > kStepIdleMax || watched_for_ > kStepMax) link->cut("it does not finish its part of a synchronisation");
}

// Log lines may be lost, these must not be: nobody would replace a broken worker, or call the node ready.
void Process::tell(const control::Header& header) {
    std::erase_if(owed_, [&](const control::Header& h) { return h.type == header.type && h.a == header.a; });
    owed_.push_back(header);
    tell_owed();
}

void Process::tell_owed() {
    owed_due_ = now_ + kTellAgain;
    while (!owed_.empty() && control::send(control::kChildFd, owed_.front())) owed_.pop_front();
}

bool Process::report_broken_links() {
    bool any = false;
    for (auto it = links_.begin(); it != links_.end();) {
        Link& link = *it->second;
        if (link.broken() == nullptr) {
            ++it;
            continue;
        }
        MOTET_LOG(error, "the worker of %s is cut off: %s", link.name(), link.broken());
        tell({.type = static_cast<std::uint32_t>(control::Type::link_broken), .a = link.number(), .b = link.incarnation()});
        node_->detach(&link);
        poller_->remove(link.socket());
        it = links_.erase(it);
        any = true;
    }
    if (any) node_->on_time(now_);   // carries out what the loss of the service has put off
    return any;
}

// For the administrator's list of events; as a log line it may be lost.
void Process::tell_event(const std::string& text) {
    constexpr std::size_t kTextMax = 448;
    metrics::record_text(text);
    control::send(control::kChildFd, {.type = static_cast<std::uint32_t>(control::Type::event)}, as_bytes(std::string_view(text).substr(0, kTextMax)));
}

void Process::log_events() {
    if (const totem::State state = node_->totem().state(); state != std::exchange(told_state_, state))
        MOTET_LOG(debug, "totem: %s", node_->totem().describe().c_str());
    for (const node::Event& e : node_->take_events()) {
        members_.note(e);
        const auto seq = static_cast<unsigned long long>(e.ring.seq);
        switch (e.kind) {
            case node::Event::Kind::transitional:
                if (!e.left.empty()) {
                    MOTET_LOG(notice, "ring %u.%llx: left: %s", e.ring.rep, seq, list(e.left).c_str());
                    tell_event(std::to_string(e.left.size()) + " left: " + heard_.why_left(e.left, now_));
                }
                break;
            case node::Event::Kind::regular:
                MOTET_LOG(notice, "ring %u.%llx: members: %s; joined: %s", e.ring.rep, seq, list(e.members).c_str(),
                          list(e.joined).c_str());
                tell_event("ring " + std::to_string(e.ring.rep) + "." + hexadecimal(seq) + ": " + std::to_string(e.members.size()) + " members: " +
                           list(e.members) + "; joined: " + list(e.joined));
                break;
            case node::Event::Kind::synchronised:
                MOTET_LOG(info, "ring %u.%llx: synchronised", e.ring.rep, seq);
                if (!ready_sent_) tell({.type = static_cast<std::uint32_t>(control::Type::ready)});
                ready_sent_ = true;
                break;
        }
        status_due_ = now_;
    }
}

void Process::publish_status() {
    status_due_ = now_ + kStatusEvery;
    transport_->on_time(now_);
    if (const std::size_t most = transport_->frame_max(); most != 0) node_->limit_frames(most);
    status_->publish(status_json(settings_, *node_, *transport_, members_, unenforced_, now_), now_.ns);
    values_->begin();
    status_values_.write(*values_, settings_, *node_, *transport_, now_);
    late_.write(*values_);
    values_->u32("stats.worker.membership.pid", static_cast<std::uint32_t>(getpid()));
    values_->commit(now_.ns);
}

void Process::dump() {
    MOTET_LOG(notice, "totem: %s", node_->totem().describe().c_str());
    MOTET_LOG(notice, "synchronisation: %s", node_->sync().describe().c_str());
    for (const auto& [number, link] : links_)
        MOTET_LOG(notice, "link of %s: %llu delivered, %zu bytes of backlog", link->name(),
                  static_cast<unsigned long long>(link->delivered()), link->backlog());
}

}  // namespace motet
