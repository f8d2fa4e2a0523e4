// The simulated network; see network.h.
#include "tests/sim/network.h"

namespace motet::sim {

Network::Network(const Plan& plan, EventQueue& queue)
    : nodes_(plan.nodes), profile_(plan.link), queue_(queue), chance_(plan.seed, 1), links_((plan.nodes + 1) * (plan.nodes + 1)),
      component_(plan.nodes + 1, 0), deaf_(plan.nodes + 1, false) {
    for (Link& l : links_) l.loss = profile_.loss;
}

void Network::send(NodeId from, NodeId to, const Frame& frame, bool multicast) {
    ++frames_;
    if (to == 0 || to > nodes_ || component_[from] != component_[to] || link(from, to).cut || (multicast && deaf_[to])) return;
    if (chance_.per_million(link(from, to).loss)) return;
    arrive(from, to, frame);
    if (chance_.per_million(profile_.duplicate)) arrive(from, to, frame);
}

void Network::arrive(NodeId from, NodeId to, const Frame& frame) {
    Duration delay = microseconds(profile_.delay_us) + Duration{static_cast<std::int64_t>(chance_.below(profile_.jitter_us * 1000ull))};
    const bool late = chance_.per_million(profile_.reorder);
    if (late) delay = delay + Duration{static_cast<std::int64_t>(chance_.below(profile_.reorder_us * 1000ull))};
    Instant when = queue_.now() + delay;
    if (profile_.fifo && !late) {
        Link& l = link(from, to);
        if (when < l.last) when = l.last;
        l.last = when;
    }
    queue_.at(when, {Event::Kind::frame, to, 0, frame});
}

void Network::send_self(NodeId node, std::uint64_t generation, const Frame& frame) {
    Link& l = link(node, node);
    Instant when = queue_.now() + Duration{static_cast<std::int64_t>(1000 + chance_.below(9000))};
    if (when < l.last) when = l.last;
    l.last = when;
    queue_.at(when, {Event::Kind::frame, node, generation, frame});
}

void Network::partition(const std::vector<std::vector<std::uint32_t>>& components) {
    // Nodes that are not named form one more component.
    for (auto& c : component_) c = 0;
    for (std::size_t i = 0; i < components.size(); ++i)
        for (const std::uint32_t node : components[i])
            if (node <= nodes_) component_[node] = static_cast<std::uint32_t>(i) + 1;
}

void Network::cut(NodeId from, NodeId to, bool blocked) {
    if (from <= nodes_ && to <= nodes_) link(from, to).cut = blocked;
}

void Network::set_loss(NodeId from, NodeId to, std::uint32_t per_million) {
    for (NodeId n = 1; n <= nodes_; ++n)
        if (to == 0 || to == n) link(from, n).loss = per_million;
}

void Network::set_deaf(NodeId node, bool deaf) {
    if (node <= nodes_) deaf_[node] = deaf;
}

void Network::heal() {
    deaf_.assign(deaf_.size(), false);
    for (auto& c : component_) c = 0;
    for (Link& l : links_) l.cut = false, l.loss = 0;
    profile_.duplicate = profile_.reorder = 0;
}

}  // namespace motet::sim
