// The state behind Totem, with the names of totem-state.md §1. One file per state holds what is done in it: ring.cpp
// (the token of an operational or recovering ring), gather.cpp, commit.cpp, recovery.cpp; delivery.cpp stores and
// delivers; totem.cpp dispatches.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <map>
#include <vector>

#include "libs/wire/commit_token.h"
#include "libs/wire/join.h"
#include "libs/wire/mcast.h"
#include "libs/wire/token.h"
#include "membership/totem/assembly.h"
#include "membership/totem/flow.h"
#include "membership/totem/frame_pool.h"
#include "membership/totem/node_set.h"
#include "membership/totem/packing.h"
#include "membership/totem/sort_queue.h"
#include "membership/totem/timers.h"
#include "membership/totem/totem.h"

namespace motet::totem {

class Core {
public:
    // Every ring starts behind sequence number `ring_start`: 0, except in tests of the wrap.
    Core(const Config& config, std::uint64_t stored_ring_sequence, std::uint32_t ring_start = 0);

    // As in totem.h.
    void start(Instant now, Output& out);
    void on_frame(ByteView frame, Instant now, Output& out);
    void on_time(Instant now, Output& out);
    Instant deadline() const { return timers_.next(); }
    bool submit(const Submission& message, Instant now, Output& out);
    bool token_rotates() const { return state_ == State::operational && !held_; }
    std::size_t room(Stream stream) const;
    bool backlog_critical() const;
    bool all_sent() const { return normal_queue_.empty() && sync_queue_.empty(); }
    void leave(Output& out);
    void reconfigure(const Config& config);
    void limit_frames(std::size_t bytes);
    State state() const { return state_; }
    RingId ring() const { return operational_ring_; }
    std::span<const NodeId> members() const { return memb_; }
    bool waiting_for_sync() const { return wta_receive_; }
    const Counters& counters() const { return counters_; }
    std::string describe() const;

private:
    // What one node sent, per stream.
    struct Sender {
        NodeId node = 0;
        Assembly normal, sync;
    };

    // totem.cpp
    void begin(Instant now, Output& out);
    void run(Timer timer);
    void on_hold_cancel(ByteView frame);
    void on_merge_detect(ByteView frame);
    bool listed(NodeId node);
    void restart(Timer timer, Duration after) { timers_.start(timer, now_, after); }
    void stop(Timer timer) { timers_.stop(timer); }
    void multicast_and_loop_back(ByteView frame);

    // ring.cpp: one visit of the token, steps 4.1 to 4.13
    void on_token(ByteView frame);
    void count_idle(std::uint32_t seq);
    void note_sender(NodeId from, bool safe);
    void doubt_over();
    void free_stable(std::uint32_t aru, std::uint32_t aru_before);
    bool may_number(const SortQueue& store, std::uint32_t seq, std::uint32_t allowed) const;
    std::uint32_t send_new(wire::Token& token, std::uint32_t allowed);
    void set_aru(wire::Token& token) const;
    bool fails_to_receive(const wire::Token& token, std::uint32_t aru_before);
    void pass_on(wire::Token& token, bool forward);
    void send_kept_token();
    void release_hold();
    void resume_visit();
    bool quick() const { return quick_ && config_.quick_rest && state_ == State::operational && memb_.size() > 1; }
    void send_merge_detect();
    void token_lost();
    bool representative() const { return !memb_now().empty() && memb_now().front() == config_.self; }

    // delivery.cpp
    void on_mcast(ByteView frame);
    void on_foreign(NodeId from, RingId ring);
    FramePtr copy_frame(const wire::Mcast& mcast, ByteView frame);
    void advance_aru(const SortQueue& store);
    bool safe_pending() const;
    void deliver_ready();
    void deliver_frame(const Frame& frame);
    void apply(Verdict verdict);
    Sender& sender(NodeId node);

    // gather.cpp
    void enter_gather();
    void on_join(ByteView frame);
    void process_join(NodeId from, bool leave, const NodeSet& proc, const NodeSet& failed);
    void send_join();
    void delay_join();
    void consensus_expired();
    bool agreed() const;
    NodeId lowest() const;
    bool process_was_paused();
    void seen_in_ring(NodeId node, std::uint64_t seq);
    bool out_of_date(NodeId node, std::uint64_t seq) const;

    // commit.cpp
    void on_commit_token(ByteView frame);
    void create_commit_token();
    bool enter_commit(wire::CommitToken& token);
    void send_commit_token(wire::CommitToken& token, NodeId to);
    void start_ring();

    // recovery.cpp
    void enter_recovery(wire::CommitToken& token);
    void restore_snapshot();
    void queue_old_frames(const wire::CommitToken& token);
    bool carries_old_frame(const Frame& carrier, wire::Mcast& old) const;
    void forget_heard();
    std::uint32_t send_old(wire::Token& token, std::uint32_t allowed);
    void track_recovery(wire::Token& token);
    void enter_operational();
    void merge_recovered();
    void deliver_old_ring();

