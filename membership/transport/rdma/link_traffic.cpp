// Datagrams: sealing and sending, receiving and checking, probes.
#include <algorithm>
#include <bit>

#include "libs/base/log.h"
#include "membership/transport/rdma/link.h"

namespace motet::transport::rdma {
namespace {

constexpr unsigned kEventsPerRound = 64;
constexpr bool kSwap = std::endian::native == std::endian::little;
constexpr std::size_t kRepostBatch = 32;
// A peer that announces less leaves no room for Totem's smallest frame: nobody could talk to anybody for its sake.
constexpr std::uint32_t kMtuMin = 256 + kOverhead;

std::uint32_t big(std::uint32_t value) { return kSwap ? byte_swapped(value) : value; }

}  // namespace

// --- sending

bool Link::multicast(ByteView frame) {
    if (!up()) return false;
    if (uses_group()) return send(Class::multicast, 0, std::span(&group_, 1), frame);
    targets_.clear();
    if (config_.multicast == Multicast::required) return ++counters_.no_target, false;
    for (const Peer& peer : peers_)
        if (peer.target.handle != kNoHandle) targets_.push_back(peer.target);
    if (!targets_.empty()) return send(Class::multicast, 0, targets_, frame);
    ++counters_.no_target;
    return false;
}

bool Link::unicast(NodeId to, ByteView frame) {
    const Peer* const peer = find(to);
    if (!up() || peer == nullptr) return false;
    if (peer->target.handle == kNoHandle) {
        ++counters_.no_target;
        return false;
    }
    return send(Class::unicast, to, std::span(&peer->target, 1), frame);
}

bool Link::send(Class kind, NodeId to, std::span<const Target> targets, ByteView payload) {
    const std::size_t length = payload.size() + overhead();
    if (length > opened_.mtu) {     // the fabric would lose it without a word
        ++counters_.too_long;
        return false;
    }
    const auto weight = static_cast<std::uint32_t>(targets.size());
    std::uint32_t slot = slots_.take(weight);
    if (slot == SendSlots::kNone) {
        flush();
        collect_sends();
        slot = slots_.take(weight);
    }
    if (slot == SendSlots::kNone) {
        ++counters_.no_slot;
        if (slots_.stuck()) break_link("no send will ever complete");
        return false;
    }
    const std::span<std::uint8_t> buffer = fabric_->send_buffer(slot).first(length);
    const auto envelope = buffer.first<kEnvelopeSize>();
    ++counter_;
    const std::uint8_t key_id = plaintext() ? 0 : secret(sending())->id();
    encode({.kind = kind, .key_id = key_id, .plaintext = plaintext(), .from = config_.self, .to = to, .incarnation = incarnation_, .counter = counter_},
           envelope);
    std::copy(payload.begin(), payload.end(), buffer.begin() + kEnvelopeSize);
    if (!plaintext() && !seals_[sending()]->close(envelope, counter_, buffer.subspan(kEnvelopeSize, payload.size()), buffer.last<kTagSize>())) {
        slots_.give_back();
        ++counters_.send_failures;
        return false;
    }
    const bool signal = slots_.wants_signal(slot);
    for (std::size_t i = 0; i < targets.size(); ++i)
        staged_.push_back({slot, static_cast<std::uint32_t>(length), targets[i], signal && i + 1 == targets.size()});
    ++(to == 0 ? counters_.sent_group : counters_.sent_unicast);
    counters_.bytes_sent += length;
    return true;
}

void Link::flush() {
    if (staged_.empty()) return;
    const Posted posted = fabric_->post(staged_);
    ++counters_.posts;
    if (posted != Posted::ok) {
        counters_.send_failures += staged_.size();
        break_link(posted == Posted::full ? "the device's send queue is full although it must not be" : "a send cannot be posted");
        if (posted == Posted::denied && !std::exchange(denied_said_, true))
            MOTET_LOG(error, "link %u: the kernel refuses sends because this process changed its credentials after it opened the device", config_.number);
    }
    staged_.clear();
}

void Link::break_link(const char* why) {
    if (broken_) return;
    broken_ = true;
    broken_why_ = why;
}

// While a slot is wanted. What arrives meanwhile is for receive().
void Link::collect_sends() {
    const std::size_t count = fabric_->poll(polled_);
    for (const Completion& c : std::span(polled_).first(count)) {
        if (!c.send) pending_.push_back(c);
        else if (!c.ok) break_link(c.error);
        else if (!slots_.retire(c.slot)) break_link("a completion of no send");
    }
}

// --- receiving

void Link::repost() {
    if (!reposts_.empty() && !fabric_->repost(reposts_)) break_link("a receive cannot be posted");
    reposts_.clear();
}

bool Link::receive(Instant now, const std::function<void(ByteView)>& handler) {
    if (!open_) return false;
    const unsigned generation = generation_;
    Event event;
    for (unsigned i = 0; i < kEventsPerRound && generation == generation_ && fabric_->next(event); ++i) on_event(event, now);
    Condition condition;
    for (unsigned i = 0; i < kEventsPerRound && generation == generation_ && fabric_->next(condition); ++i) on_condition(condition, now);
    std::size_t done = 0;
    bool armed = false, look_again = false;
    while (generation == generation_ && !broken_ && done < kBatch) {
        if (pending_.empty()) collect_sends();
        completions_.clear();
        std::swap(completions_, pending_);      // the handler sends, and sending may collect more
        for (const Completion& c : completions_) {
            if (!c.ok) break_link(c.error);
            if (broken_) break;
            on_datagram(fabric_->received(c.slot, c.length), c.source, now, handler);
            reposts_.push_back(c.slot);
            if (reposts_.size() == kRepostBatch) repost();
        }
        done += completions_.size();
        if (!completions_.empty()) {
            completed_ = now;
            continue;
        }
        if (armed) break;
        look_again = now - completed_ < config_.poll;
        if (look_again) break;
        // What completes between the last look and the arming raises no event: look once more.
        armed = true;
        if (!fabric_->arm()) break_link("completions cannot be waited for");
    }
    if (generation == generation_ && !broken_) {
        repost();
        flush();
    }
    if (broken_) {
        fail(broken_why_, false, now);
        return false;
    }
    return done >= kBatch || look_again;      // then it is not armed, and must be called again
}

// Before the tag is verified nothing is changed but counters.
void Link::on_datagram(ByteView datagram, std::uint32_t source, Instant now, const std::function<void(ByteView)>& handler) {
    ++counters_.received;
    counters_.bytes_received += datagram.size();
    if (datagram.size() < overhead()) return void(drop(Drop::truncated));
    const auto envelope = decode(datagram);
    if (!envelope) return void(drop(Drop::not_ours));
    if (envelope->from == config_.self) return void(++counters_.own);
    Peer* const peer = find(envelope->from);
    if (peer == nullptr) return void(drop(Drop::unknown_sender));
    if (envelope->to != 0 && envelope->to != config_.self) return void(drop(Drop::other_destination));
    if (envelope->plaintext != plaintext()) return void(drop(Drop::plaintext));
    if (!accepts(envelope->key_id)) return void(drop(Drop::unknown_key));
    if (envelope->incarnation != peer->incarnation || peer->incarnation == 0) {
        drop(Drop::unknown_life);
        return peer->query.on_changed(now);
    }
    ReplayWindow& window = peer->windows[static_cast<std::size_t>(envelope->kind) - 1];
    if (window.seen(envelope->counter)) return void(drop(Drop::replayed));
    ByteView payload = datagram.subspan(kEnvelopeSize);
    if (!plaintext()) {
        if (!open(*peer, *envelope, datagram)) return void(drop(Drop::forged));
        payload = plain_;
    }
    window.mark(envelope->counter);
    peer->heard = now;
    peer->heard_ever = true;
    // Its queue pair is a new one in the same life: its link was opened again, and datagrams to the old one vanish.
    if (source != peer->target.queue_pair) peer->query.on_changed(now);
    if (envelope->kind == Class::probe) return on_probe(*peer, *envelope, payload, now);
    handler(payload);
}

bool Link::accepts(std::uint8_t key_id) const {
    if (plaintext()) return key_id == 0;
    for (unsigned slot = 0; slot < Keyring::kSlots; ++slot)
        if (secret(slot) != nullptr && secret(slot)->id() == key_id) return true;
    return false;
}

// Into plain_. Two keys may have one id: then each is tried.
bool Link::open(Peer& peer, const Envelope& envelope, ByteView datagram) {
    for (unsigned slot = 0; slot < Keyring::kSlots; ++slot)
        if (peer.seals[slot] && secret(slot) != nullptr && secret(slot)->id() == envelope.key_id &&
            peer.seals[slot]->open(datagram.first<kEnvelopeSize>(), envelope.counter, datagram.subspan(kEnvelopeSize), plain_))
            return true;
    return false;
}

// Probe: MTU u32, number of node ids u32, ids of those whose group probes the sender hears.
void Link::on_probe(Peer& peer, const Envelope& envelope, ByteView payload, Instant now) {
    Reader in(payload, kSwap);
    const std::uint32_t mtu = in.u32(), count = in.u32();
    if (!in.ok() || count > kNodesMax || in.remaining() != count * sizeof(NodeId) || mtu < kMtuMin) return void(drop(Drop::malformed_probe));
    bool listed = false;
    for (std::uint32_t i = 0; i < count; ++i) listed |= in.u32() == config_.self;
    if (peer.mtu != mtu && mtu != opened_.mtu)
        MOTET_LOG(notice, "link %u: node %u takes datagrams of %u bytes, this node %u: the smaller counts", config_.number, peer.id, mtu, opened_.mtu);
    peer.mtu = mtu;
    if (envelope.to == 0) {
        peer.heard_group = now;
        peer.group_ever = true;
        return;                     // the same report comes by unicast
    }
    peer.hears_group = listed;
    peer.misses = listed || group_.handle == kNoHandle ? 0 : peer.misses + 1;
}

void Link::send_probes(Instant now) {
    probe_due_ = now + config_.probe_period;
    if (!up()) return;
    probe_.clear();
    Writer w(probe_);
    w.u32(big(opened_.mtu));
    std::vector<NodeId> heard;
    // As many as fit into the smallest datagram: a cluster of more has no use for the exact answer.
    const std::size_t fits = (frame_max() - 8) / sizeof(NodeId);
    for (const Peer& peer : peers_)
        if (peer.group_ever && now - peer.heard_group <= config_.probe_period * kMissedMax && heard.size() < fits) heard.push_back(peer.id);
    w.u32(big(static_cast<std::uint32_t>(heard.size())));
    for (const NodeId id : heard) w.u32(big(id));
    if (group_.handle != kNoHandle) send(Class::probe, 0, std::span(&group_, 1), probe_);
    for (const Peer& peer : peers_)
        if (peer.target.handle != kNoHandle) send(Class::probe, peer.id, std::span(&peer.target, 1), probe_);
    flush();
}

}  // namespace motet::transport::rdma
