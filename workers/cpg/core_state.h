// What the cpg core knows, as plain structs, and the bounds of it. The functions over it stand by subject in
// core_groups.cpp (views and confchg), core_messages.cpp and core_parts.cpp (what peers sent), core_sync.cpp (ring
// changes), core_requests.cpp, core_sending.cpp and core_iteration.cpp (what clients ask).
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/wire/client_cpg.h"
#include "libs/wire/cpg.h"
#include "workers/cpg/core.h"

namespace motet::cpg {

using wire::cpg::GroupName;
using wire::cpg::Reason;

inline constexpr std::size_t kConnectionsMax = 8192;          // more are closed at once
inline constexpr std::size_t kProcessesMax = 131072;          // of all groups: peers' joins beyond are dropped and counted
inline constexpr std::size_t kGroupMembersMax = 16384;        // of one group; three lists of them fit into one event
inline constexpr std::size_t kLocalProcessesMax = 7000;       // they fit into one join list; further joins: NO_RESOURCES
inline constexpr std::size_t kAssemblingMax = 256u << 20;     // bytes of long messages on their way in; beyond: dropped
inline constexpr std::size_t kCollectingMax = 256u << 20;     // bytes of long messages of clients; beyond: TRY_AGAIN
inline constexpr std::size_t kIterationsMax = 16;             // of one connection; beyond: NO_RESOURCES
inline constexpr std::size_t kIterationEntriesMax = 1048576;  // of all iterations; beyond: NO_RESOURCES
inline constexpr std::size_t kStatusGroupsMax = 64, kStatusMembersMax = 64;  // in the status page; the rest is counted

inline constexpr ConnId kNobody = 0;  // no connection has this number

// The values of cs_error_t that cpg answers with.
enum class Code : std::uint32_t {
    ok = 1,
    try_again = 6,
    invalid_param = 7,
    bad_handle = 9,
    not_exist = 12,
    name_too_long = 13,
    exist = 14,
    interrupt = 16,
    no_resources = 18,
    too_big = 26,
    no_sections = 27
};

// A long message of a peer's process, as far as it has arrived.
struct Assembly {
    Bytes bytes;
    std::uint32_t total = 0;
};
struct Member {
    NodeId node = 0;
    std::uint32_t pid = 0;
    std::unique_ptr<Assembly> assembly;
};
// Exists while it has members.
struct Group {
    GroupName name;
    std::uint64_t born = 0;         // for "newest first"
    std::vector<Member> members;    // ascending by node, pid
    std::vector<ConnId> listeners;  // local members that have seen their own join and not yet their leave
};
struct Change {
    NodeId node = 0;
    std::uint32_t pid = 0;
    Reason reason = Reason::undefined;
};
struct Process {
    GroupName group;
    NodeId node = 0;
    std::uint32_t pid = 0;
    friend bool operator<(const Process& a, const Process& b) {
        if (const int order = a.group.text().compare(b.group.text()); order != 0) return order < 0;
        return a.node != b.node ? a.node < b.node : a.pid < b.pid;
    }
};

// A snapshot of groups or members that a client reads entry by entry.
struct Iteration {
    struct Entry {
        std::uint32_t group = 0;  // index into names
        NodeId node = 0;
        std::uint32_t pid = 0;
    };
    std::vector<GroupName> names;
    std::vector<Entry> entries;
    std::size_t next = 0;
};
// A long message of a client, until its last part is here.
struct Collection {
    bool open = false;
    bool interrupted = false;  // a ring change came in between; the client has not been told yet
    Guarantee guarantee = Guarantee::agreed;
    std::uint32_t total = 0;
    Bytes bytes;
};
enum class Standing : std::uint8_t { unjoined, joining, joined, leaving };
struct Connection {
    bool introduced = false;  // ModelRequest was accepted
    bool closing = false;     // finalized or cut off: neither heard nor spoken to
    bool wants_totem = false, wants_initial_totem = false;
    Standing standing = Standing::unjoined;
    std::uint32_t pid = 0;  // as joined
    GroupName group;
    Collection collection;
    std::map<std::uint64_t, Iteration> iterations;
};

struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
template <class T>
using ByName = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

// The synchronisation under way. Join lists count only from `process` to `activate`.
enum class Step : std::uint8_t { none, initialised, listening };

class State {
public:
    explicit State(NodeId self) : self_(self) {}

    void on_sync_started() { synchronised_ = false; }
    void on_init(Round round, RingId ring, std::span<const NodeId> members, std::span<const NodeId> continuing);
    void on_process(Round round, Output& out);
    void on_activate(Round round, Output& out);
    void on_abort(Round round);
    void on_complete(bool all_motet);
    void on_message(NodeId from, ByteView body, bool swap, bool of_predecessor, Output& out);

    void on_connect(ConnId conn, Output& out);
    void on_request(ConnId conn, wire::cpg_client::Request type, std::uint64_t request, ByteView payload, Output& out);
    void on_disconnect(ConnId conn, Output& out);

    void snapshot(Bytes& out) const;
    bool restore(ByteView bytes);
    NodeId self() const { return self_; }
    bool introduced(ConnId conn) const {
        const auto found = connections_.find(conn);
        return found != connections_.end() && found->second.introduced;
    }

