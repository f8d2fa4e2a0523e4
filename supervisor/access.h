// Who may connect: root, the user the daemon runs as, and the users and groups of the configuration's uidgid sections.
#pragma once
#include <sys/types.h>

#include <set>

#include "libs/config/snapshot.h"

namespace motet::supervisor {

class Access {
public:
    Access() = default;
    explicit Access(const config::Snapshot& snapshot);

    bool allows(uid_t uid, gid_t gid) const;
    // Not counted against the limit per user.
    static bool is_ours(uid_t uid);

private:
    std::set<std::uint64_t> uids_, gids_;
};

}  // namespace motet::supervisor
