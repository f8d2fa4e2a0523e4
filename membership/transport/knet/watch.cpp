#include "membership/transport/knet/watch.h"

#include <errno.h>
#include <string.h>

#include <algorithm>

namespace motet::transport {
namespace {

constexpr Duration kTellAgain = seconds(10);         // a changed cause of a link that stays down
constexpr Duration kReportEvery = seconds(60);
constexpr Duration kRecentMin = milliseconds(1000), kOneWayMin = milliseconds(2000);

std::string ms_text(Duration d) { return std::to_string(d.ms()) + " ms"; }

std::string errno_text(int why) {
    if (why == 0) return "unknown error";
    const char* name = strerrorname_np(why);
    return std::string(name != nullptr ? name : "error " + std::to_string(why)) + ", " + std::strerror(why);
}

const char* remedy(int why) {
    switch (why) {
        case EPERM:
        case EACCES: return "; a firewall on this node refuses it: allow UDP to the peer's port";
        case ENOBUFS: return "; the interface's queue is full: look at its speed and queue length";
        case ENETUNREACH:
        case EHOSTUNREACH:
        case EADDRNOTAVAIL: return "; there is no way to it: look at the interface and its routes";
        case EMSGSIZE: return "; the path takes smaller packets only; it is measured again";
        default: return "";
    }
}

}  // namespace

LinkWatch::LinkWatch(NodeId peer, unsigned link, std::string address, Duration ping_interval) : ping_interval_(ping_interval) {
    state_.peer = peer;
    state_.link = link;
    state_.address = std::move(address);
    state_.cause = "no answer yet";
}

LinkWatch::Cause LinkWatch::cause_now(const LinkSample& sample, Instant now) const {
    const Duration recent = std::max(ping_interval_ * 3, kRecentMin);
    const auto lately = [&](Instant at) { return at.ns != 0 && now - at <= recent; };
    if (sample.connected) return Cause::answered;
    if (!sample.enabled) return Cause::disabled;
    if (lately(refused_)) return Cause::unauthenticated;
    if (lately(failed_)) return Cause::send_errors;
    // Heard for a while without an answer: at first contact pings come before anything is answered.
    if (lately(heard_) && !lately(ponged_) && now - heard_since_ >= std::max(ping_interval_ * 4, kOneWayMin)) return Cause::one_way;
    return heard_ever_ ? Cause::silent : Cause::never_up;
}

std::string LinkWatch::describe(Cause cause, Instant now) const {
    const std::string peer = std::to_string(state_.peer);
    switch (cause) {
        case Cause::never_up: return "nothing has been heard of node " + peer + " on it since the start";
        case Cause::answered: return "node " + peer + " answers";
        case Cause::silent: return "nothing heard of node " + peer + " for " + ms_text(now - std::max(heard_, ponged_));
        case Cause::one_way: return "we hear node " + peer + ", node " + peer + " does not hear us";
        case Cause::send_errors: return "sending fails: " + errno_text(state_.last_send_errno) + remedy(state_.last_send_errno);
        case Cause::unauthenticated:
            return "packets from its address do not authenticate: its key, crypto_cipher or crypto_hash is not ours; compare them, or somebody forges packets";
        case Cause::disabled: return "switched off";
    }
    return {};
}

void LinkWatch::measure_loss(const LinkSample& sample, Instant now) {
    if (slots_ > 0 && now < slot_due_) {
        const Pings& oldest = history_[slots_ < kLossSlots ? 0 : next_slot_];
        const std::uint64_t sent = sample.pings_sent - std::min(oldest.sent, sample.pings_sent);
        const std::uint64_t answered = std::min(sample.pongs_received - std::min(oldest.answered, sample.pongs_received), sent);
        // The last ping may still be under way.
        const std::uint64_t lost = sent - answered <= 1 ? 0 : sent - answered - 1;
        state_.loss_permille = sent == 0 ? 0 : static_cast<std::uint32_t>(lost * 1000 / sent);
        return;
    }
    history_[next_slot_] = {sample.pings_sent, sample.pongs_received};
    next_slot_ = (next_slot_ + 1) % kLossSlots;
    slots_ = std::min(slots_ + 1, kLossSlots);
    slot_due_ = now + kLossSlot;
}

std::optional<LinkWatch::Line> LinkWatch::on_sample(const LinkSample& sample, Instant now) {
    const bool first = !started_;
    if (first) {
        started_ = true;
        started_at_ = now;
        state_.changed = now;
        told_at_ = now;
    }
    if (sample.pings_received > last_.pings_received) {
        if (heard_.ns == 0 || now - heard_ > std::max(ping_interval_ * 3, kRecentMin)) heard_since_ = now;
        heard_ = now;
    }
    if (sample.pongs_received > last_.pongs_received) ponged_ = heard_since_ = now;
    heard_ever_ |= heard_.ns != 0 || ponged_.ns != 0;
    if (sample.unauthenticated > last_.unauthenticated) refused_ = now;
    if (sample.send_errors > last_.send_errors) failed_ = now;
    if (sample.send_errno != 0) state_.last_send_errno = sample.send_errno;
    state_.send_errors = sample.send_errors;
    measure_loss(sample, now);

    const bool changed = first ? sample.connected : sample.connected != state_.connected;
    state_.enabled = sample.enabled;
    state_.connected = sample.connected;
    last_ = sample;
    const Cause cause = cause_now(sample, now);
    state_.one_way = cause == Cause::one_way;
    const std::string where = "link " + std::to_string(state_.link) + " to node " + std::to_string(state_.peer) + " (" + state_.address + ")";
    if (changed) state_.changed = now;
    if (changed || cause != cause_) state_.cause = describe(cause, now);
    cause_ = cause;
    if (changed && sample.connected) {
        told_ = cause;
        told_at_ = now;
        return Line{log::Level::notice, where + " is up"};
    }
    // A cause may become clear only after the link went down, and may change; silence after a clear cause is no news.
    const bool news = cause != told_ && (changed || now - told_at_ >= kTellAgain || told_ == Cause::silent || told_ == Cause::answered);
    const bool worth = cause == Cause::unauthenticated || cause == Cause::one_way || cause == Cause::send_errors || changed;
    if (sample.connected || !news || !worth) return std::nullopt;
    told_ = cause;
    told_at_ = now;
    return Line{log::Level::warning, where + (changed ? " is down: " : " stays down: ") + state_.cause};
}

void SendErrors::note(NodeId peer, std::uint64_t total, int why) {
    auto it = std::find_if(peers_.begin(), peers_.end(), [&](const Peer& p) { return p.id == peer; });
    if (it == peers_.end()) it = peers_.insert(peers_.end(), Peer{peer});
    it->total = total;
    if (why != 0) it->why = why;
}

std::vector<std::string> SendErrors::due(Instant now) {
    if (!started_) {
        started_ = true;
        next_ = now + kReportEvery;
    }
    if (now < next_) return {};
    next_ = now + kReportEvery;
    std::vector<std::string> lines;
    for (Peer& p : peers_) {
        if (p.total <= p.told) continue;
        lines.push_back(std::to_string(p.total - p.told) + " packets to node " + std::to_string(p.id) + " could not be sent in the last minute: " +
                        errno_text(p.why) + remedy(p.why));
        p.told = p.total;
    }
    return lines;
}

}  // namespace motet::transport
