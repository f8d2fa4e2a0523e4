// Submitting: straight into the ring while there is room, else a copy waits in order.
#include "libs/worker/uplink.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace motet::worker {
namespace {

constexpr std::size_t kRequestRoom = (1u << 20) + 64 * 1024;  // the longest request with its header

}  // namespace

// The ring holds the longest message in parts (16 MiB) beside what may be under way when it is submitted.
Uplink::Uplink(ring::Producer ring, ring::Producer sync_ring)
    : ring_(std::move(ring)),
      sync_ring_(std::move(sync_ring)),
      request_room_(std::min<std::size_t>(kRequestRoom, ring_.capacity() / 4)),
      under_way_max_(ring_.capacity() / 16 * 3) {
    ring_.keep_room(request_room_ + ring_.capacity() / 16);
    submitted_ = pushed_ = ring_.committed().a;
    submitted_sync_ = pushed_sync_ = sync_ring_.committed().a;
}

bool Uplink::publish() {
    if (sync_ring_.head() != sync_ring_.published()) {
        sync_ring_.commit({.a = pushed_sync_});
        sync_sleeps_ = sync_ring_.publish();
    }
    if (ring_.head() != ring_.published()) {
        ring_.commit({.a = pushed_});
        sleeps_ = ring_.publish();
    }
    return sleeps_ || sync_sleeps_;
}

void Uplink::served() {
    if (std::exchange(sleeps_, false)) ring_.served();
    if (std::exchange(sync_sleeps_, false)) sync_ring_.served();
}

bool Uplink::want_space() {
    const bool sync_full = waiting_sync_.empty() || sync_ring_.want_space();
    return ring_.want_space() && sync_full;
}

void Uplink::save(FrameState& state) const {
    state.submitted = submitted_;
    state.submitted_sync = submitted_sync_;
    state.syncing = syncing_;
    state.submitted_while_syncing = submitted_while_syncing_;
    for (const Waiting& one : waiting_) state.waiting.push_back({static_cast<std::uint16_t>(one.kind), one.bytes});
    for (const Waiting& one : waiting_sync_) state.waiting_sync.push_back({static_cast<std::uint16_t>(one.kind), one.bytes});
}

void Uplink::restore(const FrameState& state) {
    syncing_ = state.syncing;
    submitted_while_syncing_ = state.submitted_while_syncing;
    submitted_ = state.submitted;
    submitted_sync_ = state.submitted_sync;
    const auto take = [this](const std::vector<FrameState::Waiting>& kept, std::uint64_t submitted, std::uint64_t pushed,
                             std::deque<Waiting>& queue) {
        // The last of those submitted by then; the first of them may be in the ring by now.
        std::uint64_t number = submitted - kept.size();
        for (const FrameState::Waiting& one : kept) {
            if (number++ < pushed) continue;
            waiting_bytes_ += one.record.size();
            queue.push_back({.kind = static_cast<feed::Submit>(one.kind), .bytes = one.record});
        }
    };
    take(state.waiting, submitted_, pushed_, waiting_);
    take(state.waiting_sync, submitted_sync_, pushed_sync_, waiting_sync_);
}

void Uplink::repeated() {
    submitted_ = std::max(submitted_, pushed_);
    submitted_sync_ = std::max(submitted_sync_, pushed_sync_);
}

void Uplink::syncing(bool on) {
    syncing_ = on;
    if (!on) submitted_while_syncing_ = 0;
}

bool Uplink::has_room() {
    return !holding() && waiting_.empty() && !ring_.holds_more_than(under_way_max_) && ring_.free_bytes() >= request_room_;
}

