#include "membership/transport/rdma/peer.h"

#include <algorithm>

namespace motet::transport::rdma {

void Query::pause(Instant now, Duration time) {
    // A quarter more or less, so that nodes which start together do not go on asking together.
    random_ ^= random_ << 13, random_ ^= random_ >> 17, random_ ^= random_ << 5;
    due_ = now + time * static_cast<std::int64_t>(75 + random_ % 51) / 100;
}

Query::Do Query::on_time(Instant now, bool may_start) {
    if (state_ == State::idle) {
        if (now < due_ || !may_start) return Do::nothing;
        state_ = State::address;
        asked_ = now;
        deadline_ = now + kStepLimit;
        return Do::resolve_address;
    }
    return in_flight() && now >= deadline_ ? on_failed(now, false) : Do::nothing;
}

Query::Do Query::step(State from, State to, Do what) {
    if (state_ != from) return Do::nothing;
    state_ = to;
    return what;
}

Query::Do Query::on_answer() {
    if (state_ != State::asking) return Do::nothing;
    state_ = State::ready;
    deadline_ = kNever;
    pause_ = kFirstPause;
    return Do::adopt;
}

Query::Do Query::on_failed(Instant now, bool refused) {
    if (!in_flight()) return Do::nothing;
    state_ = State::idle;
    deadline_ = kNever;
    pause(now, refused ? kPauseMax : pause_);
    pause_ = std::min(pause_ * 2, kPauseMax);
    return Do::abandon;
}

void Query::on_changed(Instant now) {
    if (in_flight() || now - asked_ < kLostPause) return;
    if (state_ == State::ready) due_ = now;
    state_ = State::idle;
    due_ = std::min(due_, now);
}

}  // namespace motet::transport::rdma