    bool synchronised() const { return synchronised_; }
    std::uint64_t dropped() const { return dropped_; }
    std::string status_json() const;

private:
    // Views: core_groups.cpp
    Group* find_group(std::string_view name);
    static Member* find_member(Group& group, NodeId node, std::uint32_t pid);
    enum class Inserted : std::uint8_t { yes, known, beyond_bound };
    Inserted insert_member(const GroupName& name, NodeId node, std::uint32_t pid);
    void drop_member(Group& group, Member& member);
    template <class Predicate>
    std::vector<Change> drop_members(Group& group, Reason reason, Predicate leaves);
    void drop_group_if_empty(std::string_view name);
    std::vector<std::string> group_names() const;  // ascending
    void notify(const Group& group, std::span<const Change> joined, std::span<const Change> left, Output& out) { tell(group.listeners, group, joined, left, out); }
    void tell(std::span<const ConnId> to, const Group& group, std::span<const Change> joined, std::span<const Change> left, Output& out);
    void send_ring(ConnId conn, Output& out);

    // What peers sent: core_messages.cpp, core_parts.cpp
    void on_procjoin(NodeId from, const wire::cpg::ProcChange& change, bool of_predecessor, Output& out);
    void on_procleave(NodeId from, const wire::cpg::ProcChange& change, bool of_predecessor, Output& out);
    void on_joinlist(NodeId from, std::span<const wire::cpg::JoinlistEntry> entries);
    void on_mcast(NodeId from, const wire::cpg::Mcast& message, Output& out);
    void on_part(NodeId from, const wire::cpg::PartialMcast& part, Output& out);
    void deliver(const Group& group, const Member& sender, ByteView payload, Output& out);
    void release(Member& member);
    ConnId own_join(const GroupName& name, std::uint32_t pid);
    void tell_ring_after_join(ConnId id, Output& out);
    void own_join_refused(const GroupName& name, std::uint32_t pid, Output& out);
    void own_leave(Group& group, std::uint32_t pid);

    // Ring changes: core_sync.cpp
    bool departs(NodeId node) const;
    void announce_departures(Output& out);
    void announce_arrivals(Output& out);
    void announce_deaths(Output& out);

    // What clients ask: core_requests.cpp
    void on_model(ConnId id, Connection& conn, std::uint64_t request, ByteView payload, Output& out);
    void on_join(ConnId id, Connection& conn, std::uint64_t request, ByteView payload, Output& out);
    Code may_join(const Connection& conn, std::uint32_t pid, const GroupName& name);
    void on_leave(ConnId id, Connection& conn, std::uint64_t request, ByteView payload, Output& out);
    void on_membership(ConnId id, Connection& conn, std::uint64_t request, ByteView payload, Output& out);
    void on_finalize(ConnId id, Connection& conn, std::uint64_t request, ByteView payload, Output& out);
    void retire(ConnId id, Connection& conn, Output& out);
    void violate(ConnId id, Connection& conn, Output& out);
    void reply(ConnId id, std::uint64_t request, Code code, Output& out);
    void submit_change(ConnId id, const GroupName& name, std::uint32_t pid, Reason reason, Output& out);
    // core_sending.cpp
    void on_multicast(ConnId id, Connection& conn, ByteView payload, Output& out);
    void on_multicast_sync(ConnId id, Connection& conn, std::uint64_t request, ByteView payload, Output& out);
    void on_multicast_part(ConnId id, Connection& conn, std::uint64_t request, ByteView payload, Output& out);
    Code collect(ConnId id, Connection& conn, const wire::cpg_client::PartRequest& part, ByteView bytes, Output& out);
    void stop_collecting(Collection& collection);
    void submit_message(ConnId id, const Connection& conn, ByteView payload, Guarantee guarantee, Output& out);
    // core_iteration.cpp
    void on_iteration_start(ConnId id, Connection& conn, std::uint64_t request, ByteView payload, Output& out);
    void on_iteration_next(ConnId id, Connection& conn, std::uint64_t request, ByteView payload, Output& out);
    void on_iteration_end(ConnId id, Connection& conn, std::uint64_t request, ByteView payload, Output& out);

    NodeId self_;
    bool synchronised_ = false;
    std::uint64_t dropped_ = 0, dropped_unjoined_ = 0;

    ByName<Group> groups_;
    std::size_t processes_ = 0;
    std::uint64_t groups_born_ = 0;
    std::size_t assembling_ = 0, collecting_ = 0, iteration_entries_ = 0;
    std::uint64_t iterations_born_ = 0;

    std::unordered_map<ConnId, Connection> connections_;
    // Own processes from the join request to the delivery of their leave; kNobody: their connection is gone.
    std::map<Process, ConnId> local_;

    // The last ring announced to clients, and the one being synchronised.
    RingId announced_ring_, ring_;
    std::vector<NodeId> announced_members_, members_, departed_;
    Step step_ = Step::none;
    Round round_ = 0;
    std::set<Process> listed_;  // join lists of this round
    std::set<Process> left_;    // leaves delivered in this round: a join list sent before them may come after them

    Bytes buffer_;  // for what is built and sent within one call
};

template <class T>
ByteView bytes_of(const T& value) {
    return {reinterpret_cast<const std::uint8_t*>(&value), sizeof value};
}
wire::cpg_client::Name client_name(const GroupName& name);

}  // namespace motet::cpg
