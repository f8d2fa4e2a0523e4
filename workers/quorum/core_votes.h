// The decision by votes: Corosync's votequorum as a value. Rings, messages of nodes, polls of the device and points in time
// go in; messages, notifications and one bit come out. Copyable, without clock and I/O: the model check runs thousands of it.
//
// Where Corosync 3.1 lets two disjoint parts be quorate at once, this is stricter; docs/quorum.md lists the differences.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/base/time.h"
#include "libs/wire/votequorum.h"
#include "workers/quorum/core_settings.h"

namespace motet::quorum {

enum class NodeState : std::uint32_t { none = 0, member = 1, dead = 2, leaving = 3 };

struct Voter {
    NodeId id = 0;
    NodeState state = NodeState::none;
    std::uint32_t votes = 0, expected_votes = 0, flags = 0;  // flags as in wire::votequorum::NodeInfo
    friend bool operator==(const Voter&, const Voter&) = default;
};

// What the decision asks of its surroundings. No call may come back into the decision.
class Effects {
public:
    virtual ~Effects() = default;
    virtual void send(ByteView message) = 0;              // to all nodes, this one included
    virtual void nodes_changed() = 0;                     // the ring's members, before the votes are counted
    virtual void decided() = 0;                           // quorate or not, for this ring: the same as before, too
    virtual void expected_votes_changed(std::uint32_t) = 0;
    virtual void step_done() = 0;                         // of the synchronisation, announced late because of the device
    virtual void device_registered(bool ok) = 0;          // the answer to the registration that was sent
    virtual void store_expected_votes(std::uint32_t) = 0; // Settings::stored_expected_votes of this node's next life
    virtual void note(const std::string& line) = 0;       // for the log: a decision and its reason
};

// A timer of a state machine without a clock: started without knowing what time it is, it runs from the next point in time
// that comes in, and asks for one.
class Timer {
public:
    void start(Duration wait) { wait_ = wait, due_ = kNever, pending_ = true; }
    void stop() { due_ = kNever, pending_ = false; }
    Instant deadline() const { return pending_ ? Instant{} : due_; }
    bool fires(Instant now) {
        if (pending_) {
            pending_ = false;
            due_ = now + wait_;
        }
        if (now < due_) return false;
        due_ = kNever;
        return true;
    }
    void save(Writer& w) const;
    void restore(Reader& in);

private:
    Duration wait_;
    Instant due_ = kNever;
    bool pending_ = false;
};

// Why a request of a client was refused; the numbers are cs_error_t's.
enum class Refusal : std::uint32_t {
    ok = 1, try_again = 6, invalid_param = 7, access = 11, not_exist = 12, exist = 14, name_not_found = 17, no_resources = 18,
    message_error = 22,
};

struct VoteInfo {
    Voter node;
    std::uint32_t highest_expected = 0, total_votes = 0, quorum = 0;
    std::uint32_t device_votes = 0;
    std::string device_name;
};

class Votes {
public:
    Votes() = default;
    explicit Votes(const Settings& settings);

    // --- synchronisation of a ring. `continuing`: members that come with this node from its previous ring.
    void init(RingId ring, std::span<const NodeId> members, std::span<const NodeId> continuing);
    // Sends what the others have to know. False: the device has to poll first; step_done() follows.
    bool process(Effects& out);
    void activate(Effects& out);

    // A service message of this or another node, from its header on. False: it made no sense and was dropped.
    bool message(NodeId from, ByteView body, bool foreign_order, Effects& out);

    Instant deadline() const;
    void on_time(Instant now, Effects& out);

    // --- what administrators and the configuration ask
    Refusal set_expected(std::uint32_t votes, Effects& out);
    Refusal set_votes(NodeId node, std::uint32_t votes, Effects& out);   // node 0: the own
    void cancel_wait_for_all(Effects& out);
    void reconfigure(const Settings& settings, Effects& out);            // after a reload
    void stored(std::uint32_t votes);                                    // Settings::stored_expected_votes, learnt later
    void leave(Effects& out);                                            // the node is about to stop in order

    // --- the quorum device of this node
    // ok: registered already; try_again: sent, device_registered() follows, or another registration is under way.
    struct Registration {
        Refusal refusal;
        bool sent;
    };
    Registration register_device(std::string_view name, Effects& out);
    Refusal unregister_device(std::string_view name, Effects& out);
    Refusal rename_device(std::string_view from, std::string_view to, Effects& out);
    Refusal poll_device(std::string_view name, bool vote, RingId ring, Effects& out);
    Refusal master_wins(std::string_view name, bool allow, Effects& out);

