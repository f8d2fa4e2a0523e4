#include "libs/client/sam/node.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <vector>

namespace motet::client::sam {
namespace {

constexpr unsigned kEventsPerLook = 64;

Instant instant_of(const std::atomic<std::int64_t>& ns) { return Instant{ns.load()}; }

template <class T>
bool read(const ring::Record& record, T& out) {
    if (record.payload.size() < sizeof out) return false;
    std::memcpy(&out, record.payload.data(), sizeof out);
    return true;
}

}  // namespace

Duration Node::beat_period() const {
    return std::clamp(milliseconds((std::int64_t{about_.interval_ms} + 1000) / 4), milliseconds(250), seconds(5));
}

Instant Node::deadline() const { return link_ ? beat_at_ : retry_at_; }

void Node::on_time(Instant now) {
    if (broken_) lost(now);
    if (!link_) {
        if (now >= retry_at_) connect(now);
        return;
    }
    if (role_ != Role::parent) return;
    if (now >= beat_at_) {
        const Duration silent = now - instant_of((*block_)->command_at_ns);
        post(wire::Request::beat, wire::Beat{static_cast<std::uint64_t>(std::max<std::int64_t>(0, silent.ms()))});
        beat_at_ = now + beat_period();
    }
    if (data_due_) send_data();
    if (broken_) lost(now);
}

void Node::connect(Instant now) {
    retry_at_ = now + pause_;
    pause_ = std::min(pause_ * 2, kPauseMax);
    if (ipc::ClientLink::connect("sam", wire::kRequestMax, link_, kConnectMs) != ipc::Outcome::ok) return;
    broken_ = false;
    introduce(now);
    if (broken_) lost(now);
}

wire::Enrol Node::enrolment() const {
    wire::Enrol enrol;
    std::memcpy(enrol.key, (*block_)->key, sizeof enrol.key);
    std::memcpy(enrol.name, about_.name, sizeof enrol.name);
    enrol.interval_ms = about_.interval_ms;
    enrol.policy = about_.policy;
    enrol.warn_signal = (*block_)->warn_signal;
    enrol.takeovers = (*block_)->takeovers;
    enrol.budget_used = (*block_)->budget_used;
    enrol.beat_ms = static_cast<std::uint32_t>(beat_period().ms());
    enrol.registered_ns = about_.registered_ns;
    enrol.data_size = block_->data_size();
    enrol.now = state(0);
    return enrol;
}

void Node::introduce(Instant now) {
    if (role_ == Role::standby) {
        wire::Attach attach;
        attach.enrol = enrolment();
        attach.parent = static_cast<std::uint32_t>(getppid());
        beat_at_ = kNever;
        post(wire::Request::attach, attach);
        return;
    }
    post(wire::Request::enrol, enrolment());
    beat_at_ = now + beat_period();
    data_due_ = block_->data_size() != 0;
    if (data_due_) send_data();
}

// One record: what is kept on the node's side fits into it.
void Node::send_data() {
    data_due_ = false;
    wire::Data head;
    head.total = block_->data_size();
    std::vector<std::uint8_t> bytes;
    if (head.total <= wire::kDataKeptMax) {
        bytes.resize(head.total);
        if (!block_->get(0, bytes.data(), bytes.size())) return;
        head.length = static_cast<std::uint32_t>(bytes.size());
    }
    if (!post(wire::Request::data, head, bytes)) data_due_ = true;
}

Node::Heard Node::listen(Instant now) {
    Heard heard;
    if (!link_) return heard;
    {
        const std::lock_guard lock(link_->event_mutex());
        ring::Record record;
        for (unsigned i = 0; i < kEventsPerLook && link_->peek(record) == ring::Pull::record; ++i) {
            switch (static_cast<wire::Event>(record.type)) {
            case wire::Event::restart: heard.restart = true; break;
            case wire::Event::fail: heard.fail = true; break;
            case wire::Event::take_over: heard.take_over = role_ == Role::standby; break;
            case wire::Event::recover: heard.recover = read(record, heard.how); break;
            case wire::Event::enrolled: pause_ = kPauseMin; break;
            }
            link_->pop();
        }
        link_->release();
        const ipc::ClientLink::Settled settled = link_->settle();
        if (settled.health != ipc::Outcome::ok) broken_ = true;
        else if (!settled.empty) link_->kick();
    }
    if (broken_) lost(now);
    return heard;
}

void Node::lost(Instant now) {
    link_.reset();
    broken_ = false;
    beat_at_ = kNever;
    retry_at_ = now + pause_;
}

wire::Change Node::state(std::int32_t exit_status) const {
    const Shared& shared = **block_;
    wire::Change change;
    change.state = static_cast<std::uint32_t>(shared.watch.state());
    change.cause = static_cast<std::uint32_t>(shared.watch.cause());
    change.instance = shared.instance;
    change.child = static_cast<std::uint32_t>(shared.child.load());
    change.restarts = shared.restarts;
    change.exit_status = exit_status;
    change.child_since_ns = static_cast<std::uint64_t>(shared.child_since_ns.load());
    return change;
}

void Node::change(std::int32_t exit_status) { post(wire::Request::change, state(exit_status)); }

bool Node::failed(bool restarts_wanted, std::uint32_t number, std::int32_t exit_status) {
    wire::Failed failed;
    failed.now = state(exit_status);
    failed.restarts_wanted = restarts_wanted;
    failed.number = number;
    return post(wire::Request::failed, failed);
}

void Node::leave(std::int32_t exit_status) { post(wire::Request::leave, wire::Leave{state(exit_status)}); }

template <class T>
bool Node::post(wire::Request type, const T& record, std::span<const std::uint8_t> more) {
    if (!link_ || broken_) return false;
    const auto length = static_cast<std::uint32_t>(sizeof record + more.size());
    const ipc::Outcome posted = link_->post(static_cast<std::uint16_t>(type), length, [&](std::uint8_t* to) {
        std::memcpy(to, &record, sizeof record);
        if (!more.empty()) std::memcpy(to + sizeof record, more.data(), more.size());
    });
    // A full ring: the node does not move. A beat more or less is nothing to it; the connection is worth less than our time.
    if (posted != ipc::Outcome::ok) broken_ = true;
    return !broken_;
}

}  // namespace motet::client::sam
