// RECOVERY: members that come from the same ring bring each other to the same state of it, inside the new ring's
// order; then the old ring is delivered to its end and the new one announced.
#include <algorithm>

#include "membership/totem/core.h"

namespace motet::totem {
namespace {

bool contains(std::span<const NodeId> nodes, NodeId node) {
    return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

std::vector<NodeId> without(std::span<const NodeId> nodes, std::span<const NodeId> those) {
    std::vector<NodeId> rest;
    for (const NodeId node : nodes) {
        if (!contains(those, node)) rest.push_back(node);
    }
    return rest;
}

}  // namespace

void Core::enter_recovery(wire::CommitToken& token) {
    ++counters_.recovery_entered;
    state_ = State::recovery;
    discard_token_ = false;
    recovery_.reset(ring_start_ + 1);
    resend_.clear();
    heard_.assign(heard_.size(), false);
    last_token_seq_ = ring_start_ - 1;
    send_commit_token(token, next_);

    trans_.clear();
    for (const NodeId node : memb_) {
        const auto member = std::find_if(token.members.begin(), token.members.end(),
                                         [node](const wire::CommitMember& m) { return m.nodeid == node; });
        if (member != token.members.end() && member->old_ring == old_ring_) trans_.push_back(node);
    }
    queue_old_frames(token);

    my_aru_ = high_seq_ = install_seq_ = ring_start_;
    aru_count_ = unchanged_ = rf_count_ = rotation_ = sole_for_ = 0;
    rf_set_ = held_ = holding_ = nobody_holds_ = false;
    last_seq_ = last_aru_ = ring_start_;
    restart(Timer::token, config_.token);
    restart(Timer::token_retransmit, config_.token_retransmit);
}

// If anyone who comes along misses something: all we hold above what everybody surely has is sent again.
void Core::queue_old_frames(const wire::CommitToken& token) {
    bool missing = false;
    std::uint32_t low = o_high_;
    for (const wire::CommitMember& member : token.members) {
        if (!contains(trans_, member.nodeid)) continue;
        missing = missing || !member.received;
        if (wire::seq_lt(member.aru, low)) low = member.aru;
    }
    if (!missing) return;
    // What is freed has been everywhere; a claim to miss it is not believed.
    if (wire::seq_lt(low, regular_.released())) low = regular_.released();
    for (std::uint32_t seq = low + 1; regular_.covers(seq) && wire::seq_lte(seq, o_high_); ++seq) {
        if (regular_.find(seq) != nullptr) resend_.push_back(seq);
    }
}

void Core::restore_snapshot() {
    my_aru_ = o_aru_;
    high_seq_ = o_high_;
    recovery_.reset(ring_start_ + 1);
    resend_.clear();
}

// A frame of the ring this node comes from. Those of another ring that merges with us are its members' business.
bool Core::carries_old_frame(const Frame& carrier, wire::Mcast& old) const {
    const auto inner = wire::decode_mcast(carrier.body());
    if (!inner || inner->encapsulated() || inner->ring != old_ring_ || inner->system_from != inner->header.nodeid) return false;
    old = *inner;
    return regular_.covers(old.seq);
}

// What another member has already sent again will reach everybody in the new ring's order.
void Core::forget_heard() {
    std::erase_if(resend_, [this](std::uint32_t seq) { return heard_[seq % SortQueue::kSlots]; });
}

std::uint32_t Core::send_old(wire::Token& token, std::uint32_t allowed) {
    std::uint32_t sent = 0;
    for (; sent < allowed && sent < resend_.size(); ++sent) {
        const Frame* old = regular_.find(resend_[sent]);
        if (old == nullptr || recovery_.find(token.seq + 1) != nullptr || !recovery_.covers(token.seq + 1)) break;
        wire::Mcast mcast;
        mcast.header.encapsulated = wire::kEncapsulated;
        mcast.header.nodeid = mcast.system_from = config_.self;
        mcast.seq = ++token.seq;
        mcast.this_seqno = this_seqno_++;
        mcast.ring = ring_;
        FramePtr frame = pool_.take(wire::kMcastHeaderSize + old->size);
        frame->from = config_.self;
        frame->seq = mcast.seq;
        frame->encapsulated = true;
        frame->safe = frame->foreign_order = false;
        frame->size = static_cast<std::uint32_t>(wire::kMcastHeaderSize) + old->size;
        wire::write_mcast_header(mcast, frame->writable());
        std::copy(old->bytes().begin(), old->bytes().end(), frame->writable().begin() + wire::kMcastHeaderSize);
        out_->multicast(recovery_.insert(std::move(frame)).bytes());
        ++counters_.mcast_sent;
        high_seq_ = token.seq;
        high_from_ = config_.self;
    }
    resend_.erase(resend_.begin(), resend_.begin() + sent);
    return sent;
}

// totem-state.md §4.10: when nobody has anything left to send again, and everybody has all that was sent.
void Core::track_recovery(wire::Token& token) {
    if (!resend_.empty()) {
        if (!token.retrans_flag) token.retrans_flag = rf_set_ = true;
    } else if (token.retrans_flag && rf_set_) {
        token.retrans_flag = rf_set_ = false;
    }
    rf_count_ = token.retrans_flag ? 0 : rf_count_ + 1;
    if (rf_count_ == 2) install_seq_ = token.seq;
    if (rf_count_ >= 2 && !received_flg_ && wire::seq_lte(install_seq_, my_aru_)) received_flg_ = true;
    const bool all_have_it = rf_count_ >= 3 && wire::seq_lte(install_seq_, token.aru);
    rotation_ = all_have_it ? rotation_ + 1 : 0;
    if (rotation_ == 2) enter_operational();
}

void Core::enter_operational() {
    ++counters_.operational_entered;
    originated_ = false;
    consensus_.clear();
    merge_recovered();

    const std::vector<NodeId> left = without(memb_, trans_), joined = without(new_memb_, trans_);
    memb_ = new_memb_;
    operational_ring_ = ring_;
    deliver_old_ring();  // up to the first gap, or to a safe message nobody may deliver yet as regular
    out_->transitional(ring_, trans_, left);
    wta_send_ = true;
    // From here on holes are skipped; behind one, only those who come along are heard (their messages are complete).
    bool hole = false;
    for (std::uint32_t seq = high_delivered_ + 1; regular_.covers(seq) && wire::seq_lte(seq, o_high_); ++seq) {
        const Frame* frame = regular_.find(seq);
        hole = hole || frame == nullptr;
        if (frame != nullptr && (!hole || contains(trans_, frame->from))) deliver_frame(*frame);
    }
    wta_send_ = wta_receive_ = true;
    // Not before the last message of the old ring: one of a node that left may have waited for it.
    std::erase_if(senders_, [this](const Sender& sender) { return !contains(trans_, sender.node); });
    out_->regular(ring_, memb_, joined);

    sync_queue_.drop_not_begun();
    sync_queue_.ring_changed();
    normal_queue_.ring_changed();
    proc_.clear();
    for (const NodeId node : memb_) proc_.add(node);
    failed_.clear();
    // All that was numbered so far carried old frames, and they are delivered.
    high_delivered_ = my_aru_ = high_seq_;
    regular_.reset(high_seq_ + 1);
    recovery_.reset(ring_start_ + 1);
    stable_ = last_aru_ = ring_start_;
    state_ = State::operational;
    settled_ = false;
    saved_ = false;
    received_flg_ = true;
    old_ring_ = ring_;
    pause_stamp_ = now_;
    restart(Timer::pause, config_.token / 5);
}

void Core::merge_recovered() {
    for (std::uint32_t seq = ring_start_ + 1; wire::seq_lte(seq, my_aru_) && recovery_.covers(seq); ++seq) {
        const Frame* carrier = recovery_.find(seq);
        if (carrier == nullptr) continue;
        wire::Mcast old;
        if (!carries_old_frame(*carrier, old) || !wire::seq_lt(high_delivered_, old.seq)) continue;
        if (regular_.find(old.seq) == nullptr) regular_.insert(copy_frame(old, carrier->body()));
        if (wire::seq_lt(o_high_, old.seq)) o_high_ = old.seq;
    }
}

void Core::deliver_old_ring() {
    for (std::uint32_t seq = high_delivered_ + 1; wire::seq_lte(seq, o_high_); ++seq) {
        const Frame* frame = regular_.find(seq);
        if (frame == nullptr || (frame->safe && !wire::seq_lte(seq, stable_))) return;
        high_delivered_ = seq;
        deliver_frame(*frame);
    }
}

}  // namespace motet::totem
