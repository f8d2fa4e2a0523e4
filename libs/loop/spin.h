// Whether to look around for a few microseconds before sleeping. Worth it where another CPU is about to produce, a loss
// where the producer needs this CPU; which of the two holds shows in whether spinning finds anything.
#pragma once
#include <sched.h>

#include <algorithm>
#include <cstdint>

#include "libs/base/time.h"
#include "libs/loop/loop.h"

namespace motet::loop {

inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

// workers.spin_us
inline constexpr std::uint64_t kSpinDefaultUs = 60, kSpinMaxUs = 1000;
inline Duration spin_limit(std::uint64_t us) { return microseconds(static_cast<std::int64_t>(std::min(us, kSpinMaxUs))); }

class Spin {
public:
    enum class For { requests, deliveries };    // what is looked for first: each comes at its own pace

    explicit Spin(Duration limit) : limit_(limit) {}

    Duration limit() const { return limit_; }
    bool worthwhile(For what) {
        Record& r = records_[static_cast<unsigned>(what)];
        if (limit_.ns <= 0 || !r.short_waits) return false;
        if (r.found >= kWorthwhile) return true;
        if (++r.skipped < kSkip) return false;
        r.skipped = 0;  // another try now and then
        return true;
    }
    void ended(For what, bool found) {
        int& rate = records_[static_cast<unsigned>(what)].found;
        rate += ((found ? kAlways : 0) - rate) / 8;
    }
    // Until the limit is over: true as soon as `found`, asked all the time, or `look`, asked now and then because it costs a
    // system call, says that there is something. In between whoever was woken on this very processor gets it.
    template <class Found, class Look>
    bool look_around(For what, Found found, Look look) {
        const Instant end = monotonic_now() + limit_;
        bool any = false;
        do {
            for (int i = 0; i < kLooks && !any; ++i) {
                any = found();
                if (!any) relax();
            }
            any = any || look();
            if (!any) sched_yield();
        } while (!any && monotonic_now() < end);
        ended(what, any);
        return any;
    }
    void slept(For what, Duration time) { records_[static_cast<unsigned>(what)].short_waits = time < kShortWait; }

private:
    static constexpr Duration kShortWait = microseconds(200);
    static constexpr int kAlways = 1024, kWorthwhile = kAlways * 3 / 4;
    static constexpr unsigned kSkip = 32;
    static constexpr int kLooks = 16;
    struct Record {
        int found = kAlways;        // how often spinning has found something lately
        bool short_waits = false;   // the last sleep was short
        unsigned skipped = 0;
    };
    Duration limit_;
    Record records_[2];
};

}  // namespace motet::loop
