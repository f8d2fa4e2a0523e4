// Running a plan; see world.h. What happens to single nodes stands in world_node.cpp, the end of a run in world_end.cpp.
#include "tests/sim/world.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>

#include "tests/sim/content.h"

namespace motet::sim {

World::World(const Plan& plan, History& history, Mutator* mutator, int trace)
    : plan_(plan), history_(history), mutator_(mutator), trace_(trace), network_(plan, queue_), observer_(history), chance_(plan.seed, 2) {
    for (NodeId id = 1; id <= plan.nodes; ++id) {
        nodes_.push_back(std::make_unique<SimNode>(*this, id));
        nodes_.back()->worker_delay_us_ = plan.worker_delay_us;
        for (std::uint32_t slot = 1; slot <= plan.clients_per_node; ++slot) {
            clients_.emplace_back(id, slot);
            clients_.back().reuse_pid = plan.reuse_pids;
            clients_.back().conns = &conns_;
            clients_.back().pids = &pids_;
        }
    }
}

World::~World() = default;

void World::trace(const char* format, ...) {
    if (!trace_) return;
    std::printf("%10.3f ms  ", static_cast<double>(queue_.now().ns) / 1e6);
    va_list args;
    va_start(args, format);
    std::vprintf(format, args);
    va_end(args);
    std::putchar('\n');
}

void World::run() {
    for (std::uint32_t i = 0; i < plan_.steps.size(); ++i)
        queue_.at(Instant{} + microseconds(plan_.steps[i].at_us), {Event::Kind::step, i, 0, nullptr});
    for (NodeId id = 1; id <= plan_.nodes; ++id)
        if (std::find(plan_.late.begin(), plan_.late.end(), id) == plan_.late.end()) start(at(id));
    run_until(Instant{} + microseconds(plan_.end_us));
    finish();
    history_.figures.frames = network_.frames();
    history_.figures.virtual_ms = static_cast<std::uint64_t>(queue_.now().ns / 1000000);
    for (const auto& n : nodes_) {
        if (!n->alive()) continue;
        history_.figures.retransmits += n->core()->totem().counters().mcast_retransmitted;
        history_.figures.fail_to_receive += n->core()->totem().counters().fail_to_receive;
    }
}

void World::run_until(Instant end) {
    constexpr std::uint64_t kEventsMax = 4000000;
    while (!over_ && !queue_.empty() && queue_.next() <= end) {
        dispatch(queue_.take());
        if (++history_.figures.events == kEventsMax) {
            history_.violate("E5", "more than %llu events after %lld ms: the cluster is busy with itself",
                             static_cast<unsigned long long>(kEventsMax), static_cast<long long>(queue_.now().ns / 1000000));
            over_ = true;
        }
        if (history_.violations.size() >= History::kViolationsMax) over_ = true;
    }
}

void World::dispatch(Event event) {
    switch (event.kind) {
    case Event::Kind::frame: {
        SimNode& n = at(event.node);
        if (!n.alive() || (event.generation != 0 && event.generation != n.generation_)) return;
        if (n.paused_) {
            if (n.inbox_.size() < plan_.socket_frames) n.inbox_.push_back(event.frame);
            else ++history_.figures.overflow;
            return;
        }
        if (trace_ > 1) trace("node %u <- %s", n.id_, describe_frame(*event.frame).c_str());
        n.note_held(*event.frame);
        n.node_->on_frame(*event.frame, queue_.now());
        settle(n);
        return;
    }
    case Event::Kind::timer: {
        SimNode& n = at(event.node);
        if (!n.alive() || n.paused_ || event.generation != n.timer_generation_) return;
        n.timer_at_ = kNever;
        n.node_->on_time(queue_.now());
        settle(n);
        return;
    }
    case Event::Kind::worker: {
        SimNode& n = at(event.node);
        if (!n.alive() || event.generation != n.worker_generation_) return;
        n.worker_scheduled_ = false;
        if (n.paused_) return;
        const bool more = n.worker_->work(1 + static_cast<unsigned>(chance_.below(24)), chance_, queue_.now());
        if (n.worker_->synchronised()) n.ready_ = true;
        settle(n);
        if (more) schedule_worker(n);
        return;
    }
    case Event::Kind::step: {
        const Step& step = plan_.steps[event.node];
        if (ended_) return;
        if (step.when == When::always) take_step(step);
        else if (holds(step)) take_step(step);
        else waiting_steps_.push_back(event.node);
        return;
    }
    case Event::Kind::client: pump(event.node); return;
    case Event::Kind::resume: {
        SimNode& n = at(event.node);
        if (!n.alive() || event.generation != n.generation_) return;
        if (n.stopping_) {
            trace("node %u leaves the ring and stops", n.id_);
            n.node_->leave();
            stop(n);
        } else resume(n);
        return;
    }
    case Event::Kind::poll: return;
    }
}

void World::pump(std::uint32_t i) {
    Client& c = clients_[i];
    SimNode& n = at(c.node());
    if (!n.alive() || n.stopping_ || n.worker_ == nullptr) {
        c.forget_ops();
        return;
    }
    const std::uint32_t before = c.conn();
    const std::uint32_t again_us = c.pump(*n.worker_, n.ready_, observer_, history_, queue_.now());
    if (c.conn() != before) client_of_[c.conn()] = i;
    schedule_worker(n);
    if (again_us != 0) queue_.at(queue_.now() + microseconds(again_us), {Event::Kind::client, i, 0, nullptr});
}

// --- what the worker tells the clients

std::uint32_t World::index(const Client& c) const { return static_cast<std::uint32_t>(&c - clients_.data()); }
Client& World::client(NodeId node, std::uint32_t slot) { return clients_[(node - 1) * plan_.clients_per_node + slot - 1]; }

void World::replied(std::uint32_t conn, std::uint64_t request, std::uint32_t error) {
    const auto found = client_of_.find(conn);
    if (found == client_of_.end() || clients_[found->second].conn() != conn) return;
    clients_[found->second].replied(request, error, observer_, history_);
    queue_.at(queue_.now() + microseconds(static_cast<std::int64_t>(1 + chance_.below(40))), {Event::Kind::client, found->second, 0, nullptr});
}

void World::closed(std::uint32_t conn, bool violation) {
    const auto found = client_of_.find(conn);
    if (found == client_of_.end() || clients_[found->second].conn() != conn) return;
    if (violation) history_.violate("E6", "node %u: the service cuts off a well-behaved client", clients_[found->second].node());
    clients_[found->second].dropped(observer_);
    queue_.at(queue_.now() + microseconds(20), {Event::Kind::client, found->second, 0, nullptr});
}

std::uint32_t World::life_of(std::uint32_t conn) {
    const auto found = client_of_.find(conn);
    if (found == client_of_.end() || clients_[found->second].conn() != conn) return kGone;
    return clients_[found->second].life();
}

void World::traced(const Seen& e) {
    if (!trace_) return;
    std::string what;
    if (e.kind == Entry::Kind::deliver) {
        std::uint32_t id = kNone;
        if (!read_content(e.bytes, id)) id = kNone;
        what = "message " + (id == kNone ? "?" : std::to_string(id)) + " of " + std::to_string(e.bytes.size()) + " bytes from " + std::to_string(e.sender.first) + "/" +
               std::to_string(e.sender.second);
        if (id < history_.messages.size() && history_.messages[id].safe) what += " SAFE";
    } else if (e.kind == Entry::Kind::view) {
        what = "view of " + std::to_string(e.view.members.size());
        for (const Address& a : e.view.left) what += " -" + std::to_string(a.node) + "/" + std::to_string(a.pid) + " reason " + std::to_string(a.reason);
        for (const Address& a : e.view.joined) what += " +" + std::to_string(a.node) + "/" + std::to_string(a.pid) + " reason " + std::to_string(a.reason);
    } else what = "ring " + text(e.ring.ring);
    trace("node %u: %s sees %s%s", e.node, e.life < kGone ? text(history_, e.life).c_str() : "a handle in no group", what.c_str(), e.transitional ? " (transitional)" : "");
}

void World::happened(std::uint32_t conn) {
    const auto found = client_of_.find(conn);
    if (found == client_of_.end() || clients_[found->second].conn() != conn) return;
    Client& c = clients_[found->second];
    const auto before = c.standing();
    c.happened(history_);
    if (c.standing() != before) queue_.at(queue_.now() + microseconds(20), {Event::Kind::client, found->second, 0, nullptr});
}

}  // namespace motet::sim
