// What clients ask for, and the life of their connections. Everything a client says is a claim: a record of the wrong
// shape costs it its connection, a request at the wrong moment an error code.
#include <algorithm>
#include <array>

#include "workers/cpg/core_request.h"
#include "workers/cpg/core_state.h"

namespace motet::cpg {

namespace client = wire::cpg_client;
using client::Request;

void State::on_connect(ConnId id, Output& out) {
    if (connections_.size() >= kConnectionsMax) return out.close(id, Output::Close::violation);
    connections_.try_emplace(id);
}

void State::on_request(ConnId id, Request type, std::uint64_t request, ByteView payload, Output& out) {
    const auto found = connections_.find(id);
    if (found == connections_.end() || found->second.closing) return;
    Connection& conn = found->second;
    if (!conn.introduced && type != Request::model) return violate(id, conn, out);
    switch (type) {
        case Request::model: return on_model(id, conn, request, payload, out);
        case Request::join: return on_join(id, conn, request, payload, out);
        case Request::leave: return on_leave(id, conn, request, payload, out);
        case Request::multicast: return on_multicast(id, conn, payload, out);
        case Request::multicast_part: return on_multicast_part(id, conn, request, payload, out);
        case Request::multicast_sync: return on_multicast_sync(id, conn, request, payload, out);
        case Request::membership: return on_membership(id, conn, request, payload, out);
        case Request::local: {
            if (!payload.empty()) break;
            const client::Reply ok{static_cast<std::uint32_t>(Code::ok)};
            const std::array<ByteView, 2> pieces{bytes_of(ok), bytes_of(self_)};
            return out.reply(id, request, pieces);
        }
        case Request::iteration_start: return on_iteration_start(id, conn, request, payload, out);
        case Request::iteration_next: return on_iteration_next(id, conn, request, payload, out);
        case Request::iteration_end: return on_iteration_end(id, conn, request, payload, out);
        case Request::finalize: return on_finalize(id, conn, request, payload, out);
    }
    violate(id, conn, out);
}

void State::on_disconnect(ConnId id, Output& out) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    retire(id, found->second, out);
    connections_.erase(found);
}

// The process is gone for its group, behind everything it has sent; its connection hears nothing more.
void State::retire(ConnId id, Connection& conn, Output& out) {
    conn.closing = true;
    stop_collecting(conn.collection);
    for (const auto& [number, iteration] : conn.iterations) iteration_entries_ -= iteration.entries.size();
    conn.iterations.clear();
    if (conn.standing == Standing::unjoined) return;
    if (const auto local = local_.find({conn.group, self_, conn.pid}); local != local_.end()) local->second = kNobody;
    if (Group* group = find_group(conn.group.text())) std::erase(group->listeners, id);
    if (conn.standing != Standing::leaving) submit_change(id, conn.group, conn.pid, Reason::process_down, out);
    conn.standing = Standing::unjoined;
}

void State::violate(ConnId id, Connection& conn, Output& out) {
    retire(id, conn, out);
    out.close(id, Output::Close::violation);
}

void State::reply(ConnId id, std::uint64_t request, Code code, Output& out) {
    const client::Reply reply{static_cast<std::uint32_t>(code)};
    const std::array<ByteView, 1> pieces{bytes_of(reply)};
    out.reply(id, request, pieces);
}

void State::submit_change(ConnId id, const GroupName& name, std::uint32_t pid, Reason reason, Output& out) {
    buffer_.clear();
    const wire::cpg::ProcChange change{name, pid, static_cast<std::uint32_t>(reason)};
    if (reason == Reason::join)
        wire::cpg::encode_procjoin(change, buffer_);
    else
        wire::cpg::encode_procleave(change, buffer_);
    const std::array<ByteView, 1> pieces{buffer_};
    out.submit(id, pieces, Guarantee::agreed, true, true);
}

