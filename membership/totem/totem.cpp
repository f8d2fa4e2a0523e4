// The facade, and the dispatch of frames and timers to the files of the states.
#include "membership/totem/totem.h"

#include <algorithm>

#include "libs/wire/header.h"
#include "libs/wire/hold_cancel.h"
#include "libs/wire/merge_detect.h"
#include "membership/totem/core.h"

namespace motet::totem {
namespace {

constexpr std::size_t kQueueBytes = 4u << 20;  // of each send queue, in whole frames
// The normal queue rests during a synchronisation but must go on taking what stands in a worker's ring before its
// synchronisation messages: a full ring (8 MiB), what the worker may still add, and its longest unit.
constexpr std::size_t kQueueWhileSyncing = kQueueBytes + (32u << 20);
constexpr std::size_t kNetmtuMin = 256;        // bytes; below, the frame's own headers leave no room to speak of

std::size_t body_max(std::size_t netmtu) {
    return std::clamp<std::size_t>(netmtu, kNetmtuMin, wire::kFrameMax) - 2 * wire::kMcastHeaderSize;
}

}  // namespace

const char* name(State state) {
    switch (state) {
        case State::operational: return "operational";
        case State::gather: return "gather";
        case State::commit: return "commit";
        case State::recovery: return "recovery";
    }
    return "unknown";
}

Core::Core(const Config& config, std::uint64_t stored_ring_sequence, std::uint32_t ring_start)
    : config_(config),
      ring_start_(ring_start),
      body_max_(body_max(config.netmtu)),
      queue_bytes_(kQueueBytes / body_max_ * body_max_),
      listed_(config.nodes),
      random_(config.random_seed * 0x9E3779B97F4A7C15u + config.self + 1),
      // One more than was stored: a restarted node never presents its former ring as its own.
      ring_{config.self, stored_ring_sequence + 1},
      ring_seq_seen_(stored_ring_sequence + 1),
      regular_(pool_),
      recovery_(pool_),
      my_aru_(ring_start),
      high_seq_(ring_start),
      high_delivered_(ring_start),
      stable_(ring_start),
      last_token_seq_(ring_start - 1),
      heard_(SortQueue::kSlots),
      normal_queue_(body_max_),
      sync_queue_(body_max_) {
    listed_.push_back(config.self);
    std::sort(listed_.begin(), listed_.end());
    regular_.reset(ring_start + 1);
    recovery_.reset(ring_start + 1);
}

void Core::limit_frames(std::size_t bytes) {
    body_max_ = body_max(std::min<std::size_t>(bytes, config_.netmtu));
    normal_queue_.set_body_max(body_max_);
    sync_queue_.set_body_max(body_max_);
}

void Core::reconfigure(const Config& config) {
    const Config before = config_;
    config_ = config;
    config_.self = before.self;
    config_.netmtu = before.netmtu;
    config_.random_seed = before.random_seed;
    listed_ = config.nodes;
    listed_.push_back(config_.self);
    std::sort(listed_.begin(), listed_.end());
    // Wider windows come with the next ring, when all members are known to have them; narrower ones at once.
    if (!config_.adaptive_window) flow_.widen(false);
}

void Core::begin(Instant now, Output& out) {
    now_ = now;
    out_ = &out;
}

void Core::start(Instant now, Output& out) {
    begin(now, out);
    if (!started_) {
        started_ = true;
        pause_stamp_ = now;
        restart(Timer::pause, config_.token / 5);
    }
    enter_gather();
}

void Core::on_frame(ByteView frame, Instant now, Output& out) {
    begin(now, out);
    const auto header = wire::decode_header(frame);
    if (!header) {
        ++counters_.dropped_malformed;
        return;
    }
    if (!started_) {
        ++counters_.dropped_state;
        return;
    }
    switch (header->type) {
        case wire::FrameType::orf_token: return on_token(frame);
        case wire::FrameType::mcast: return on_mcast(frame);
        case wire::FrameType::merge_detect: return on_merge_detect(frame);
        case wire::FrameType::join: return on_join(frame);
        case wire::FrameType::commit_token: return on_commit_token(frame);
        case wire::FrameType::hold_cancel: return on_hold_cancel(frame);
    }
    ++counters_.dropped_malformed;
}

void Core::on_time(Instant now, Output& out) {
    begin(now, out);
    if (!started_) return;
    process_was_paused();
    // Each timer at most once or so per call: one that is due again at once waits for the next call.
    Timer timer;
    for (std::size_t i = 0; i < 2 * kTimers && timers_.take_due(now, timer); ++i) run(timer);
}

void Core::run(Timer timer) {
    switch (timer) {
        case Timer::token:
        case Timer::heartbeat: return token_lost();
        case Timer::token_retransmit:
            if (state_ == State::gather) return;
            ++counters_.tokens_retransmitted;
            send_kept_token();
            return restart(Timer::token_retransmit, config_.token_retransmit);
        case Timer::hold:
            if (holding_ && quick()) resume_visit();
            else if (holding_) send_kept_token();
            return;
        case Timer::rest: return doubt_over();
        case Timer::merge: return send_merge_detect();
        case Timer::join:
            delay_join();
            return restart(Timer::join, config_.join);
        case Timer::join_delay: return send_join();
        case Timer::consensus:
            ++counters_.consensus_timeouts;
            return consensus_expired();
        case Timer::pause:
            pause_stamp_ = now_;
            return restart(Timer::pause, config_.token / 5);
    }
}

bool Core::listed(NodeId node) {
    if (node != 0 && (!config_.block_unlisted || std::binary_search(listed_.begin(), listed_.end(), node))) return true;
    ++counters_.dropped_unlisted;
    return false;
}

void Core::multicast_and_loop_back(ByteView frame) {
    out_->multicast(frame);
    out_->loop_back(frame);
}

void Core::on_hold_cancel(ByteView frame) {
    const auto cancel = wire::decode_hold_cancel(frame);
    if (!cancel) {
        ++counters_.dropped_malformed;
        return;
    }
    if (!listed(cancel->header.nodeid)) return;
    if (cancel->ring != ring_) {
        ++counters_.dropped_foreign_ring;
        return;
    }
    ++counters_.hold_cancels_received;
    unchanged_ = passes_ = sole_for_ = 0;
    // Once sent, the token is on its way; a second copy would only be dropped by the others.
    if (!holding_ || state_ == State::gather || state_ == State::commit) return;
    if (quick()) return resume_visit();
    send_kept_token();
    restart(Timer::token_retransmit, config_.token_retransmit);
}

void Core::on_merge_detect(ByteView frame) {
    const auto detect = wire::decode_merge_detect(frame);
    if (!detect) {
        ++counters_.dropped_malformed;
        return;
    }
    if (!listed(detect->system_from)) return;
    ++counters_.merge_detects_received;
    if (detect->ring != ring_) on_foreign(detect->system_from, detect->ring);
}

bool Core::submit(const Submission& message, Instant now, Output& out) {
    begin(now, out);
    const bool normal = message.stream == Stream::normal;
    SendQueue& queue = normal ? normal_queue_ : sync_queue_;
    if (!queue.push(message, normal && wta_send_ ? kQueueWhileSyncing : queue_bytes_)) return false;
    ++counters_.messages_submitted;
    // A message that cannot be sent yet needs no token.
    if (normal != wta_send_) release_hold();
    return true;
}

std::size_t Core::room(Stream stream) const {
    if (stream == Stream::sync) return sync_queue_.room(queue_bytes_);
    return normal_queue_.room(wta_send_ ? kQueueWhileSyncing : queue_bytes_);
}

bool Core::backlog_critical() const { return normal_queue_.used() >= queue_bytes_ / 4 * 3; }

Totem::Totem(const Config& config, std::uint64_t stored_ring_sequence)
    : core_(std::make_unique<Core>(config, stored_ring_sequence)) {}
Totem::~Totem() = default;
void Totem::start(Instant now, Output& out) { core_->start(now, out); }
void Totem::on_frame(ByteView frame, Instant now, Output& out) { core_->on_frame(frame, now, out); }
void Totem::on_time(Instant now, Output& out) { core_->on_time(now, out); }
Instant Totem::deadline() const { return core_->deadline(); }
bool Totem::submit(const Submission& message, Instant now, Output& out) { return core_->submit(message, now, out); }
bool Totem::token_rotates() const { return core_->token_rotates(); }
std::size_t Totem::room(Stream stream) const { return core_->room(stream); }
bool Totem::backlog_critical() const { return core_->backlog_critical(); }
bool Totem::all_sent() const { return core_->all_sent(); }
void Totem::leave(Output& out) { core_->leave(out); }
void Totem::reconfigure(const Config& config) { core_->reconfigure(config); }
void Totem::limit_frames(std::size_t bytes) { core_->limit_frames(bytes); }
State Totem::state() const { return core_->state(); }
RingId Totem::ring() const { return core_->ring(); }
std::span<const NodeId> Totem::members() const { return core_->members(); }
bool Totem::waiting_for_sync() const { return core_->waiting_for_sync(); }
const Counters& Totem::counters() const { return core_->counters(); }
std::string Totem::describe() const { return core_->describe(); }

}  // namespace motet::totem
