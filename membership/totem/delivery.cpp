// Mcasts from arrival to delivery: stored in order, handed up as soon as nothing is missing before them.
#include <algorithm>

#include "libs/wire/packing.h"
#include "membership/totem/core.h"

namespace motet::totem {
namespace {

bool contains(std::span<const NodeId> nodes, NodeId node) {
    return std::binary_search(nodes.begin(), nodes.end(), node);  // members stand in ring order, ascending
}

}  // namespace

void Core::on_mcast(ByteView bytes) {
    const auto mcast = wire::decode_mcast(bytes);
    // A plain frame must leave room for the header of the frame that may have to carry it in recovery.
    if (!mcast || mcast->system_from != mcast->header.nodeid ||
        (!mcast->encapsulated() && bytes.size() > wire::kFrameMax - wire::kMcastHeaderSize)) {
        ++counters_.dropped_malformed;
        return;
    }
    if (!listed(mcast->system_from)) return;
    ++counters_.mcast_received;
    if (mcast->ring != ring_) return on_foreign(mcast->system_from, mcast->ring);

    const bool recovering = state_ == State::recovery;
    // In GATHER the last ring's frames still improve what this node can offer in recovery.
    const bool current = recovering || state_ == State::operational || (state_ == State::gather && ring_ == operational_ring_);
    if (!current || mcast->encapsulated() != recovering || !contains(memb_now(), mcast->system_from)) {
        ++counters_.dropped_state;
        return;
    }
    SortQueue& store = recovering ? recovery_ : regular_;
    if (!store.covers(mcast->seq)) {
        ++(wire::seq_lt(mcast->seq, store.base()) ? counters_.dropped_duplicate : counters_.dropped_out_of_window);
        return;
    }
    if (store.find(mcast->seq) != nullptr) {
        ++counters_.dropped_duplicate;
        return;
    }
    const Frame& frame = store.insert(copy_frame(*mcast, bytes));
    if (wire::seq_lt(high_seq_, frame.seq)) {
        high_seq_ = frame.seq;
        high_from_ = frame.from;
        note_sender(frame.from, frame.safe);
    }
    if (recovering) {
        wire::Mcast old;
        if (carries_old_frame(frame, old)) heard_[old.seq % SortQueue::kSlots] = true;
    }
    advance_aru(store);
    if (state_ == State::operational) deliver_ready();
}

void Core::on_foreign(NodeId from, RingId ring) {
    ++counters_.dropped_foreign_ring;
    seen_in_ring(from, ring.seq);
    if (state_ == State::operational) {
        // A late frame of a ring its sender has left together with us is no sign of another ring.
        if (ring.seq < ring_.seq && contains(memb_, from)) return;
        // Strangers wait until every member is operational: one that is torn out of RECOVERY goes on giving up those it gave
        // up before, and two rings that keep tearing each other apart like that never become one.
        if (!settled_) return;
    } else if (state_ != State::gather || proc_.contains(from)) {
        return;
    }
    if (proc_.add(from)) enter_gather();
}

FramePtr Core::copy_frame(const wire::Mcast& mcast, ByteView bytes) {
    FramePtr frame = pool_.take(bytes.size());
    frame->from = mcast.system_from;
    frame->seq = mcast.seq;
    frame->encapsulated = mcast.encapsulated();
    frame->safe = mcast.guarantee == static_cast<std::uint32_t>(Guarantee::safe);
    frame->foreign_order = mcast.header.foreign_order;
    frame->size = static_cast<std::uint32_t>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), frame->memory.get());
    // Some transports leave old memory here; sent again, the frame is for everybody (P-52).
    wire::patch_target(frame->writable().first(frame->size), 0);
    return frame;
}

void Core::advance_aru(const SortQueue& store) {
    while (store.find(my_aru_ + 1) != nullptr) ++my_aru_;
}

// Nothing is missing before the next message, but not every member is known to have it.
bool Core::safe_pending() const {
    if (state_ != State::operational) return false;
    for (std::uint32_t seq = high_delivered_ + 1; const Frame* next = regular_.find(seq); ++seq) {
        if (next->safe && !wire::seq_lte(seq, stable_)) return true;
    }
    return false;
}

void Core::deliver_ready() {
    while (const Frame* frame = regular_.find(high_delivered_ + 1)) {
        if (frame->safe && !wire::seq_lte(frame->seq, stable_)) return;
        high_delivered_ = frame->seq;
        deliver_frame(*frame);
    }
}

void Core::deliver_frame(const Frame& frame) {
    auto body = wire::decode_packed(frame.body(), frame.foreign_order);
    if (frame.encapsulated || !body) {
        ++counters_.dropped_malformed;
        return;
    }
    Sender& from = sender(frame.from);
    apply((wta_receive_ ? from.sync : from.normal).take(*body, frame.from, frame.foreign_order, *out_, counters_, frame.done));
}

void Core::apply(Verdict verdict) {
    if (verdict == Verdict::none || !wta_receive_) return;
    wta_send_ = wta_receive_ = false;
    if (verdict == Verdict::synchronised_restart) {
        for (Sender& each : senders_) each.normal.reset();
        normal_queue_.restart();
    }
    flow_.widen(config_.adaptive_window && verdict == Verdict::synchronised_restart);
    quick_ = config_.quick_rest && verdict == Verdict::synchronised_restart;
    if (!normal_queue_.empty()) release_hold();
}

Core::Sender& Core::sender(NodeId node) {
    const auto at = std::lower_bound(senders_.begin(), senders_.end(), node,
                                     [](const Sender& each, NodeId wanted) { return each.node < wanted; });
    if (at != senders_.end() && at->node == node) return *at;
    return *senders_.insert(at, Sender{node, {}, {}});
}

}  // namespace motet::totem
