// The simulator's only source of chance: a 64-bit generator (splitmix64) that gives the same draws on every machine.
#pragma once
#include <cstdint>

namespace motet::sim {

class Prng {
public:
    explicit Prng(std::uint64_t seed) : state_(seed) {}
    // A generator of its own for one purpose, so that draws for one thing do not shift those for another.
    Prng(std::uint64_t seed, std::uint64_t purpose) : state_(seed * 0x9e3779b97f4a7c15ull + purpose * 0xd1342543de82ef95ull) { next(); }

    std::uint64_t next() {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
        return z ^ (z >> 31);
    }
    // 0 .. n-1; 0 for n = 0.
    std::uint64_t below(std::uint64_t n) {
        return n == 0 ? 0 : static_cast<std::uint64_t>((static_cast<unsigned __int128>(next()) * n) >> 64);
    }
    // Both ends included.
    std::int64_t between(std::int64_t low, std::int64_t high) {
        return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low) + 1));
    }
    bool percent(unsigned p) { return below(100) < p; }
    bool per_million(unsigned p) { return p != 0 && below(1000000) < p; }

private:
    std::uint64_t state_;
};

}  // namespace motet::sim