    // A ring sequence no cluster reaches; a peer that claims more would leave no room to count on.
    static constexpr std::uint64_t kRingSequenceMax = std::uint64_t{1} << 62;
    // Half of the store may wait for a slow member. All of that may have to be sent again in recovery, perhaps by
    // several members, and must fit into the new ring's store (P-34).
    static constexpr std::uint32_t kUnstableMax = SortQueue::kSlots / 2;

    // Rotations without a message after which a ring of Motet nodes idles. A message takes two to be known to all.
    static constexpr std::uint32_t kQuickRest = 2;
    // Visits with new messages, all from one node, after which that node keeps the token whenever everybody has everything.
    static constexpr std::uint32_t kSoleHolds = 6;
    // Members may count differently where frames pass each other: so many visits before the token should rest they begin to doubt
    // that it comes, and ask for it if it does not come within this time.
    static constexpr std::uint32_t kIdleDoubt = 1, kSoleDoubt = 3;
    static constexpr Duration kDoubtful = milliseconds(1);

    // The members of the ring that `ring_` names: in RECOVERY they are not announced yet.
    const std::vector<NodeId>& memb_now() const { return state_ == State::recovery ? new_memb_ : memb_; }

    Config config_;
    const std::uint32_t ring_start_;
    std::size_t body_max_;             // M: most bytes of a plain frame's body
    const std::size_t queue_bytes_;    // Q frames of M bytes
    std::vector<NodeId> listed_;       // configured nodes, sorted

    // Of the present call.
    Instant now_{};
    Output* out_ = nullptr;

    State state_ = State::operational;  // with no members: before start()
    Timers timers_;
    Counters counters_;
    Instant pause_stamp_{};
    Instant joins_dropped_until_{};     // after a pause of the process
    Instant store_retry_at_{};          // after a ring sequence could not be stored
    bool started_ = false;
    std::uint64_t random_;

    // Rings and members.
    RingId ring_, old_ring_, operational_ring_;
    std::uint64_t ring_seq_seen_;
    NodeSet proc_, failed_, consensus_;
    std::vector<NodeId> memb_, new_memb_, trans_;
    NodeId next_ = 0;                   // next member of the ring
    bool failed_to_recv_ = false;
    // The highest ring sequence another node was seen with, and when. A node's sequence only grows.
    struct Seen {
        std::uint64_t seq = 0;
        Instant at{};
    };
    std::map<NodeId, Seen> seen_;       // at most kNodesMax
    bool settled_ = false;              // operational, and the token has been round since: so are all members

    // Frames. The regular queue's are those of `operational_ring_`.
    FramePool pool_;
    SortQueue regular_, recovery_;
    std::uint32_t my_aru_, high_seq_, high_delivered_;
    std::uint32_t stable_;              // every member has all up to here: two visits of the token said so
    std::uint32_t this_seqno_ = 0;
    NodeId high_from_ = 0;              // who sent number high_seq_, as far as known

    // The token.
    Bytes kept_token_;                  // the last one sent, or held
    bool discard_token_ = true, originated_ = false;
    bool held_ = false;                 // the ring is idle
    bool holding_ = false;              // and this node has not sent the token on
    bool quick_ = false;                // all members are Motet and rest the token after kQuickRest rotations
    Instant last_visit_{};
    std::uint32_t passes_ = 0;          // visits without a message and without a hold before them
    NodeId sole_ = 0;                   // who alone has sent messages,
    std::uint32_t sole_for_ = 0;        // for so many visits that brought some
    bool nobody_holds_ = false;         // so many that whoever should hold the token must be gone
    bool rests_here_ = false;           // when it is held, then by this node: the representative, or whoever sent last
    std::uint32_t last_token_seq_, last_seq_ = 0, unchanged_ = 0;
    std::uint32_t last_aru_ = 0, aru_count_ = 0;
    Flow flow_;

    // Recovery.
    bool saved_ = false;                // old_ring_, o_aru_ and o_high_ are the snapshot of the old ring
    std::uint32_t o_aru_ = 0, o_high_ = 0;
    bool received_flg_ = true;
    bool rf_set_ = false;
    std::uint32_t rf_count_ = 0, install_seq_ = 0, rotation_ = 0;
    std::vector<std::uint32_t> resend_;  // old numbers, ascending
    std::vector<bool> heard_;            // old numbers modulo SortQueue::kSlots that some member has sent again

    // Messages.
    SendQueue normal_queue_, sync_queue_;
    bool wta_send_ = true, wta_receive_ = true;
    std::vector<Sender> senders_;        // sorted by node
    Bytes scratch_;                      // control frames are built here
};

}  // namespace motet::totem
