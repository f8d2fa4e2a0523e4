// B4 self-delivery, B5 one ring per message, A1 and A2 for SAFE messages (black box), A6.
#include <map>

#include "tests/sim/checkers.h"

namespace motet::sim {
namespace {

// Every accepted message reaches its own sender, unless that fails; what a leaver sent before reaches it before its leave.
void check_self_delivery(History& h) {
    for (const Life& life : h.lives) {
        if (life.end == Life::End::failed) continue;
        for (const std::uint32_t id : life.sent) {
            const Message& m = h.messages[id];
            if (m.refused || life.delivered.count(id)) continue;
            h.violate(m.safe ? "A6" : "B4", "%s does not deliver its own message %u (%u bytes, sent at %lld us in ring %s)%s", text(h, life.id).c_str(), id,
                      m.length, static_cast<long long>(m.time.ns / 1000), text(m.send_ring).c_str(),
                      life.end == Life::End::left ? " before its leave" : "");
        }
        if (!life.announced) h.violate("V3", "%s: the accepted join never shows", text(h, life.id).c_str());
    }
}

struct Delivery {
    std::uint32_t life;
    bool transitional;
    RingId ring;
};

// q failed in ring R: it never announced a later ring.
bool failed_in(const Life& q, RingId ring) {
    if (q.end != Life::End::failed) return false;
    for (const Change& c : q.changes)
        if (c.from == ring) return false;
    return true;
}

}  // namespace

void check_delivery(History& h) {
    check_self_delivery(h);
    std::vector<std::vector<Delivery>> deliveries(h.messages.size());
    for (const Life& life : h.lives)
        for (const Entry& e : life.log)
            if (e.kind == Entry::Kind::deliver) deliveries[e.index].push_back({life.id, e.transitional, e.ring});
    for (std::uint32_t id = 0; id < h.messages.size(); ++id) {
        const auto& all = deliveries[id];
        for (std::size_t i = 1; i < all.size(); ++i)
            if (all[i].ring != all[0].ring)
                h.violate("B5", "message %u is delivered by %s in ring %s and by %s in ring %s", id, text(h, all[0].life).c_str(), text(all[0].ring).c_str(),
                          text(h, all[i].life).c_str(), text(all[i].ring).c_str());
    }
    // SAFE: whoever delivers it speaks for all in its view (regular part) or for those who come along (transitional part).
    for (const Life& life : h.lives) {
        std::set<Key> view;
        for (const Entry& e : life.log) {
            if (e.kind == Entry::Kind::view) {
                view.clear();
                for (const Address& a : h.views[e.index].members) view.insert(a.key());
                continue;
            }
            if (e.kind != Entry::Kind::deliver || !h.messages[e.index].safe) continue;
            const auto along = h.came_along.find({life.node, e.ring.seq});
            for (const Life& q : h.lives) {
                if (q.group != life.group || !q.announced || !view.count({q.node, q.pid}) || q.delivered.count(e.index)) continue;
                if (failed_in(q, e.ring)) continue;
                if (e.transitional && (along == h.came_along.end() || !along->second.count(q.node))) continue;
                if (h.ambiguous(q)) continue;
                bool in_ring = false;
                for (const Entry& x : q.log) in_ring = in_ring || x.ring == e.ring;
                for (const Change& c : q.changes) in_ring = in_ring || c.from == e.ring || c.to == e.ring;
                if (!in_ring) continue;
                h.violate(e.transitional ? "A2" : "A1", "%s delivers SAFE message %u in the %s part of ring %s; %s, in its view, does not deliver it", text(h, life.id).c_str(),
                          e.index, e.transitional ? "transitional" : "regular", text(e.ring).c_str(), text(h, q.id).c_str());
            }
        }
    }
}

}  // namespace motet::sim
