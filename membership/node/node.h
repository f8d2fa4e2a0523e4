// One node without its shell: Totem, synchronisation and the routing of messages to services, still pure. The
// membership process puts sockets and rings around it; the simulator puts virtual time around it.
#pragma once
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/base/time.h"
#include "membership/sync/sync.h"
#include "membership/totem/totem.h"

namespace motet::node {

// What one who serves (a worker process, or a core in the simulator) is told, in this order of the total order. It may serve any
// number of service ids, none too: init() to abort() come once for each, the others once.
class Service {
public:
    virtual ~Service() = default;
    virtual void sync_started() = 0;
    virtual void init(std::uint32_t service, sync::Round round, RingId ring, std::span<const NodeId> members,
                      std::span<const NodeId> continuing) = 0;
    virtual void process(std::uint32_t service, sync::Round round) = 0;
    virtual void activate(std::uint32_t service, sync::Round round) = 0;
    virtual void abort(std::uint32_t service, sync::Round round) = 0;
    virtual void complete(RingId ring, bool all_motet) = 0;
    // A service message from its 16-byte header on.
    // `of_predecessor`: this node has sent it, but whoever was attached here before this service has submitted it.
    virtual void message(NodeId from, ByteView body, bool foreign_order, bool of_predecessor) = 0;
    // What it submitted up to this position may be known to other nodes from now on.
    virtual void numbered(std::uint64_t) {}
    // The next message() is the one it submitted with this position.
    virtual void own_next(std::uint64_t) {}
};

// What the node asks of the world.
class Transport {
public:
    virtual ~Transport() = default;
    virtual void multicast(ByteView frame) = 0;
    virtual void unicast(NodeId to, ByteView frame) = 0;
    virtual void loop_back(ByteView frame) = 0;
    virtual bool store_ring_sequence(std::uint64_t seq) = 0;
};

struct Config {
    totem::Config totem;
    bool votequorum = true;             // announce votes (service 5) although no worker serves it here
    std::uint32_t votes = 1, expected_votes = 1;
    std::uint64_t config_version = 0;   // totem.config_version, 0: absent
    ServiceSet further = 0;             // ids besides Corosync's that take part in synchronisation
    sync::Round rounds_from = 0;        // rounds are numbered from here: they must not be those of an earlier process
};

struct Event {                           // for the log and status; kept by the shell
    enum class Kind : std::uint8_t { transitional, regular, synchronised } kind;
    RingId ring;
    std::vector<NodeId> members, left, joined;
};

enum class Submitted {
    taken,
    no_room,    // nothing was taken: try again later
    refused,    // not a message of that service
};

class Node final : private totem::Output, private sync::Output {
public:
    Node(const Config& config, std::uint64_t stored_ring_sequence, Transport& transport);
    ~Node() override;

    // `to` serves these ids from now on, instead of whoever did; it must be detached before it goes.
    void attach(ServiceSet services, Service* to);
    // Messages for its ids are dropped, and what peers must hear of them is said here.
    void detach(Service* who);
    static constexpr std::uint32_t kNobody = UINT32_MAX;
    // The service that was told to take its step of a synchronisation and has not said that it is done.
    struct Awaited {
        std::uint32_t service = kNobody;
        sync::Round round = 0;
        friend bool operator==(const Awaited&, const Awaited&) = default;
    };
    Awaited awaited() const { return awaited_; }
    void start(Instant now);
    void on_frame(ByteView frame, Instant now);
    void on_time(Instant now);
    Instant deadline() const;
    void leave();
    // Other timers, limits and nodes from now on; this node and the largest frame stay what they are.
    void reconfigure(const Config& config);
    // A new ring of the same members, so that a replaced worker is synchronised again.
    void resynchronise(Instant now);

    // From one who serves `own`: a service message from its 16-byte header on, whose id must be among them. The bytes may be
    // changed by their owner meanwhile; they are read once. Messages of a past round are taken and dropped. `by`, if it is attached,
    // is told of `position` when the message is numbered and delivered.
    Submitted submit(ServiceSet own, ByteView body, Guarantee guarantee, bool unit_first, bool unit_last, Instant now,
                     const Service* by = nullptr, std::uint64_t position = 0);
    Submitted submit_sync(ServiceSet own, sync::Round round, ByteView body, Instant now);
    void sync_done(std::uint32_t service, sync::Round round, Instant now);
    // Frames sent from now on have at most so many bytes, and never more than the configuration says.
    void limit_frames(std::size_t bytes) { totem_.limit_frames(bytes); }
    std::size_t room() const;

    const totem::Totem& totem() const { return totem_; }
    const sync::Sync& sync() const { return sync_; }
    std::uint64_t unknown_messages() const { return unknown_messages_; }
    std::vector<Event> take_events();   // at most kEventsMax are kept between calls; older ones are dropped
    static constexpr std::size_t kEventsMax = 64;

private:
    void multicast(ByteView frame) override;
    void unicast(NodeId to, ByteView frame) override;
    void loop_back(ByteView frame) override;
    totem::Verdict deliver(NodeId from, ByteView message, bool foreign_order) override;
    void numbered(totem::Tag tag) override;
    void own_next(totem::Tag tag) override;
    void transitional(RingId ring, std::span<const NodeId> members, std::span<const NodeId> left) override;
    void regular(RingId ring, std::span<const NodeId> members, std::span<const NodeId> joined) override;
    bool store_ring_sequence(std::uint64_t seq) override;

    void send_sync(ByteView message) override;
    void service_init(std::uint32_t service, sync::Round round, RingId ring, std::span<const NodeId> members,
                      std::span<const NodeId> continuing) override;
    void service_process(std::uint32_t service, sync::Round round) override;
    void service_activate(std::uint32_t service, sync::Round round) override;
    void service_abort(std::uint32_t service, sync::Round round) override;
    void sync_started() override;
    void sync_complete(RingId ring, bool all_members_are_motet) override;

    void give(std::uint32_t service, Service* to);
    bool attached(std::uint32_t service, sync::Round round) const;
    void announce_resident(std::uint32_t service);
    void after_step(Instant now);
    void note(Event event);

    Config config_;
    const ServiceSet synchronised_;         // ids with a step in the synchronisation
    Transport& transport_;
    totem::Totem totem_;
    sync::Sync sync_;
    std::vector<Service*> services_;        // by id; null: nobody serves it here
    struct Holder {
        Service* service;
        std::uint16_t owner;                // in the tags of its messages; another for each attachment, so that old tags mean nobody
    };
    std::vector<Holder> holders_;           // everyone who is attached, once
    std::uint16_t next_owner_ = 0;      // of the message that is delivered next, as far as it has one
    std::uint16_t last_owner_ = 0;
    const Holder* holder(const Service* service) const;
    Service* owner(std::uint16_t owner) const;
    std::vector<Event> events_;
    std::uint64_t unknown_messages_ = 0;
    // What came up inside a step of Totem or of the synchronisation and must wait until that step is over.
    struct Deferred {
        enum class Kind : std::uint8_t { send, done } kind;
        std::uint32_t service = 0;
        sync::Round round = 0;
        Bytes message;
    };
    std::deque<Deferred> deferred_;
    std::vector<sync::Round> told_;         // by service: the round its present holder was told of, 0: none
    std::uint32_t processing_ = kNobody;    // service of the present synchronisation step
    Awaited awaited_;
    totem::Verdict verdict_ = totem::Verdict::none;
    bool first_ = true;                     // no ring with others yet
};

}  // namespace motet::node
