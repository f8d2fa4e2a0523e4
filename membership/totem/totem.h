// Totem's single-ring protocol as a state machine: frames, time and submissions in; frames, deliveries and
// configuration changes out (output.h). It knows no socket, clock, thread or service. One file per state:
// ring.cpp (operational), gather.cpp, commit.cpp, recovery.cpp.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/base/time.h"
#include "membership/totem/config.h"
#include "membership/totem/output.h"

namespace motet::totem {

enum class State : std::uint8_t { operational, gather, commit, recovery };
const char* name(State state);

// The two send queues: `normal` rests from a configuration change until synchronisation is complete;
// `sync` (Corosync's "trans" queue) is the only one sent meanwhile.
enum class Stream : std::uint8_t { normal, sync };

struct Submission {
    std::span<const ByteView> pieces;           // the message, group prefix included
    Stream stream = Stream::normal;
    Guarantee guarantee = Guarantee::agreed;
    // A unit of several messages is restarted from its first message when a ring change cuts it (all-Motet rings).
    bool unit_first = true;
    bool unit_last = true;
    Tag tag{};                                  // told back by Output::numbered() and own_next()
};

// Totals since start; a reader may copy it at any time between calls.
struct Counters {
    std::uint64_t mcast_sent = 0, mcast_received = 0, mcast_retransmitted = 0, retransmit_requests = 0;
    std::uint64_t tokens_received = 0, tokens_retransmitted = 0, token_losses = 0, token_hold_cancels = 0;
    std::uint64_t joins_sent = 0, joins_received = 0, commits_received = 0, merge_detects_received = 0;
    std::uint64_t gather_entered = 0, commit_entered = 0, recovery_entered = 0, operational_entered = 0;
    std::uint64_t consensus_timeouts = 0, messages_delivered = 0, messages_submitted = 0, fragments_dropped = 0;
    std::uint64_t fail_to_receive = 0;
    std::uint64_t tokens_sent = 0, commits_sent = 0, merge_detects_sent = 0, hold_cancels_received = 0;
    std::uint64_t token_losses_in[4] = {};   // by State
    Instant token_received_at{};             // the last one that counted
    // Frames that were dropped, by reason.
    std::uint64_t dropped_malformed = 0, dropped_unlisted = 0, dropped_foreign_ring = 0, dropped_duplicate = 0;
    std::uint64_t dropped_out_of_window = 0, dropped_state = 0;
};

class Core;  // the implementation, core.h

class Totem {
public:
    // `stored_ring_sequence`: what store_ring_sequence() last kept, 0 on a node's first start.
    Totem(const Config& config, std::uint64_t stored_ring_sequence);
    ~Totem();
    Totem(const Totem&) = delete;
    Totem& operator=(const Totem&) = delete;

    // The transport is up: enter GATHER. Also to force a new ring (a worker was replaced).
    void start(Instant now, Output& out);
    // One datagram, from the network or looped back. Malformed ones are counted and dropped.
    void on_frame(ByteView frame, Instant now, Output& out);
    // Runs every timer that is due.
    void on_time(Instant now, Output& out);
    // When on_time() wants to be called next.
    Instant deadline() const;

    // Takes a copy of a message of 1 byte up to kMessageMax. False: no room in its queue, nothing was taken
    // (then room() says how much there is). While not synchronised the normal queue takes 32 MiB more.
    bool submit(const Submission& message, Instant now, Output& out);
    std::size_t room(Stream stream) const;      // bytes
    bool backlog_critical() const;              // three quarters of the normal queue are in use
    bool all_sent() const;                      // nothing that was submitted waits for the token

    // Orderly departure: one leave message. Nothing may be called afterwards.
    void leave(Output& out);

    // Other timers, limits and configured nodes from now on; a timer that runs keeps its end. This node, the largest frame and
    // the random seed stay what they are.
    void reconfigure(const Config& config);

    // Frames of at most so many bytes from now on, whatever the configuration allows beyond; with `bytes` below 256, of 256.
    void limit_frames(std::size_t bytes);

    State state() const;
    RingId ring() const;                        // of the last operational ring
    std::span<const NodeId> members() const;
    bool waiting_for_sync() const;
    // The token is on its way and will come by itself: a submission can wait for it. False on an idle or forming ring.
    bool token_rotates() const;
    const Counters& counters() const;
    std::string describe() const;               // one line for logs and the state dump

private:
    std::unique_ptr<Core> core_;
};

// Largest message, group prefix included (Corosync's MESSAGE_SIZE_MAX).
inline constexpr std::size_t kMessageMax = 1048576;

}  // namespace motet::totem
