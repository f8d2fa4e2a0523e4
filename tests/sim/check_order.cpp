// O1, O2: there is one order of all messages that every delivery, every send after a delivery and every sequence of
// sends agrees with. Edges of all these kinds form one graph; a cycle is the violation.
#include <algorithm>
#include <vector>

#include "tests/sim/checkers.h"

namespace motet::sim {

void check_order(History& h) {
    const std::size_t n = h.messages.size();
    std::vector<std::vector<std::uint32_t>> next(n);
    std::vector<std::uint32_t> incoming(n, 0);
    const auto edge = [&](std::uint32_t a, std::uint32_t b) {
        if (a == b || (!next[a].empty() && next[a].back() == b)) return;
        next[a].push_back(b);
        ++incoming[b];
    };
    for (const Life& life : h.lives) {
        std::uint32_t last = kNone;
        for (const Entry& e : life.log) {
            if (e.kind != Entry::Kind::deliver) continue;
            if (last != kNone) edge(last, e.index);
            last = e.index;
        }
        std::uint32_t sent = kNone;
        for (const std::uint32_t id : life.sent) {
            const Message& m = h.messages[id];
            if (m.refused) continue;
            if (sent != kNone) edge(sent, id);
            if (m.last_delivered != kNone) edge(m.last_delivered, id);
            sent = id;
        }
    }
    std::vector<std::uint32_t> ready;
    for (std::uint32_t i = 0; i < n; ++i)
        if (incoming[i] == 0) ready.push_back(i);
    std::size_t placed = 0;
    while (!ready.empty()) {
        const std::uint32_t i = ready.back();
        ready.pop_back();
        ++placed;
        for (const std::uint32_t j : next[i])
            if (--incoming[j] == 0) ready.push_back(j);
    }
    if (placed == n) return;
    // Walk backwards inside what could not be placed until something repeats: that is the cycle.
    std::vector<std::uint32_t> before(n, kNone);
    for (std::uint32_t i = 0; i < n; ++i)
        if (incoming[i] > 0)
            for (const std::uint32_t j : next[i])
                if (incoming[j] > 0) before[j] = i;
    std::uint32_t at = 0;
    while (incoming[at] == 0) ++at;
    for (std::size_t k = 0; k < n; ++k) at = before[at] == kNone ? at : before[at];
    std::string cycle = std::to_string(at);
    std::uint32_t i = before[at];
    for (int k = 0; i != at && i != kNone && k < 12; ++k, i = before[i]) cycle = std::to_string(i) + " < " + cycle;
    h.violate("O1", "no order of all messages fits what was delivered and sent: %u < %s", at, cycle.c_str());
}

}  // namespace motet::sim
