// The state as bytes, for a successor of this process: everything that a later output depends on. Counters that follow from
// the rest are counted anew. What is read is checked as if a stranger had written it.
#include <algorithm>
#include <utility>

#include "workers/cpg/core_state.h"

namespace motet::cpg {
namespace {

constexpr std::uint32_t kSnapshotVersion = 1;

void write(Writer& to, const GroupName& name) {
    to.u32(name.length);
    to.bytes(as_bytes(name.text()));
}
void write(Writer& to, RingId ring) {
    to.u32(ring.rep);
    to.u64(ring.seq);
}
void write(Writer& to, const std::vector<NodeId>& nodes) {
    to.u32(static_cast<std::uint32_t>(nodes.size()));
    for (const NodeId node : nodes) to.u32(node);
}
void write(Writer& to, const Process& process) {
    write(to, process.group);
    to.u32(process.node);
    to.u32(process.pid);
}
void write(Writer& to, const std::set<Process>& processes) {
    to.u64(processes.size());
    for (const Process& process : processes) write(to, process);
}
void write_long(Writer& to, std::uint32_t total, const Bytes& bytes) {
    to.u32(total);
    to.u32(static_cast<std::uint32_t>(bytes.size()));
    to.bytes(bytes);
}

// The reader of all this: what does not fit fails it, once and for good.
class In {
public:
    explicit In(ByteView bytes) : in_(bytes) {}

