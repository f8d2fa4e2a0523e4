// Views: who is in which group, and the confchg events that tell local members.
#include <algorithm>
#include <array>

#include "workers/cpg/core_state.h"

namespace motet::cpg {
namespace {

namespace client = wire::cpg_client;

struct Before {
    bool operator()(const Member& a, const Member& b) const { return a.node != b.node ? a.node < b.node : a.pid < b.pid; }
};
std::vector<Member>::iterator position(std::vector<Member>& members, NodeId node, std::uint32_t pid) {
    return std::lower_bound(members.begin(), members.end(), Member{node, pid, nullptr}, Before{});
}

}  // namespace

client::Name client_name(const GroupName& name) {
    client::Name result;
    static_assert(client::kNameMax == wire::cpg::kNameMax);
    result.length = name.length;
    std::copy_n(name.value.begin(), name.length, result.value);
    return result;
}

Group* State::find_group(std::string_view name) {
    const auto found = groups_.find(name);
    return found == groups_.end() ? nullptr : &found->second;
}

Member* State::find_member(Group& group, NodeId node, std::uint32_t pid) {
    const auto found = position(group.members, node, pid);
    return found != group.members.end() && found->node == node && found->pid == pid ? &*found : nullptr;
}

State::Inserted State::insert_member(const GroupName& name, NodeId node, std::uint32_t pid) {
    Group* group = find_group(name.text());
    if (group != nullptr && find_member(*group, node, pid) != nullptr) return Inserted::known;
    if (processes_ >= kProcessesMax || (group != nullptr && group->members.size() >= kGroupMembersMax)) {
        ++dropped_;
        return Inserted::beyond_bound;
    }
    if (group == nullptr) {
        group = &groups_[std::string(name.text())];
        group->name = name;
        group->born = ++groups_born_;
    }
    group->members.insert(position(group->members, node, pid), Member{node, pid, nullptr});
    ++processes_;
    return Inserted::yes;
}

void State::drop_member(Group& group, Member& member) {
    release(member);
    group.members.erase(group.members.begin() + (&member - group.members.data()));
    --processes_;
}

void State::drop_group_if_empty(std::string_view name) {
    const auto found = groups_.find(name);
    if (found != groups_.end() && found->second.members.empty()) groups_.erase(found);
}

std::vector<std::string> State::group_names() const {
    std::vector<std::string> names;
    names.reserve(groups_.size());
    for (const auto& [name, group] : groups_) names.push_back(name);
    std::sort(names.begin(), names.end());
    return names;
}

// `group` as it is after the change.
void State::tell(std::span<const ConnId> listeners, const Group& group, std::span<const Change> joined, std::span<const Change> left, Output& out) {
    if (listeners.empty()) return;
    buffer_.clear();
    Writer to(buffer_);
    const auto entry = [&](NodeId node, std::uint32_t pid, Reason reason) {
        to.u32(node);
        to.u32(pid);
        to.u32(static_cast<std::uint32_t>(reason));
    };
    static_assert(sizeof(client::MemberEntry) == 12);
    for (const Member& m : group.members) entry(m.node, m.pid, Reason::undefined);
    for (const Change& c : left) entry(c.node, c.pid, c.reason);
    for (const Change& c : joined) entry(c.node, c.pid, c.reason);
    const client::ConfchgEvent event{client_name(group.name), static_cast<std::uint32_t>(group.members.size()),
                                     static_cast<std::uint32_t>(left.size()), static_cast<std::uint32_t>(joined.size())};
    const std::array<ByteView, 2> pieces{bytes_of(event), buffer_};
    for (const ConnId conn : listeners) out.event(conn, client::Event::confchg, pieces);
}

// The last announced ring, with its own members.
void State::send_ring(ConnId conn, Output& out) {
    const client::TotemEvent event{announced_ring_.rep, static_cast<std::uint32_t>(announced_members_.size()),
                                   announced_ring_.seq};
    const ByteView members{reinterpret_cast<const std::uint8_t*>(announced_members_.data()),
                           announced_members_.size() * sizeof(NodeId)};
    const std::array<ByteView, 2> pieces{bytes_of(event), members};
    out.event(conn, client::Event::totem_confchg, pieces);
}

}  // namespace motet::cpg
