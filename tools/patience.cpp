#include "tools/patience.h"

#include <ctime>

namespace motet::ctl {
namespace {

constexpr std::int64_t kNewLimitAfterMs = 300;   // steps come fast: not a new guard for each

}  // namespace

void Patience::step() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    const std::int64_t now_ms = now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
    if (limit_ && now_ms - begun_ms_ < kNewLimitAfterMs) return;
    limit_.reset();
    limit_ = std::make_unique<tools::Limit>(tool_);
    begun_ms_ = now_ms;
}

}  // namespace motet::ctl
