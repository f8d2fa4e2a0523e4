// The decision explained: who counts, why it is what it is, and what would change it.
#include <algorithm>
#include <cstdio>

#include "workers/quorum/core.h"

namespace motet::quorum {

namespace wire_vq = wire::votequorum;

namespace {

constexpr std::size_t kNodesShown = 512;

const char* state_name(NodeState state) {
    switch (state) {
        case NodeState::member: return "member";
        case NodeState::leaving: return "leaving";
        case NodeState::dead: return "dead";
        case NodeState::none: break;
    }
    return "unknown";
}

const char* provider_name(Provider provider) {
    switch (provider) {
        case Provider::votequorum: return "corosync_votequorum";
        case Provider::majority: return "majority";
        case Provider::all: return "all";
        case Provider::none: break;
    }
    return "none";
}

// Device names are any bytes a client chose.
std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\') {
            out += c;
            continue;
        }
        char escaped[8];
        std::snprintf(escaped, sizeof escaped, "\\u%04x", byte);
        out += escaped;
    }
    return out + "\"";
}

std::string count(std::uint64_t n, const char* what) { return std::to_string(n) + " " + what + (n == 1 ? "" : "s"); }
const char* yes(bool value) { return value ? "true" : "false"; }

std::string ids(const std::vector<NodeId>& nodes) {
    std::string text;
    for (std::size_t i = 0; i < std::min<std::size_t>(nodes.size(), 8); ++i)
        text += (i == 0 ? "" : i + 1 == nodes.size() ? " or " : ", ") + std::to_string(nodes[i]);
    return nodes.size() > 8 ? text + ", ..." : text;
}

// Nodes that are gone and whose votes alone would do.
std::vector<NodeId> enough_alone(std::span<const Voter> voters, std::uint32_t missing) {
    std::vector<NodeId> nodes;
    for (const Voter& v : voters)
        if (v.state != NodeState::member && v.votes >= missing) nodes.push_back(v.id);
    std::sort(nodes.begin(), nodes.end());
    return nodes;
}

struct Words {
    std::string why, change;
};

Words explain(const Votes& v) {
    const std::uint32_t total = v.total_votes(), needed = v.quorum();
    const std::string sum = count(total, "vote") + " of " + std::to_string(v.expected_votes()) + " present, " +
                            std::to_string(needed) + " needed";
    if (v.waiting_for_device()) return {sum + "; waiting for the quorum device to vote on this membership", "the device's vote"};
    if (v.quorate()) {
        if (total < needed) return {sum + "; the tie breaker or the master's device decides for this part", "any further loss"};
        if (v.settings().two_node && needed == 1) return {sum + " (two_node)", "nothing but the end of this node"};
        return {sum, "the loss of " + count(total - needed + 1, "vote")};
    }
    if (v.waiting_for_all()) {
        const std::uint32_t all = std::max(v.expected_votes(), v.expected_floor());
        if (total >= all) return {sum + "; the end of wait_for_all is about to be counted", "nothing"};
        return {sum + "; waiting until all " + std::to_string(all) + " votes were seen at once (wait_for_all)",
                count(all - total, "more vote") + ", a quorate node that waits for nobody, or cancelling wait_for_all"};
    }
    const std::uint32_t missing = needed > total ? needed - total : 0;
    const std::vector<NodeId> back = enough_alone(v.voters(), missing);
    std::string change = count(missing, "more vote");
    if (!back.empty()) change += ", that is node " + ids(back) + " back";
    if (v.device_registered() && (v.us().flags & wire_vq::kQdeviceCastVote) == 0) change += ", or the device's vote";
    return {sum, change};
}

}  // namespace

