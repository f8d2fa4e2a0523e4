#include "supervisor/state.h"

#include <algorithm>
#include <array>
#include <utility>

namespace motet::supervisor {

const char* name(Phase phase) {
    switch (phase) {
        case Phase::down: return "down";
        case Phase::waiting: return "waiting to be restarted";
        case Phase::launched:
        case Phase::greeted: return "starting";
        case Phase::handed_over: return "started";
        case Phase::ready: return "ready";
        case Phase::aborting:
        case Phase::killed: return "being replaced";
        case Phase::stopping: return "stopping";
    }
    return "down";
}

void State::start(Instant now, Actions& out) {
    for (std::size_t i = 0; i < children_.size(); ++i) launch(i, now, out);
}

void State::launch(std::size_t child, Instant now, Actions& out) {
    Child& c = children_[child];
    c.phase = Phase::launched;
    c.launched_at = now;
    c.ready_in_this_life = false;
    c.due = now + kHelloLimit;
    ++c.launches;
    out.push_back({Action::Kind::launch, child});
}

void State::hand_over(std::size_t child, Instant now, Actions& out) {
    Child& c = children_[child];
    c.phase = Phase::handed_over;
    c.handed_over_at = now;
    c.due = kNever;
    out.push_back({Action::Kind::hand_over, child});
}

void State::kill(std::size_t child, Actions& out) {
    children_[child].phase = Phase::killed;
    children_[child].due = kNever;
    out.push_back({Action::Kind::kill, child});
}

void State::on_hello(std::size_t child, Instant now, Actions& out) {
    Child& c = children_[child];
    if (c.phase != Phase::launched) return;
    if (child == 0) {
        c.phase = Phase::greeted;
        c.due = now + kGatherLimit;
    } else {
        hand_over(child, now, out);
    }
    greet_membership(now, out);
}

// A worker's link that comes after GO makes the ring form again, so the first GO waits for all hellos, but not for long.
void State::greet_membership(Instant now, Actions& out) {
    if (children_[0].phase != Phase::greeted) return;
    const bool awaited = std::any_of(children_.begin() + 1, children_.end(), [](const Child& c) { return c.phase == Phase::launched; });
    if (!awaited || now >= children_[0].due) hand_over(0, now, out);
}

void State::on_ready(std::size_t child, Instant) {
    Child& c = children_[child];
    if (c.phase != Phase::handed_over) return;
    c.phase = Phase::ready;
    c.was_ready = c.ready_in_this_life = true;
    c.kept = false;
}

void State::on_hung(std::size_t child, Instant now, Actions& out) {
    Child& c = children_[child];
    if (!running(child) || c.phase == Phase::aborting || c.phase == Phase::killed || c.phase == Phase::stopping) return;
    c.phase = Phase::aborting;
    c.due = now + kAbortGrace;
    out.push_back({Action::Kind::abort, child});
}

void State::on_broken(std::size_t child, Instant, Actions& out) {
    if (running(child) && children_[child].phase != Phase::killed) kill(child, out);
}

// Deaths 1-3 of a streak cost nothing, 4-6 a moment, more 1 s doubling to 10 s. A life that got some work done ends a streak.
Duration State::count_death(std::size_t child, Instant now, bool progressed) {
    Child& c = children_[child];
    if (child == 0) progressed = now - c.launched_at >= kRingHeld;
    if (c.ready_in_this_life && (progressed || now - c.launched_at >= kLivedWell)) c.streak = 0;
    ++c.streak;
    if (now - c.crowd_since >= kLivedWell) c.crowd = 0, c.crowd_since = now;
    if (++c.crowd > kCrowdedDeaths && c.streak == 1) return kCrowdedDelay;
    if (c.streak >= kStreakMax) return kFailedRetry;
    if (c.streak <= 3) return {};
    if (c.streak <= 6) return std::array{milliseconds(10), milliseconds(50), milliseconds(200)}[c.streak - 4];
    return std::min(seconds(std::int64_t{1} << (c.streak - 7)), seconds(10));
}

void State::on_exit(std::size_t child, Instant now, Actions& out, Legacy legacy) {
    Child& c = children_[child];
    if (!running(child)) return;
    c.phase = Phase::down;
    c.due = kNever;
    const Duration delay = stopping_ ? Duration() : count_death(child, now, legacy.progressed);
    c.kept = child != 0 && legacy.resumable && !stopping_ && c.streak < kStreakMax;
    if (child != 0 && !c.kept) out.push_back({Action::Kind::cut_clients, child});
    if (stopping_) return next_stop_step(now, out);

    const bool just_failed = c.streak == kStreakMax;
    // A worker that has served before may recover; what never came up will not by itself.
    if (just_failed && (child == 0 || (child < own_ && !c.was_ready))) {
        out.push_back({Action::Kind::failed, child, kExitGaveUp});
        return stop(kExitGaveUp, now, out);
    }
    if (just_failed) out.push_back({Action::Kind::failed, child, 0});
    c.phase = Phase::waiting;
    c.due = now + delay;
    greet_membership(now, out);
    on_time(now, out);
}

bool State::any_worker_running() const {
    for (std::size_t i = 1; i < children_.size(); ++i)
        if (running(i)) return true;
    return false;
}

void State::on_time(Instant now, Actions& out) {
    if (stopping_) {
        for (std::size_t i = 0; i < children_.size(); ++i)
            if (children_[i].due <= now && running(i)) kill(i, out);
        return;
    }
    for (std::size_t i = 0; i < children_.size(); ++i) {
        Child& c = children_[i];
        if (c.due > now) continue;
        switch (c.phase) {
            case Phase::launched:
            case Phase::aborting: kill(i, out); break;
            case Phase::greeted: greet_membership(now, out); break;
            case Phase::waiting:
                launch(i, now, out);
                break;
            default: c.due = kNever;
        }
    }
}

Instant State::deadline() const {
    Instant first = kNever;
    for (const Child& c : children_) first = std::min(first, c.due);
    return first;
}

void State::stop(int code, Instant now, Actions& out) {
    if (stopping_) return;
    stopping_ = true;
    exit_code_ = code;
    for (std::size_t i = 1; i < children_.size(); ++i) {
        Child& c = children_[i];
        if (!running(i)) {
            c.phase = Phase::down;
            c.due = kNever;
        } else if (has_links(i)) {
            c.phase = Phase::stopping;
            c.due = now + kStopLimit;
            out.push_back({Action::Kind::ask_to_stop, i});
        } else if (c.phase != Phase::killed) {
            kill(i, out);
        }
    }
    next_stop_step(now, out);
}

// Membership is asked last, so that the workers' leaves go out before the ring's.
void State::next_stop_step(Instant now, Actions& out) {
    if (any_worker_running()) return;
    Child& m = children_[0];
    if (has_links(0)) {
        m.phase = Phase::stopping;
        m.due = now + kStopLimit;
        out.push_back({Action::Kind::ask_to_stop, 0});
    } else if (!running(0)) {
        m.phase = Phase::down;
        m.due = kNever;
        if (!quit_said_) out.push_back({Action::Kind::quit, 0, exit_code_});
        quit_said_ = true;
    } else if (m.phase != Phase::killed && m.phase != Phase::stopping) {
        kill(0, out);
    }
}

}  // namespace motet::supervisor
