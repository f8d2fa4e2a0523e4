// The cpg worker of one simulated node: the real core behind a delivery ring that is read late and a submit ring that is
// read when Totem has room, as between the two processes of a real node.
#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>

#include "libs/wire/client_cpg.h"
#include "membership/node/node.h"
#include "tests/sim/mutator.h"
#include "tests/sim/observer.h"
#include "tests/sim/prng.h"
#include "workers/cpg/core.h"

namespace motet::sim {

// What a worker tells the clients of its node.
class ClientSide {
public:
    virtual ~ClientSide() = default;
    virtual void replied(std::uint32_t conn, std::uint64_t request, std::uint32_t error) = 0;
    virtual void closed(std::uint32_t conn, bool violation) = 0;
    virtual std::uint32_t life_of(std::uint32_t conn) = 0;
    virtual void happened(std::uint32_t conn) = 0;      // after an event was seen
    virtual void traced(const Seen& event) = 0;
};

class Worker final : private cpg::Output {
public:
    Worker(NodeId self, Observer& observer, Mutator* mutator, ClientSide& clients, History& history);

    void feed(FeedRecord record);
    // Takes up to `records` steps of work; true: there is more.
    bool work(unsigned records, Prng& chance, Instant now);
    bool idle() const { return feed_.empty() && requests_.empty(); }
    bool has_work() const { return !feed_.empty() || (!requests_.empty() && gate_open()); }
    bool drained() const { return submitted_.empty(); }
    std::size_t feed_size() const { return feed_.size(); }
    // Moves what the core submitted into the node while there is room.
    void submit_to(node::Node& node, const node::Service* by, Instant now);

    void connect(std::uint32_t conn, std::uint32_t pid);
    void disconnect(std::uint32_t conn);
    void request(std::uint32_t conn, wire::cpg_client::Request type, std::uint64_t number, Bytes payload);
    bool room_for_requests() const { return request_bytes_ < kRequestRing; }
    bool synchronised() const { return core_.synchronised(); }
    std::string status() const { return core_.status_json(); }

private:
    static constexpr std::size_t kRequestRing = 1 << 20, kSubmitRing = 3 << 20;
    struct Request {
        enum class Kind : std::uint8_t { connect, request, disconnect } kind;
        std::uint32_t conn, pid = 0;
        wire::cpg_client::Request type{};
        std::uint64_t number = 0;
        Bytes payload;
    };
    struct Submission {
        enum class Kind : std::uint8_t { message, sync, done } kind;
        Bytes body;
        Guarantee guarantee{};
        bool first = true, last = true;
        cpg::Round round = 0;
    };
    struct Assembling {
        Bytes bytes;
        std::uint32_t total = 0;
    };

    void take_feed();
    void take_request();
    bool gate_open() const;

    void submit(cpg::ConnId conn, std::span<const ByteView> pieces, Guarantee guarantee, bool unit_first, bool unit_last) override;
    void submit_sync(cpg::Round round, std::span<const ByteView> pieces) override;
    void sync_done(cpg::Round round) override;
    void reply(cpg::ConnId conn, std::uint64_t request, std::span<const ByteView> pieces) override;
    void event(cpg::ConnId conn, wire::cpg_client::Event type, std::span<const ByteView> pieces) override;
    void close(cpg::ConnId conn, Close why) override;

    void show(Seen seen);

    NodeId self_;
    Observer& observer_;
    Mutator* mutator_;
    ClientSide& clients_;
    History& history_;
    cpg::Core core_;
    std::deque<FeedRecord> feed_;
    std::deque<Request> requests_;
    std::deque<Submission> submitted_;
    std::size_t request_bytes_ = 0, submitted_bytes_ = 0;
    std::map<std::uint32_t, Assembling> assembling_;
    std::map<sync::Round, RingId> rounds_;
    std::vector<std::pair<std::uint32_t, bool>> closing_;
    bool transitional_ = false;
    Instant now_{};
};

// "g1" as a client names it.
wire::cpg_client::Name client_name(const std::string& group);

}  // namespace motet::sim
