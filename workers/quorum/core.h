// Quorum as a service: who is in the ring, whether they may act, and who of the clients has to hear of it. Two of Corosync's
// services live here, quorum (3) and votequorum (5). No clock, no I/O; messages between nodes are Corosync 3.1's
// (libs/wire/votequorum.h), what clients say and hear is libs/wire/client_quorum.h.
#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/base/time.h"
#include "libs/wire/client_quorum.h"
#include "workers/quorum/core_votes.h"

namespace motet::quorum {

using ConnId = std::uint64_t;
using Round = std::uint64_t;
inline constexpr std::uint32_t kQuorumService = 3, kVotequorumService = 5;

class Output {
public:
    virtual ~Output() = default;
    // A message of votequorum, from its header on: in the order of calls.
    virtual void submit(ByteView message) = 0;
    virtual void submit_sync(Round round, ByteView message) = 0;
    virtual void sync_done(std::uint32_t service, Round round) = 0;
    virtual void reply(ConnId conn, std::uint64_t request, std::span<const ByteView> pieces) = 0;
    virtual void event(ConnId conn, wire::quorum_client::Event type, std::span<const ByteView> pieces) = 0;
    enum class Close { violation, orderly };
    virtual void close(ConnId conn, Close why) = 0;
    virtual void store_expected_votes(std::uint32_t votes) = 0;
    virtual void note(const std::string& line) = 0;
};

class Core final : private Effects {
public:
    explicit Core(const Settings& settings);

    // From membership, in the total order.
    void on_init(std::uint32_t service, Round round, RingId ring, std::span<const NodeId> members,
                 std::span<const NodeId> continuing);
    void on_process(std::uint32_t service, Round round, Output& out);
    void on_activate(std::uint32_t service, Round round, Output& out);
    void on_abort(std::uint32_t service, Round round);
    void on_complete(RingId ring, bool all_motet, Output& out);
    void on_message(NodeId from, ByteView body, bool foreign_order, Output& out);
    void on_time(Instant now, Output& out);
    Instant deadline() const;
    void on_settings(const Settings& settings, Output& out);   // after a reload
    void on_stored(std::uint32_t expected_votes);              // what an earlier life of this node asked to be kept
    void on_cancel_wait_for_all(Output& out);                  // an administrator's word
    void on_leave(Output& out);                                // the node stops in order

    // From clients. A ConnId is never 0.
    void on_connect(ConnId conn);
    void on_request(ConnId conn, wire::quorum_client::Request type, std::uint64_t request, ByteView payload,
                    Output& out);
    void on_disconnect(ConnId conn);

    bool quorate() const;
    bool synchronised() const { return synchronised_; }
    const Votes& votes() const { return votes_; }
    NodeId self() const { return settings_.self; }
    Provider provider() const { return settings_.provider; }
    std::uint32_t service_of(ConnId conn) const;   // Corosync's number of what a client uses
    std::string status_json() const;    // bounded; for the status page: the decision, its reasons, and what would change it
    std::uint64_t dropped() const { return dropped_; }

    // What a successor of this process has to know. restore() on a fresh core; false: not ours, nothing was changed.
    void save(Bytes& out) const;
    bool restore(ByteView bytes);
    static constexpr std::size_t kClientsMax = 65536;

private:
    struct Client {
        wire::quorum_client::Interface interface{};
        bool open = false, tracking = false;
        std::uint32_t model = 0;
        std::uint64_t context = 0;
    };
    struct PendingRegistration {
        ConnId conn = 0;
        std::uint64_t request = 0;
    };

    // Effects of the votes.
    void send(ByteView message) override;
    void nodes_changed() override;
    void decided() override;
    void expected_votes_changed(std::uint32_t votes) override;
    void step_done() override;
    void device_registered(bool ok) override;
    void store_expected_votes(std::uint32_t votes) override;
    void note(const std::string& line) override;

    template <class Call>
    auto with(Output& out, Call call);   // `out` is where effects go while `call` runs

    void answer(ConnId conn, std::uint64_t request, std::uint32_t error, ByteView rest = {});
    void open(ConnId conn, std::uint64_t request, ByteView payload);
    void track(ConnId conn, Client& client, std::uint64_t request, ByteView payload);
    void vote_request(ConnId conn, wire::quorum_client::Request type, std::uint64_t request, ByteView payload);
    void send_info(ConnId conn, std::uint64_t request, NodeId node);
    void tell_nodelist(ConnId conn, std::span<const NodeId> joined, std::span<const NodeId> left);
    void tell_quorum(ConnId conn);
    void tell_vote_nodelist(ConnId conn, const Client& client);
    void tell_vote_quorum(ConnId conn, const Client& client);
    void decide_by_list();
    template <class Tell>
    void each(wire::quorum_client::Interface interface, Tell tell);

    Settings settings_;
    Votes votes_;
    Output* out_ = nullptr;
    std::map<ConnId, Client> clients_;
    PendingRegistration pending_;
    // The quorum service's own view of rings.
    RingId ring_;
    std::vector<NodeId> members_, settled_, joined_, left_;
    bool list_quorate_ = false;           // of the providers without votes
    Round vote_round_ = 0;
    bool in_step_ = false;                // votequorum's own step of a synchronisation is open
    bool synchronised_ = false;           // once
    bool all_motet_ = true, warned_wide_ = false;
    std::uint64_t dropped_ = 0;
};

}  // namespace motet::quorum
