// The count: who is here, how many votes that takes, and whether it is enough.
#include "workers/quorum/core_votes.h"

#include <algorithm>

namespace motet::quorum {

namespace wire_vq = wire::votequorum;

Votes::Votes(const Settings& settings) : settings_(settings) {
    Voter own;
    own.id = settings.self;
    own.state = NodeState::member;
    own.flags = wire_vq::kFirst;
    voters_.push_back(own);
    low_ = high_ = settings.self;
    adopt_settings(settings);
    standing_ = settings.last_man_standing;
    if (settings_.wait_for_all) set_wait(true);
    const Calculated first = calculate(false, 0);
    quorum_ = first.quorum;
}

void Votes::adopt_settings(const Settings& settings) {
    settings_ = settings;
    Voter& own = us();
    own.votes = settings.votes;
    own.expected_votes = settings.expected_votes;
    if (settings.expected_votes_tracking && settings.stored_expected_votes != 0)
        own.expected_votes = settings.stored_expected_votes;
    tracked_ = std::max(tracked_, settings.stored_expected_votes);
    floor_ = settings.expected_votes;
    device_votes_ = settings.device.configured ? settings.device.votes : device_votes_;
}

std::size_t Votes::us_index() const {
    for (std::size_t i = 0; i < voters_.size(); ++i)
        if (voters_[i].id == settings_.self) return i;
    return 0;
}

Voter* Votes::find(NodeId id) {
    for (Voter& v : voters_)
        if (v.id == id) return &v;
    return nullptr;
}

// Corosync's order, which clients see: before the first greater id, else before the last entry. Ids compare signed.
Voter& Votes::insert(NodeId id) {
    if (voters_.size() >= kVotersMax) {
        const auto dead = std::find_if(voters_.begin(), voters_.end(), [&](const Voter& v) {
            return v.state != NodeState::member && v.id != settings_.self;
        });
        if (dead != voters_.end()) voters_.erase(dead);
    }
    const auto greater = [id](const Voter& v) { return static_cast<std::int32_t>(id) < static_cast<std::int32_t>(v.id); };
    auto at = std::find_if(voters_.begin(), voters_.end(), greater);
    if (at == voters_.end()) --at;
    Voter fresh;
    fresh.id = id;
    return *voters_.insert(at, fresh);
}

bool Votes::is_member(NodeId id) const {
    const Voter* voter = find(id);
    return voter != nullptr && voter->state == NodeState::member;
}

std::uint32_t Votes::member_count() const {
    return static_cast<std::uint32_t>(
        std::count_if(voters_.begin(), voters_.end(), [](const Voter& v) { return v.state == NodeState::member; }));
}

namespace {
// What peers claim is bounded before it is added up: no claim may make many votes few.
std::uint32_t bounded(std::uint32_t votes) { return std::min(votes, Votes::kExpectedMax); }
}  // namespace

std::uint32_t Votes::member_votes() const {
    std::uint32_t total = 0;
    for (const Voter& v : voters_)
        if (v.state == NodeState::member) total += bounded(v.votes);
    return total;
}

std::uint32_t Votes::total_votes() const {
    return member_votes() + ((us().flags & wire_vq::kQdeviceCastVote) != 0 ? bounded(device_votes_) : 0);
}

// `max_expected` other than 0 takes the place of the highest expected votes.
Votes::Calculated Votes::calculate(bool decrease, std::uint32_t max_expected) const {
    if (settings_.allow_downscale && decrease && max_expected != 0) max_expected = std::max(floor_, max_expected);
    std::uint32_t nodes = member_count(), highest = 0;
    for (const Voter& v : voters_)
        if (v.state == NodeState::member) highest = std::max(highest, v.expected_votes);
    const std::uint32_t total = total_votes();
    if ((us().flags & wire_vq::kQdeviceCastVote) != 0) ++nodes;
    if (max_expected != 0) highest = max_expected;
    highest = std::min(highest, UINT32_MAX / 2);
    std::uint32_t quorum = std::max((highest + 2) / 2, (total + 2) / 2);
    if (!decrease) quorum = std::max(quorum_, quorum);
    if (settings_.two_node && nodes <= 2) quorum = 1;
    return {quorum, total};
}

void Votes::recalculate(bool decrease, bool by_current, Effects& out) {
    const std::uint32_t present = member_votes() + bounded(device_votes_);
    const std::uint32_t count = by_current ? member_count() + (device_votes_ != 0 ? 1 : 0) : 0;
    if (present > us().expected_votes) {
        us().expected_votes = present;
        out.expected_votes_changed(present);
    }
    if (settings_.expected_votes_tracking && us().expected_votes > tracked_) {
        tracked_ = us().expected_votes;
        out.store_expected_votes(tracked_);
    }
    const Calculated result = calculate(decrease, count);
    quorum_ = result.quorum;
    if (count != 0) {
        for (Voter& v : voters_)
            if (v.state == NodeState::member) v.expected_votes = count;
    }
    decide(result.total, out);
}

void Votes::set_wait(bool on) {
    wait_status_ = on;
    if (on)
        us().flags |= wire_vq::kWaitForAll;
    else
        us().flags &= ~wire_vq::kWaitForAll;
}

void Votes::decide(std::uint32_t total, Effects& out) {
    if (settings_.wait_for_all && wait_status_) {
        // All that were configured, not all that are left of a cluster that shrank: what shrank may still be alive.
        if (total < std::max(us().expected_votes, floor_)) {
            quorate_ = false;
            us().flags &= ~wire_vq::kQuorate;
            return;
        }
        set_wait(false);
    }
    bool ok = quorum_ <= total;
    if (ok) {
        low_ = high_ = settings_.self;
        for (const Voter& v : voters_) {
            if (v.state != NodeState::member) continue;
            low_ = std::min(low_, v.id);
            high_ = std::max(high_, v.id);
        }
    }
    const char* why = "";
    if (!ok && settings_.auto_tie_breaker && breaks_tie(total)) {
        ok = true;
        why = ", by the tie breaker";
    }
    if (!ok && device_master_wins()) {
        ok = true;
        why = ", because the master's device votes for this part";
    }
    const bool changed = ok != quorate_;
    quorate_ = ok;
    if (ok)
        us().flags |= wire_vq::kQuorate;
    else
        us().flags &= ~wire_vq::kQuorate;
    if (settings_.wait_for_all && !counting_) set_wait(!ok);
    if (!changed) return;
    out.note((ok ? "quorate: " : "not quorate: ") + std::to_string(total) + " of " + std::to_string(us().expected_votes) +
             " votes present, " + std::to_string(quorum_) + " needed" + why);
    if (!in_sync_ && ring_ != RingId{}) {
        published_ = quorate_;
        out.decided();
    }
}

// Half of the votes remain quorate if they hold the chosen node. "Remain": only members that come together, directly, from
// a ring in which they were quorate, and say so. Otherwise two halves that remember different rings could both find their
// node. Half is half: Corosync rounds down where the sum is odd, and a minority remains quorate beside a majority.
bool Votes::breaks_tie(std::uint32_t total) const {
    if (total * 2 != us().expected_votes || !tie_allowed_) return false;
    for (const Voter& v : voters_)
        if (v.state == NodeState::member && v.id != settings_.self && (v.flags & wire_vq::kQuorate) == 0) return false;
    const std::size_t lost = settled_.size() > members_.size() ? settled_.size() - members_.size() : 0;
    if (lost >= quorum_) return false;
    const auto among = [](const std::vector<NodeId>& nodes, NodeId id) {
        return std::find(nodes.begin(), nodes.end(), id) != nodes.end();
    };
    switch (settings_.tie_breaker) {
        case TieBreaker::lowest: return is_member(low_);
        case TieBreaker::highest: return is_member(high_);
        case TieBreaker::list: break;
    }
    for (const NodeId id : settings_.tie_breaker_nodes) {
        if (among(members_, id)) return true;
        if (among(settled_, id)) return false;
    }
    return false;
}

bool Votes::device_master_wins() const {
    if (!settings_.device.configured) return false;
    constexpr std::uint32_t kBoth = wire_vq::kQdeviceMasterWins | wire_vq::kQdeviceCastVote;
    if ((us().flags & wire_vq::kQdeviceMasterWins) == 0) return false;
    return std::any_of(voters_.begin(), voters_.end(),
                       [](const Voter& v) { return v.state == NodeState::member && (v.flags & kBoth) == kBoth; });
}

std::optional<VoteInfo> Votes::info(NodeId node) const {
    const Voter* voter = find(node == 0 ? settings_.self : node);
    if (voter == nullptr) return std::nullopt;
    VoteInfo info;
    info.node = *voter;
    for (const Voter& v : voters_)
        if (v.state == NodeState::member) info.highest_expected = std::max(info.highest_expected, v.expected_votes);
    info.total_votes = total_votes();
    info.quorum = quorum_;
    info.device_votes = device_votes_;
    info.device_name = device_name_;
    return info;
}

}  // namespace motet::quorum
