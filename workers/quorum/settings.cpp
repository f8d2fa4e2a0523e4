#include "workers/quorum/settings.h"

#include <algorithm>

#include "libs/config/totem_settings.h"

namespace motet::quorum {
namespace {

std::uint32_t number(const config::Snapshot& in, const char* key, std::uint32_t fallback) {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(in.number_or(key, fallback), UINT32_MAX));
}

// Corosync takes 0 for "not set" in these.
std::uint32_t set_or(const config::Snapshot& in, const char* key, std::uint32_t fallback) {
    const std::uint32_t value = number(in, key, 0);
    return value == 0 ? fallback : value;
}

void read_tie_breaker(const config::Snapshot& in, Settings& out) {
    const std::string_view text = in.get_or("quorum.auto_tie_breaker_node", "lowest");
    if (text == "lowest") return;
    if (text == "highest") {
        out.tie_breaker = TieBreaker::highest;
        return;
    }
    out.tie_breaker = TieBreaker::list;
    std::uint64_t id = 0;
    bool inside = false;
    for (std::size_t i = 0; i <= text.size(); ++i) {
        const bool digit = i < text.size() && text[i] >= '0' && text[i] <= '9';
        if (digit) id = std::min<std::uint64_t>(id * 10 + static_cast<std::uint64_t>(text[i] - '0'), std::uint64_t{UINT32_MAX} + 1);
        if (!digit && inside && id <= UINT32_MAX) out.tie_breaker_nodes.push_back(static_cast<NodeId>(id));
        if (!digit) id = 0;
        inside = digit;
    }
}

void read_device(const config::Snapshot& in, bool equal_votes, Settings& out, std::vector<std::string>& remarks) {
    DeviceSettings& device = out.device;
    if (in.get_or("quorum.device.model", "").empty()) return;
    const auto refuse = [&](const char* why) { remarks.push_back(std::string("quorum.device is not used: ") + why); };
    if (out.two_node) return refuse("two_node is set");
    if (out.last_man_standing) return refuse("last_man_standing is set");
    if (out.auto_tie_breaker) return refuse("auto_tie_breaker is set");
    if (out.allow_downscale) return refuse("allow_downscale is set");
    const bool votes_given = in.number("quorum.device.votes").has_value();
    const bool expected_given = number(in, "quorum.expected_votes", 0) != 0;
    if (!votes_given && (expected_given || !equal_votes))
        return refuse("quorum.device.votes is missing, and nodes have other votes than 1 or quorum.expected_votes is set");
    device.votes = votes_given ? number(in, "quorum.device.votes", 0) : out.listed - 1;
    if (expected_given && (out.expected_votes < device.votes || out.expected_votes - device.votes < 2))
        return refuse("quorum.device.votes is too high or quorum.expected_votes is too low");
    if (!expected_given) out.expected_votes += device.votes;
    device.configured = true;
    device.timeout = milliseconds(set_or(in, "quorum.device.timeout", 10000));
    device.sync_timeout = milliseconds(set_or(in, "quorum.device.sync_timeout", 30000));
    device.master_wins = in.flag("quorum.device.master_wins", false);
}

}  // namespace

Settings settings_from(const config::Snapshot& in, NodeId self, std::vector<std::string>& remarks) {
    Settings out;
    out.self = self;
    const std::string_view provider = in.get_or("quorum.provider", "");
    if (provider == "corosync_votequorum") out.provider = Provider::votequorum;
    if (provider == "majority") out.provider = Provider::majority;
    if (provider == "all") out.provider = Provider::all;

    const config::TotemSettings totem = config::derive(in);
    out.listed = static_cast<std::uint32_t>(totem.nodes.size());
    out.expected_votes = totem.expected_votes;
    bool equal_votes = true;
    out.votes = totem.nodes.empty() ? set_or(in, "quorum.votes", 1) : 1;
    for (const config::NodeSettings& node : totem.nodes) {
        if (node.id == self) out.votes = node.votes;
        equal_votes = equal_votes && node.votes == 1;
    }

    out.last_man_standing = in.flag("quorum.last_man_standing", false);
    out.last_man_standing_window = milliseconds(set_or(in, "quorum.last_man_standing_window", 10000));
    out.two_node = in.flag("quorum.two_node", false);
    out.allow_downscale = in.flag("quorum.allow_downscale", false);
    out.expected_votes_tracking = out.allow_downscale || in.flag("quorum.expected_votes_tracking", false);
    out.wait_for_all = in.flag("quorum.wait_for_all", out.two_node || out.last_man_standing);
    if (out.last_man_standing && !out.wait_for_all)
        remarks.push_back("quorum.last_man_standing without wait_for_all: two parts of the cluster can become quorate after restarts");
    out.auto_tie_breaker = in.flag("quorum.auto_tie_breaker", false);
    if (out.auto_tie_breaker && out.expected_votes % 2 == 1 && !out.wait_for_all) {
        out.auto_tie_breaker = false;
        remarks.push_back("quorum.auto_tie_breaker is not used: the expected votes are odd and wait_for_all is off");
    }
    read_tie_breaker(in, out);
    if (out.auto_tie_breaker && out.two_node) {
        out.two_node = false;
        remarks.push_back("quorum.two_node is not used: auto_tie_breaker is on");
    }
    read_device(in, equal_votes, out, remarks);
    return out;
}

}  // namespace motet::quorum
