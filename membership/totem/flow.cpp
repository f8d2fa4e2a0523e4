// totem-state.md §4.5. The arithmetic is unsigned and wraps, as in every other member: an error here would stay
// in the token's sums until the next ring.
#include "membership/totem/flow.h"

#include <algorithm>

namespace motet::totem {
namespace {

constexpr std::uint32_t kCalmVisits = 4;    // before the next step up

}  // namespace

std::uint32_t Flow::allowed(const Config& config, const wire::Token& token, std::uint32_t backlog) {
    const std::uint32_t window = this->window(config), most = config.max_messages * factor_;
    std::uint32_t allowed = std::min(most, window - token.fcc);
    // Corosync's windows wrap here and stop limiting; ours leave everybody the usual number.
    if (wide_ && token.fcc >= window) allowed = config.max_messages;
    backlog_ = backlog;
    const std::uint32_t all = token.backlog + backlog_ - backlog_before_;
    if (all != 0) {
        const std::uint32_t share = window * backlog_before_ / all;
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

void Flow::adapt(bool losses, bool all_used) {
    if (!wide_) return;
    if (losses) {
        factor_ = std::max(factor_ / 2, 1u);
        calm_ = 0;
    } else if (all_used && ++calm_ >= kCalmVisits) {
        factor_ = std::min(factor_ + 1, kWidest);
        calm_ = 0;
    }
}

}  // namespace motet::totem
