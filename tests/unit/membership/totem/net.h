// Several Totem cores on one virtual network and one virtual clock. Each node's upper layer is a miniature of the
// real one: after a regular configuration it sends one message on the sync stream, and when those of all members
// have been delivered the node is synchronised, at the same message everywhere.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "libs/base/log.h"
#include "libs/wire/header.h"
#include "libs/wire/mcast.h"
#include "libs/wire/token.h"
#include "membership/totem/core.h"

namespace motet::totem::test {

using namespace motet::literals;

inline Bytes bytes_of(const std::string& text) { return Bytes(text.begin(), text.end()); }
inline std::string text_of(ByteView bytes) { return std::string(as_text(bytes)); }

struct Configuration {
    bool regular = false;
    RingId ring;
    std::vector<NodeId> members, changed;  // left, or joined
    std::size_t delivered = 0;             // application messages before it
};

struct Delivery {
    NodeId from = 0;
    std::string text;
    bool operator==(const Delivery&) const = default;
};

class Net;

class Node final : public Output {
public:
    Node(Net& net, const Config& config, std::uint64_t stored, std::uint32_t ring_start)
        : id(config.self), core(config, stored, ring_start), stored_sequence(stored), net_(net) {}

    const NodeId id;
    Core core;
    std::vector<Delivery> delivered;        // application messages only
    std::vector<Configuration> configurations;
    std::uint64_t stored_sequence;
    std::uint64_t store_failures_left = 0;
    // Whether the node reports plain `synchronised`, as if a Corosync peer were in the ring.
    bool corosync_like = false;
    bool corosync_in_every_other_ring = false;
    bool alive = true;
    std::vector<Bytes> frames_sent;         // multicast and unicast, in order
    std::deque<Bytes> own;                  // looped back, not yet handed in
    std::size_t deliveries_in_progress = 0;
    std::function<void(const Delivery&)> on_delivery;

    bool submit(const std::string& text, Guarantee guarantee = Guarantee::agreed, bool first = true, bool last = true);
    std::vector<std::string> texts() const {
        std::vector<std::string> all;
        for (const Delivery& each : delivered) all.push_back(each.text);
        return all;
    }
    const Configuration& last_regular() const {
        for (std::size_t i = configurations.size(); i-- > 0;) {
            if (configurations[i].regular) return configurations[i];
        }
        static const Configuration kNone;
        return kNone;
    }

    void multicast(ByteView frame) override;
    void unicast(NodeId to, ByteView frame) override;
    void loop_back(ByteView frame) override { own.emplace_back(frame.begin(), frame.end()); }
    Verdict deliver(NodeId from, ByteView message, bool foreign_order) override;
    void transitional(RingId ring, std::span<const NodeId> members, std::span<const NodeId> left) override {
        configurations.push_back({false, ring, {members.begin(), members.end()}, {left.begin(), left.end()}, delivered.size()});
    }
    void regular(RingId ring, std::span<const NodeId> members, std::span<const NodeId> joined) override {
        configurations.push_back({true, ring, {members.begin(), members.end()}, {joined.begin(), joined.end()}, delivered.size()});
        sync_seen_.clear();
        send_sync_ = true;
    }
    bool store_ring_sequence(std::uint64_t seq) override {
        if (store_failures_left > 0) {
            --store_failures_left;
            return false;
        }
        EXPECT_GT(seq, stored_sequence);
        stored_sequence = seq;
        return true;
    }

    // What the shell does after every call: the upper layer's submissions, then looped-back frames.
    void settle();

private:
    Net& net_;
    std::set<NodeId> sync_seen_;
    bool send_sync_ = false;
};

class Net {
public:
    struct Options {
        std::vector<NodeId> nodes{1, 2, 3};
        std::uint64_t seed = 1;
        std::uint32_t ring_start = 0;
        std::function<void(Config&)> tune{};
    };
    explicit Net(Options options) : options_(std::move(options)), random_(options_.seed * 2654435761u + 1) {
        for (const NodeId id : options_.nodes) add(id, 0);
    }

