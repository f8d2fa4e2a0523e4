// Points in time and their differences, in nanoseconds of one monotonic clock whose zero means nothing.
// Pure cores only ever see values of these types; who reads the clock is the loop's business.
#pragma once
#include <compare>
#include <cstdint>

namespace motet {

struct Duration {
    std::int64_t ns = 0;
    friend constexpr auto operator<=>(Duration, Duration) = default;
    friend constexpr Duration operator+(Duration a, Duration b) { return {a.ns + b.ns}; }
    friend constexpr Duration operator-(Duration a, Duration b) { return {a.ns - b.ns}; }
    friend constexpr Duration operator*(Duration a, std::int64_t n) { return {a.ns * n}; }
    friend constexpr Duration operator/(Duration a, std::int64_t n) { return {a.ns / n}; }
    constexpr std::int64_t ms() const { return ns / 1'000'000; }
    constexpr std::int64_t us() const { return ns / 1'000; }
};
constexpr Duration milliseconds(std::int64_t n) { return {n * 1'000'000}; }
constexpr Duration microseconds(std::int64_t n) { return {n * 1'000}; }
constexpr Duration seconds(std::int64_t n) { return {n * 1'000'000'000}; }

struct Instant {
    std::int64_t ns = 0;
    friend constexpr auto operator<=>(Instant, Instant) = default;
    friend constexpr Instant operator+(Instant a, Duration d) { return {a.ns + d.ns}; }
    friend constexpr Instant operator-(Instant a, Duration d) { return {a.ns - d.ns}; }
    friend constexpr Duration operator-(Instant a, Instant b) { return {a.ns - b.ns}; }
};
// "No deadline": later than every instant a clock can show.
constexpr Instant kNever{INT64_MAX};

namespace literals {
constexpr Duration operator""_ms(unsigned long long n) { return milliseconds(static_cast<std::int64_t>(n)); }
constexpr Duration operator""_us(unsigned long long n) { return microseconds(static_cast<std::int64_t>(n)); }
constexpr Duration operator""_s(unsigned long long n) { return seconds(static_cast<std::int64_t>(n)); }
}  // namespace literals

}  // namespace motet