std::string Core::status_json() const {
    std::string t = std::string("{\"provider\":\"") + provider_name(settings_.provider) + "\"";
    t += ",\"synchronised\":" + std::string(yes(synchronised_));
    t += ",\"quorate\":" + std::string(yes(quorate()));
    t += ",\"ring\":\"" + std::to_string(ring_.rep) + "." + std::to_string(ring_.seq) + "\"";
    t += ",\"node\":" + std::to_string(settings_.self);
    t += ",\"connections\":" + std::to_string(clients_.size());
    t += ",\"dropped\":" + std::to_string(dropped_);
    t += ",\"members\":[";
    for (std::size_t i = 0; i < members_.size(); ++i) t += (i == 0 ? "" : ",") + std::to_string(members_[i]);
    t += "]";
    if (settings_.provider != Provider::votequorum) {
        const std::size_t here = members_.size(), listed = settings_.listed;
        const std::size_t needed = settings_.provider == Provider::all ? listed : listed / 2 + 1;
        std::string why = "no provider is configured, so every node may always go on", change = "nothing";
        if (settings_.provider != Provider::none) {
            why = std::to_string(here) + " of " + std::to_string(listed) + " listed nodes present, " + std::to_string(needed) +
                  " needed";
            change = here >= needed ? "the loss of " + count(here - needed + 1, "node") : count(needed - here, "more node");
        }
        return t + ",\"why\":" + quoted(why) + ",\"change\":" + quoted(change) + "}";
    }
    const Settings& s = votes_.settings();
    const Words words = explain(votes_);
    t += ",\"why\":" + quoted(words.why) + ",\"change\":" + quoted(words.change);
    t += ",\"votes\":{\"expected\":" + std::to_string(votes_.expected_votes());
    t += ",\"total\":" + std::to_string(votes_.total_votes()) + ",\"quorum\":" + std::to_string(votes_.quorum());
    t += ",\"ev_barrier\":" + std::to_string(votes_.expected_floor());
    t += ",\"ev_tracking\":" + std::to_string(votes_.expected_tracked());
    t += ",\"lowest_node_id\":" + std::to_string(votes_.lowest()) + ",\"highest_node_id\":" + std::to_string(votes_.highest());
    t += ",\"wait_for_all_status\":" + std::string(votes_.waiting_for_all() ? "1" : "0") + "}";
    t += ",\"features\":{";
    t += "\"two_node\":" + std::string(yes(s.two_node)) + ",\"wait_for_all\":" + yes(s.wait_for_all);
    t += ",\"last_man_standing\":" + std::string(yes(s.last_man_standing));
    t += ",\"auto_tie_breaker\":" + std::string(yes(s.auto_tie_breaker));
    t += ",\"allow_downscale\":" + std::string(yes(s.allow_downscale));
    t += ",\"expected_votes_tracking\":" + std::string(yes(s.expected_votes_tracking)) + "}";
    const auto info = votes_.info(0);
    const std::uint32_t flags = votes_.us().flags;
    t += ",\"device\":{\"configured\":" + std::string(yes(s.device.configured));
    t += ",\"registered\":" + std::string(yes(votes_.device_registered()));
    t += ",\"alive\":" + std::string(yes((flags & wire_vq::kQdeviceAlive) != 0));
    t += ",\"votes_for_us\":" + std::string(yes((flags & wire_vq::kQdeviceCastVote) != 0));
    t += ",\"votes\":" + std::to_string(info ? info->device_votes : 0);
    t += ",\"name\":" + quoted(info ? info->device_name : "") + "}";
    t += ",\"nodes\":[";
    std::vector<Voter> sorted(votes_.voters().begin(), votes_.voters().end());
    std::sort(sorted.begin(), sorted.end(), [](const Voter& a, const Voter& b) { return a.id < b.id; });
    for (std::size_t i = 0; i < std::min(sorted.size(), kNodesShown); ++i) {
        const Voter& v = sorted[i];
        t += (i == 0 ? "{\"id\":" : ",{\"id\":") + std::to_string(v.id) + ",\"state\":\"" + state_name(v.state) + "\"";
        t += ",\"votes\":" + std::to_string(v.votes) + ",\"expected_votes\":" + std::to_string(v.expected_votes) + "}";
    }
    return t + "]}";
}

}  // namespace motet::quorum
