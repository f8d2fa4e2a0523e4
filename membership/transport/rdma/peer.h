// Finding one peer: its address handle and queue pair are asked for in advance, so that a token's target is a table lookup.
// Pure: told what happened and what time it is, says what to do next.
#pragma once
#include <cstdint>

#include "libs/base/time.h"

namespace motet::transport::rdma {

class Query {
public:
    enum class State : std::uint8_t { idle, address, route, asking, ready };
    // What the caller does with the query's identifier, at once.
    enum class Do : std::uint8_t {
        nothing,
        resolve_address,   // make an identifier, resolve the address
        resolve_route,
        ask,               // connect with a new nonce
        adopt,             // keep what the answer gave, destroy the identifier
        abandon,           // destroy the identifier
    };

    static constexpr Duration kStepLimit = seconds(3);       // of a whole query: the library's own limit is 70 s
    static constexpr Duration kFirstPause = milliseconds(200), kPauseMax = seconds(5);
    static constexpr Duration kLostPause = seconds(1);       // between two queries that unknown datagrams cause

    explicit Query(std::uint32_t seed) : random_(seed | 1) {}

    State state() const { return state_; }
    bool in_flight() const { return state_ != State::idle && state_ != State::ready; }
    bool ready() const { return state_ == State::ready; }

    // `may_start`: fewer queries than allowed are in flight on this link.
    Do on_time(Instant now, bool may_start);
    Do on_address_resolved() { return step(State::address, State::route, Do::resolve_route); }
    Do on_route_resolved() { return step(State::route, State::asking, Do::ask); }
    // The answer was authentic and of the right cluster and node.
    Do on_answer();
    // Any error of the present step; `refused`: the peer said no, which a retry in a moment does not change.
    Do on_failed(Instant now, bool refused);
    // A datagram or query came from another life or queue pair of the peer than the one known. That is a reason to ask again,
    // at most once a second, and no more: it may be forged, so what is known stays until the answer.
    void on_changed(Instant now);
    // The link is closed: identifiers and handles are gone already.
    void reset() { *this = Query(random_); }

private:
    Do step(State from, State to, Do what);
    void pause(Instant now, Duration time);

    State state_ = State::idle;
    Duration pause_ = kFirstPause;
    Instant due_{}, deadline_ = kNever, asked_{};
    std::uint32_t random_;
};

}  // namespace motet::transport::rdma
