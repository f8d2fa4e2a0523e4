// Small helpers of the history: violations and names.
#include "tests/sim/history.h"

#include <cstdarg>
#include <cstdio>

namespace motet::sim {

void History::violate(const char* property, const char* format, ...) {
    if (violations.size() >= kViolationsMax) return;
    char line[2048];
    va_list args;
    va_start(args, format);
    std::vsnprintf(line, sizeof line, format, args);
    va_end(args);
    violations.push_back({property, line});
}

std::string text(RingId ring) {
    return std::to_string(ring.rep) + "." + std::to_string(ring.seq);
}

std::string text(const History& history, std::uint32_t life) {
    if (life >= history.lives.size()) return "nobody";
    const Life& l = history.lives[life];
    return "p" + std::to_string(l.id) + "(node " + std::to_string(l.node) + " pid " + std::to_string(l.pid) + " group " +
           history.groups[l.group] + ")";
}

}  // namespace motet::sim
