// Synchronisation after every regular configuration: service builds, then per service "process, barrier,
// activate" in ascending order of service ids. Pure; the wire messages stand in libs/wire/sync.h.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "libs/base/bytes.h"
#include "libs/base/ids.h"

namespace motet::sync {

// Service ids of Corosync that take part in synchronisation, and ours. A node that lists kMotet in its service
// build restarts cut messages after a ring change; only if all members do, everybody drops half-assembled ones.
inline constexpr std::uint32_t kCmap = 0, kCpg = 2, kQuorum = 3, kVotequorum = 5, kMotet = 40;

// One synchronisation, for telling late answers of a service from present ones. Never 0.
using Round = std::uint64_t;

class Output {
public:
    virtual ~Output() = default;
    // Multicast on the sync stream; `message` includes the group prefix "sync".
    virtual void send_sync(ByteView message) = 0;
    // A new ring is being synchronised. `continuing`: members of the last ring this service *announced* (was
    // activated for) that have come along through every transitional configuration since, also through rings
    // that were superseded before. This node is always among them.
    virtual void service_init(std::uint32_t service, Round round, RingId ring, std::span<const NodeId> members,
                              std::span<const NodeId> continuing) = 0;
    // Send what peers need to know, then call Sync::service_done().
    virtual void service_process(std::uint32_t service, Round round) = 0;
    virtual void service_activate(std::uint32_t service, Round round) = 0;
    virtual void service_abort(std::uint32_t service, Round round) = 0;
    // Clients must wait (from the transitional configuration) / may go on. A ring whose last barrier is delivered
    // in its transitional part is complete like any other, and sync_started() follows at once.
    virtual void sync_started() = 0;
    virtual void sync_complete(RingId ring, bool all_members_are_motet) = 0;
};

class Sync {
public:
    // `services`: ids with sync hooks of this node, ascending, each below 64. The first round is the one behind `rounds_from`.
    Sync(NodeId self, std::span<const std::uint32_t> services, Round rounds_from = 0);

    void transitional(RingId ring, std::span<const NodeId> members, Output& out);
    void regular(RingId ring, std::span<const NodeId> members, Output& out);
    // A message of group "sync" after the group prefix. Malformed or stale ones are counted and dropped.
    void deliver(NodeId from, ByteView body, bool foreign_order, Output& out);
    // The service has queued all its messages of this step.
    void service_done(std::uint32_t service, Round round, Output& out);

    bool complete() const;
    std::uint64_t dropped() const;
    // "complete", or "waiting in step 2 (process) for nodes 1 3": for status and logs.
    std::string describe() const;
    // Nodes whose service build of the present or last completed ring lists kMotet.
    bool all_motet() const;

private:
    enum class Phase : std::uint8_t { idle, build, process, barrier };
    struct Local {
        std::uint32_t service = 0;
        bool pending = false;                // initialised for this ring, neither activated nor aborted yet
        std::vector<NodeId> came_along;      // members at its last activation that were in every transitional set since
    };
    struct Member {
        NodeId node = 0;
        bool heard = false;                  // in the present phase
        bool motet = false;                  // its service build lists kMotet
    };

    void on_build(Member& from, ByteView body, bool foreign_order, Output& out);
    void on_barrier(Member& from, ByteView body, bool foreign_order, Output& out);
    bool all_heard() const;
    void enter_step(Output& out);
    void send_barrier(Output& out);
    void leave_step(Output& out);
    void finish(Output& out);
    void abort(Output& out);
    void stop_clients(Output& out);
    std::uint32_t step() const;              // the service being synchronised
    Local* local(std::uint32_t service);

    NodeId self_;
    std::vector<Local> locals_;              // ascending by service
    std::vector<Member> members_;            // of the present ring, ascending
    std::uint64_t to_do_ = 0;                // one bit per service id that is not activated yet
    Phase phase_ = Phase::idle;
    Round round_;
    RingId ring_;
    bool begun_ = false;                     // there was a ring
    Bytes message_;
    std::vector<NodeId> transition_;         // members of the last transitional configuration
    bool stopped_ = false;                   // sync_started() was the last word to the clients
    bool leaving_ = false;                   // between transitional and regular configuration
    std::uint64_t dropped_ = 0;
};

}  // namespace motet::sync
