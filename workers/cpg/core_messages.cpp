// What peers, and this node, have sent in total order. Only a process in the view of its group is heard.
#include <algorithm>
#include <array>

#include "workers/cpg/core_state.h"

namespace motet::cpg {

namespace client = wire::cpg_client;
using wire::cpg::Function;

void State::on_message(NodeId from, ByteView body, bool swap, bool of_predecessor, Output& out) {
    // Only to choose the decoder, which checks the whole header with this id in it.
    const wire::ServiceHeader header{Reader(body, swap).u32(), 0};
    switch (static_cast<Function>(header.function())) {
        case Function::mcast:
            if (const auto message = wire::cpg::decode_mcast(body, swap)) return on_mcast(from, *message, out);
            break;
        case Function::partial_mcast:
            if (const auto part = wire::cpg::decode_partial_mcast(body, swap)) return on_part(from, *part, out);
            break;
        case Function::procjoin:
            if (const auto change = wire::cpg::decode_procjoin(body, swap)) return on_procjoin(from, *change, of_predecessor, out);
            break;
        case Function::procleave:
            if (const auto change = wire::cpg::decode_procleave(body, swap)) return on_procleave(from, *change, of_predecessor, out);
            break;
        case Function::joinlist:
            if (const auto entries = wire::cpg::decode_joinlist(body, swap)) return on_joinlist(from, *entries);
            break;
        case Function::downlist:
            if (wire::cpg::decode_downlist(body, swap)) return;  // informational
            break;
        case Function::downlist_old:
            if (wire::cpg::decode_downlist_old(body, swap)) return;
            break;
    }
    ++dropped_;
}

void State::on_mcast(NodeId from, const wire::cpg::Mcast& message, Output& out) {
    Group* group = find_group(message.group.text());
    const Member* sender = group == nullptr ? nullptr : find_member(*group, from, message.pid);
    if (sender == nullptr) {
        ++dropped_;
        return;
    }
    deliver(*group, *sender, message.payload, out);
}

void State::deliver(const Group& group, const Member& sender, ByteView payload, Output& out) {
    if (group.listeners.empty()) return;
    if (payload.size() <= client::kAtomicMax) {
        const client::DeliverEvent event{client_name(group.name), sender.node, sender.pid,
                                         static_cast<std::uint32_t>(payload.size())};
        const std::array<ByteView, 2> pieces{bytes_of(event), payload};
        for (const ConnId conn : group.listeners) out.event(conn, client::Event::deliver, pieces);
        return;
    }
    for (const ConnId conn : group.listeners) {
        client::DeliverPartEvent event{
            client_name(group.name), sender.node, sender.pid, static_cast<std::uint32_t>(payload.size()), 0, 0};
        for (std::size_t at = 0; at < payload.size(); at += event.length) {
            event.offset = static_cast<std::uint32_t>(at);
            event.length = static_cast<std::uint32_t>(std::min<std::size_t>(client::kAtomicMax, payload.size() - at));
            const std::array<ByteView, 2> pieces{bytes_of(event), payload.subspan(at, event.length)};
            out.event(conn, client::Event::deliver_part, pieces);
        }
    }
}

// What a predecessor has asked for concerns the view, but no connection of this worker: those have joined since.
void State::on_procjoin(NodeId from, const wire::cpg::ProcChange& change, bool of_predecessor, Output& out) {
    const bool own = from == self_ && !of_predecessor;
    const Change joined{from, change.pid, Reason::join};
    const Inserted inserted = insert_member(change.group, from, change.pid);
    if (inserted == Inserted::beyond_bound && own) own_join_refused(change.group, change.pid, out);
    const ConnId joiner = own && inserted != Inserted::beyond_bound ? own_join(change.group, change.pid) : kNobody;
    if (inserted == Inserted::known && joiner != kNobody) {
        // By a predecessor's join, of which everybody has heard but the joiner.
        tell({&joiner, 1}, *find_group(change.group.text()), {&joined, 1}, {}, out);
        return tell_ring_after_join(joiner, out);
    }
    if (inserted != Inserted::yes) return;
    if (step_ != Step::none && from != self_ && listed_.size() < kProcessesMax) {
        // A join list sent before this join does not know it.
        listed_.insert({change.group, from, change.pid});
        left_.erase({change.group, from, change.pid});
    }
    notify(*find_group(change.group.text()), {&joined, 1}, {}, out);
    if (from != self_) return;
    // Asked for by a worker that is no more: nobody else will ever take it back.
    if (!local_.contains({change.group, self_, change.pid})) return submit_change(kNobody, change.group, change.pid, Reason::process_down, out);
    if (joiner != kNobody) tell_ring_after_join(joiner, out);
}

// From here on the joiner hears of its group, of its own join first. Nobody: there is none, or it has heard of it.
ConnId State::own_join(const GroupName& name, std::uint32_t pid) {
    const auto local = local_.find({name, self_, pid});
    const auto conn = local == local_.end() ? connections_.end() : connections_.find(local->second);
    if (conn == connections_.end()) return kNobody;
    std::vector<ConnId>& listeners = find_group(name.text())->listeners;
    if (std::find(listeners.begin(), listeners.end(), conn->first) != listeners.end()) return kNobody;
    if (conn->second.standing == Standing::joining) conn->second.standing = Standing::joined;
    listeners.push_back(conn->first);
    return conn->first;
}

void State::tell_ring_after_join(ConnId id, Output& out) {
    const Connection& conn = connections_.at(id);
    if (conn.wants_initial_totem && conn.wants_totem && announced_ring_ != RingId{}) send_ring(id, out);
}

// The view has reached its bound since the request was checked. It has at every node, so nobody sees this process; a
// client that waited for its own join would wait for ever.
void State::own_join_refused(const GroupName& name, std::uint32_t pid, Output& out) {
    const auto local = local_.find({name, self_, pid});
    const auto conn = local == local_.end() ? connections_.end() : connections_.find(local->second);
    if (conn != connections_.end()) violate(conn->first, conn->second, out);
}

void State::on_procleave(NodeId from, const wire::cpg::ProcChange& change, bool of_predecessor, Output& out) {
    const bool own = from == self_ && !of_predecessor;
    if (step_ != Step::none && from != self_) {
        listed_.erase({change.group, from, change.pid});
        if (left_.size() < kProcessesMax) left_.insert({change.group, from, change.pid});
    }
    Group* group = find_group(change.group.text());
    Member* member = group == nullptr ? nullptr : find_member(*group, from, change.pid);
    if (member == nullptr) {
        // Of a process that never got into the view: over, unless a connection waits for a join that is still under way.
        const auto local = local_.find({change.group, self_, change.pid});
        if (own && local != local_.end() && local->second == kNobody) local_.erase(local);
        ++dropped_;
        return;
    }
    drop_member(*group, *member);
    const Reason reason = change.reason == static_cast<std::uint32_t>(Reason::leave) ? Reason::leave : Reason::process_down;
    const Change left{from, change.pid, reason};
    notify(*group, {}, {&left, 1}, out);
    if (own) own_leave(*group, change.pid);
    drop_group_if_empty(change.group.text());
}

// The leaver has heard of its own leave; from here on it is silence until it joins again.
void State::own_leave(Group& group, std::uint32_t pid) {
    const auto local = local_.find({group.name, self_, pid});
    if (local == local_.end()) return;
    const auto conn = connections_.find(local->second);
    if (conn != connections_.end()) {
        std::erase(group.listeners, conn->first);
        conn->second.standing = Standing::unjoined;
        stop_collecting(conn->second.collection);
    }
    local_.erase(local);
}

void State::on_joinlist(NodeId from, std::span<const wire::cpg::JoinlistEntry> entries) {
    if (step_ != Step::listening || !std::binary_search(members_.begin(), members_.end(), from)) {
        ++dropped_;
        return;
    }
    if (from == self_) return;  // what is known here cannot be older
    for (const wire::cpg::JoinlistEntry& entry : entries) {
        Process process{entry.group, from, entry.pid};
        if (left_.contains(process)) continue;
        if (listed_.size() < kProcessesMax)
            listed_.insert(process);
        else
            ++dropped_;
    }
}

}  // namespace motet::cpg