    // --- reading
    bool quorate() const { return published_; }                          // as last announced by Effects::decided()
    RingId ring() const { return ring_; }
    std::span<const NodeId> members() const { return members_; }
    std::span<const Voter> voters() const { return voters_; }            // all ever seen, in Corosync's order
    const Voter& us() const { return voters_[us_index()]; }
    bool device_registered() const { return (us().flags & wire::votequorum::kQdeviceRegistered) != 0; }
    std::optional<VoteInfo> info(NodeId node) const;                     // node 0: the own
    const Settings& settings() const { return settings_; }
    std::uint32_t quorum() const { return quorum_; }
    std::uint32_t total_votes() const;                                   // present, the device's vote included
    std::uint32_t expected_votes() const { return us().expected_votes; }
    std::uint32_t expected_floor() const { return floor_; }
    bool waiting_for_all() const { return settings_.wait_for_all && wait_status_; }
    bool waiting_for_device() const { return in_sync_ && device_waits_; }
    bool tie_allowed() const { return tie_allowed_; }
    std::uint32_t expected_tracked() const { return tracked_; }
    NodeId lowest() const { return low_; }
    NodeId highest() const { return high_; }

    // The state as bytes for a successor, and back. restore() refuses what save() cannot have written.
    void save(Bytes& out) const;
    bool restore(Reader& in);
    static constexpr std::uint32_t kExpectedMax = 1u << 20;  // of one node or all; a claim beyond counts as so many
    static constexpr std::size_t kVotersMax = 2048;  // nodes ever seen; beyond, dead ones are forgotten

private:
    std::size_t us_index() const;
    Voter& us() { return voters_[us_index()]; }
    Voter* find(NodeId id);
    const Voter* find(NodeId id) const { return const_cast<Votes*>(this)->find(id); }
    Voter& insert(NodeId id);
    bool is_member(NodeId id) const;
    std::uint32_t member_count() const;
    std::uint32_t member_votes() const;

    struct Calculated {
        std::uint32_t quorum, total;
    };
    Calculated calculate(bool decrease, std::uint32_t max_expected) const;
    void recalculate(bool decrease, bool by_current, Effects& out);
    void decide(std::uint32_t total, Effects& out);
    bool breaks_tie(std::uint32_t total) const;
    bool device_master_wins() const;
    void set_wait(bool on);
    void lose_reduced_quorum();
    void adopt_settings(const Settings& settings);

    void on_nodeinfo(NodeId from, const wire::votequorum::NodeInfo& info, Effects& out);
    void on_device_votes(NodeId from, std::uint32_t votes, Effects& out);
    void on_reconfigure(const wire::votequorum::Reconfigure& change, Effects& out);
    void on_device_reg(NodeId from, const wire::votequorum::QdeviceReg& reg, Effects& out);
    void on_device_renamed(const wire::votequorum::QdeviceReconfigure& change);

    void send_own(Effects& out);
    void send_device(Effects& out);
    void send_reg(bool registering, std::string_view name, Effects& out);
    void send_reconfigure(wire::votequorum::Parameter what, NodeId node, std::uint32_t value, Effects& out);
    void device_silent(Effects& out);
    Refusal check_device(std::string_view name) const;
    void end_wait(Effects& out);

    Settings settings_;
    std::vector<Voter> voters_;
    RingId ring_;
    std::vector<NodeId> members_;
    std::vector<NodeId> settled_;     // members of the last ring whose votes were counted
    std::vector<NodeId> companions_;  // those of them that came with this node all the way since
    std::uint32_t quorum_ = 0, device_votes_ = 0;
    std::uint32_t floor_ = 0;      // expected votes as configured or set by hand: what wait_for_all waits for
    std::uint32_t tracked_ = 0;    // highest expected votes seen
    NodeId low_ = 0, high_ = 0;    // of the members at the last quorate count
    bool quorate_ = false, published_ = false, wait_status_ = false;
    // What held when votes were last counted: a ring given up before that leaves no trace.
    struct Counted {
        bool quorate = false, wait_status = false;
        std::uint32_t quorum = 0, expected_votes = 0;
        NodeId low = 0, high = 0;
    } counted_;
    Counted now() const { return {quorate_, wait_status_, quorum_, us().expected_votes, low_, high_}; }
    void back_to(const Counted& counted);
    bool in_sync_ = false, announced_ = false;
    bool taught_ = false;          // in this synchronisation, that nobody has to wait
    bool counting_ = false;        // between the start of a synchronisation and its count: what comes in is incomplete
    bool tie_allowed_ = false;     // all members come together from a ring in which this node was quorate
    bool standing_ = false;        // last_man_standing, as long as every node has one vote
    std::string device_name_;
    std::string registering_;      // the name on its way around, empty: none
    bool device_waits_ = false, step_open_ = false;
    Timer device_timer_, window_timer_;
};

}  // namespace motet::quorum