    Instant now{1'000'000'000};
    Duration latency = 50_us;
    Duration jitter{};           // reorders when larger than the time between two sends
    double loss = 0;             // of mcasts only; see `drop` for everything else
    // True: this copy is lost.
    std::function<bool(NodeId from, NodeId to, ByteView frame)> drop;
    std::function<void(NodeId from, NodeId to, ByteView frame)> seen;
    std::map<NodeId, int> side;  // nodes on different sides do not hear each other

    Node& node(NodeId id) { return *nodes_.at(id); }
    std::vector<Node*> alive() {
        std::vector<Node*> all;
        for (auto& [id, node] : nodes_) {
            if (node->alive) all.push_back(node.get());
        }
        return all;
    }
    Node& add(NodeId id, std::uint64_t stored) {
        Config config;
        config.self = id;
        config.nodes = options_.nodes;
        if (options_.tune) options_.tune(config);
        if (nodes_.count(id) != 0) graveyard_.push_back(std::move(nodes_[id]));
        nodes_[id] = std::make_unique<Node>(*this, config, stored, options_.ring_start);
        return *nodes_[id];
    }
    void start(NodeId id) {
        node(id).core.start(now, node(id));
        node(id).settle();
    }
    void start_all() {
        for (Node* each : alive()) start(each->id);
    }
    void kill(NodeId id) { node(id).alive = false; }

    void send(NodeId from, NodeId to, ByteView frame) {
        if (nodes_.count(to) == 0) return;
        if (seen) seen(from, to, frame);
        if (from != to) {
            if (side[from] != side[to]) return;
            if (drop && drop(from, to, frame)) return;
            if (loss > 0 && frame[3] == 1 && draw() < loss) return;
        }
        Duration delay = from == to ? Duration{} : latency;
        if (from != to && jitter.ns > 0) delay = delay + Duration{static_cast<std::int64_t>(draw() * static_cast<double>(jitter.ns))};
        packets_.push({now + delay, order_++, to, Bytes(frame.begin(), frame.end())});
    }
    void send_all(NodeId from, ByteView frame) {
        for (auto& [id, each] : nodes_) {
            if (id != from) send(from, id, frame);
        }
    }
    void inject(NodeId to, ByteView frame) {
        Node& target = node(to);
        target.core.on_frame(frame, now, target);
        target.settle();
    }

    // One packet or timer. False if it would be later than `limit`.
    bool step(Instant limit) {
        Instant next = packets_.empty() ? kNever : packets_.top().at;
        Node* due = nullptr;
        for (Node* each : alive()) {
            if (each->core.deadline() < next) {
                next = each->core.deadline();
                due = each;
            }
        }
        if (next > limit) {
            now = std::max(now, limit);
            return false;
        }
        now = std::max(now, next);
        if (due != nullptr) {
            due->core.on_time(now, *due);
            due->settle();
            return true;
        }
        const Packet packet = packets_.top();
        packets_.pop();
        if (node(packet.to).alive) inject(packet.to, packet.frame);
        return true;
    }
    void run_for(Duration span) {
        const Instant end = now + span;
        while (step(end)) {}
    }
    bool run_until(const std::function<bool()>& done, Duration limit = 60_s) {
        const Instant end = now + limit;
        while (!done()) {
            if (!step(end)) return done();
        }
        return true;
    }
    // All live nodes (of one side) in one operational ring of exactly these members, and synchronised.
    bool formed(const std::vector<NodeId>& members) {
        const RingId ring = node(members.front()).core.ring();
        return std::all_of(members.begin(), members.end(), [&](NodeId id) {
            Core& core = node(id).core;
            return core.state() == State::operational && core.ring() == ring && !core.waiting_for_sync() &&
                   std::equal(core.members().begin(), core.members().end(), members.begin(), members.end());
        });
    }
    bool run_until_formed(const std::vector<NodeId>& members, Duration limit = 60_s) {
        return run_until([&] { return formed(members); }, limit);
    }
    bool run_until_delivered(std::size_t count, Duration limit = 60_s) {
        return run_until([&] {
            const auto all = alive();
            return std::all_of(all.begin(), all.end(), [&](Node* each) { return each->delivered.size() >= count; });
        }, limit);
    }
    double draw() {
        random_ ^= random_ << 13;
        random_ ^= random_ >> 7;
        random_ ^= random_ << 17;
        return static_cast<double>(random_ % 1'000'000) / 1e6;
    }
    void expect_equal_order() {
        for (Node* each : alive()) EXPECT_EQ(each->delivered, alive().front()->delivered) << "node " << each->id;
    }

private:
    struct Packet {
        Instant at;
        std::uint64_t order;
        NodeId to;
        Bytes frame;
        bool operator<(const Packet& other) const { return at != other.at ? at > other.at : order > other.order; }
    };
    Options options_;
    std::map<NodeId, std::unique_ptr<Node>> nodes_;
    std::vector<std::unique_ptr<Node>> graveyard_;
    std::priority_queue<Packet> packets_;
    std::uint64_t order_ = 0;
    std::uint64_t random_;
};

inline void Node::multicast(ByteView frame) {
    frames_sent.emplace_back(frame.begin(), frame.end());
    net_.send_all(id, frame);
}
inline void Node::unicast(NodeId to, ByteView frame) {
    frames_sent.emplace_back(frame.begin(), frame.end());
    net_.send(id, to, frame);
}
inline bool Node::submit(const std::string& text, Guarantee guarantee, bool first, bool last) {
    const ByteView piece = as_bytes(text);
    const Submission message{{&piece, 1}, Stream::normal, guarantee, first, last};
    const bool taken = core.submit(message, net_.now, *this);
    settle();
    return taken;
}
inline Verdict Node::deliver(NodeId from, ByteView message, bool) {
    static const std::string kSync = "\x01sync";
    const std::string text = text_of(message);
    if (text.compare(0, kSync.size(), kSync) != 0) {
        delivered.push_back({from, text});
        if (on_delivery) on_delivery(delivered.back());
        return Verdict::none;
    }
    const RingId ring = core.ring();
    if (text != kSync + std::to_string(ring.rep) + "." + std::to_string(ring.seq)) return Verdict::none;
    sync_seen_.insert(from);
    const auto members = core.members();
    const bool all = std::all_of(members.begin(), members.end(), [this](NodeId each) { return sync_seen_.count(each) != 0; });
    if (!all) return Verdict::none;
    const bool mixed = corosync_like || (corosync_in_every_other_ring && ring.seq / 4 % 2 == 0);
    return mixed ? Verdict::synchronised : Verdict::synchronised_restart;
}
inline void Node::settle() {
    while (send_sync_ || !own.empty()) {
        if (send_sync_) {
            send_sync_ = false;
            const RingId ring = core.ring();
            const std::string text = "\x01sync" + std::to_string(ring.rep) + "." + std::to_string(ring.seq);
            const ByteView piece = as_bytes(text);
            EXPECT_TRUE(core.submit({{&piece, 1}, Stream::sync}, net_.now, *this));
            continue;
        }
        const Bytes frame = std::move(own.front());
        own.pop_front();
        core.on_frame(frame, net_.now, *this);
    }
}

// Messages that tell themselves apart.
inline std::string numbered(NodeId node, int i, std::size_t size) {
    std::string text = std::to_string(node) + ":" + std::to_string(i) + ":";
    while (text.size() < size) text += static_cast<char>('a' + (text.size() + static_cast<std::size_t>(i)) % 26);
    text.resize(std::max<std::size_t>(size, 1));
    return text;
}

}  // namespace motet::totem::test
