// Flow control: how many frames a node may send in one visit of the token, and what it reports on the token.
#pragma once
#include <cstdint>

#include "libs/wire/token.h"
#include "membership/totem/config.h"

namespace motet::totem {

class Flow {
public:
    // At COMMIT entry only: these sums live as long as the ring.
    void reset() {
        sent_ = backlog_before_ = backlog_ = 0;
        widen(false);
    }
    // All members are Motet and nobody configured windows: a rotation may carry up to kWidest times the usual. A member with
    // the usual windows would get less than its share beside these, so they are never used beside one.
    static constexpr std::uint32_t kWidest = 8;
    void widen(bool on) {
        wide_ = on;
        factor_ = 1;
        calm_ = 0;
    }
    std::uint32_t window(const Config& config) const { return config.window_size * (wide_ ? kWidest : 1); }
    // Behind a visit: doubles down on loss, grows while whole allowances are used without any.
    void adapt(bool losses, bool all_used);
    // `backlog`: frames waiting in the queue that will be sent from.
    std::uint32_t allowed(const Config& config, const wire::Token& token, std::uint32_t backlog);
    // `sent`: retransmissions and new frames of this visit.
    void account(wire::Token& token, std::uint32_t sent);
    // The same for `more` frames of a visit that goes on.
    void account_more(wire::Token& token, std::uint32_t more) { account(token, sent_ + more); }

private:
    std::uint32_t sent_ = 0;            // trc: what fcc holds of ours
    std::uint32_t backlog_before_ = 0;  // pbl: what backlog holds of ours
    std::uint32_t backlog_ = 0;         // cbl
    bool wide_ = false;
    std::uint32_t factor_ = 1;          // of max_messages, up to kWidest
    std::uint32_t calm_ = 0;            // visits without loss that used all they might
};

}  // namespace motet::totem