    bool ok() const { return good_ && in_.ok(); }
    bool at_end() const { return in_.remaining() == 0; }
    void fail() { good_ = false; }
    void need(bool condition) { good_ = good_ && condition; }
    std::uint8_t u8(std::uint8_t most) {
        const std::uint8_t value = in_.u8();
        need(value <= most);
        return value;
    }
    bool flag() { return u8(1) == 1; }
    std::uint32_t u32() { return in_.u32(); }
    std::uint64_t u64() { return in_.u64(); }
    // A number of things that take at least `size` bytes each.
    std::size_t count(std::uint64_t most, std::size_t size) {
        const std::uint64_t value = in_.u64();
        if (!in_.ok() || value > most || value > in_.remaining() / size) return fail(), 0;
        return static_cast<std::size_t>(value);
    }
    GroupName name() {
        const std::uint32_t length = in_.u32();
        if (length > wire::cpg::kNameMax) return fail(), GroupName();
        return GroupName(as_text(in_.bytes(length)));
    }
    RingId ring() {
        RingId ring;
        ring.rep = in_.u32();
        ring.seq = in_.u64();
        return ring;
    }
    std::vector<NodeId> nodes() {
        const std::uint32_t size = in_.u32();
        if (size > kNodesMax || size > in_.remaining() / sizeof(NodeId)) return fail(), std::vector<NodeId>();
        std::vector<NodeId> nodes(size);
        for (NodeId& node : nodes) node = in_.u32();
        return nodes;
    }
    Process process() {
        Process process;
        process.group = name();
        process.node = in_.u32();
        process.pid = in_.u32();
        return process;
    }
    std::set<Process> processes() {
        std::set<Process> all;
        const std::size_t size = count(kProcessesMax, 12);
        for (std::size_t i = 0; i < size && ok(); ++i) all.insert(all.end(), process());
        need(all.size() == size);
        return all;
    }
    Bytes long_message(std::uint32_t& total) {
        total = in_.u32();
        const std::uint32_t size = in_.u32();
        need(total <= wire::cpg_client::kMessageMax && size <= total);
        const ByteView bytes = in_.bytes(ok() ? size : 0);
        Bytes copy;
        if (!ok()) return copy;
        copy.reserve(total);
        copy.assign(bytes.begin(), bytes.end());
        return copy;
    }

private:
    Reader in_;
    bool good_ = true;
};

}  // namespace

void State::snapshot(Bytes& out) const {
    Writer to(out);
    to.u32(kSnapshotVersion);
    to.u32(self_);
    to.u8(synchronised_ ? 1 : 0);
    to.u64(dropped_);
    to.u64(dropped_unjoined_);
    to.u64(groups_born_);
    to.u64(iterations_born_);

    to.u64(groups_.size());
    for (const auto& [name, group] : groups_) {
        write(to, group.name);
        to.u64(group.born);
        to.u64(group.members.size());
        for (const Member& m : group.members) {
            to.u32(m.node);
            to.u32(m.pid);
            to.u8(m.assembly ? 1 : 0);
            if (m.assembly) write_long(to, m.assembly->total, m.assembly->bytes);
        }
        to.u64(group.listeners.size());
        for (const ConnId conn : group.listeners) to.u64(conn);
    }

    to.u64(connections_.size());
    for (const auto& [id, conn] : connections_) {
        to.u64(id);
        for (const bool flag : {conn.introduced, conn.closing, conn.wants_totem, conn.wants_initial_totem}) to.u8(flag ? 1 : 0);
        to.u8(static_cast<std::uint8_t>(conn.standing));
        to.u32(conn.pid);
        write(to, conn.group);
        to.u8(conn.collection.open ? 1 : 0);
        to.u8(conn.collection.interrupted ? 1 : 0);
        to.u8(static_cast<std::uint8_t>(conn.collection.guarantee));
        write_long(to, conn.collection.total, conn.collection.bytes);
        to.u64(conn.iterations.size());
        for (const auto& [number, iteration] : conn.iterations) {
            to.u64(number);
            to.u64(iteration.names.size());
            for (const GroupName& name : iteration.names) write(to, name);
            to.u64(iteration.entries.size());
            for (const Iteration::Entry& entry : iteration.entries) {
                to.u32(entry.group);
                to.u32(entry.node);
                to.u32(entry.pid);
            }
            to.u64(iteration.next);
        }
    }

    to.u64(local_.size());
    for (const auto& [process, conn] : local_) {
        write(to, process);
        to.u64(conn);
    }
    write(to, announced_ring_);
    write(to, ring_);
    write(to, announced_members_);
    write(to, members_);
    write(to, departed_);
    to.u8(static_cast<std::uint8_t>(step_));
    to.u64(round_);
    write(to, listed_);
    write(to, left_);
}

bool State::restore(ByteView bytes) {
    In in(bytes);
    in.need(in.u32() == kSnapshotVersion && in.u32() == self_);
    synchronised_ = in.flag();
    dropped_ = in.u64();
    dropped_unjoined_ = in.u64();
    groups_born_ = in.u64();
    iterations_born_ = in.u64();

    const std::size_t groups = in.count(kProcessesMax, 28);
    for (std::size_t g = 0; g < groups && in.ok(); ++g) {
        const GroupName name = in.name();
        Group& group = groups_[std::string(name.text())];
        in.need(group.members.empty());   // twice the same name
        group.name = name;
        group.born = in.u64();
        in.need(group.born <= groups_born_);
        const std::size_t members = in.count(kGroupMembersMax, 9);
        in.need(members > 0);
        for (std::size_t i = 0; i < members && in.ok(); ++i) {
            Member m;
            m.node = in.u32();
            m.pid = in.u32();
            if (i > 0) {
                const Member& before = group.members.back();
                in.need(before.node != m.node ? before.node < m.node : before.pid < m.pid);
            }
            if (in.flag()) {
                m.assembly = std::make_unique<Assembly>();
                m.assembly->bytes = in.long_message(m.assembly->total);
                assembling_ += m.assembly->total;
                in.need(assembling_ <= kAssemblingMax);
            }
            group.members.push_back(std::move(m));
        }
        processes_ += members;
        in.need(processes_ <= kProcessesMax);
        const std::size_t listeners = in.count(members, 8);
        for (std::size_t i = 0; i < listeners && in.ok(); ++i) group.listeners.push_back(in.u64());
    }

    const std::size_t connections = in.count(kConnectionsMax, 40);
    for (std::size_t c = 0; c < connections && in.ok(); ++c) {
        const ConnId id = in.u64();
        const auto [at, fresh] = connections_.try_emplace(id);
        in.need(fresh && id != kNobody);
        Connection& conn = at->second;
        conn.introduced = in.flag();
        conn.closing = in.flag();
        conn.wants_totem = in.flag();
        conn.wants_initial_totem = in.flag();
        conn.standing = static_cast<Standing>(in.u8(static_cast<std::uint8_t>(Standing::leaving)));
        conn.pid = in.u32();
        conn.group = in.name();
        conn.collection.open = in.flag();
        conn.collection.interrupted = in.flag();
        conn.collection.guarantee = static_cast<Guarantee>(in.u8(1));
        conn.collection.bytes = in.long_message(conn.collection.total);
        if (conn.collection.open) collecting_ += conn.collection.total;
        in.need(collecting_ <= kCollectingMax);
        const std::size_t iterations = in.count(kIterationsMax, 32);
        for (std::size_t i = 0; i < iterations && in.ok(); ++i) {
            Iteration& iteration = conn.iterations[in.u64()];
            const std::size_t names = in.count(kIterationEntriesMax, 4);
            for (std::size_t n = 0; n < names && in.ok(); ++n) iteration.names.push_back(in.name());
            const std::size_t entries = in.count(kIterationEntriesMax, 12);
            for (std::size_t n = 0; n < entries && in.ok(); ++n) {
                Iteration::Entry entry;
                entry.group = in.u32();
                entry.node = in.u32();
                entry.pid = in.u32();
                in.need(entry.group < names);
                iteration.entries.push_back(entry);
            }
            iteration.next = in.u64();
            in.need(iteration.next <= entries);
            iteration_entries_ += entries;
        }
        in.need(conn.iterations.size() == iterations && iteration_entries_ <= kIterationEntriesMax);
    }
    for (const auto& [name, group] : groups_)
        for (const ConnId conn : group.listeners) in.need(connections_.contains(conn));

    const std::size_t own = in.count(kLocalProcessesMax + kConnectionsMax, 20);
    for (std::size_t i = 0; i < own && in.ok(); ++i) {
        const Process process = in.process();
        const ConnId conn = in.u64();
        in.need(conn == kNobody || connections_.contains(conn));
        local_.emplace(process, conn);
    }
    in.need(local_.size() == own);
    announced_ring_ = in.ring();
    ring_ = in.ring();
    announced_members_ = in.nodes();
    members_ = in.nodes();
    departed_ = in.nodes();
    in.need(std::is_sorted(members_.begin(), members_.end()) && std::is_sorted(departed_.begin(), departed_.end()));
    step_ = static_cast<Step>(in.u8(static_cast<std::uint8_t>(Step::listening)));
    round_ = in.u64();
    listed_ = in.processes();
    left_ = in.processes();
    return in.ok() && in.at_end();
}

void Core::snapshot(Bytes& out) const { state_->snapshot(out); }
bool Core::restore(ByteView bytes) {
    const NodeId self = state_->self();
    if (state_->restore(bytes)) return true;
    state_ = std::make_unique<State>(self);
    return false;
}

// Those that only pass something on. One of the wrong shape takes its process out of the group at once; a successor that has
// not heard of it does the same when it finds the link cut.
bool Core::is_pure(ByteView message, bool foreign_order) const {
    const wire::ServiceHeader header{Reader(message, foreign_order).u32(), 0};
    return header.function() == static_cast<std::uint32_t>(wire::cpg::Function::mcast);
}
bool Core::is_pure(ConnId conn, wire::cpg_client::Request type) const {
    using wire::cpg_client::Request;
    return (type == Request::multicast || type == Request::membership || type == Request::local) && state_->introduced(conn);
}

}  // namespace motet::cpg