// One copy: from wherever the pieces lie (the payload: the client's own ring) into the record.
bool Uplink::push(feed::Submit kind, const feed::SubmitHeader& header, std::span<const ByteView> pieces) {
    // An operation goes with the messages it is in order with.
    const bool app = kind == feed::Submit::multicast || kind == feed::Submit::operation;
    ring::Producer& ring = app ? ring_ : sync_ring_;
    std::size_t length = feed::kSubmitHeaderSize;
    for (const ByteView piece : pieces) length += piece.size();
    if (length + sizeof(ring::RecordHeader) > ring.record_max()) {  // not even when it is drained
        broken_ = "a message longer than the submit ring can carry";
        return false;
    }
    ring::Push why;
    std::uint8_t* to = ring.begin(static_cast<std::uint32_t>(length), why);
    if (to == nullptr) return false;
    std::memcpy(to, &header, sizeof header);
    to += sizeof header;
    for (const ByteView piece : pieces) {
        if (!piece.empty()) std::memcpy(to, piece.data(), piece.size());
        to += piece.size();
    }
    ring.finish(static_cast<std::uint32_t>(length), static_cast<std::uint16_t>(kind), 0);
    ++(app ? pushed_ : pushed_sync_);
    return true;
}

void Uplink::wait(std::deque<Waiting>& queue, feed::Submit kind, const feed::SubmitHeader& header,
                  std::span<const ByteView> pieces) {
    Waiting item{.kind = kind, .bytes = {}};
    Writer out(item.bytes);
    out.bytes({reinterpret_cast<const std::uint8_t*>(&header), sizeof header});
    for (const ByteView piece : pieces) out.bytes(piece);
    waiting_bytes_ += item.bytes.size();
    if (waiting_bytes_ > kWaitingMax)
        broken_ = "membership does not take messages and no more can be kept";
    else
        queue.push_back(std::move(item));
}

void Uplink::submit(const feed::SubmitHeader& header, std::span<const ByteView> pieces) {
    if (broken() != nullptr || submitted_++ < pushed_) return;
    if (syncing_)
        for (const ByteView piece : pieces) submitted_while_syncing_ += piece.size();
    if (waiting_.empty() && push(feed::Submit::multicast, header, pieces)) return;
    if (broken() == nullptr) wait(waiting_, feed::Submit::multicast, header, pieces);
}

void Uplink::operation(std::uint32_t what, std::uint64_t number, std::string_view text) {
    if (broken() != nullptr || submitted_++ < pushed_) return;
    feed::SubmitHeader header;
    header.reply = what;
    header.round = number;
    const ByteView body = as_bytes(text.substr(0, feed::kOperationTextMax));
    if (waiting_.empty() && push(feed::Submit::operation, header, {&body, 1})) return;
    if (broken() == nullptr) wait(waiting_, feed::Submit::operation, header, {&body, 1});
}

// Application messages wait for the end of the synchronisation; this is what brings it about.
void Uplink::sync(feed::Submit kind, std::uint32_t service, std::uint64_t round, std::span<const ByteView> pieces) {
    if (broken() != nullptr || submitted_sync_++ < pushed_sync_) return;
    const feed::SubmitHeader header{.service = static_cast<std::uint8_t>(service), .round = round};
    if (waiting_sync_.empty() && push(kind, header, pieces)) return;
    if (broken() == nullptr) wait(waiting_sync_, kind, header, pieces);
}

bool Uplink::flush() {
    if (waiting_.empty() && waiting_sync_.empty()) return false;
    const bool sync_moved = flush(waiting_sync_);
    return flush(waiting_) || sync_moved;
}

bool Uplink::flush(std::deque<Waiting>& queue) {
    bool moved = false;
    while (!queue.empty() && broken() == nullptr) {
        const Bytes& bytes = queue.front().bytes;
        feed::SubmitHeader header;
        std::memcpy(&header, bytes.data(), sizeof header);
        const ByteView body = ByteView(bytes).subspan(sizeof header);
        if (!push(queue.front().kind, header, std::span(&body, 1))) break;
        waiting_bytes_ -= bytes.size();
        queue.pop_front();
        moved = true;
    }
    return moved;
}

bool Uplink::critical() {
    const std::uint64_t used = ring_.used_bytes();
    critical_ = !has_room() || used > under_way_max_ / 4 * (critical_ ? 2 : 3);
    return critical_;
}

}  // namespace motet::worker
