// COMMIT: the proposed ring is walked twice. The first rotation collects what each member has of its old ring, the
// second shows the whole table to everybody.
#include <algorithm>

#include "membership/totem/core.h"

namespace motet::totem {

void Core::create_commit_token() {
    if (now_ < store_retry_at_) return;
    wire::CommitToken token;
    token.ring = {config_.self, ring_seq_seen_ + 4};
    std::vector<NodeId> members;
    for (const NodeId node : proc_) {
        if (!failed_.contains(node)) members.push_back(node);
    }
    std::sort(members.begin(), members.end());
    for (const NodeId node : members) {
        wire::CommitMember member;
        member.nodeid = node;
        token.members.push(member);
    }
    enter_commit(token);
}

// False if the ring's sequence could not be stored: without it a restarted node might use the same ring id again.
bool Core::enter_commit(wire::CommitToken& token) {
    if (!out_->store_ring_sequence(token.ring.seq)) {
        store_retry_at_ = now_ + config_.join;
        return false;
    }
    ++counters_.commit_entered;
    if (!saved_) {
        saved_ = true;
        old_ring_ = ring_;
        o_aru_ = my_aru_;
        o_high_ = high_seq_;
    }
    new_memb_.clear();
    for (const wire::CommitMember& member : token.members) new_memb_.push_back(member.nodeid);
    received_flg_ = my_aru_ == high_seq_;

    const std::uint32_t index = token.memb_index;
    wire::CommitMember& mine = token.members[index];
    mine.old_ring = old_ring_;
    mine.aru = o_aru_;
    mine.high_delivered = high_delivered_;
    mine.received = received_flg_;
    std::uint32_t highest = o_aru_;
    for (std::uint32_t i = 0; i <= index; ++i) {
        const wire::CommitMember& member = token.members[i];
        if (member.old_ring == old_ring_ && wire::seq_lt(highest, member.aru)) highest = member.aru;
    }
    for (std::uint32_t i = 0; i <= index; ++i) {
        wire::CommitMember& member = token.members[i];
        if (member.old_ring == old_ring_ && wire::seq_lt(member.aru, highest)) member.received = false;
    }
    received_flg_ = mine.received;

    token.memb_index = index + 1;
    next_ = token.members[token.memb_index % token.members.size()].nodeid;
    stop(Timer::join);
    stop(Timer::join_delay);
    stop(Timer::consensus);
    ring_ = token.ring;
    ring_seq_seen_ = std::max(ring_seq_seen_, ring_.seq);
    state_ = State::commit;
    flow_.reset();
    quick_ = false;
    restart(Timer::token, config_.token);
    send_commit_token(token, next_);
    return true;
}

void Core::send_commit_token(wire::CommitToken& token, NodeId to) {
    ++token.token_seq;
    token.header.nodeid = config_.self;
    token.header.target = to;
    kept_token_.clear();
    wire::encode_commit_token(token, kept_token_);
    ++counters_.commits_sent;
    out_->unicast(to, kept_token_);
    restart(Timer::token_retransmit, config_.token_retransmit);
}

void Core::on_commit_token(ByteView frame) {
    auto token = wire::decode_commit_token(frame);
    const auto size = static_cast<std::uint32_t>(token->members.size());
    if (!token || token->ring.rep != token->members[0].nodeid || token->ring.seq >= kRingSequenceMax) {
        ++counters_.dropped_malformed;
        return;
    }
    if (!listed(token->header.nodeid)) return;
    ++counters_.commits_received;

    const bool complete = token->memb_index == size && token->ring == ring_;
    if (state_ == State::gather) {
        const auto agreed_on = [this](const wire::CommitMember& member) {
            return proc_.contains(member.nodeid) && !failed_.contains(member.nodeid);
        };
        const auto proposed = static_cast<std::size_t>(
            std::count_if(proc_.begin(), proc_.end(), [this](NodeId node) { return !failed_.contains(node); }));
        if (token->memb_index < size && token->members[token->memb_index].nodeid == config_.self &&
            token->ring.seq > ring_.seq && proposed == size &&
            std::all_of(token->members.begin(), token->members.end(), agreed_on)) {
            enter_commit(*token);
            return;
        }
    } else if (state_ == State::commit && complete) {
        return enter_recovery(*token);
    } else if (state_ == State::recovery && complete && !originated_ && ring_.rep == config_.self &&
               token->token_seq == 2 * size) {
        // Everybody has seen the table; only now may the ring's token start (P-12).
        return start_ring();
    }
    ++counters_.dropped_state;
}

void Core::start_ring() {
    originated_ = true;
    wire::Token token;
    token.header.nodeid = config_.self;
    token.header.target = next_;
    token.seq = token.token_seq = ring_start_;
    token.aru = ring_start_ - 1;
    token.aru_addr = config_.self;
    token.ring = ring_;
    token.retrans_flag = rf_set_ = !resend_.empty();
    kept_token_.clear();
    wire::encode_token(token, kept_token_);
    ++counters_.tokens_sent;
    out_->unicast(next_, kept_token_);
    restart(Timer::token, config_.token);
    restart(Timer::token_retransmit, config_.token_retransmit);
}

}  // namespace motet::totem
