// Rounds. In each: what was ordered, then what clients want, then everything becomes visible at once; tokens go to
// sleepers only. While there is work there is no system call but a look at the sockets every few rounds.
#include "libs/worker/worker.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "libs/base/log.h"

namespace motet::worker {
namespace {

constexpr std::size_t kDeliveriesPerRound = 256;
constexpr std::size_t kDeliveredBytesPerRound = 1u << 20;  // a round stays short however large messages are
constexpr unsigned kBusyRounds = 16;                       // between two looks at the sockets
constexpr Duration kStatusEvery = milliseconds(200);
constexpr Duration kHeartbeat =
    milliseconds(800);  // after that at the latest: the supervisor takes a long silence for a hang
constexpr Duration kDropRetry = milliseconds(10);  // the control socket was full
// One batch beside a client that is far behind, between two pauses of ipc::Limits::hold_max: slower than any client that is at
// work, fast enough that a full ring (with a synchronisation behind it) is through in two seconds.
constexpr std::size_t kSparingDeliveries = 4096, kSparingBytes = 512 * 1024;

}  // namespace

Worker::Worker(const Program& program, loop::Poller& poller, Started started)
    : poller_(poller),
      name_(program.name),
      started_(std::move(started)),
      delivery_(started_.submit.page(), started_.delivery.page(),
                static_cast<std::uint32_t>(started_.delivery.capacity() / 2), started_.delivery.capacity()),
      uplink_(ring::Producer(started_.submit.page(), started_.delivery.page()),
              ring::Producer(started_.submit.second(), started_.delivery.second())),
      clients_(poller, *this, {}, started_.overflow ? std::move(*started_.overflow) : ipc::Overflow::anonymous()),
      spin_(loop::spin_limit(started_.settings.config.number_or("workers.spin_us", loop::kSpinDefaultUs))),
      values_(metrics::values_area(started_.status)),
      traffic_(started_.settings.services) {
    engine_ = program.make_engine(started_.settings, *this);
    uplink_.keep_unsettled();
    if (resumable() && !engine_->snapshot(engine_bytes_)) started_.journal.reset();   // it starts empty each time
    if (!resumable()) {
        serving_ = true;
        uplink_.settle();
        clients_.set_flow(ring::kFlowSync, !engine_->synchronised());
    }
    const Status watched = poller_.add(started_.link, kLinkTag);
    if (!watched) fatal(watched.error().text);
    const char token = 'r';  // a token of the predecessor may have died with it
    ::send(started_.link, &token, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

Worker::~Worker() { ::close(started_.link); }

void Worker::run() {
    while (!serving_ && !stopping_) handle(poller_.wait(kNever));   // the supervisor says when all clients are here
    unsigned busy = 0;
    while (!stopping_) {
        if (round()) {
            if (++busy < kBusyRounds) continue;
            busy = 0;
            handle(poller_.look());
            on_time(loop::monotonic_now());
            continue;
        }
        busy = 0;
        sleep();
    }
    engine_->on_stopping();
    clients_.cut_off_all(ring::CutReason::stopping);
    clients_.reap();
    publish();
    send_drops();
}

bool Worker::round() {
    if (resumable()) started_.journal->beat(true);
    std::size_t work = deliver();
    work += uplink_.flush() ? 1 : 0;
    work += clients_.serve();
    publish();
    work += clients_.reap() ? 1 : 0;
    if (resumable() && started_.journal->due()) snapshot();
    clients_.set_flow(ring::kFlowCritical, uplink_.critical());
    if (uplink_.broken() != nullptr) fatal(name_ + ": " + uplink_.broken(), true);
    if (work != 0) status_dirty_ = true;
    return work != 0;
}

std::size_t Worker::deliver() {
    if (clients_.anyone_lags()) clients_.on_time(loop::monotonic_now());
    if (clients_.holds_deliveries()) return 0;
    const bool sparing = clients_.far_behind();
    const std::size_t most = sparing ? kSparingDeliveries : kDeliveriesPerRound;
    const std::size_t most_bytes = sparing ? kSparingBytes : kDeliveredBytesPerRound;
    std::size_t n = 0, bytes = 0;
    for (ring::Record record; n < most && bytes < most_bytes; ++n) {
        const ring::Pull pulled = delivery_.next(record);
        if (pulled == ring::Pull::empty) break;
        if (pulled == ring::Pull::violation) fatal(name_ + ": the delivery ring holds impossible cursors or records", true);
        bytes += record.payload.size();
        deliver_one(record);
    }
    clients_.batch_delivered();
    if (n != 0) awaited_ = loop::Spin::For::requests;
    return n;
}

// The journal first, when the engine may change: a successor must hear of it too, at this place among all inputs.
void Worker::deliver_one(const ring::Record& record) {
    cause_.delivery = record.position_after;
    ByteView payload = record.payload;
    promise_ = Promise::none;
    if (resumable()) {
        const bool is_message = record.type == static_cast<std::uint16_t>(feed::Delivery::message);
        const auto message = is_message ? feed::decode_message(payload) : std::nullopt;
        if (message && engine_->is_pure(*message))
            promise_ = Promise::message;
        else
            payload = write_down({.kind = ring::Marker::delivery, .type = record.type, .position = record.position_after, .payload = payload});
        started_.journal->mark(ring::Marker::delivery, 0, record.position_after);
    }
    apply(record.type, payload);
    promise_ = Promise::none;
    if (resumable()) started_.journal->unmark();
    if (uplink_.worth_publishing()) publish_submits();
}

void Worker::apply(std::uint16_t type, ByteView payload) {
    const auto broken = [&] {
        fatal(name_ + ": a delivery record of type " + std::to_string(type) + " does not decode", true);
    };
    const auto step = [&] {
        const auto decoded = feed::decode_step(payload);
        if (!decoded) broken();
        return *decoded;
    };
    switch (static_cast<feed::Delivery>(type)) {
        case feed::Delivery::message:
            if (const auto message = feed::decode_message(payload)) {
                traffic_.received(message->body, message->foreign_order);
                return engine_->on_message(*message);
            }
            broken();
            break;
        case feed::Delivery::sync_started:
            MOTET_LOG(debug, "a configuration change begins");
            uplink_.syncing(true);
            engine_->on_sync_started();
            break;
        case feed::Delivery::init:
            if (const auto init = feed::decode_init(payload)) {
                MOTET_LOG(debug, "ring %u.%llx: %zu members, %zu of them from the last one; synchronisation begins", init->ring.rep,
                          static_cast<unsigned long long>(init->ring.seq), init->members.size(), init->continuing.size());
                engine_->on_init(*init);
            } else {
                broken();
            }
            break;
        case feed::Delivery::process: engine_->on_process(step()); break;
        case feed::Delivery::activate: engine_->on_activate(step()); break;
        case feed::Delivery::abort: engine_->on_abort(step()); break;
        case feed::Delivery::complete:
            uplink_.syncing(false);
            if (const auto complete = feed::decode_complete(payload)) {
                MOTET_LOG(debug, "synchronised");
                engine_->on_complete(*complete);
            } else {
                broken();
            }
            break;
        default: broken();
    }
    clients_.set_flow(ring::kFlowSync, !engine_->synchronised());
}

// Submissions first, then the request space they came from: what a client was told is accepted outlives this process.
// Events first, then the delivery cursor: what is not with the clients is delivered again to a successor.
void Worker::publish() {
    publish_submits();
    clients_.publish();
    if (delivery_.release()) {
        const char token = 's';
        ::send(started_.link, &token, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        delivery_.space_served();
    }
    uplink_.settle();
}

void Worker::publish_submits() {
    if (!uplink_.publish()) return;
    const char token = 'w';
    ::send(started_.link, &token, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    uplink_.served();
}

void Worker::sleep() {
    const Instant before = loop::monotonic_now();
    if (on_time(before)) return handle(poller_.look());  // what it caused is to be published first
    const bool blocked = !uplink_.has_room(), holding = clients_.holds_deliveries();
    const loop::Spin::For awaited = awaited_;
    if (spin_.worthwhile(awaited)) {
        std::span<const loop::Ready> ready;     // clients and membership that take us for asleep send tokens
        const auto found = [&] { return (!holding && !delivery_.empty()) || (blocked ? uplink_.has_room() : clients_.anything_waiting()); };
        if (spin_.look_around(awaited, found, [&] { return !(ready = poller_.look()).empty(); })) return handle(ready);
    }
    // Blocked on the submit ring, clients' requests stay where they are until membership has made room; and a clients' bit
    // that says "critical" must not outlive the reason.
    // Holding, only the end of the synchronisation helps.
    if ((blocked || uplink_.was_critical()) && (!uplink_.holding() || uplink_.anything_waits())) {
        if (!uplink_.want_space() || uplink_.flush() || uplink_.has_room() == blocked || !uplink_.critical()) return;
    }
    if (!clients_.prepare_sleep(blocked) || (!holding && !delivery_.arm())) return;

    const Instant status_at = status_dirty_ ? status_due_ : status_due_ + kHeartbeat;
    const Instant drops_at = drops_.empty() ? kNever : before + kDropRetry;
    if (resumable()) started_.journal->beat(false);
    const auto ready = poller_.wait(std::min({clients_.deadline(), engine_->deadline(), engine_->outside_due(), status_at, drops_at}));
    spin_.slept(awaited, loop::monotonic_now() - before);
    handle(ready);
}

void Worker::handle(std::span<const loop::Ready> ready) {
    if (ready.empty()) return;
    const Instant now = loop::monotonic_now();
    for (const loop::Ready& one : ready) {
        if (ipc::Server::owns(one.tag))
            clients_.on_ready(one, now);
        else if (one.tag == kLinkTag) {
            char tokens[512];
            const ssize_t n = recv(started_.link, tokens, sizeof tokens, MSG_DONTWAIT);
            // Only the supervisor can have let go of this socket, and it will say what comes next.
            if (n == 0 || (n < 0 && one.hung_up)) poller_.remove(started_.link);
        } else if (one.tag == kControlTag) {
            on_control();
        }
    }
}

bool Worker::on_time(Instant now) {
    clients_.on_time(now);
    if (now >= (status_dirty_ ? status_due_ : status_due_ + kHeartbeat)) publish_status(now);
    if (!drops_.empty()) send_drops();
    bool called = false;
    if (engine_->outside_due() <= now) {
        if (const Bytes news = engine_->look_outside(now); !news.empty()) {
            tell_news(news);
            called = true;
        }
    }
    if (engine_->deadline() > now) return called;
    tell_time(now);
    return true;
}

void Worker::publish_status(Instant now) {
    status_dirty_ = false;
    status_due_ = now + kStatusEvery;
    status_text_ = engine_->status_json();
    metrics::StatusWriter(started_.status, metrics::kStatusArea).publish(status_text_, now.ns);
    publish_values(now);
}

}  // namespace motet::worker
