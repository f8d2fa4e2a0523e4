// Datagrams between simulated nodes: delay, loss, duplication, reordering, one-way cuts and partitions per directed link.
#pragma once
#include <cstdint>
#include <vector>

#include "libs/base/ids.h"
#include "tests/sim/plan.h"
#include "tests/sim/prng.h"
#include "tests/sim/queue.h"

namespace motet::sim {

class Network {
public:
    Network(const Plan& plan, EventQueue& queue);

    void send(NodeId from, NodeId to, const Frame& frame, bool multicast);
    // To the node itself: never lost, always in order.
    void send_self(NodeId node, std::uint64_t generation, const Frame& frame);

    void partition(const std::vector<std::vector<std::uint32_t>>& components);
    void cut(NodeId from, NodeId to, bool blocked);
    void set_loss(NodeId from, NodeId to, std::uint32_t per_million);   // to 0: all
    void set_deaf(NodeId node, bool deaf);
    void heal();    // also takes loss, duplication and reordering away
    std::uint64_t frames() const { return frames_; }

private:
    struct Link {
        bool cut = false;
        std::uint32_t loss = 0;
        Instant last{};
    };
    Link& link(NodeId from, NodeId to) { return links_[from * (nodes_ + 1) + to]; }
    void arrive(NodeId from, NodeId to, const Frame& frame);

    std::uint32_t nodes_;
    LinkProfile profile_;
    EventQueue& queue_;
    Prng chance_;
    std::vector<Link> links_;
    std::vector<std::uint32_t> component_;
    std::vector<bool> deaf_;
    std::uint64_t frames_ = 0;
};

}  // namespace motet::sim
