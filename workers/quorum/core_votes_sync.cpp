// One ring after the other, and what nodes tell each other about their votes.
#include <algorithm>

#include "workers/quorum/core_votes.h"

namespace motet::quorum {

namespace wire_vq = wire::votequorum;

void Votes::init(RingId ring, std::span<const NodeId> members, std::span<const NodeId> continuing) {
    if (in_sync_)
        back_to(counted_);
    else
        counted_ = now();
    in_sync_ = counting_ = true;
    taught_ = false;
    // In its first ring, too, a node says that it is new: one that came back within one change is counted again.
    if (members.size() > 1 && announced_) us().flags &= ~wire_vq::kFirst;
    announced_ = true;
    const auto among = [](std::span<const NodeId> nodes, NodeId id) {
        return std::find(nodes.begin(), nodes.end(), id) != nodes.end();
    };
    bool somebody_left = false;
    for (const NodeId id : members_) {
        if (among(members, id)) continue;
        if (Voter* voter = find(id)) {
            voter->state = NodeState::dead;
            somebody_left = true;
        }
    }
    // A ring that was given up before its votes were counted decided nothing: the one before it is what we come from.
    std::erase_if(companions_, [&](NodeId id) { return !among(continuing, id); });
    tie_allowed_ = quorate_ && std::all_of(members.begin(), members.end(), [&](NodeId id) { return among(companions_, id); });
    lose_reduced_quorum();
    if (standing_) {
        const bool enough = members.size() >= quorum_;
        const bool tie = members.size() <= quorum_ && settings_.auto_tie_breaker && among(members, low_);
        if ((enough && somebody_left) || tie) window_timer_.start(settings_.last_man_standing_window);
    }
    members_.assign(members.begin(), members.end());
    ring_ = ring;
    device_waits_ = false;
    step_open_ = false;
    if (device_registered() && (us().flags & wire_vq::kQdeviceAlive) != 0) {
        device_timer_.start(settings_.device.sync_timeout);
        device_waits_ = true;
    }
}

void Votes::back_to(const Counted& counted) {
    quorate_ = counted.quorate;
    quorum_ = counted.quorum;
    low_ = counted.low;
    high_ = counted.high;
    us().expected_votes = counted.expected_votes;
    us().flags = (us().flags & ~wire_vq::kQuorate) | (quorate_ ? wire_vq::kQuorate : 0);
    set_wait(counted.wait_status);
}

// With expected votes below those configured, a majority is a majority of this node's last quorate ring and no other. What
// comes along from there has to carry it alone, or a part of the old ring and strangers would be a second one.
void Votes::lose_reduced_quorum() {
    if (!quorate_ || us().expected_votes >= floor_) return;
    std::uint32_t votes = 0;
    for (const NodeId id : companions_)
        if (const Voter* voter = find(id)) votes += std::min(voter->votes, kExpectedMax);
    if ((us().flags & wire_vq::kQdeviceCastVote) != 0) votes += std::min(device_votes_, kExpectedMax);
    const bool half = settings_.auto_tie_breaker && tie_allowed_ && votes * 2 == us().expected_votes;
    if (votes >= quorum_ || half) return;
    quorate_ = false;
    us().flags &= ~wire_vq::kQuorate;
    if (settings_.wait_for_all) set_wait(true);
}

bool Votes::process(Effects& out) {
    step_open_ = true;
    send_own(out);
    send_device(out);
    if (!device_name_.empty()) send_reg(true, device_name_, out);
    // One on its way may have been lost with the ring before; a second copy does nothing.
    if (!registering_.empty() && registering_ != device_name_) send_reg(true, registering_, out);
    out.nodes_changed();
    return !device_waits_;
}

void Votes::activate(Effects& out) {
    step_open_ = false;
    counting_ = false;
    // What the incomplete counts made of wait_for_all is counted again; what a peer taught stays.
    if (counted_.wait_status && !taught_) set_wait(true);
    recalculate(false, false, out);
    in_sync_ = false;
    settled_ = companions_ = members_;
    published_ = quorate_;
    out.decided();
}

void Votes::send_own(Effects& out) {
    Bytes bytes;
    wire_vq::encode_nodeinfo({settings_.self, us().votes, us().expected_votes, us().flags}, bytes);
    out.send(bytes);
}

void Votes::send_device(Effects& out) {
    Bytes bytes;
    wire_vq::encode_nodeinfo({0, device_votes_, 0, 0}, bytes);
    out.send(bytes);
}

void Votes::send_reg(bool registering, std::string_view name, Effects& out) {
    Bytes bytes;
    wire_vq::encode_qdevice_reg({registering ? 1u : 0u, name}, bytes);
    out.send(bytes);
}

void Votes::send_reconfigure(wire_vq::Parameter what, NodeId node, std::uint32_t value, Effects& out) {
    Bytes bytes;
    wire_vq::encode_reconfigure({node, value, static_cast<std::uint8_t>(what)}, bytes);
    out.send(bytes);
}

bool Votes::message(NodeId from, ByteView body, bool foreign_order, Effects& out) {
    const auto header = wire::decode_service_header(body, foreign_order);
    if (!header) return false;
    switch (static_cast<wire_vq::Function>(header->function())) {
        case wire_vq::Function::nodeinfo:
            if (const auto info = wire_vq::decode_nodeinfo(body, foreign_order)) {
                if (info->nodeid != 0 && info->nodeid != from) return false;
                if (info->nodeid == 0 && find(from) == nullptr) return false;
                info->nodeid == 0 ? on_device_votes(from, info->votes, out) : on_nodeinfo(from, *info, out);
                return true;
            }
            return false;
        case wire_vq::Function::reconfigure:
            if (const auto change = wire_vq::decode_reconfigure(body, foreign_order)) {
                on_reconfigure(*change, out);
                return true;
            }
            return false;
        case wire_vq::Function::qdevice_reg:
            if (const auto reg = wire_vq::decode_qdevice_reg(body, foreign_order)) {
                on_device_reg(from, *reg, out);
                return true;
            }
            return false;
        case wire_vq::Function::qdevice_reconfigure:
            if (const auto change = wire_vq::decode_qdevice_reconfigure(body, foreign_order)) {
                on_device_renamed(*change);
                return true;
            }
            return false;
        case wire_vq::Function::extra_info: return wire_vq::decode_extra_info(body, foreign_order).operator bool();
    }
    return false;
}

void Votes::on_nodeinfo(NodeId from, const wire_vq::NodeInfo& info, Effects& out) {
    Voter* voter = find(from);
    const bool fresh = voter == nullptr;
    if (fresh) voter = &insert(from);
    const Voter before = *voter;
    if (info.votes != 1) standing_ = false;  // last_man_standing counts nodes, not votes
    voter->flags = info.flags;
    voter->votes = info.votes;
    voter->state = NodeState::member;
    bool decrease = false, by_current = false;
    if ((info.flags & wire_vq::kLeaving) != 0) {
        voter->state = NodeState::leaving;
        decrease = by_current = true;
    }
    if (!quorate_ && (info.flags & wire_vq::kQuorate) != 0) {
        decrease = true;
        us().expected_votes = info.expected_votes;
    }
    const bool word_counts = (info.flags & wire_vq::kQuorate) != 0 || settings_.expected_votes_tracking;
    voter->expected_votes = word_counts ? info.expected_votes : us().expected_votes;
    if (fresh || from == settings_.self || (info.flags & wire_vq::kFirst) != 0 || *voter != before)
        recalculate(decrease, by_current, out);
    // A peer that is quorate and waits for nobody has seen all, or one who had. Not one that says good-bye with it.
    constexpr std::uint32_t kWord = wire_vq::kQuorate | wire_vq::kWaitForAll | wire_vq::kLeaving;
    if (settings_.wait_for_all && (info.flags & kWord) == wire_vq::kQuorate) {
        set_wait(false);
        if (from != settings_.self) taught_ = true;
    }
}

void Votes::on_device_votes(NodeId from, std::uint32_t votes, Effects& out) {
    const std::uint32_t before = device_votes_;
    const bool theirs = !quorate_ && (find(from)->flags & wire_vq::kQuorate) != 0;
    device_votes_ = theirs ? votes : std::max(device_votes_, votes);
    if (before != device_votes_) recalculate(false, false, out);
}

void Votes::on_reconfigure(const wire_vq::Reconfigure& change, Effects& out) {
    switch (static_cast<wire_vq::Parameter>(change.parameter)) {
        case wire_vq::Parameter::expected_votes:
            if (change.value != 0) {
                for (Voter& v : voters_)
                    if (v.state == NodeState::member) v.expected_votes = change.value;
            }
            out.expected_votes_changed(us().expected_votes);
            floor_ = change.value;
            if (settings_.expected_votes_tracking) us().expected_votes = std::max(us().expected_votes, tracked_);
            recalculate(true, false, out);
            break;
        case wire_vq::Parameter::node_votes:
            if (Voter* voter = find(change.nodeid)) {
                voter->votes = change.value;
                if (change.value != 1) standing_ = false;
                recalculate(true, false, out);
            }
            break;
        case wire_vq::Parameter::cancel_wait_for_all:
            set_wait(false);
            recalculate(false, false, out);
            break;
    }
}

Instant Votes::deadline() const { return std::min(device_timer_.deadline(), window_timer_.deadline()); }

void Votes::on_time(Instant now, Effects& out) {
    if (window_timer_.fires(now) && quorate_ && standing_ && !in_sync_) recalculate(true, true, out);
    if (device_timer_.fires(now)) device_silent(out);
}

Refusal Votes::set_expected(std::uint32_t votes, Effects& out) {
    const Calculated would = calculate(true, votes);
    if (votes < would.total || votes > kExpectedMax) return Refusal::invalid_param;
    if (quorate_ && would.quorum > would.total) return Refusal::invalid_param;
    send_reconfigure(wire_vq::Parameter::expected_votes, settings_.self, votes, out);
    return Refusal::ok;
}

Refusal Votes::set_votes(NodeId node, std::uint32_t votes, Effects& out) {
    if (node == 0) node = settings_.self;
    Voter* voter = find(node);
    if (voter == nullptr) return Refusal::name_not_found;
    const std::uint32_t before = voter->votes;
    voter->votes = votes;
    const Calculated would = calculate(true, 0);
    voter->votes = before;
    if (votes > kExpectedMax || would.quorum < would.total / 2 || would.quorum > would.total) return Refusal::invalid_param;
    send_reconfigure(wire_vq::Parameter::node_votes, node, votes, out);
    return Refusal::ok;
}

void Votes::cancel_wait_for_all(Effects& out) { send_reconfigure(wire_vq::Parameter::cancel_wait_for_all, 0, 0, out); }

void Votes::reconfigure(const Settings& settings, Effects& out) {
    const std::uint32_t votes = us().votes, expected = us().expected_votes;
    Settings wanted = settings;
    // What Corosync reads at start only.
    wanted.last_man_standing = settings_.last_man_standing;
    wanted.last_man_standing_window = settings_.last_man_standing_window;
    wanted.auto_tie_breaker = settings_.auto_tie_breaker;
    wanted.tie_breaker = settings_.tie_breaker;
    wanted.tie_breaker_nodes = settings_.tie_breaker_nodes;
    wanted.allow_downscale = settings_.allow_downscale;
    wanted.expected_votes_tracking = settings_.expected_votes_tracking;
    wanted.stored_expected_votes = tracked_;
    const bool waited = settings_.wait_for_all;
    adopt_settings(wanted);
    if (!waited && settings_.wait_for_all) set_wait(!quorate_);
    if (waited && !settings_.wait_for_all) set_wait(false);
    send_own(out);
    send_device(out);
    if (us().votes != votes) send_reconfigure(wire_vq::Parameter::node_votes, settings_.self, us().votes, out);
    if (us().expected_votes != expected)
        send_reconfigure(wire_vq::Parameter::expected_votes, settings_.self, us().expected_votes, out);
}

void Votes::stored(std::uint32_t votes) {
    if (!settings_.expected_votes_tracking || votes <= tracked_) return;
    settings_.stored_expected_votes = tracked_ = votes;
    if (!announced_) us().expected_votes = votes;
}

void Votes::leave(Effects& out) {
    if (!settings_.allow_downscale) return;
    us().flags |= wire_vq::kLeaving;
    send_own(out);
}

}  // namespace motet::quorum
