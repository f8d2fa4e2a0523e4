// Flow control: how many frames a node may send in one visit of the token, and what it reports on the token.
#pragma once
#include <cstdint>

#include "libs/wire/token.h"
#include "membership/totem/config.h"

namespace motet::totem {

class Flow {
public:
    // At COMMIT entry only: these sums live as long as the ring.
    void reset() { sent_ = backlog_before_ = backlog_ = 0; }
    // `backlog`: frames waiting in the queue that will be sent from.
    std::uint32_t allowed(const Config& config, const wire::Token& token, std::uint32_t backlog);
    // `sent`: retransmissions and new frames of this visit.
    void account(wire::Token& token, std::uint32_t sent);

private:
    std::uint32_t sent_ = 0;            // trc: what fcc holds of ours
    std::uint32_t backlog_before_ = 0;  // pbl: what backlog holds of ours
    std::uint32_t backlog_ = 0;         // cbl
};

}  // namespace motet::totem
