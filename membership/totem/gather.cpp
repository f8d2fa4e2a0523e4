// GATHER: who is there. Joins are exchanged until all that are not given up propose the same membership; then
// the lowest of them makes the commit token.
#include <algorithm>

#include "libs/wire/join.h"
#include "membership/totem/core.h"

namespace motet::totem {
namespace {

template <class List>
bool to_set(const List& list, NodeSet& set) {
    for (const NodeId node : list) {
        if (node == 0 || !set.add(node)) return false;
    }
    return true;
}

bool contains(std::span<const NodeId> nodes, NodeId node) {
    return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

}  // namespace

void Core::enter_gather() {
    if (state_ == State::recovery) restore_snapshot();
    ++counters_.gather_entered;
    state_ = State::gather;
    discard_token_ = true;
    originated_ = held_ = holding_ = false;
    proc_.add(config_.self);
    consensus_.clear();
    consensus_.add(config_.self);
    for (const Timer timer : {Timer::token, Timer::token_retransmit, Timer::merge, Timer::hold, Timer::rest, Timer::heartbeat}) stop(timer);
    restart(Timer::join, config_.join);
    restart(Timer::consensus, config_.consensus);
    delay_join();
}

void Core::delay_join() {
    if (config_.send_join.ns <= 0) return send_join();
    if (timers_.running(Timer::join_delay)) return;
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    restart(Timer::join_delay, {static_cast<std::int64_t>(random_ % static_cast<std::uint64_t>(config_.send_join.ns))});
}

void Core::send_join() {
    if (state_ != State::gather) return;
    wire::Join join;
    join.header.nodeid = join.system_from = config_.self;
    join.ring_seq = ring_.seq;
    for (const NodeId node : proc_) join.proc_list.push(node);
    for (const NodeId node : failed_) join.failed_list.push(node);
    scratch_.clear();
    wire::encode_join(join, scratch_);
    ++counters_.joins_sent;
    multicast_and_loop_back(scratch_);
}

void Core::leave(Output& out) {
    out_ = &out;
    wire::Join join;
    join.header.nodeid = 0;
    join.system_from = config_.self;
    join.ring_seq = ring_.seq;
    for (const NodeId node : proc_) {
        if (node != config_.self) join.proc_list.push(node);
    }
    for (const NodeId node : failed_) {
        if (node != config_.self) join.failed_list.push(node);
    }
    join.failed_list.push(config_.self);  // the leaver is the last entry
    scratch_.clear();
    wire::encode_join(join, scratch_);
    ++counters_.joins_sent;
    out_->multicast(scratch_);
}

// After a pause (a stopped process, a migrated machine) the joins in the receive queue describe a world that is
// gone. What the shell has queued is handed in within one join interval; peers repeat what still holds.
bool Core::process_was_paused() {
    if (now_ - pause_stamp_ > config_.token / 2) {
        joins_dropped_until_ = now_ + config_.join;
        pause_stamp_ = now_;
        restart(Timer::pause, config_.token / 5);
    }
    return now_ < joins_dropped_until_;
}

void Core::seen_in_ring(NodeId node, std::uint64_t seq) {
    if (seen_.size() >= kNodesMax && !seen_.contains(node)) return;
    Seen& seen = seen_[node];
    if (seq < seen.seq && now_ - seen.at <= config_.join * 2) return;
    seen = {seq, now_};
}

// A join that the network held back while its sender went on to another ring. What it gives up may be right here: heeded, it
// would split the cluster once more. The bound in time is for a node that lost its stored sequence.
bool Core::out_of_date(NodeId node, std::uint64_t seq) const {
    const auto seen = seen_.find(node);
    return seen != seen_.end() && seq < seen->second.seq && now_ - seen->second.at <= config_.join * 2;
}

void Core::on_join(ByteView frame) {
    const auto join = wire::decode_join(frame);
    NodeSet proc, failed;
    if (!join || join->ring_seq >= kRingSequenceMax || !to_set(join->proc_list, proc) || !to_set(join->failed_list, failed)) {
        ++counters_.dropped_malformed;
        return;
    }
    const NodeId from = join->system_from;
    if (!listed(from)) return;
    ++counters_.joins_received;
    if (process_was_paused()) {
        ++counters_.dropped_state;
        return;
    }
    if (out_of_date(from, join->ring_seq)) {
        ++counters_.dropped_state;
        return;
    }
    seen_in_ring(from, join->ring_seq);
    ring_seq_seen_ = std::max(ring_seq_seen_, join->ring_seq);

    bool heed = true;
    switch (state_) {
        case State::operational:
            // Joins that predate this ring, or speak of a partition that is over, would break it up for ever (P-16, P-18);
            // for strangers see on_foreign().
            heed = from != config_.self && !failed.contains(config_.self) &&
                   (contains(memb_, from) ? join->ring_seq >= ring_.seq : settled_);
            break;
        case State::gather: break;
        case State::commit:
        case State::recovery:
            heed = contains(new_memb_, from) && join->ring_seq >= ring_.seq;
            break;
    }
    if (!heed) {
        ++counters_.dropped_state;
        return;
    }
    const State before = state_;
    const std::uint64_t entered = counters_.gather_entered;
    process_join(from, join->leave(), proc, failed);
    if ((before == State::commit || before == State::recovery) && counters_.gather_entered == entered) enter_gather();
}

void Core::process_join(NodeId from, bool leave, const NodeSet& proc, const NodeSet& failed) {
    if (proc_.same_as(proc) && failed_.same_as(failed)) {
        if (!leave) consensus_.add(from);
        if (state_ == State::gather && agreed()) {
            if (failed_to_recv_) {
                // The others go on without this node; it goes on alone and will merge.
                failed_to_recv_ = false;
                proc_.clear();
                proc_.add(config_.self);
                failed_.clear();
                return create_commit_token();
            }
            if (lowest() == config_.self) return create_commit_token();
        }
    } else if (!(proc_.contains_all(proc) && failed_.contains_all(failed)) && !failed_.contains(from) && from != config_.self) {
        NodeSet all = proc_;
        if (!std::all_of(proc.begin(), proc.end(), [&](NodeId node) { return all.add(node); })) {
            ++counters_.dropped_malformed;  // more than kNodesMax nodes between us
            return;
        }
        NodeSet given_up = failed_;
        if (failed.contains(config_.self)) {
            given_up.add(from);
        } else if (contains(memb_, from)) {
            for (const NodeId node : failed) given_up.add(node);
        }
        // A stranger's failed list is ignored. Answering it with a new join although nothing changed would make two such
        // nodes answer each other for ever, each join doubled by every listener.
        const bool news = !proc_.same_as(all) || !failed_.same_as(given_up);
        proc_ = all;
        failed_ = given_up;
        if (news || state_ != State::gather) enter_gather();
        return;
    }
    if (state_ == State::operational) enter_gather();
}

bool Core::agreed() const {
    return std::all_of(proc_.begin(), proc_.end(),
                       [this](NodeId node) { return failed_.contains(node) || consensus_.contains(node); });
}

NodeId Core::lowest() const {
    NodeId lowest = 0;
    for (const NodeId node : proc_) {
        if (!failed_.contains(node) && (lowest == 0 || node < lowest)) lowest = node;
    }
    return lowest;
}

void Core::consensus_expired() {
    if (state_ != State::gather) return;
    if (agreed()) {
        // The lowest node has one token period to send its commit token.
        consensus_.clear();
        consensus_.add(config_.self);
        return restart(Timer::token, config_.token);
    }
    for (const NodeId node : proc_) {
        if (!consensus_.contains(node)) failed_.add(node);
    }
    enter_gather();
}

}  // namespace motet::totem
