// One client link as the server keeps it. Private to libs/ipc/server*.cpp.
#pragma once
#include <optional>

#include "libs/ipc/server.h"

namespace motet::ipc {

struct Server::Client {
    Connection conn;
    std::uint32_t slot = 0;
    ring::Segment own, peer;
    std::optional<ring::Producer> events;
    std::optional<ring::Consumer> requests;
    std::optional<Backlog> backlog;

    // In which of the server's lists it stands.
    bool active = false, touched = false, lagging = false, closing = false, penalised = false;

    bool hung_up = false;           // the process is gone; what it left in its ring is still served
    std::uint64_t serve_until = 0;  // position where that ends, come what may
    bool space_wanted = false;      // a token will tell of room in the event ring
    bool warned = false;            // the soft backlog limit was logged
    bool throttles = false;         // holds the senders back
    unsigned empty_rounds = 0;
    ring::CutReason close_reason = ring::CutReason::none;

    EventKey last;      // event for this client, wherever it went
    EventKey in_ring;   // the last one in the ring
    EventKey has;       // the last one that a predecessor had given to it
    EventKey repeating; // the last one that was caused again while the successor goes through old inputs
    bool adopted_used = false;

    bool armed = false;               // and no request was taken since
    unsigned tokens_owed = 0;         // announcements of requests that were taken before the token was seen
    std::uint64_t tail_at_token = 0;  // the client's event cursor when it last sent a token
    unsigned idle_tokens = 0;         // wake-ups in this window that we did not ask for and that brought nothing
    Instant idle_window{};
    Instant penalty_until = kNever;

    bool replied = false;             // it may keep a reply that is true until the next raise_epochs()
    std::uint64_t requests_taken = 0, replies = 0, events_given = 0, lags = 0;

    std::uint64_t lag_tail = 0;  // the client's cursor when it was last seen to move
    Instant lag_moved{};
};

}  // namespace motet::ipc
