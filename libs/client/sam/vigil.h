// Whether a parent hangs, as its standby sees it: from the times the parent writes into the memory they share. Needs no node, so
// that a hung parent is noticed while the sam worker is dead, too. Pure.
#pragma once
#include "libs/base/time.h"

namespace motet::client::sam {

class Vigil {
public:
    explicit Vigil(Duration limit) : limit_(limit) {}

    // `beat`: when the parent was alive last. True: it has been silent for longer than the limit.
    bool hangs(Instant beat, Instant now);
    Instant deadline() const { return due_; }

private:
    static constexpr Duration kLate = milliseconds(100);    // we ourselves did not run: the parent perhaps could not either,
    static constexpr Duration kSpared = milliseconds(250);  // and has this long, once
    static constexpr Duration kAgain = milliseconds(250);   // if it has not ended by then

    Duration limit_;
    Instant beat_{}, due_{};
    bool spared_ = false;
};

}  // namespace motet::client::sam
