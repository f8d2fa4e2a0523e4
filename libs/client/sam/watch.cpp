// The rules of supervision, in the order of an instance's life.
#include "libs/client/sam/watch.h"

#include <algorithm>
#include <utility>

namespace motet::client::sam {

void Watch::begin() {
    warned_ = condemned_ = ordered_ = false;
    state_ = State::stopped;
    cause_ = Cause::none;
    act_ = Act::none;
    end_ = End::quit;
    kill_at_ = kNever;
}

void Watch::on_command(Instant now) { last_ = std::max(last_, now); }

bool Watch::on_start(Instant now) {
    on_command(now);
    if (condemned_) return true;
    if (needs_quorum_ && !quorate_) {
        state_ = State::waiting_for_quorum;
        return false;
    }
    state_ = State::running;
    return true;
}

// A warned application may end in an orderly way. An administrator's order stands nevertheless.
void Watch::on_stop() {
    if (ordered_ || cause_ == Cause::marked_failed) return;
    condemned_ = false;
    cause_ = Cause::none;
    kill_at_ = kNever;
    state_ = State::stopped;
}

void Watch::on_mark_failed() {
    condemned_ = true;
    restarts_ = false;
    cause_ = Cause::marked_failed;
    state_ = State::failed;
    act_ = Act::kill;
    kill_at_ = kNever;
}

bool Watch::on_quorum(bool quorate, Instant now) {
    quorate_ = quorate;
    if (!needs_quorum_) return false;
    if (!quorate && state_ == State::running && !condemned_) condemn(Cause::no_quorum, now);
    if (!quorate || state_ != State::waiting_for_quorum) return false;
    state_ = State::running;
    last_ = std::max(last_, now);
    return true;
}

void Watch::on_order_restart(Instant now) {
    if (condemned_) return;
    ordered_ = true;
    condemn(Cause::ordered, now);
}

void Watch::condemn(Cause why, Instant now) {
    condemned_ = true;
    cause_ = why;
    kill_at_ = now + grace();
    act_ = Act::warn;
    warned_ = true;
}

void Watch::on_time(Instant now) {
    if (now < deadline()) return;
    if (condemned_) {
        act_ = Act::kill;
        kill_at_ = kNever;
    } else if (!warned_) {
        warned_ = true;
        act_ = Act::warn;
        last_ = now;
    } else {
        condemned_ = true;
        cause_ = Cause::no_heartbeat;
        act_ = Act::kill;
    }
}

Instant Watch::deadline() const {
    if (condemned_) return kill_at_;
    return state_ == State::running && interval_ > Duration{} ? last_ + interval_ : kNever;
}

Watch::Act Watch::take_act() { return std::exchange(act_, Act::none); }

void Watch::on_death() {
    const bool recover = started();
    if (recover) {
        if (cause_ == Cause::none) cause_ = warned_ ? Cause::no_heartbeat : Cause::died;
        state_ = State::failed;
    }
    end_ = recover && (restarts_ || ordered_) ? End::restart : End::quit;
    kill_at_ = kNever;
    act_ = Act::none;
}

}  // namespace motet::client::sam
