// totem-state.md §4.5. The arithmetic is unsigned and wraps, as in every other member: an error here would stay
// in the token's sums until the next ring.
#include "membership/totem/flow.h"

#include <algorithm>

namespace motet::totem {

std::uint32_t Flow::allowed(const Config& config, const wire::Token& token, std::uint32_t backlog) {
    std::uint32_t allowed = std::min(config.max_messages, config.window_size - token.fcc);
    backlog_ = backlog;
    const std::uint32_t all = token.backlog + backlog_ - backlog_before_;
    if (all != 0) {
        const std::uint32_t share = config.window_size * backlog_before_ / all;
        if (share > 0) allowed = std::min(allowed, share);
    }
    return allowed;
}

void Flow::account(wire::Token& token, std::uint32_t sent) {
    token.fcc += sent - sent_;
    sent_ = sent;
    token.backlog += backlog_ - backlog_before_;
    backlog_before_ = backlog_;
}

}  // namespace motet::totem
