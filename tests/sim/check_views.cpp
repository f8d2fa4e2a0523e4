// What processes hold when a ring is announced: equal views (V5, V9), mutual continuity (V10), and no continuity with
// processes that came by another way (S5).
#include <map>

#include "tests/sim/checkers.h"

namespace motet::sim {
namespace {

std::string list(const std::set<Key>& keys) {
    std::string s = "{";
    for (const Key& k : keys) s += (s.size() > 1 ? " " : "") + std::to_string(k.first) + "/" + std::to_string(k.second);
    return s + "}";
}

}  // namespace

void check_views(History& h) {
    struct At {
        std::uint32_t life;
        const Change* change;
    };
    std::map<std::pair<std::uint32_t, RingId>, std::vector<At>, bool (*)(const std::pair<std::uint32_t, RingId>&, const std::pair<std::uint32_t, RingId>&)> rings(
        [](const auto& a, const auto& b) { return a.first != b.first ? a.first < b.first : RingOrder{}(a.second, b.second); });
    for (const Life& life : h.lives)
        for (const Change& c : life.changes) rings[{life.group, c.to}].push_back({life.id, &c});
    for (const auto& [where, all] : rings) {
        for (std::size_t i = 0; i < all.size(); ++i) {
            const Life& p = h.lives[all[i].life];
            const Change& a = *all[i].change;
            if (a.after != all[0].change->after)
                h.violate("V5", "at ring %s %s has the view %s and %s has %s", text(where.second).c_str(), text(h, all[0].life).c_str(),
                          list(all[0].change->after).c_str(), text(h, p.id).c_str(), list(a.after).c_str());
            for (std::size_t j = i + 1; j < all.size(); ++j) {
                const Life& q = h.lives[all[j].life];
                const Change& b = *all[j].change;
                const Key pk{p.node, p.pid}, qk{q.node, q.pid};
                const auto continues = [](const Change& c, const Key& k) { return c.before.count(k) && c.after.count(k) && !c.left.count(k); };
                const bool pq = continues(a, qk), qp = continues(b, pk);
                if (pq != qp)
                    h.violate("V10", "on the way to ring %s %s counts %s as %s, which counts it as %s", text(where.second).c_str(), text(h, p.id).c_str(),
                              text(h, q.id).c_str(), pq ? "continuing" : "arriving", qp ? "continuing" : "arriving");
                else if (pq && a.from != b.from)
                    h.violate("S5", "%s comes to ring %s from %s and %s from %s, and they count each other as continuing", text(h, p.id).c_str(),
                              text(where.second).c_str(), text(a.from).c_str(), text(h, q.id).c_str(), text(b.from).c_str());
            }
        }
    }
}

void check_all(History& h) {
    check_delivery(h);
    check_order(h);
    check_pairs(h);
    check_views(h);
}

}  // namespace motet::sim
