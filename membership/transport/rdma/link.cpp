// Opening, queries, the group, what the device reports. Datagrams are in link_traffic.cpp.
#include "membership/transport/rdma/link.h"

#include <algorithm>
#include <bit>

#include "libs/base/log.h"

namespace motet::transport::rdma {
namespace {

constexpr std::uint32_t kSendDepthMax = 4096;

// What one node sends at a token's visit: new frames in the widest window, retransmissions, and the token.
constexpr std::uint32_t kVisit = 8 * 17 + 30 + 1;
static_assert(2 * kVisit <= Link::kSlots);      // of the visit before some may still be under way

// Fanned out, each of them to everybody.
std::uint32_t send_depth(std::size_t peers) {
    return std::clamp(static_cast<std::uint32_t>(std::bit_ceil(kVisit * peers)), Link::kSlots, kSendDepthMax);
}

}  // namespace

const char* name(Drop why) {
    constexpr const char* kNames[] = {"truncated", "not_ours", "unknown_sender", "other_destination", "plaintext", "unknown_key", "unknown_life",
                                      "replayed", "forged", "malformed_probe", "bad_query"};
    return kNames[static_cast<std::size_t>(why)];
}

Link::Link(LinkConfig config, const Keyring* keys, std::uint64_t incarnation, std::unique_ptr<Fabric> fabric)
    : config_(std::move(config)),
      keys_(keys),
      incarnation_(incarnation),
      cluster_(hash_of(config_.cluster_name)),
      fabric_(std::move(fabric)),
      slots_(kSlots, kSlots),
      polled_(64) {
    if (config_.fabric.send_depth == 0) config_.fabric.send_depth = send_depth(config_.peers.size());
    config_.fabric.send_slots = std::min(kSlots, config_.fabric.send_depth);
    slots_ = SendSlots(config_.fabric.send_slots, config_.fabric.send_depth);
    for (const LinkConfig::Node& node : config_.peers) {
        Peer peer{.id = node.id, .address = node.address, .query = Query(config_.self * 2654435761u + node.id)};
        peers_.push_back(std::move(peer));
    }
}

Link::~Link() {
    if (open_) shut(false);
}

std::span<const int> Link::descriptors() const { return open_ ? fabric_->descriptors() : std::span<const int>(); }

Status Link::open(Instant now) {
    for (unsigned slot = 0; slot < Keyring::kSlots; ++slot)
        if (secret(slot) != nullptr && !seals_[slot])
            if (const Status made = seal(seals_, slot, config_.self, incarnation_); !made) return made;
    Result<Opened> opened = fabric_->open(config_.fabric);
    if (!opened) return opened.error();
    opened_ = *opened;
    open_ = true;
    ++generation_;
    broken_ = port_down_ = false;
    reopen_ = kReopenFirst;
    slots_ = SendSlots(slots_.size(), config_.fabric.send_depth);
    // The commit token is the longest message that must fit into one datagram.
    const std::size_t commit = 41 + 28 * (peers_.size() + 1);
    if (opened_.mtu < overhead() + commit) {
        shut(false);
        return error("link %u: %s port %u carries %zu bytes in a datagram, a ring of %zu nodes needs %zu: raise the MTU of the fabric "
                     "(Ethernet 4200 and more give 4096)", config_.number, opened_.device.c_str(), opened_.port,
                     static_cast<std::size_t>(opened_.mtu) - std::min<std::size_t>(opened_.mtu, overhead()), peers_.size() + 1, commit);
    }
    MOTET_LOG(notice, "link %u: %s port %u, %s: datagrams of %u bytes, queue pair %u", config_.number, opened_.device.c_str(), opened_.port,
              config_.fabric.address.c_str(), opened_.mtu, opened_.queue_pair);
    rejoin_ = kRejoinFirst;
    join_due_ = now;
    probe_due_ = now;
    on_time(now);
    return Done{};
}

void Link::shut(bool removed) {
    for (Peer& peer : peers_) {
        peer.query.reset();
        peer.target = {};
        peer.ticket = 0;
    }
    group_ = {};
    joining_ = false;
    join_deadline_ = kNever;
    staged_.clear();
    reposts_.clear();
    pending_.clear();
    fabric_->close(removed);
    open_ = false;
    ++generation_;
}

void Link::fail(const std::string& why, bool removed, Instant now) {
    if (!open_) return;
    MOTET_LOG(warning, "link %u: %s; it is closed and opened again", config_.number, why.c_str());
    for (Peer& peer : peers_) peer.cause = why;
    shut(removed);
    broken_ = false;
    ++counters_.reopens;
    reopen_due_ = now + reopen_;
    reopen_ = std::min(reopen_ * 2, kReopenMax);
}

void Link::on_time(Instant now) {
    if (broken_) fail(broken_why_, false, now);
    if (!open_) {
        if (now < reopen_due_) return watch(now);
        const Duration pause = reopen_;
        if (const Status opened = open(now); !opened) {
            reopen_due_ = now + pause;
            reopen_ = std::min(pause * 2, kReopenMax);
            MOTET_LOG(info, "%s; tried again in %lld ms", opened.error().text.c_str(), static_cast<long long>(pause.ms()));
        }
        return watch(now);
    }
    if (now >= join_deadline_) {
        MOTET_LOG(info, "link %u: the multicast group did not answer", config_.number);
        fabric_->leave();
        lose_group();
        join_due_ = now + rejoin_;
        rejoin_ = std::min(rejoin_ * 2, kRejoinMax);
    }
    if (group_.handle == kNoHandle && !joining_ && config_.multicast != Multicast::never && now >= join_due_) start_join(now);
    for (Peer& peer : peers_) {
        const auto under_way = std::count_if(peers_.begin(), peers_.end(), [](const Peer& p) { return p.query.in_flight(); });
        act(peer, peer.query.on_time(now, under_way < static_cast<std::ptrdiff_t>(kQueriesMax)), now);
    }
    if (now >= probe_due_) send_probes(now);
    watch(now);
    flush();
}

// --- queries

Link::Peer* Link::find(NodeId id) {
    const auto it = std::find_if(peers_.begin(), peers_.end(), [&](const Peer& p) { return p.id == id; });
    return it == peers_.end() ? nullptr : &*it;
}

Link::Peer* Link::holder(Ticket ticket) {
    const auto it = std::find_if(peers_.begin(), peers_.end(), [&](const Peer& p) { return p.ticket == ticket && ticket != 0; });
    return it == peers_.end() ? nullptr : &*it;
}

void Link::act(Peer& peer, Query::Do what, Instant now) {
    bool possible = true;
    switch (what) {
        case Query::Do::nothing: return;
        case Query::Do::resolve_address:
            peer.ticket = ++tickets_;
            ++counters_.queries;
            possible = fabric_->resolve_address(peer.ticket, peer.address);
            break;
        case Query::Do::resolve_route: possible = fabric_->resolve_route(peer.ticket); break;
        case Query::Do::ask: {
            fill_randomly(peer.nonce);
            const Greeting request{.answer = false, .plaintext = plaintext(), .cluster = cluster_, .from = config_.self,
                                   .incarnation = incarnation_, .nonce = peer.nonce};
            const bool other = peer.ask_with_other && secret(keys_->other()) != nullptr;
            const auto data = encode(request, {.to = peer.id, .link = config_.number}, secret(other ? keys_->other() : sending()));
            possible = data && fabric_->ask(peer.ticket, *data);
            break;
        }
        case Query::Do::adopt:
        case Query::Do::abandon:
            if (peer.ticket != 0) fabric_->abandon(peer.ticket);
            peer.ticket = 0;
            return;
    }
    if (!possible) act(peer, peer.query.on_failed(now, false), now);
}

void Link::on_event(const Event& event, Instant now) {
    Peer* const peer = holder(event.ticket);
    switch (event.kind) {
        case Event::Kind::address_resolved:
            if (peer != nullptr) act(*peer, peer->query.on_address_resolved(), now);
            return;
        case Event::Kind::route_resolved:
            if (peer != nullptr) act(*peer, peer->query.on_route_resolved(), now);
            return;
        case Event::Kind::answered:
            if (peer != nullptr) return on_answered(*peer, event, now);
            if (event.target.handle != kNoHandle) fabric_->forget(event.target.handle);   // of a query given up meanwhile
            return;
        case Event::Kind::failed:
            if (peer == nullptr) return;
            // It may have been started with the one of our two keys that we do not send with.
            peer->ask_with_other = event.refused && !peer->ask_with_other && !plaintext() && secret(keys_->other()) != nullptr;
            if (peer->ask_with_other) return act(*peer, peer->query.on_failed(now, false), now);
            if (event.refused && !std::exchange(peer->refusal_said, true))
                MOTET_LOG(warning, "link %u: node %u (%s) refuses this node: another cluster name, another key, or one side without encryption",
                          config_.number, peer->id, peer->address.c_str());
            return act(*peer, peer->query.on_failed(now, event.refused), now);
        case Event::Kind::asked: return on_asked(event, now);
        case Event::Kind::joined:
            if (group_.handle != kNoHandle) fabric_->forget(group_.handle);
            group_ = event.target;
            joining_ = false;
            join_deadline_ = kNever;
            rejoin_ = kRejoinFirst;
            ++counters_.joins;
            probe_due_ = now;
            return decide_mode();
        case Event::Kind::join_failed:
            if (!std::exchange(join_said_, true))
                MOTET_LOG(notice, "link %u: the fabric offers no multicast group (%d): %s", config_.number, event.status,
                          config_.multicast == Multicast::required ? "nothing can be sent to all until it does; rdma_multicast: auto would send to each node"
                                                                   : "frames are sent to each node");
            fabric_->leave();
            lose_group();
            join_due_ = now + rejoin_;
            rejoin_ = std::min(rejoin_ * 2, kRejoinMax);
            return;
        case Event::Kind::device_removed: return fail(opened_.device + " is being removed", true, now);
        case Event::Kind::address_changed: return fail("the device of " + config_.fabric.address + " has changed", false, now);
        case Event::Kind::other: return;
    }
}

void Link::on_answered(Peer& peer, const Event& event, Instant now) {
    const Context context{.to = config_.self, .link = config_.number, .queue_pair = event.target.queue_pair};
    unsigned slot = 0;
    const auto answer = read(event.data, context, slot);
    const bool good = answer && answer->answer && answer->cluster == cluster_ && answer->from == peer.id && answer->nonce == peer.nonce &&
                      answer->incarnation != 0 && event.target.handle != kNoHandle;
    Seals seals;
    bool sealed = good;
    for (slot = 0; sealed && slot < Keyring::kSlots; ++slot)
        if (secret(slot) != nullptr) sealed = static_cast<bool>(seal(seals, slot, peer.id, answer->incarnation));
    if (!sealed) {
        drop(Drop::bad_query);
        if (event.target.handle != kNoHandle) fabric_->forget(event.target.handle);
        return act(peer, peer.query.on_failed(now, true), now);
    }
    if (peer.target.handle != kNoHandle) fabric_->forget(peer.target.handle);
    peer.target = event.target;
    if (peer.incarnation != answer->incarnation) {      // within one life counters go on, also over a reopened link
        peer.windows = {};
        peer.mtu = 0;
        peer.misses = 0;
        peer.hears_group = false;
    }
    peer.incarnation = answer->incarnation;
    peer.seals = std::move(seals);
    peer.refusal_said = peer.ask_with_other = false;
    act(peer, peer.query.on_answer(), now);
    probe_due_ = now;   // it shall hear us, too
}

void Link::on_asked(const Event& event, Instant now) {
    unsigned slot = 0;
    const auto request = read(event.data, {.to = config_.self, .link = config_.number}, slot);
    Peer* const peer = request && !request->answer && request->cluster == cluster_ ? find(request->from) : nullptr;
    if (peer == nullptr) {
        drop(Drop::bad_query);
        return fabric_->reject(event.asker);
    }
    const Greeting answer{.answer = true, .plaintext = plaintext(), .cluster = cluster_, .from = config_.self, .incarnation = incarnation_,
                          .nonce = request->nonce};
    // Under the key of the question: the asker may not have a newer one yet.
    const auto data = encode(answer, {.to = peer->id, .link = config_.number, .queue_pair = opened_.queue_pair}, secret(slot));
    if (data) fabric_->accept(event.asker, *data);
    else fabric_->reject(event.asker);
    // What it says of itself proves nothing: a request can be replayed. It is a reason to ask.
    if (request->incarnation != peer->incarnation) peer->query.on_changed(now);
}

std::optional<Greeting> Link::read(ByteView greeting, const Context& context, unsigned& slot) const {
    if (plaintext()) return decode(greeting, context, nullptr);
    for (slot = 0; slot < Keyring::kSlots; ++slot)
        if (secret(slot) != nullptr)
            if (auto found = decode(greeting, context, secret(slot))) return found;
    return std::nullopt;
}

// --- keys

Status Link::seal(Seals& seals, unsigned slot, NodeId node, std::uint64_t incarnation) const {
    Result<Seal> made = Seal::make(*secret(slot), {node, incarnation, config_.number});
    if (!made) return made.error();
    seals[slot] = std::move(*made);
    return Done{};
}

Status Link::add_key(unsigned slot) {
    Status made = seal(seals_, slot, config_.self, incarnation_);
    for (Peer& peer : peers_)
        if (made && peer.incarnation != 0) made = seal(peer.seals, slot, peer.id, peer.incarnation);
    if (!made) drop_key(slot);
    return made;
}

void Link::drop_key(unsigned slot) {
    seals_[slot].reset();
    for (Peer& peer : peers_) peer.seals[slot].reset();
}

// --- the group

void Link::start_join(Instant now) {
    joining_ = fabric_->join(config_.group);
    if (joining_) {
        join_deadline_ = now + kJoinLimit;
    } else {
        join_due_ = now + rejoin_;
        rejoin_ = std::min(rejoin_ * 2, kRejoinMax);
    }
}

void Link::lose_group() {
    if (group_.handle != kNoHandle) fabric_->forget(group_.handle);
    group_ = {};
    joining_ = false;
    join_deadline_ = kNever;
}

// A peer that lives and does not hear our multicast gets everything by its own address, as long as it says so.
void Link::decide_mode() {
    const bool missed = std::any_of(peers_.begin(), peers_.end(), [](const Peer& p) { return p.alive && p.misses >= kMissedMax; });
    const bool fan_out = config_.multicast == Multicast::never || (missed && config_.multicast == Multicast::automatic);
    if (fan_out == fanning_out_) return;
    fanning_out_ = fan_out;
    if (config_.multicast == Multicast::never) return;
    if (fan_out) MOTET_LOG(notice, "link %u: some node does not hear this node's multicast: frames are sent to each node", config_.number);
    else MOTET_LOG(notice, "link %u: every node hears this node's multicast again: frames are sent to the group", config_.number);
}

// --- what the device says

void Link::on_condition(Condition condition, Instant now) {
    switch (condition) {
        case Condition::port_down:
            if (!port_down_) MOTET_LOG(warning, "link %u: %s port %u has lost its carrier", config_.number, opened_.device.c_str(), opened_.port);
            port_down_ = true;
            return;
        case Condition::port_up:
            if (!port_down_) return;
            port_down_ = false;
            MOTET_LOG(notice, "link %u: %s port %u has its carrier again", config_.number, opened_.device.c_str(), opened_.port);
            fabric_->leave();
            lose_group();
            join_due_ = probe_due_ = now;
            return;
        case Condition::addresses_changed:
            lose_targets(now);
            fabric_->leave();
            lose_group();
            join_due_ = now;
            return;
        case Condition::broken: return fail("the device reports a fatal error", false, now);
        case Condition::other: return;
    }
}

void Link::lose_targets(Instant now) {
    for (Peer& peer : peers_) {
        act(peer, peer.query.on_failed(now, false), now);
        if (peer.target.handle != kNoHandle) fabric_->forget(peer.target.handle);
        peer.target = {};
        peer.query.reset();
    }
}

// --- liveness

void Link::watch(Instant now) {
    const Duration limit = config_.probe_period * kMissedMax;
    for (Peer& peer : peers_) {
        const bool alive = up() && peer.heard_ever && now - peer.heard <= limit;
        if (alive == peer.alive) continue;
        peer.alive = alive;
        peer.changed = now;
        ++(alive ? peer.ups : peer.downs);
        if (alive) peer.cause = "heard";
        else if (port_down_) peer.cause = "own port down";
        else if (open_) peer.cause = "silent";
        MOTET_LOG(info, "link %u: node %u is %s (%s)", config_.number, peer.id, alive ? "up" : "down", peer.cause.c_str());
    }
    decide_mode();
}

bool Link::hears(NodeId peer) const {
    const Peer* const p = find(peer);
    return p != nullptr && p->alive;
}

std::size_t Link::peers_heard() const {
    return static_cast<std::size_t>(std::count_if(peers_.begin(), peers_.end(), [](const Peer& p) { return p.alive; }));
}

std::size_t Link::frame_max() const {
    std::uint32_t mtu = opened_.mtu;
    for (const Peer& peer : peers_)
        if (peer.mtu != 0) mtu = std::min(mtu, peer.mtu);
    return mtu > overhead() ? mtu - overhead() : 0;
}

std::vector<LinkState> Link::states() const {
    std::vector<LinkState> out;
    for (const Peer& peer : peers_) {
        LinkState s;
        s.peer = peer.id;
        s.link = config_.number;
        s.address = peer.address;
        s.enabled = true;
        s.connected = peer.alive;
        s.one_way = peer.alive && peer.target.handle == kNoHandle;
        s.mtu = peer.mtu != 0 ? std::min(peer.mtu, opened_.mtu) : opened_.mtu;
        s.changed = peer.changed;
        s.cause = peer.cause;
        s.up_count = peer.ups;
        s.down_count = peer.downs;
        out.push_back(std::move(s));
    }
    return out;
}

std::string Link::describe() const {
    std::string text = "link " + std::to_string(config_.number) + " ";
    if (!open_) return text + "closed";
    const auto ready = std::count_if(peers_.begin(), peers_.end(), [](const Peer& p) { return p.target.handle != kNoHandle; });
    text += opened_.device + "/" + std::to_string(opened_.port) + (port_down_ ? " down" : " up") + ", mtu " + std::to_string(opened_.mtu) +
            (uses_group() ? ", multicast" : ", fan-out") + (plaintext() ? ", unencrypted" : ", aes256-gcm") + ", " + std::to_string(ready) + " of " +
            std::to_string(peers_.size()) + " peers known, reopened " + std::to_string(counters_.reopens) + " times";
    for (std::size_t i = 0; i < counters_.dropped.size(); ++i)
        if (counters_.dropped[i] != 0) text += std::string(", ") + name(static_cast<Drop>(i)) + " " + std::to_string(counters_.dropped[i]);
    return text;
}

}  // namespace motet::transport::rdma