void State::on_model(ConnId id, Connection& conn, std::uint64_t request, ByteView payload, Output& out) {
    constexpr std::uint32_t kInitialTotem = 1;
    client::ModelRequest model;
    if (conn.introduced || !take_all(payload, model)) return violate(id, conn, out);
    if ((model.flags & ~kInitialTotem) != 0) return reply(id, request, Code::invalid_param, out);
    // As with Corosync, there is no cpg before the first ring.
    if (announced_ring_ == RingId{}) return reply(id, request, Code::try_again, out);
    conn.introduced = true;
    conn.wants_totem = model.wants_totem != 0;
    conn.wants_initial_totem = (model.flags & kInitialTotem) != 0;
    reply(id, request, Code::ok, out);
}

void State::on_join(ConnId id, Connection& conn, std::uint64_t request, ByteView payload, Output& out) {
    client::JoinRequest join;
    if (!take_all(payload, join)) return violate(id, conn, out);
    if (!sound(join.name)) return reply(id, request, Code::name_too_long, out);
    const GroupName name = group_name(join.name);
    const Code code = may_join(conn, join.pid, name);
    if (code == Code::ok) {
        conn.standing = Standing::joining;
        conn.pid = join.pid;
        conn.group = name;
        local_[{name, self_, join.pid}] = id;
        submit_change(id, name, join.pid, Reason::join, out);
    }
    reply(id, request, code, out);
}

Code State::may_join(const Connection& conn, std::uint32_t pid, const GroupName& name) {
    if (!synchronised_) return Code::try_again;
    if (conn.standing == Standing::leaving) return Code::try_again;
    if (conn.standing != Standing::unjoined) return Code::exist;
    if (const auto other = local_.find({name, self_, pid}); other != local_.end()) {
        const auto owner = connections_.find(other->second);
        const bool leaving = owner == connections_.end() || owner->second.standing == Standing::leaving;
        return leaving ? Code::try_again : Code::exist;
    }
    Group* group = find_group(name.text());
    if (group != nullptr && find_member(*group, self_, pid) != nullptr) return Code::try_again;
    const bool full = group != nullptr && group->members.size() >= kGroupMembersMax;
    if (full || processes_ >= kProcessesMax || local_.size() >= kLocalProcessesMax) return Code::no_resources;
    return Code::ok;
}

// A leave behind a join that is not delivered yet is in order: both take effect one after the other.
void State::on_leave(ConnId id, Connection& conn, std::uint64_t request, ByteView payload, Output& out) {
    client::LeaveRequest leave;
    if (!take_all(payload, leave)) return violate(id, conn, out);
    if (!sound(leave.name)) return reply(id, request, Code::name_too_long, out);
    if (!synchronised_) return reply(id, request, Code::try_again, out);
    const bool member = conn.standing == Standing::joining || conn.standing == Standing::joined;
    if (!member || !(conn.group == group_name(leave.name))) return reply(id, request, Code::not_exist, out);
    stop_collecting(conn.collection);
    conn.standing = Standing::leaving;
    submit_change(id, conn.group, conn.pid, Reason::leave, out);
    reply(id, request, Code::ok, out);
}

void State::on_membership(ConnId id, Connection& conn, std::uint64_t request, ByteView payload, Output& out) {
    client::NameRequest asked;
    if (!take_all(payload, asked)) return violate(id, conn, out);
    if (!sound(asked.name)) return reply(id, request, Code::name_too_long, out);
    buffer_.clear();
    Writer to(buffer_);
    to.u32(static_cast<std::uint32_t>(Code::ok));
    to.u32(0);
    const Group* group = find_group(group_name(asked.name).text());
    to.u32(group == nullptr ? 0 : static_cast<std::uint32_t>(group->members.size()));
    if (group != nullptr) {
        for (const Member& m : group->members) {
            to.u32(m.node);
            to.u32(m.pid);
            to.u32(static_cast<std::uint32_t>(Reason::undefined));
        }
    }
    const std::array<ByteView, 1> pieces{buffer_};
    out.reply(id, request, pieces);
}

// Accepted at any time: the leave waits its turn like all that the process has sent.
void State::on_finalize(ConnId id, Connection& conn, std::uint64_t request, ByteView payload, Output& out) {
    if (!payload.empty()) return violate(id, conn, out);
    retire(id, conn, out);
    reply(id, request, Code::ok, out);
    out.close(id, Output::Close::orderly);
}

}  // namespace motet::cpg
