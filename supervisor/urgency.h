// When membership must be real-time (docs/decisions/006): while ordinary scheduling makes it wait for a processor. Decided from what the kernel counts; what follows is the caller's.
#pragma once
#include <algorithm>
#include <cstdint>

#include "libs/base/time.h"

namespace motet::supervisor {

class Urgency {
public:
    // Of a process since its start, as in /proc/PID/schedstat: how long it has waited for a processor, ready to run, and how often.
    struct Waits {
        std::uint64_t ns = 0, times = 0;
    };
    // What a wait may take on average, in two looks one after the other, or in a single one. It wakes by itself several times a
    // second: if it has not run at all between two looks, it waits still.
    static constexpr Duration kLong = milliseconds(2), kVeryLong = milliseconds(50);
    // Real-time for so long; twice as long each time that it was too early to end it.
    static constexpr Duration kFirst = seconds(60), kLongest = seconds(3600);

    // About once a second. True: realtime() has changed.
    bool look(Instant now, Waits waits) {
        const std::uint64_t times = waits.times - last_.times;
        const bool starved = known_ && waits.times == last_.times;
        const bool comparable = known_ && waits.ns >= last_.ns && waits.times > last_.times;
        mean_ = comparable ? Duration{static_cast<std::int64_t>((waits.ns - last_.ns) / times)} : Duration{};
        last_ = waits;
        known_ = true;
        if (realtime_) {
            if (now < until_) return false;
            realtime_ = long_before_ = false;
            return true;
        }
        const bool too_long = starved || mean_ >= kVeryLong || (mean_ >= kLong && long_before_);
        long_before_ = mean_ >= kLong;
        if (!too_long) return false;
        span_ = until_ != Instant{} && now - until_ < span_ ? std::min(span_ * 2, kLongest) : kFirst;
        until_ = now + span_;
        realtime_ = true;
        return true;
    }
    // Another process counts from the beginning; and when nobody ran, the machine or all of us having been stopped, nobody waited.
    void begin_anew() { known_ = long_before_ = false; }

    bool realtime() const { return realtime_; }
    Duration mean() const { return mean_; }     // of the last look; zero: it has not run
    Duration span() const { return span_; }     // how long it is real-time

private:
    Waits last_;
    bool known_ = false, realtime_ = false, long_before_ = false;
    Duration mean_{}, span_ = kFirst;
    Instant until_{};                           // and from then on ordinary
};

}  // namespace motet::supervisor
