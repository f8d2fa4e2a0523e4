// One worker's link as the membership process sees it: deliveries and synchronisation steps go into the delivery ring, what
// the service wants multicast comes out of the submit ring. The worker is not trusted: a broken rule is reported, never followed.
//
// This process may die at any instant and another takes the link over (docs/rings.md): application messages stay in the submit
// ring until they have been delivered here, and what was delivered is stored with the delivery ring's head.
#pragma once
#include <cstdint>
#include <deque>
#include <string>

#include "libs/base/bytes.h"
#include "libs/feed/feed.h"
#include "libs/ring/ring.h"
#include "libs/ring/segment.h"
#include "membership/node/node.h"

namespace motet {

class Link final : public node::Service {
public:
    // Deliveries that the ring cannot take wait here; a worker that far behind is replaced.
    static constexpr std::size_t kBacklogMax = 64u << 20;

    // `number`: the supervisor's for this worker; `services`: the ids it may send and is sent.
    // Both segments have a second page, the worker's a second ring (ring::create_link_segment).
    Link(std::uint32_t number, std::string name, ServiceSet services, std::uint64_t incarnation, int socket, ring::Segment delivery, ring::Segment submit);
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;
    ~Link() override;

    void sync_started() override;
    void init(std::uint32_t service, sync::Round round, RingId ring, std::span<const NodeId> members,
              std::span<const NodeId> continuing) override;
    void process(std::uint32_t service, sync::Round round) override;
    void activate(std::uint32_t service, sync::Round round) override;
    void abort(std::uint32_t service, sync::Round round) override;
    void complete(RingId ring, bool all_motet) override;
    void message(NodeId from, ByteView body, bool foreign_order, bool of_predecessor) override;
    void numbered(std::uint64_t position) override;
    void own_next(std::uint64_t position) override { own_next_ = position; }

    // Another process has served this worker before.
    bool inherited() const { return inherited_; }
    // Then, before anything else: the worker is told of a transitional configuration of `self` alone with every own message
    // that other nodes may have and that it has not got yet, and of the end of a synchronisation that was under way. What is behind
    // those messages is drained as ever. How many messages that were.
    std::size_t take_over(NodeId self);

    // Hands at most `batch` submissions to the node, up to and with the first operation. True: something was taken.
    bool drain(node::Node& node, Instant now, std::size_t batch);
    // What the worker wants of the daemon; passed on by the process, which removes it.
    struct Operation {
        std::uint64_t what = 0, number = 0;
        std::string text;
        std::uint64_t begin = 0, end = 0;   // in the submit ring
    };
    static constexpr std::size_t kOperationsMax = 64;   // beyond, its submissions wait
    const std::deque<Operation>& operations() const { return operations_; }
    void operation_done(std::size_t which = 0);   // and is removed
    // Makes deliveries visible to a worker that is awake. True: something moved. wake() is for one that sleeps.
    bool publish();
    void wake();
    // Before the process sleeps. False: there is work after all.
    // `for_submissions`: the worker is to wake us when it submits.
    bool arm(bool for_submissions);
    void drain_tokens();
    // Something lies in the submit rings.
    bool submitted() { return !consumer_.empty() || !sync_consumer_.empty(); }

    // The delivery ring has less than an eighth left, and the worker is at work on it: the node should take in less for a
    // while. For a worker that takes next to nothing waiting is no help: it throttles nobody and runs into kBacklogMax.
    bool congested(Instant now);
    // Why the worker must be replaced, null if it behaves.
    const char* broken() const { return broken_; }
    void cut(const char* why) { if (broken_ == nullptr) broken_ = why; }
    bool holding() const { return sync_held_.holding; }
    bool unpublished() const { return unpublished_; }
    // How far the worker says to have come; only to be compared, what it means for the ring is the producer's business.
    std::uint64_t cursor() const { return submit_.page()->tail.load(std::memory_order_relaxed); }
    std::uint32_t number() const { return number_; }
    const char* name() const { return name_.c_str(); }
    ServiceSet services() const { return services_; }
    std::uint64_t incarnation() const { return incarnation_; }
    int socket() const { return socket_; }
    std::uint64_t delivered() const { return delivered_; }
    std::size_t backlog() const { return backlog_bytes_; }

private:
    struct Waiting {
        feed::Delivery type;
        Bytes payload;
        std::uint64_t own;
    };
    // `own`: position of the own message that it is, 0: none.
    void push(feed::Delivery type, std::span<const ByteView> pieces, std::uint64_t own = 0);
    void push(feed::Delivery type, ByteView payload) { push(type, std::span<const ByteView>(&payload, 1)); }
    void step(feed::Delivery type, std::uint32_t service, sync::Round round);
    void push_backlog();
    void send_token();
    void note(feed::Delivery type, ByteView front, std::uint64_t own);
    bool publish_now();
    // What the next record of one of the rings is, until the node has taken it: the ring keeps its bytes.
    struct Held {
        ring::Record record;
        std::uint64_t begin = 0;
        bool holding = false;
    };
    bool drain(ring::Consumer& from, Held& held, std::size_t batch, node::Node& node, Instant now);
    bool submit(node::Node& node, const Held& held, Instant now);
    bool submit_sync(node::Node& node, const ring::Record& record, Instant now);
    bool take_operation(const feed::Submitted& submitted, std::uint64_t begin, std::uint64_t end);
    void settle();
    void give_space(ring::Consumer& from);

    std::uint32_t number_;
    std::string name_;
    ServiceSet services_;
    std::uint64_t incarnation_;
    int socket_;
    ring::Segment delivery_, submit_;
    ring::Producer producer_;
    ring::Consumer consumer_, sync_consumer_;
    Held held_, sync_held_;
    const bool inherited_;
    std::uint64_t own_next_ = 0;            // position of the own message that comes next
    std::uint64_t taken_ = 0, kept_ = 0;    // in the submit ring: behind the last record taken; the last that stays until it is delivered
    // What the records of the delivery ring amount to: all that are in it, and those the worker can see.
    struct Given {
        std::uint64_t own = 0, pending = 0, round = 0;
        bool syncing = false;
    } given_;
    std::uint64_t own_published_ = 0, numbered_ = 0;
    bool told_syncing_ = false;             // sync_started was the last word, also of what waits
    bool view_unpublished_ = false;         // a synchronisation has ended, which the worker cannot see yet
    std::deque<Waiting> backlog_;
    std::size_t backlog_bytes_ = 0;
    std::uint64_t delivered_ = 0;
    std::uint64_t moved_to_ = 0;            // the worker's cursor when it last had moved on
    Instant moved_at_{}, congested_since_{};
    std::deque<Operation> operations_;
    bool unpublished_ = false, unsettled_ = false;     // deliveries the worker cannot see yet; that it can, and settle() has not heard of
    bool sleeps_ = false;           // the worker, over what was published
    const char* broken_ = nullptr;
    Bytes scratch_;
};

}  // namespace motet
