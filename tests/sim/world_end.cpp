// The end of a run: everything is healed, the cluster must become one ring with full views within the liveness bound,
// and what is sent then must reach everybody (E1, E2, E3, E5).
#include <algorithm>

#include "tests/sim/world.h"

namespace motet::sim {

void World::finish() {
    if (over_) return;
    ended_ = true;
    waiting_steps_.clear();
    network_.heal();
    trace("healed: the cluster must become one ring");
    for (const auto& n : nodes_) {
        n->worker_delay_us_ = 40;
        if (n->alive() && n->paused_) resume(*n);
    }
    // D of the properties: ten token times and five seconds.
    const Duration bound = milliseconds(plan_.token_ms * 10) + seconds(5);
    const auto wait = [&](auto&& reached, const char* property) {
        const Instant limit = queue_.now() + bound;
        std::string why;
        while (!over_ && !reached(&why)) {
            if (queue_.now() >= limit) {
                history_.violate(property, "%lld ms after everything was healed: %s", static_cast<long long>(bound.ms()), why.c_str());
                return false;
            }
            queue_.at(queue_.now() + milliseconds(10), {Event::Kind::poll, 0, 0, nullptr});
            run_until(queue_.now() + milliseconds(10));
        }
        return !over_;
    };
    if (!wait([&](std::string* why) { return converged(why); }, "E1")) return;
    if (!wait([&](std::string* why) { return views_full(why); }, "E2")) return;
    for (Client& c : clients_) {
        if (c.standing() != Client::Standing::joining) continue;
        for (const bool safe : {false, true}) {
            Op op{.kind = Op::Kind::multicast, .group = ""};
            op.size = 64;
            op.safe = safe;
            op.marker = true;
            c.add(op);
        }
        queue_.at(queue_.now(), {Event::Kind::client, index(c), 0, nullptr});
    }
    if (!wait([&](std::string* why) { return markers_delivered(why); }, "E3")) return;
    run_until(queue_.now() + milliseconds(20));
    std::string why;
    if (!converged(&why)) history_.violate("E1", "the ring does not last without faults: %s", why.c_str());
    for (const auto& n : nodes_)
        if (n->alive()) collect_events(*n);
}

bool World::converged(std::string* why) {
    std::vector<NodeId> live;
    for (const auto& n : nodes_)
        if (n->alive()) live.push_back(n->id_);
    RingId ring;
    for (const auto& n : nodes_) {
        if (!n->alive()) continue;
        node::Node& core = *n->node_;
        std::vector<NodeId> members(core.totem().members().begin(), core.totem().members().end());
        std::sort(members.begin(), members.end());
        const std::string name = "node " + std::to_string(n->id_);
        if (n->stopping_) {
            *why = name + " is still stopping";
        } else if (core.totem().state() != totem::State::operational || members != live || (ring.seq != 0 && core.totem().ring() != ring)) {
            *why = name + " is not in one ring with all: " + core.totem().describe();
        } else if (!core.sync().complete()) {
            *why = name + " is not synchronised: " + core.sync().describe();
        } else if (!n->worker_->idle() || !n->worker_->drained() || !n->worker_->synchronised()) {
            *why = name + ": the cpg worker has " + std::to_string(n->worker_->feed_size()) + " records to read" +
                   (n->worker_->drained() ? "" : ", submissions that find no room") + (n->worker_->synchronised() ? "" : ", is not synchronised");
        } else if (observer_.announced(n->id_) != core.totem().ring()) {
            *why = name + " has not announced its ring";
        } else {
            ring = core.totem().ring();
            continue;
        }
        return false;
    }
    for (const Client& c : clients_) {
        SimNode& n = at(c.node());
        if (!n.alive()) continue;
        if (c.busy()) {
            *why = "the client at " + c.describe();
            return false;
        }
    }
    return true;
}

bool World::views_full(std::string* why) {
    for (const Life& life : history_.lives) {
        if (life.end != Life::End::alive) continue;
        if (!life.announced) {
            *why = text(history_, life.id) + ": its join has not been announced";
            return false;
        }
        std::set<Key> expected;
        for (const Life& other : history_.lives)
            if (other.group == life.group && other.end == Life::End::alive) expected.insert({other.node, other.pid});
        if (expected == life.view) continue;
        *why = text(history_, life.id) + ": its view is not the set of live processes:";
        for (const Key& k : expected)
            if (!life.view.count(k)) *why += " missing " + std::to_string(k.first) + "/" + std::to_string(k.second);
        for (const Key& k : life.view)
            if (!expected.count(k)) *why += " unexpected " + std::to_string(k.first) + "/" + std::to_string(k.second);
        return false;
    }
    return true;
}

bool World::markers_delivered(std::string* why) {
    for (Client& c : clients_)
        if (c.busy()) {
            *why = "the client at " + c.describe();
            return false;
        }
    for (const Message& m : history_.messages) {
        if (!m.marker) continue;
        const Life& sender = history_.lives[m.life];
        if (sender.end != Life::End::alive) continue;
        for (const Life& life : history_.lives) {
            if (life.group != sender.group || life.end != Life::End::alive || life.delivered.count(m.id)) continue;
            *why = text(history_, life.id) + " has not delivered the " + (m.safe ? "SAFE" : "AGREED") + " marker of " + text(history_, sender.id) + ", message " +
                   std::to_string(m.id) + "; " + at(life.node).node_->totem().describe();
            return false;
        }
    }
    return true;
}

}  // namespace motet::sim
