// The timers of totem-state.md §2 as points in time; nobody is woken here, deadlines are only compared.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "libs/base/time.h"

namespace motet::totem {

enum class Timer : std::uint8_t { token, token_retransmit, hold, merge, join, join_delay, consensus, pause, heartbeat, rest };
inline constexpr std::size_t kTimers = 10;

class Timers {
public:
    Timers() { due_.fill(kNever); }
    // A timer of no length would fire for ever at one instant.
    void start(Timer timer, Instant now, Duration after) { at(timer) = now + std::max(after, microseconds(1)); }
    void stop(Timer timer) { at(timer) = kNever; }
    bool running(Timer timer) const { return due_[static_cast<std::size_t>(timer)] != kNever; }
    Instant next() const { return *std::min_element(due_.begin(), due_.end()); }
    // Stops and names the earliest timer that is due; false if none is.
    bool take_due(Instant now, Timer& timer) {
        const auto earliest = std::min_element(due_.begin(), due_.end());
        if (*earliest > now) return false;
        timer = static_cast<Timer>(earliest - due_.begin());
        *earliest = kNever;
        return true;
    }

private:
    Instant& at(Timer timer) { return due_[static_cast<std::size_t>(timer)]; }
    std::array<Instant, kTimers> due_;
};

}  // namespace motet::totem
