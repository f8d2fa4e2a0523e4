// The rounds of Corosync 3.1's synchronisation, with two differences that the group properties need: a round ends at
// the next regular configuration, not at the transitional one, and departures of superseded rings are not forgotten.
#include "membership/sync/sync.h"

#include <algorithm>
#include <bit>

#include "libs/base/assert.h"
#include "libs/wire/group.h"
#include "libs/wire/sync.h"

namespace motet::sync {
namespace {

constexpr std::uint64_t bit(std::uint32_t service) { return std::uint64_t{1} << service; }

void keep_only(std::vector<NodeId>& nodes, std::span<const NodeId> wanted) {
    std::erase_if(nodes, [&](NodeId node) { return std::find(wanted.begin(), wanted.end(), node) == wanted.end(); });
}

}  // namespace

Sync::Sync(NodeId self, std::span<const std::uint32_t> services, Round rounds_from) : self_(self), round_(rounds_from) {
    for (const std::uint32_t service : services) {
        MOTET_ASSERT(service < wire::kServicesMax, "service %u cannot be synchronised", service);
        MOTET_ASSERT(locals_.empty() || locals_.back().service < service, "services are not ascending at %u", service);
        locals_.push_back({service, false, {}});
    }
}

Sync::Local* Sync::local(std::uint32_t service) {
    const auto found = std::find_if(locals_.begin(), locals_.end(), [&](const Local& l) { return l.service == service; });
    return found == locals_.end() ? nullptr : &*found;
}

std::uint32_t Sync::step() const { return static_cast<std::uint32_t>(std::countr_zero(to_do_)); }

void Sync::stop_clients(Output& out) {
    if (stopped_) return;
    stopped_ = true;
    out.sync_started();
}

// The old ring goes on to count until the regular configuration: what is delivered in its transitional part is
// delivered to all who go together, so that they agree on which services were activated for it.
void Sync::transitional(RingId, std::span<const NodeId> members, Output& out) {
    leaving_ = true;
    transition_.assign(members.begin(), members.end());
    for (Local& l : locals_) keep_only(l.came_along, members);
    stop_clients(out);
}

void Sync::regular(RingId ring, std::span<const NodeId> members, Output& out) {
    abort(out);
    stop_clients(out);
    leaving_ = false;
    ++round_;
    begun_ = true;
    ring_ = ring;
    std::vector<NodeId> sorted(members.begin(), members.end());
    std::sort(sorted.begin(), sorted.end());
    members_.clear();
    for (const NodeId node : sorted) members_.push_back({node, false, false});

    phase_ = Phase::build;
    to_do_ = 0;  // filled by the builds as they are delivered, our own too, so that it is the same everywhere
    wire::ServiceBuild build{ring_, {}};
    bool motet_listed = false;
    for (const Local& l : locals_) {
        if (l.service > kMotet && !motet_listed) motet_listed = build.services.push(kMotet);
        if (l.service != kMotet) build.services.push(l.service);
    }
    if (!motet_listed) build.services.push(kMotet);
    message_.assign(wire::kSyncPrefix.begin(), wire::kSyncPrefix.end());
    wire::encode_service_build(build, message_);
    out.send_sync(message_);

    for (Local& l : locals_) {
        keep_only(l.came_along, sorted);
        std::vector<NodeId> continuing = l.came_along;
        if (std::find(continuing.begin(), continuing.end(), self_) == continuing.end()) {
            continuing.insert(std::upper_bound(continuing.begin(), continuing.end(), self_), self_);
        }
        l.pending = true;
        out.service_init(l.service, round_, ring_, sorted, continuing);
    }
}

void Sync::abort(Output& out) {
    phase_ = Phase::idle;
    for (Local& l : locals_) {
        if (!l.pending) continue;
        l.pending = false;
        out.service_abort(l.service, round_);
    }
}

void Sync::deliver(NodeId from, ByteView body, bool foreign_order, Output& out) {
    const auto member = std::find_if(members_.begin(), members_.end(), [&](const Member& m) { return m.node == from; });
    const auto header = wire::decode_service_header(body, foreign_order);
    // Corosync has no conversion for these messages, so rings of mixed byte order do not exist.
    if (foreign_order || !header || member == members_.end()) {
        ++dropped_;
        return;
    }
    if (header->id == wire::kServiceBuildId)
        on_build(*member, body, foreign_order, out);
    else if (header->id == wire::kSyncBarrierId)
        on_barrier(*member, body, foreign_order, out);
    else
        ++dropped_;
}

void Sync::on_build(Member& from, ByteView body, bool foreign_order, Output& out) {
    const auto build = wire::decode_service_build(body, foreign_order);
    if (!build || build->ring != ring_ || phase_ != Phase::build) {
        ++dropped_;
        return;
    }
    for (const std::uint32_t service : build->services) {
        if (service >= wire::kServicesMax) continue;  // the decoder's rule; a shift must not depend on it
        to_do_ |= bit(service);
        if (service == kMotet) from.motet = true;
    }
    from.heard = true;
    if (!all_heard()) return;
    if (to_do_ == 0)
        finish(out);
    else
        enter_step(out);
}

// A barrier names no service: it belongs to the present step, because its sender had all barriers of the one before.
void Sync::on_barrier(Member& from, ByteView body, bool foreign_order, Output& out) {
    const auto barrier = wire::decode_sync_barrier(body, foreign_order);
    if (!barrier || barrier->ring != ring_ || (phase_ != Phase::process && phase_ != Phase::barrier)) {
        ++dropped_;
        return;
    }
    from.heard = true;
    if (phase_ == Phase::barrier && all_heard()) leave_step(out);
}

bool Sync::all_heard() const {
    return std::all_of(members_.begin(), members_.end(), [](const Member& m) { return m.heard; });
}

void Sync::enter_step(Output& out) {
    phase_ = Phase::process;
    for (Member& m : members_) m.heard = false;
    // What is sent now cannot become part of a ring that is being left.
    if (leaving_) return;
    // An id that nobody serves here has nothing to say, but everybody waits for everybody at each step.
    if (local(step()) == nullptr)
        send_barrier(out);
    else
        out.service_process(step(), round_);
}

void Sync::service_done(std::uint32_t service, Round round, Output& out) {
    if (round != round_ || phase_ != Phase::process || service != step() || leaving_) return;
    send_barrier(out);
}

void Sync::send_barrier(Output& out) {
    phase_ = Phase::barrier;
    message_.assign(wire::kSyncPrefix.begin(), wire::kSyncPrefix.end());
    wire::encode_sync_barrier({ring_}, message_);
    out.send_sync(message_);
}

void Sync::leave_step(Output& out) {
    const std::uint32_t service = step();
    to_do_ &= ~bit(service);
    if (Local* l = local(service)) {
        l->pending = false;
        l->came_along.clear();
        for (const Member& m : members_) l->came_along.push_back(m.node);
        if (leaving_) keep_only(l->came_along, transition_);
        out.service_activate(service, round_);
    }
    if (to_do_ == 0)
        finish(out);
    else
        enter_step(out);
}

void Sync::finish(Output& out) {
    phase_ = Phase::idle;
    stopped_ = false;
    out.sync_complete(ring_, all_motet());
    if (leaving_) stop_clients(out);
}

bool Sync::complete() const { return begun_ && phase_ == Phase::idle && !stopped_; }
std::uint64_t Sync::dropped() const { return dropped_; }

bool Sync::all_motet() const {
    return !members_.empty() && std::all_of(members_.begin(), members_.end(), [](const Member& m) { return m.motet; });
}

std::string Sync::describe() const {
    if (!begun_) return "waiting for the first ring";
    if (complete()) return "complete";
    if (phase_ == Phase::idle) return "waiting for the next ring";
    std::string text;
    if (phase_ == Phase::build)
        text = "waiting for service builds of nodes";
    else
        text = "waiting in step " + std::to_string(step()) +
               (phase_ == Phase::process ? " (process) for nodes" : " (barrier) for nodes");
    for (const Member& m : members_) {
        if (!m.heard) text += " " + std::to_string(m.node);
    }
    return text;
}

}  // namespace motet::sync
