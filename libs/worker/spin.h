// Whether to look around for a few microseconds before sleeping. Worth it where another CPU is about to produce, a loss
// where the producer needs this CPU; which of the two holds shows in whether spinning finds anything.
#pragma once
#include "libs/base/time.h"

namespace motet::worker {

inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

class Spin {
public:
    explicit Spin(Duration limit) : limit_(limit) {}

    Duration limit() const { return limit_; }
    bool worthwhile() {
        if (limit_.ns <= 0 || !short_sleeps_) return false;
        if (misses_ < kMissesMax) return true;
        if (++skipped_ < kSkip) return false;
        skipped_ = 0;  // another try now and then
        misses_ = kMissesMax - 1;
        return true;
    }
    void hit() { misses_ = 0; }
    void missed() { ++misses_; }
    void slept(Duration time) { short_sleeps_ = time < kShortSleep; }

private:
    static constexpr Duration kShortSleep = microseconds(200);
    static constexpr unsigned kMissesMax = 4, kSkip = 64;
    Duration limit_;
    bool short_sleeps_ = false;
    unsigned misses_ = 0, skipped_ = 0;
};

}  // namespace motet::worker
