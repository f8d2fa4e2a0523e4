// The token of an operational or recovering ring: one visit, in the order of totem-state.md §4, and its timers.
#include <algorithm>

#include "libs/wire/hold_cancel.h"
#include "libs/wire/merge_detect.h"
#include "membership/totem/core.h"
#include "membership/totem/retransmit.h"

namespace motet::totem {

void Core::on_token(ByteView frame) {
    auto decoded = wire::decode_token(frame);
    if (!decoded || frame.size() > wire::kTokenFrameMax) {
        ++counters_.dropped_malformed;
        return;
    }
    wire::Token& token = *decoded;
    if (!listed(token.header.nodeid)) return;
    if (discard_token_ || (state_ != State::operational && state_ != State::recovery)) {
        ++counters_.dropped_state;
        return;
    }
    if (token.ring != ring_) {
        ++counters_.dropped_foreign_ring;
        return;
    }
    count_idle(token.seq);
    if (wire::seq_lte(token.token_seq, last_token_seq_)) {
        ++counters_.dropped_duplicate;
        return;
    }
    ++counters_.tokens_received;
    counters_.token_received_at = now_;
    holding_ = false;
    const std::uint32_t aru_before = last_aru_;
    last_aru_ = token.aru;
    const bool recovering = state_ == State::recovery;
    if (!recovering) settled_ = true;
    if (!recovering) free_stable(token.aru, aru_before);
    SortQueue& store = recovering ? recovery_ : regular_;

    if (recovering) forget_heard();
    const SendQueue& queue = wta_send_ ? sync_queue_ : normal_queue_;
    const std::uint32_t backlog = recovering ? static_cast<std::uint32_t>(resend_.size()) : queue.backlog();
    std::uint32_t allowed = flow_.allowed(config_, token, backlog);
    const std::uint32_t may_send = allowed;
    const bool requests = !token.retransmit.empty();
    const std::uint32_t repeated = answer_requests(token, ring_, store, allowed, *out_);
    const std::uint32_t asked = request_missing(token, ring_, store, my_aru_, config_.miss_count_const);
    counters_.mcast_retransmitted += repeated;
    counters_.retransmit_requests += asked;
    allowed -= repeated;

    bool forward = !(held_ && rests_here_) || (quick() && token.aru != token.seq);
    if (held_) {
        // A safe message waits for two more rotations, which must not become two hold periods.
        const bool waiting = safe_pending();
        const bool repairing = config_.cancel_token_hold_on_retransmit && (repeated > 0 || !token.retransmit.empty());
        if (waiting && forward) release_hold();
        if (waiting || repairing) {
            held_ = false;
            forward = true;
        }
    }
    if (!may_number(store, token.seq, allowed)) allowed = 0;
    const std::uint32_t sent = recovering ? send_old(token, allowed) : send_new(token, allowed);
    if (quick() && rests_here_ && (forward || sent > 0)) {
        held_ = false;
        forward = true;
    }
    advance_aru(store);
    flow_.account(token, repeated + sent);
    flow_.adapt(requests || asked > 0, sent == may_send && sent > 0);
    set_aru(token);
    if (fails_to_receive(token, aru_before)) return;
    last_token_seq_ = token.token_seq;
    ++token.token_seq;
    if (recovering) track_recovery(token);
    pass_on(token, forward);
    if (state_ == State::operational) deliver_ready();
}

// Also for a token that is dropped as a duplicate: representative and members count alike (P-40).
void Core::count_idle(std::uint32_t seq) {
    if (seq == last_seq_) {
        if (!timers_.running(Timer::merge)) restart(Timer::merge, config_.merge);
        ++unchanged_;
    } else {
        stop(Timer::merge);
        stop(Timer::hold);
        unchanged_ = 0;
        nobody_holds_ = false;
        if (sole_for_ < kSoleHolds) ++sole_for_;
    }
    passes_ = unchanged_ > 0 && now_ - last_visit_ < config_.hold / 2 ? passes_ + 1 : 0;
    last_visit_ = now_;
    last_seq_ = seq;
    // Alone there is nobody to wait for, only the visit that a cancelled hold begins with.
    const std::uint32_t usual = config_.seqno_unchanged_const;
    const std::uint32_t most = quick() ? std::min(kQuickRest, usual) : memb_.size() == 1 ? std::min(1u, usual) : usual;
    rests_here_ = quick() ? high_from_ == config_.self && high_seq_ == seq : representative();
    stop(Timer::rest);
    if (rests_here_) {
        held_ = unchanged_ > most || (quick() && sole_ == config_.self && sole_for_ >= kSoleHolds);
    } else {
        // Of the visit that comes before the hold nobody knows more.
        held_ = unchanged_ >= most || (quick() && sole_ != config_.self && sole_for_ >= kSoleHolds);
        if (!held_ && quick() && (unchanged_ + kIdleDoubt >= most || (sole_ != config_.self && sole_for_ + kSoleDoubt >= kSoleHolds)))
            restart(Timer::rest, kDoubtful);
    }
    nobody_holds_ |= quick() && passes_ > most + 2;
    if (nobody_holds_ && representative()) rests_here_ = true;
}

// The token should have come again: it may have come to rest.
void Core::doubt_over() {
    if (!quick() || holding_) return;
    held_ = true;
    const SendQueue& queue = wta_send_ ? sync_queue_ : normal_queue_;
    if (!queue.empty()) release_hold();
}

// Safe messages need rotations, from whomever they are.
void Core::note_sender(NodeId from, bool safe) {
    if (from != sole_ || safe) sole_for_ = 0;
    sole_ = from;
}

// Two successive visits whose aru covers a number: every member has the frame, and a member that asks has been
// answered.
void Core::free_stable(std::uint32_t aru, std::uint32_t aru_before) {
    std::uint32_t to = wire::seq_lt(aru, aru_before) ? aru : aru_before;
    if (wire::seq_lt(stable_, to)) stable_ = to;
    if (wire::seq_lt(high_delivered_, to)) to = high_delivered_;
    regular_.free_up_to(to);
}

// The windows of all members must be able to hold what is sent, and the numbers must be free to give.
bool Core::may_number(const SortQueue& store, std::uint32_t seq, std::uint32_t allowed) const {
    const std::uint32_t margin = allowed + flow_.window(config_);
    const std::uint32_t slots = state_ == State::recovery || margin >= kUnstableMax ? SortQueue::kSlots : kUnstableMax;
    return !wire::seq_lt(store.released() + slots - margin, seq) && !wire::seq_lt(seq, high_seq_);
}

std::uint32_t Core::send_new(wire::Token& token, std::uint32_t allowed) {
    SendQueue& queue = wta_send_ ? sync_queue_ : normal_queue_;
    std::uint32_t sent = 0;
    for (; sent < allowed && !queue.empty(); ++sent) {
        FramePtr frame = pool_.take(wire::kMcastHeaderSize + queue.next_body_max());
        const SendQueue::Cut cut = queue.cut(frame->writable().subspan(wire::kMcastHeaderSize));
        wire::Mcast mcast;
        mcast.header.nodeid = mcast.system_from = config_.self;
        mcast.seq = ++token.seq;
        mcast.this_seqno = this_seqno_++;
        mcast.ring = ring_;
        mcast.guarantee = static_cast<std::uint32_t>(cut.safe ? Guarantee::safe : Guarantee::agreed);
        wire::write_mcast_header(mcast, frame->writable());
        frame->from = config_.self;
        frame->seq = mcast.seq;
        frame->encapsulated = frame->foreign_order = false;
        frame->safe = cut.safe;
        frame->done.assign(cut.done.begin(), cut.done.end());
        for (std::size_t i = 0; i < cut.done.size(); ++i)
            if (cut.done[i].owner != 0 && (i + 1 == cut.done.size() || cut.done[i + 1].owner != cut.done[i].owner)) out_->numbered(cut.done[i]);
        frame->size = static_cast<std::uint32_t>(wire::kMcastHeaderSize + cut.size);
        out_->multicast(regular_.insert(std::move(frame)).bytes());
        ++counters_.mcast_sent;
        high_seq_ = token.seq;
        high_from_ = config_.self;
        note_sender(config_.self, cut.safe);
    }
    return sent;
}

void Core::set_aru(wire::Token& token) const {
    if (wire::seq_lt(my_aru_, token.aru) || token.aru_addr == config_.self || token.aru_addr == 0) {
        token.aru = my_aru_;
        token.aru_addr = token.aru == token.seq ? 0 : config_.self;
    }
}

// A node accuses only itself (P-24): it has held the ring's aru down for too long.
bool Core::fails_to_receive(const wire::Token& token, std::uint32_t aru_before) {
    aru_count_ = token.aru == aru_before && token.aru_addr != 0 ? aru_count_ + 1 : 0;
    if (aru_count_ <= config_.fail_recv_const || token.aru_addr != config_.self) return false;
    ++counters_.fail_to_receive;
    failed_to_recv_ = true;
    failed_.add(config_.self);
    enter_gather();
    return true;
}

void Core::pass_on(wire::Token& token, bool forward) {
    token.header.nodeid = config_.self;
    token.header.target = next_;
    kept_token_.clear();
    wire::encode_token(token, kept_token_);
    if (forward) {
        send_kept_token();
    } else {
        holding_ = true;
        restart(Timer::hold, config_.hold);
    }
    restart(Timer::token, config_.token);
    restart(Timer::token_retransmit, config_.token_retransmit);
    const Duration heartbeat = config_.token_retransmit * config_.heartbeat_failures_allowed + config_.max_network_delay;
    if (config_.heartbeat_failures_allowed > 0 && heartbeat < config_.token) {
        if (forward) restart(Timer::heartbeat, heartbeat); else stop(Timer::heartbeat);
    }
}

void Core::send_kept_token() {
    holding_ = false;
    ++(state_ == State::commit ? counters_.commits_sent : counters_.tokens_sent);
    out_->unicast(next_, kept_token_);
}

// Something is to be sent, but the ring idles: ask whoever has the token for it. In a ring of
// Motet nodes whoever has it goes on with its visit, once everything is queued that comes in together.
void Core::release_hold() {
    if (!held_ || (state_ != State::operational && state_ != State::recovery)) return;
    held_ = false;
    if (holding_ && quick()) {
        unchanged_ = 0;
        return timers_.start(Timer::hold, Instant{now_.ns - microseconds(1).ns}, Duration{});     // due now
    }
    wire::HoldCancel cancel;
    cancel.header.nodeid = config_.self;
    cancel.ring = ring_;
    scratch_.clear();
    wire::encode_hold_cancel(cancel, scratch_);
    ++counters_.token_hold_cancels;
    multicast_and_loop_back(scratch_);
}

// The token leaves that was held here, with what was submitted meanwhile: to the others a long visit, no more.
void Core::resume_visit() {
    SendQueue& queue = wta_send_ ? sync_queue_ : normal_queue_;
    auto token = wire::decode_token(kept_token_);
    if (token && !queue.empty()) {
        std::uint32_t allowed = flow_.allowed(config_, *token, queue.backlog());
        if (!may_number(regular_, token->seq, allowed)) allowed = 0;
        const std::uint32_t sent = send_new(*token, allowed);
        advance_aru(regular_);
        flow_.account_more(*token, sent);
        set_aru(*token);
        kept_token_.clear();
        wire::encode_token(*token, kept_token_);
    }
    send_kept_token();
    restart(Timer::token_retransmit, config_.token_retransmit);
    deliver_ready();
}

void Core::send_merge_detect() {
    if (state_ != State::operational || !representative()) return;
    wire::MergeDetect detect;
    detect.header.nodeid = detect.system_from = config_.self;
    detect.ring = ring_;
    scratch_.clear();
    wire::encode_merge_detect(detect, scratch_);
    ++counters_.merge_detects_sent;
    multicast_and_loop_back(scratch_);
}

void Core::token_lost() {
    ++counters_.token_losses;
    ++counters_.token_losses_in[static_cast<std::size_t>(state_)];
    if (state_ == State::gather && !agreed()) return consensus_expired();
    enter_gather();
}

}  // namespace motet::totem
