// One simulated application: a handle of the cpg service that works off what the plan asks of it, one call after the
// other, with the retries a careful application makes.
#pragma once
#include <cstdint>
#include <deque>
#include <string>

#include "libs/base/bytes.h"
#include "libs/wire/client_cpg.h"
#include "tests/sim/history.h"
#include "tests/sim/plan.h"

namespace motet::sim {

struct Op {
    enum class Kind : std::uint8_t { join, leave, finalize, multicast, parts } kind;
    std::string group{};
    std::uint64_t size = 0, count = 1, part = 0;
    bool safe = false, with_reply = false, marker = false;
};

class Worker;
class Observer;

class Client {
public:
    enum class Standing : std::uint8_t { unjoined, joining, leaving };   // "joining" until the own leave: may send

    Client(NodeId node, std::uint32_t slot) : node_(node), slot_(slot) {}

    void add(Op op) { ops_.push_back(std::move(op)); }
    // The next calls. Returns microseconds after which to try again, 0: when something happens.
    std::uint32_t pump(Worker& worker, bool ready, Observer& observer, History& history, Instant now);
    void replied(std::uint64_t request, std::uint32_t error, Observer& observer, History& history);
    // The connection is gone: crash of the node or its worker, disconnect, finalize.
    void dropped(Observer& observer);
    void happened(const History& history);

    NodeId node() const { return node_; }
    std::uint32_t conn() const { return conn_; }
    std::uint32_t life() const { return life_; }
    Standing standing() const { return standing_; }
    bool busy() const { return waiting_ || !ops_.empty() || standing_ == Standing::leaving; }
    void forget_ops() { ops_.clear(); }
    std::string describe() const;

    bool reuse_pid = false;
    std::uint32_t* conns = nullptr;     // counter of the run
    std::uint32_t* pids = nullptr;

private:
    void connect(Worker& worker);
    void introduce(Worker& worker);
    void call(Worker& worker, wire::cpg_client::Request type, Bytes payload);
    bool send(Worker& worker, Observer& observer, Instant now);
    bool send_part(Worker& worker, Observer& observer, Instant now);

    NodeId node_;
    std::uint32_t slot_, pid_ = 0, conn_ = 0, life_ = kNone;
    Standing standing_ = Standing::unjoined;
    bool introduced_ = false, waiting_ = false, retry_ = false;
    wire::cpg_client::Request asked_{};
    std::uint64_t requests_ = 0;
    std::uint32_t message_ = kNone;     // that awaits a reply, or is being sent in parts
    std::uint64_t offset_ = 0;          // of the next part
    std::string group_;
    Bytes content_;
    std::deque<Op> ops_;
};

}  // namespace motet::sim
