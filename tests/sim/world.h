// A whole cluster on virtual time: nodes of real cores, their network, their clients, and the plan that disturbs them.
#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "membership/node/node.h"
#include "tests/sim/client.h"
#include "tests/sim/history.h"
#include "tests/sim/mutator.h"
#include "tests/sim/network.h"
#include "tests/sim/observer.h"
#include "tests/sim/plan.h"
#include "tests/sim/worker.h"

namespace motet::sim {

class World;

// One machine. Its disk (the ring sequence) survives a crash, nothing else does.
class SimNode final : public node::Transport, public node::Service {
public:
    SimNode(World& world, NodeId id) : world_(world), id_(id) {}

    bool alive() const { return node_ != nullptr; }
    node::Node* core() { return node_.get(); }
    Worker* worker() { return worker_.get(); }
    bool holds(RingId ring, std::uint32_t seq) const;

private:
    friend class World;
    void multicast(ByteView frame) override;
    void unicast(NodeId to, ByteView frame) override;
    void loop_back(ByteView frame) override;
    bool store_ring_sequence(std::uint64_t seq) override;
    void sync_started() override;
    void init(std::uint32_t service, sync::Round round, RingId ring, std::span<const NodeId> members,
              std::span<const NodeId> continuing) override;
    void process(std::uint32_t service, sync::Round round) override;
    void activate(std::uint32_t service, sync::Round round) override;
    void abort(std::uint32_t service, sync::Round round) override;
    void complete(RingId ring, bool all_motet) override;
    void message(NodeId from, ByteView body, bool foreign_order, bool of_predecessor) override;
    void feed(FeedRecord record);
    void note_held(ByteView frame);

    World& world_;
    NodeId id_;
    std::unique_ptr<node::Node> node_;
    std::unique_ptr<Worker> worker_;
    std::uint64_t generation_ = 0, worker_generation_ = 0, timer_generation_ = 0, disk_ = 0;
    Instant timer_at_ = kNever;
    bool paused_ = false, stopping_ = false, worker_scheduled_ = false, ready_ = false, transitional_ = false, unsubmitted_ = false;
    std::uint32_t worker_delay_us_ = 0;
    std::deque<Frame> inbox_;
    std::map<RingId, std::vector<bool>, RingOrder> held_;
    totem::State last_state_ = totem::State::gather;
};

class World final : public ClientSide {
public:
    World(const Plan& plan, History& history, Mutator* mutator, int trace);   // 1: states, 2: frames too
    ~World() override;
    void run();

private:
    friend class SimNode;
    SimNode& at(NodeId id) { return *nodes_[id - 1]; }
    void dispatch(Event event);
    void run_until(Instant end);
    // After every call into a node: its events, timer, submissions, and steps that waited for its situation.
    void settle(SimNode& n);
    static std::string describe_frame(ByteView bytes);
    void collect_events(SimNode& n);
    void schedule_worker(SimNode& n);
    void pump(std::uint32_t client);

    void start(SimNode& n);
    void stop(SimNode& n);           // at once, whatever the reason
    void resume(SimNode& n);
    void replace_worker(SimNode& n);
    void take_step(const Step& step);
    bool holds(const Step& step);
    Client& client(NodeId node, std::uint32_t slot);
    std::uint32_t index(const Client& c) const;

    void finish();                   // heal, E1 to E3 and E5
    bool converged(std::string* why);
    bool markers_delivered(std::string* why);
    bool views_full(std::string* why);
    void check_safe_held(SimNode& n, ByteView body);

    void replied(std::uint32_t conn, std::uint64_t request, std::uint32_t error) override;
    void closed(std::uint32_t conn, bool violation) override;
    std::uint32_t life_of(std::uint32_t conn) override;
    void happened(std::uint32_t conn) override;
    void traced(const Seen& event) override;

    [[gnu::format(printf, 2, 3)]] void trace(const char* format, ...);

    const Plan& plan_;
    History& history_;
    Mutator* mutator_;
    int trace_;
    EventQueue queue_;
    Network network_;
    Observer observer_;
    Prng chance_;
    std::vector<std::unique_ptr<SimNode>> nodes_;
    std::vector<Client> clients_;
    std::map<std::uint32_t, std::uint32_t> client_of_;    // conn -> index
    std::vector<std::uint32_t> waiting_steps_;
    std::uint32_t conns_ = 0, pids_ = 0;
    bool over_ = false;      // the run is broken off
    bool ended_ = false;     // no more steps
};

}  // namespace motet::sim
