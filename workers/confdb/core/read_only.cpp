#include "workers/confdb/core/read_only.h"

#include <algorithm>
#include <array>

namespace motet::confdb {
namespace {

constexpr std::array<std::string_view, 7> kPrefixes{"internal_configuration.", "runtime.services.", "runtime.config.", "runtime.totem.",
                                                    "uidgid.config.",          "system.",           "nodelist."};
constexpr std::array<std::string_view, 26> kKeys{
    "config.reload_in_progress",
    "config.totemconfig_reload_in_progress",
    "nodelist.local_node_pos",
    "quorum.allow_downscale",
    "quorum.auto_tie_breaker",
    "quorum.auto_tie_breaker_node",
    "quorum.expected_votes_tracking",
    "quorum.last_man_standing",
    "quorum.last_man_standing_window",
    "quorum.wait_for_all",
    "runtime.votequorum.this_node_id",   // with Corosync it can be overwritten, which breaks corosync-quorumtool
    "totem.clear_node_high_bit",
    "totem.cluster_name",
    "totem.crypto_cipher",
    "totem.crypto_hash",
    "totem.crypto_model",
    "totem.ip_version",
    "totem.key",
    "totem.keyfile",
    "totem.netmtu",
    "totem.nodeid",
    "totem.rrp_mode",
    "totem.secauth",
    "totem.threads",
    "totem.transport",
    "totem.version",
};
static_assert(std::ranges::is_sorted(kKeys));

}  // namespace

bool is_read_only(std::string_view flat) {
    return std::ranges::binary_search(kKeys, flat) ||
           std::ranges::any_of(kPrefixes, [&](std::string_view prefix) { return flat.starts_with(prefix); });
}

}  // namespace motet::confdb
