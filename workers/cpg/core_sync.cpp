// Ring changes: tell the peers which processes live here, and show clients the change as one block: departures by
// node loss, arrivals, processes found dead, then the ring.
#include <algorithm>
#include <array>

#include "workers/cpg/core_state.h"

namespace motet::cpg {
namespace {

bool contains(const std::vector<NodeId>& sorted, NodeId node) {
    return std::binary_search(sorted.begin(), sorted.end(), node);
}

std::vector<NodeId> sorted_copy(std::span<const NodeId> nodes) {
    std::vector<NodeId> result(nodes.begin(), nodes.end());
    std::sort(result.begin(), result.end());
    return result;
}

}  // namespace

void State::on_init(Round round, RingId ring, std::span<const NodeId> members, std::span<const NodeId> continuing) {
    round_ = round;
    ring_ = ring;
    step_ = Step::initialised;
    members_ = sorted_copy(members);
    listed_.clear();
    left_.clear();
    const std::vector<NodeId> stayed = sorted_copy(continuing);
    departed_.clear();
    for (const NodeId node : announced_members_) {
        if (node != self_ && !contains(stayed, node)) departed_.push_back(node);
    }
    for (auto& [id, conn] : connections_) {
        if (!conn.collection.open) continue;
        stop_collecting(conn.collection);
        conn.collection.interrupted = true;
    }
}

void State::on_process(Round round, Output& out) {
    if (round != round_ || step_ != Step::initialised) return;
    step_ = Step::listening;

    wire::cpg::Downlist downlist;
    downlist.old_members = static_cast<std::uint32_t>(announced_members_.size());
    for (const NodeId node : departed_) downlist.left.push(node);
    buffer_.clear();
    wire::cpg::encode_downlist(downlist, buffer_);
    std::array<ByteView, 1> pieces{buffer_};
    out.submit_sync(round_, pieces);

    // Own processes in view: not those whose join is still to be delivered, and those whose leave is, for their last
    // words come before it.
    std::vector<wire::cpg::JoinlistEntry> own;
    for (const auto& [name, group] : groups_) {
        for (const Member& m : group.members) {
            if (m.node == self_ && own.size() < kLocalProcessesMax) own.push_back({m.pid, group.name});
        }
    }
    if (!own.empty()) {
        std::sort(own.begin(), own.end(), [](const auto& a, const auto& b) {
            return a.pid != b.pid ? a.pid < b.pid : a.group.text() < b.group.text();
        });
        buffer_.clear();
        wire::cpg::encode_joinlist(own, buffer_);
        pieces[0] = buffer_;
        out.submit_sync(round_, pieces);
    }
    out.sync_done(round_);
}

bool State::departs(NodeId node) const { return node != self_ && (contains(departed_, node) || !contains(members_, node)); }

void State::on_activate(Round round, Output& out) {
    if (round != round_ || step_ == Step::none) return;
    announce_departures(out);
    announce_arrivals(out);
    announce_deaths(out);
    announced_ring_ = ring_;
    announced_members_ = members_;
    step_ = Step::none;
    listed_.clear();
    left_.clear();
    for (const auto& [id, conn] : connections_) {
        if (conn.wants_totem && !conn.closing) send_ring(id, out);
    }
}

template <class Predicate>
std::vector<Change> State::drop_members(Group& group, Reason reason, Predicate leaves) {
    std::vector<Change> gone;
    for (Member& m : group.members) {
        if (!leaves(m)) continue;
        gone.push_back({m.node, m.pid, reason});
        release(m);
    }
    std::erase_if(group.members, leaves);
    processes_ -= gone.size();
    return gone;
}

void State::announce_departures(Output& out) {
    for (const std::string& name : group_names()) {
        Group& group = *find_group(name);
        const std::vector<Change> left =
            drop_members(group, Reason::node_down, [&](const Member& m) { return departs(m.node); });
        if (!left.empty()) notify(group, {}, left, out);
        drop_group_if_empty(name);
    }
}

void State::announce_arrivals(Output& out) {
    std::vector<Change> joined;
    for (auto process = listed_.begin(); process != listed_.end();) {
        const GroupName& name = process->group;
        joined.clear();
        for (; process != listed_.end() && process->group == name; ++process) {
            const bool arrived = insert_member(name, process->node, process->pid) == Inserted::yes;
            if (arrived) joined.push_back({process->node, process->pid, Reason::node_up});
        }
        if (!joined.empty()) notify(*find_group(name.text()), joined, {}, out);
    }
}

void State::announce_deaths(Output& out) {
    for (const std::string& name : group_names()) {
        Group& group = *find_group(name);
        const std::vector<Change> left = drop_members(group, Reason::process_down, [&](const Member& m) {
            return m.node != self_ && !listed_.contains({group.name, m.node, m.pid});
        });
        if (!left.empty()) notify(group, {}, left, out);
        drop_group_if_empty(name);
    }
}

void State::on_abort(Round round) {
    if (round != round_) return;
    step_ = Step::none;
    listed_.clear();
    left_.clear();
}

void State::on_complete(bool all_motet) {
    synchronised_ = true;
    // Senders of cut messages start them over, so what is half here would never be finished.
    if (!all_motet || assembling_ == 0) return;
    for (auto& [name, group] : groups_) {
        for (Member& m : group.members) release(m);
    }
}

}  // namespace motet::cpg
