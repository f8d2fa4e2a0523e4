#include "libs/client/sam/vigil.h"

#include <algorithm>

namespace motet::client::sam {

bool Vigil::hangs(Instant beat, Instant now) {
    beat = std::min(beat, now);   // written by another process: a time to come would blind us
    if (beat > beat_ || due_ == Instant{}) {
        beat_ = beat;
        due_ = beat + limit_;
        spared_ = false;
    }
    if (now < due_) return false;
    if (!spared_ && now - due_ > kLate) {
        spared_ = true;
        due_ = now + kSpared;
        return false;
    }
    spared_ = true;
    due_ = now + kAgain;
    return true;
}

}  // namespace motet::client::sam
