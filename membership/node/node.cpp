#include "membership/node/node.h"

#include <algorithm>
#include <array>
#include <utility>

#include "libs/wire/cmap.h"
#include "libs/wire/group.h"
#include "libs/wire/service.h"
#include "libs/wire/votequorum.h"

namespace motet::node {
namespace {

// Steps this node takes part in: those of a Corosync node that runs the same services, so that peers count its votes.
ServiceSet sync_services(const Config& config) {
    ServiceSet set = config.further | service_set(sync::kCmap) | service_set(sync::kCpg) | service_set(sync::kQuorum) |
                     service_set(sync::kMotet);
    if (config.votequorum) set |= service_set(sync::kVotequorum);
    return set;
}

std::vector<std::uint32_t> ascending(ServiceSet set) {
    std::vector<std::uint32_t> ids;
    for (std::uint32_t id = 0; id < wire::kServicesMax; ++id)
        if (contains(set, id)) ids.push_back(id);
    return ids;
}

}  // namespace

Node::Node(const Config& config, std::uint64_t stored_ring_sequence, Transport& transport)
    : config_(config),
      synchronised_(sync_services(config)),
      transport_(transport),
      totem_(config.totem, stored_ring_sequence),
      sync_(config.totem.self, ascending(synchronised_), config.rounds_from),
      services_(wire::kServicesMax, nullptr),
      told_(wire::kServicesMax, 0) {}

Node::~Node() = default;

void Node::attach(ServiceSet services, Service* to) {
    for (std::uint32_t id = 0; id < wire::kServicesMax; ++id)
        if (contains(services, id)) give(id, to);
    if (holder(to) != nullptr) return;
    do ++last_owner_;
    while (last_owner_ == 0 || owner(last_owner_) != nullptr);
    holders_.push_back({to, last_owner_});
}

const Node::Holder* Node::holder(const Service* service) const {
    const auto at = std::find_if(holders_.begin(), holders_.end(), [service](const Holder& h) { return h.service == service; });
    return at == holders_.end() ? nullptr : &*at;
}

Service* Node::owner(std::uint16_t owner) const {
    for (const Holder& h : holders_)
        if (h.owner == owner) return h.service;
    return nullptr;
}

void Node::detach(Service* who) {
    for (std::uint32_t id = 0; id < wire::kServicesMax; ++id)
        if (services_[id] == who) give(id, nullptr);
    std::erase_if(holders_, [who](const Holder& h) { return h.service == who; });
}

void Node::give(std::uint32_t service, Service* to) {
    // A step that waits for the one who goes is over: nobody is left to say more.
    if (told_[service] != 0 && processing_ == service)
        deferred_.push_back({Deferred::Kind::done, service, told_[service], {}});
    services_[service] = to;
    told_[service] = 0;
    if (awaited_.service == service) awaited_ = {};
}

bool Node::attached(std::uint32_t service, sync::Round round) const {
    return service < wire::kServicesMax && services_[service] != nullptr && told_[service] == round;
}

void Node::start(Instant now) {
    totem_.start(now, *this);
    after_step(now);
}

void Node::resynchronise(Instant now) { start(now); }

void Node::on_frame(ByteView frame, Instant now) {
    totem_.on_frame(frame, now, *this);
    after_step(now);
}

void Node::on_time(Instant now) {
    totem_.on_time(now, *this);
    after_step(now);
}

Instant Node::deadline() const { return totem_.deadline(); }
void Node::leave() { totem_.leave(*this); }

// Which services take part in a synchronisation is fixed for the life of the process: peers count on it.
void Node::reconfigure(const Config& config) {
    config_.totem = config.totem;
    config_.votes = config.votes;
    config_.expected_votes = config.expected_votes;
    config_.config_version = config.config_version;
    totem_.reconfigure(config.totem);
}
std::size_t Node::room() const { return totem_.room(totem::Stream::normal); }

// --- from services

namespace {

// The front of a service message, copied out of memory that its owner may still change.
struct Checked {
    std::array<std::uint8_t, wire::kRequestHeaderSize> header;
    std::uint32_t service = 0;
    bool sound = false;
};

Checked check(ServiceSet own, ByteView body) {
    Checked c;
    if (body.size() < c.header.size()) return c;
    std::copy_n(body.data(), c.header.size(), c.header.data());
    Reader in(c.header);
    c.service = in.u32() >> 16;
    in.skip(4);
    c.sound = contains(own, c.service) && in.u32() == body.size() && body.size() <= wire::kMessageBodyMax;
    return c;
}

}  // namespace

Submitted Node::submit(ServiceSet own, ByteView body, Guarantee guarantee, bool unit_first, bool unit_last, Instant now,
                       const Service* by, std::uint64_t position) {
    const Checked checked = check(own, body);
    if (!checked.sound) return Submitted::refused;
    const ByteView pieces[] = {wire::kServicePrefix, checked.header, body.subspan(checked.header.size())};
    const Holder* const submitter = by == nullptr ? nullptr : holder(by);
    const totem::Tag tag{submitter == nullptr ? std::uint16_t{0} : submitter->owner, position};
    const totem::Submission submission{pieces, totem::Stream::normal, guarantee, unit_first, unit_last, tag};
    if (!totem_.submit(submission, now, *this)) return Submitted::no_room;
    after_step(now);
    return Submitted::taken;
}

Submitted Node::submit_sync(ServiceSet own, sync::Round round, ByteView body, Instant now) {
    const Checked checked = check(own, body);
    if (!checked.sound) return Submitted::refused;
    if (told_[checked.service] != round || processing_ != checked.service) return Submitted::taken;
    const ByteView pieces[] = {wire::kServicePrefix, checked.header, body.subspan(checked.header.size())};
    if (!totem_.submit({pieces, totem::Stream::sync, Guarantee::agreed, true, true, {}}, now, *this)) return Submitted::no_room;
    after_step(now);
    return Submitted::taken;
}

void Node::sync_done(std::uint32_t service, sync::Round round, Instant now) {
    if (awaited_ == Awaited{service, round}) awaited_ = {};
    sync_.service_done(service, round, *this);
    after_step(now);
}

// --- from Totem

void Node::multicast(ByteView frame) { transport_.multicast(frame); }
void Node::unicast(NodeId to, ByteView frame) { transport_.unicast(to, frame); }
void Node::loop_back(ByteView frame) { transport_.loop_back(frame); }
bool Node::store_ring_sequence(std::uint64_t seq) { return transport_.store_ring_sequence(seq); }

totem::Verdict Node::deliver(NodeId from, ByteView message, bool foreign_order) {
    const std::uint16_t submitter = std::exchange(next_owner_, 0);
    const auto grouped = wire::decode_grouped(message, foreign_order);
    if (!grouped || !grouped->ours()) {
        ++unknown_messages_;
        return totem::Verdict::none;
    }
    if (grouped->service) {
        const auto header = wire::decode_service_header(grouped->payload, foreign_order);
        const std::uint32_t service = header ? header->service() : wire::kServicesMax;
        if (service < wire::kServicesMax && services_[service] != nullptr) {
            Service* const to = services_[service];
            to->message(from, grouped->payload.first(header->size), foreign_order, from == config_.totem.self && owner(submitter) != to);
        } else if (service != sync::kCmap && service != sync::kVotequorum) {    // these two are told to us for nothing
            ++unknown_messages_;
        }
    }
    verdict_ = totem::Verdict::none;
    if (grouped->sync) sync_.deliver(from, grouped->payload, foreign_order, *this);
    return verdict_;
}

void Node::numbered(totem::Tag tag) {
    if (Service* to = owner(tag.owner)) to->numbered(tag.position);
}

void Node::own_next(totem::Tag tag) {
    next_owner_ = tag.owner;
    if (Service* to = owner(tag.owner)) to->own_next(tag.position);
}

void Node::transitional(RingId ring, std::span<const NodeId> members, std::span<const NodeId> left) {
    note({Event::Kind::transitional, ring, {members.begin(), members.end()}, {left.begin(), left.end()}, {}});
    sync_.transitional(ring, members, *this);
}

void Node::regular(RingId ring, std::span<const NodeId> members, std::span<const NodeId> joined) {
    note({Event::Kind::regular, ring, {members.begin(), members.end()}, {}, {joined.begin(), joined.end()}});
    if (members.size() > 1) first_ = false;
    processing_ = kNobody;
    awaited_ = {};
    deferred_.clear();      // of a round that is over
    sync_.regular(ring, members, *this);
}

// --- from the synchronisation

void Node::send_sync(ByteView message) {
    deferred_.push_back({Deferred::Kind::send, 0, 0, {message.begin(), message.end()}});
}

void Node::service_init(std::uint32_t service, sync::Round round, RingId ring, std::span<const NodeId> members,
                        std::span<const NodeId> continuing) {
    if (service >= wire::kServicesMax || services_[service] == nullptr) return;
    told_[service] = round;
    services_[service]->init(service, round, ring, members, continuing);
}

void Node::service_process(std::uint32_t service, sync::Round round) {
    processing_ = service;
    awaited_ = {};
    if (attached(service, round)) {
        awaited_ = {service, round};
        services_[service]->process(service, round);
        return;
    }
    announce_resident(service);
    deferred_.push_back({Deferred::Kind::done, service, round, {}});
}

// What peers must hear from this node on behalf of a service that nobody serves here: its configuration version and its votes.
void Node::announce_resident(std::uint32_t service) {
    const auto send = [&](auto&& encode) {
        Deferred d{Deferred::Kind::send, service, 0, {wire::kServicePrefix.begin(), wire::kServicePrefix.end()}};
        encode(d.message);
        deferred_.push_back(std::move(d));
    };
    if (service == sync::kCmap) {
        send([&](Bytes& out) { wire::cmap::encode_config_version(wire::cmap::Reason::sync, config_.config_version, out); });
    } else if (service == sync::kVotequorum && config_.votequorum) {
        // The own entry comes first: Corosync 3.1 peers abort on a device entry of a node they do not know.
        const wire::votequorum::NodeInfo own{config_.totem.self, config_.votes, config_.expected_votes,
                                             first_ ? wire::votequorum::kFirst : 0};
        send([&](Bytes& out) { wire::votequorum::encode_nodeinfo(own, out); });
        send([&](Bytes& out) { wire::votequorum::encode_nodeinfo({}, out); });
    }
}

void Node::service_activate(std::uint32_t service, sync::Round round) {
    if (attached(service, round)) services_[service]->activate(service, round);
}

void Node::service_abort(std::uint32_t service, sync::Round round) {
    if (attached(service, round)) services_[service]->abort(service, round);
}

void Node::sync_started() {
    for (const Holder& h : holders_) h.service->sync_started();
}

void Node::sync_complete(RingId ring, bool all_members_are_motet) {
    verdict_ = all_members_are_motet ? totem::Verdict::synchronised_restart : totem::Verdict::synchronised;
    note({Event::Kind::synchronised, ring, {}, {}, {}});
    // Not to those who came in the middle: their services were not part of it.
    for (const Holder& h : holders_) {
        bool missed = false;
        for (std::uint32_t id = 0; id < services_.size(); ++id) missed |= services_[id] == h.service && contains(synchronised_, id) && told_[id] == 0;
        if (!missed) h.service->complete(ring, all_members_are_motet);
    }
}

// ---

void Node::after_step(Instant now) {
    // Carrying one out may add another (a done step sends its barrier). What finds no room stays in front, in order.
    while (!deferred_.empty()) {
        Deferred& d = deferred_.front();
        if (d.kind == Deferred::Kind::done) {
            const Deferred done = std::move(d);
            deferred_.pop_front();
            sync_.service_done(done.service, done.round, *this);
            continue;
        }
        const ByteView message = d.message;
        if (!totem_.submit({std::span<const ByteView>(&message, 1), totem::Stream::sync, Guarantee::agreed, true, true, {}}, now, *this))
            return;
        deferred_.pop_front();
    }
}

void Node::note(Event event) {
    if (events_.size() == kEventsMax) events_.erase(events_.begin());
    events_.push_back(std::move(event));
}

std::vector<Event> Node::take_events() { return std::exchange(events_, {}); }

}  // namespace motet::node
