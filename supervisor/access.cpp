#include "supervisor/access.h"

#include <unistd.h>

#include <charconv>
#include <string_view>

namespace motet::supervisor {

// Keys are uidgid.config.uid.<n> (from the file) and uidgid.uid.<n> (set at run time), the same for gid; value 1.
Access::Access(const config::Snapshot& snapshot) { configure(snapshot); }

void Access::configure(const config::Snapshot& snapshot) {
    uids_.clear();
    gids_.clear();
    for (const auto& [key, value] : snapshot.entries()) {
        std::string_view rest = key;
        if (!rest.starts_with("uidgid.")) continue;
        rest.remove_prefix(7);
        if (rest.starts_with("config.")) rest.remove_prefix(7);
        const bool user = rest.starts_with("uid."), group = rest.starts_with("gid.");
        if ((!user && !group) || !snapshot.flag(key, false)) continue;
        rest.remove_prefix(4);
        std::uint64_t number = 0;
        const auto [end, problem] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
        if (problem == std::errc{} && end == rest.data() + rest.size()) (user ? uids_ : gids_).insert(number);
    }
}

void Access::set(Of which, std::uint64_t id, bool allowed) {
    auto& ids = which == Of::user ? runtime_uids_ : runtime_gids_;
    if (!allowed) ids.erase(id);
    else if (ids.size() < kRuntimeMax) ids.insert(id);
}

bool Access::is_ours(uid_t uid) { return uid == 0 || uid == geteuid(); }

bool Access::allows(uid_t uid, gid_t gid) const {
    return is_ours(uid) || gid == 0 || uids_.contains(uid) || gids_.contains(gid) || runtime_uids_.contains(uid) ||
           runtime_gids_.contains(gid);
}

}  // namespace motet::supervisor
