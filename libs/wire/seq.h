// Sequence numbers of a ring wrap. Corosync's order, which all members must share: near the upper half the
// comparison is shifted by 0x10000, so that 0xFFFFFFFF comes before 0.
#pragma once
#include <cstdint>

namespace motet::wire {

constexpr bool seq_lt(std::uint32_t a, std::uint32_t b) {
    constexpr std::uint32_t kHalf = 0x80000000u, kShift = 0x10000u;
    if (a > kHalf || b > kHalf) return a - kShift < b - kShift;
    return a < b;
}
constexpr bool seq_lte(std::uint32_t a, std::uint32_t b) { return a == b || seq_lt(a, b); }
// How far `a` is ahead of `b`.
constexpr std::uint32_t seq_distance(std::uint32_t a, std::uint32_t b) { return a - b; }

}  // namespace motet::wire
