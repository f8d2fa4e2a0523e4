// What happens to single nodes: frames, timers, start, crash, pause, and the steps of a plan; see world.h.
#include <algorithm>

#include "libs/wire/join.h"
#include "libs/wire/mcast.h"
#include "tests/sim/content.h"
#include "tests/sim/world.h"

namespace motet::sim {
namespace {

constexpr std::size_t kPayloadOffset = 184;   // of the application's bytes in a cpg multicast

Frame make_frame(ByteView bytes) { return std::make_shared<const Bytes>(bytes.begin(), bytes.end()); }

}  // namespace

// --- one node and the world

void SimNode::multicast(ByteView bytes) {
    const Frame frame = make_frame(bytes);
    for (NodeId to = 1; to <= world_.plan_.nodes; ++to)
        if (to != id_) world_.network_.send(id_, to, frame, true);
    const auto mcast = wire::decode_mcast(bytes);
    if (!mcast || mcast->encapsulated() || mcast->system_from != id_) return;
    auto& seqs = held_[mcast->ring];
    if (mcast->seq < seqs.size() && seqs[mcast->seq]) return;
    if (seqs.size() <= mcast->seq) seqs.resize(mcast->seq + 64);
    seqs[mcast->seq] = true;
    // Which messages begin in this frame (white box, for SAFE).
    const ByteView body = mcast->body;
    for (std::size_t i = 0; i + kContentHeader <= body.size(); ++i) {
        if (body[i] != (kContentMagic & 0xff)) continue;
        std::uint32_t head[4];
        std::memcpy(head, body.data() + i, sizeof head);
        if (head[0] != kContentMagic || head[1] >= world_.history_.messages.size()) continue;
        Message& m = world_.history_.messages[head[1]];
        m.frame_ring = mcast->ring;
        m.frame_seq = mcast->seq;
    }
}

void SimNode::unicast(NodeId to, ByteView bytes) {
    const Frame frame = make_frame(bytes);
    if (to == id_) world_.network_.send_self(id_, generation_, frame);
    else world_.network_.send(id_, to, frame, false);
}

void SimNode::loop_back(ByteView bytes) { world_.network_.send_self(id_, generation_, make_frame(bytes)); }

bool SimNode::store_ring_sequence(std::uint64_t seq) {
    disk_ = seq;
    return true;
}

// A frame counts as held if the node stores it in the state it is in.
void SimNode::note_held(ByteView bytes) {
    const auto state = node_->totem().state();
    if (state != totem::State::operational && state != totem::State::gather) return;
    const auto mcast = wire::decode_mcast(bytes);
    if (!mcast || mcast->encapsulated()) return;
    auto& seqs = held_[mcast->ring];
    if (seqs.size() <= mcast->seq) seqs.resize(mcast->seq + 64);
    seqs[mcast->seq] = true;
}

bool SimNode::holds(RingId ring, std::uint32_t seq) const {
    const auto found = held_.find(ring);
    return found != held_.end() && seq < found->second.size() && found->second[seq];
}

void SimNode::feed(FeedRecord record) {
    world_.collect_events(*this);
    record.transitional = transitional_;
    if (worker_) worker_->feed(std::move(record));
}
void SimNode::sync_started() { feed({.kind = FeedRecord::Kind::sync_started}); }
void SimNode::init(std::uint32_t, sync::Round round, RingId ring, std::span<const NodeId> members, std::span<const NodeId> continuing) {
    FeedRecord r{.kind = FeedRecord::Kind::init, .round = round, .ring = ring};
    r.members.assign(members.begin(), members.end());
    r.continuing.assign(continuing.begin(), continuing.end());
    feed(std::move(r));
}
void SimNode::process(std::uint32_t, sync::Round round) { feed({.kind = FeedRecord::Kind::process, .round = round}); }
void SimNode::activate(std::uint32_t, sync::Round round) { feed({.kind = FeedRecord::Kind::activate, .round = round}); }
void SimNode::abort(std::uint32_t, sync::Round round) { feed({.kind = FeedRecord::Kind::abort, .round = round}); }
void SimNode::complete(RingId ring, bool all_motet) {
    FeedRecord r{.kind = FeedRecord::Kind::complete, .ring = ring};
    r.all_motet = all_motet;
    feed(std::move(r));
}
void SimNode::message(NodeId from, ByteView body, bool foreign_order, bool of_predecessor) {
    FeedRecord r{.kind = FeedRecord::Kind::message};
    r.from = from;
    r.body.assign(body.begin(), body.end());
    r.foreign_order = foreign_order;
    r.of_predecessor = of_predecessor;
    feed(std::move(r));
    world_.check_safe_held(*this, body);
}

// --- the world and one node

void World::collect_events(SimNode& n) {
    for (const node::Event& e : n.node_->take_events()) {
        observer_.node_event(n.id_, e);
        if (e.kind != node::Event::Kind::synchronised) n.transitional_ = e.kind == node::Event::Kind::transitional;
        if (!trace_) continue;
        std::string members;
        for (const NodeId m : e.members) members += " " + std::to_string(m);
        static const char* const names[] = {"transitional", "regular", "synchronised"};
        trace("node %u: %s ring %s members%s", n.id_, names[static_cast<int>(e.kind)], text(e.ring).c_str(), members.c_str());
    }
}

// A frame in a few words, for the trace: type and, where it has one, its number.
std::string World::describe_frame(ByteView bytes) {
    const auto header = wire::decode_header(bytes);
    if (!header) return "malformed frame";
    static const char* const names[] = {"token", "mcast", "merge detect", "join", "commit token", "hold cancel"};
    std::string s = names[static_cast<int>(header->type)];
    if (const auto m = wire::decode_mcast(bytes); m && header->type == wire::FrameType::mcast)
        s += " " + std::to_string(m->seq) + " of ring " + text(m->ring) + (m->encapsulated() ? " (recovery)" : "");
    if (const auto j = wire::decode_join(bytes); j && header->type == wire::FrameType::join) {
        s += " after " + std::to_string(j->ring_seq) + " of";
        for (const NodeId n : j->proc_list) s += " " + std::to_string(n);
        s += " without";
        for (const NodeId n : j->failed_list) s += " " + std::to_string(n);
    }
    return s + " from " + std::to_string(header->nodeid);
}

void World::settle(SimNode& n) {
    if (!n.alive()) return;
    if (n.worker_) n.worker_->submit_to(*n.node_, &n, queue_.now());
    collect_events(n);
    if (const auto state = n.node_->totem().state(); state != n.last_state_) {
        n.last_state_ = state;
        trace("node %u: %s", n.id_, totem::name(state));
    }
    const Instant due = n.node_->deadline();
    if (due != n.timer_at_) {
        n.timer_at_ = due;
        ++n.timer_generation_;
        if (due != kNever) queue_.at(due, {Event::Kind::timer, n.id_, n.timer_generation_, nullptr});
    }
    schedule_worker(n);
    for (std::size_t i = 0; i < waiting_steps_.size();) {
        const Step& step = plan_.steps[waiting_steps_[i]];
        if (step.when_node != n.id_ || !holds(step)) {
            ++i;
            continue;
        }
        waiting_steps_.erase(waiting_steps_.begin() + static_cast<std::ptrdiff_t>(i));
        take_step(step);
        if (!n.alive()) return;
    }
}

void World::schedule_worker(SimNode& n) {
    if (n.worker_scheduled_ || !n.worker_ || !n.worker_->has_work() || n.paused_) return;
    n.worker_scheduled_ = true;
    queue_.at(queue_.now() + microseconds(static_cast<std::int64_t>(1 + chance_.below(n.worker_delay_us_ + 1))),
              {Event::Kind::worker, n.id_, n.worker_generation_, nullptr});
}

bool World::holds(const Step& step) {
    if (step.when_node == 0 || step.when_node > plan_.nodes) return false;
    SimNode& n = at(step.when_node);
    if (!n.alive()) return false;
    const totem::State state = n.node_->totem().state();
    switch (step.when) {
    case When::always: return true;
    case When::synchronising: return state == totem::State::operational && !n.node_->sync().complete();
    case When::gather: return state == totem::State::gather;
    case When::commit: return state == totem::State::commit;
    case When::recovery: return state == totem::State::recovery;
    case When::operational: return state == totem::State::operational && n.node_->sync().complete();
    case When::sending: return n.worker_ && !n.worker_->drained();
    }
    return false;
}

void World::start(SimNode& n) {
    if (n.alive()) return;
    trace("node %u starts", n.id_);
    node::Config config;
    totem::Config& t = config.totem;
    t.self = n.id_;
    for (NodeId id = 1; id <= plan_.nodes; ++id) t.nodes.push_back(id);
    t.token = milliseconds(plan_.token_ms);
    t.token_retransmit = milliseconds(plan_.token_ms * 10 / 42);
    t.hold = milliseconds(std::max<std::int64_t>(14, t.token_retransmit.ms() * 8 / 10 - 10));
    t.consensus = milliseconds(plan_.token_ms * 12 / 10);
    t.join = milliseconds(50);
    t.merge = milliseconds(200);
    t.fail_recv_const = plan_.fail_recv;
    t.miss_count_const = plan_.miss_count;
    t.window_size = plan_.window;
    t.max_messages = plan_.max_messages;
    t.adaptive_window = plan_.window == totem::Config{}.window_size;
    t.quick_rest = plan_.seed % 2 == 1;     // both ways of resting the token
    t.netmtu = plan_.netmtu;
    t.cancel_token_hold_on_retransmit = plan_.cancel_hold;
    t.random_seed = plan_.seed * 64 + n.id_;
    config.expected_votes = plan_.nodes;
    ++n.generation_;
    ++n.worker_generation_;
    n.timer_at_ = kNever;
    n.paused_ = n.stopping_ = n.worker_scheduled_ = n.ready_ = n.transitional_ = false;
    n.inbox_.clear();
    n.node_ = std::make_unique<node::Node>(config, n.disk_, n);
    observer_.node_reset(n.id_);
    n.worker_ = std::make_unique<Worker>(n.id_, observer_, mutator_, *this, history_);
    n.node_->attach(service_set(sync::kCpg), &n);
    n.node_->start(queue_.now());
    settle(n);
}

void World::stop(SimNode& n) {
    if (!n.alive()) return;
    for (Client& c : clients_) {
        if (c.node() != n.id_) continue;
        c.dropped(observer_);
        c.forget_ops();
    }
    collect_events(n);
    n.node_.reset();
    n.worker_.reset();
    n.inbox_.clear();
    ++n.generation_;
    ++n.timer_generation_;
    ++n.worker_generation_;
    n.paused_ = n.stopping_ = false;
}

void World::resume(SimNode& n) {
    if (!n.alive() || !n.paused_) return;
    trace("node %u runs on with %zu frames waiting", n.id_, n.inbox_.size());
    n.paused_ = false;
    // Whether the timers or the sockets are looked at first after a pause is anybody's guess.
    const bool timers_first = chance_.percent(50);
    if (timers_first && n.node_->deadline() <= queue_.now()) n.node_->on_time(queue_.now());
    std::deque<Frame> inbox = std::exchange(n.inbox_, {});
    for (const Frame& f : inbox) {
        n.note_held(*f);
        n.node_->on_frame(*f, queue_.now());
    }
    n.timer_at_ = kNever;
    settle(n);
}

void World::replace_worker(SimNode& n) {
    if (!n.alive() || n.paused_ || n.stopping_) return;
    trace("node %u: the cpg worker is replaced", n.id_);
    for (Client& c : clients_) {
        if (c.node() != n.id_) continue;
        c.dropped(observer_);
        c.forget_ops();
    }
    collect_events(n);
    ++n.worker_generation_;
    n.worker_scheduled_ = n.ready_ = false;
    n.node_->detach(&n);
    observer_.worker_reset(n.id_);
    n.worker_ = std::make_unique<Worker>(n.id_, observer_, mutator_, *this, history_);
    n.node_->attach(service_set(sync::kCpg), &n);
    n.node_->resynchronise(queue_.now());
    settle(n);
}

void World::take_step(const Step& step) {
    const auto in_range = [&](std::uint32_t node) { return node >= 1 && node <= plan_.nodes; };
    const bool about_client = step.act >= Act::join;
    if (step.act != Act::partition && step.act != Act::heal && !in_range(step.node)) return;
    if (about_client && (step.client < 1 || step.client > plan_.clients_per_node)) return;
    trace("step: %s", to_text(step).c_str());
    const auto ask = [&](Op op) {
        Client& c = client(step.node, step.client);
        if (!at(step.node).alive()) return;
        c.add(std::move(op));
        queue_.at(queue_.now(), {Event::Kind::client, index(c), 0, nullptr});
    };
    switch (step.act) {
    case Act::start: start(at(step.node)); break;
    case Act::crash: stop(at(step.node)); break;
    case Act::leave_ring: {
        SimNode& n = at(step.node);
        if (!n.alive() || n.paused_ || n.stopping_) break;
        n.stopping_ = true;
        for (Client& c : clients_)
            if (c.node() == n.id_ && c.conn() != 0) {
                n.worker_->disconnect(c.conn());
                c.dropped(observer_);
            }
        schedule_worker(n);
        queue_.at(queue_.now() + milliseconds(20), {Event::Kind::resume, n.id_, n.generation_, nullptr});
        break;
    }
    case Act::pause: {
        SimNode& n = at(step.node);
        if (!n.alive() || n.paused_ || n.stopping_) break;
        n.paused_ = true;
        queue_.at(queue_.now() + microseconds(static_cast<std::int64_t>(step.a)), {Event::Kind::resume, n.id_, n.generation_, nullptr});
        break;
    }
    case Act::partition: network_.partition(step.components); break;
    case Act::heal: network_.heal(); break;
    case Act::cut:
        ++history_.figures.one_way;
        network_.cut(step.node, step.other, true);
        break;
    case Act::mend: network_.cut(step.node, step.other, false); break;
    case Act::deaf: network_.set_deaf(step.node, true); break;
    case Act::hear: network_.set_deaf(step.node, false); break;
    case Act::loss: network_.set_loss(step.node, step.other, static_cast<std::uint32_t>(step.a)); break;
    case Act::slow: at(step.node).worker_delay_us_ = step.a == 0 ? plan_.worker_delay_us : static_cast<std::uint32_t>(step.a); break;
    case Act::replace_worker: replace_worker(at(step.node)); break;
    case Act::join: ask({.kind = Op::Kind::join, .group = "g" + std::to_string(step.a)}); break;
    case Act::leave: ask({.kind = Op::Kind::leave, .group = ""}); break;
    case Act::finalize: ask({.kind = Op::Kind::finalize, .group = ""}); break;
    case Act::disconnect: {
        Client& c = client(step.node, step.client);
        SimNode& n = at(step.node);
        if (!n.alive() || n.stopping_ || c.conn() == 0) break;
        n.worker_->disconnect(c.conn());
        c.dropped(observer_);
        c.forget_ops();
        schedule_worker(n);
        break;
    }
    case Act::multicast:
        ask({.kind = Op::Kind::multicast, .group = "", .size = step.a, .count = step.b, .part = 0, .safe = (step.c & kFlagSafe) != 0, .with_reply = (step.c & kFlagSync) != 0});
        break;
    case Act::parts:
        ask({.kind = Op::Kind::parts, .group = "", .size = step.a, .count = 1, .part = std::max<std::uint64_t>(1, step.b), .safe = (step.c & kFlagSafe) != 0});
        break;
    }
}

// A1, white box: when Totem hands out a SAFE message in the regular part, every node of the ring must hold the frame in
// which it begins.
void World::check_safe_held(SimNode& n, ByteView body) {
    if (n.transitional_ || body.size() < kPayloadOffset + kContentHeader) return;
    std::uint32_t id = kNone;
    if (!read_content(body.subspan(kPayloadOffset), id) || id >= history_.messages.size()) return;
    const Message& m = history_.messages[id];
    const auto& formed = history_.nodes[n.id_].formed;
    if (!m.safe || formed.empty() || formed.back().ring != m.frame_ring) return;
    for (const NodeId member : formed.back().members)
        if (!at(member).holds(m.frame_ring, m.frame_seq))
            history_.violate("A1", "node %u delivers SAFE message %u (frame %u of ring %s) in the regular part while node %u does not hold it", n.id_, id,
                             m.frame_seq, text(m.frame_ring).c_str(), member);
}

}  // namespace motet::sim
