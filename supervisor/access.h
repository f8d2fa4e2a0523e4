// Who may connect: root, the user the daemon runs as, and the users and groups of the configuration's uidgid sections.
#pragma once
#include <sys/types.h>

#include <set>
#include <vector>

#include "libs/config/snapshot.h"

namespace motet::supervisor {

class Access {
public:
    Access() = default;
    explicit Access(const config::Snapshot& snapshot);

    // At run time, beside what the configuration says (which stays): with Corosync the keys uidgid.uid.N and uidgid.gid.N.
    enum class Of { user, group };
    void set(Of which, std::uint64_t id, bool allowed);
    // The configuration has changed; what was set at run time stays.
    void configure(const config::Snapshot& snapshot);

    // For a supervisor that takes over: what was set at run time; configure() brings the rest.
    template <class Archive>
    void transfer(Archive& a) {
        for (std::set<std::uint64_t>* ids : {&runtime_uids_, &runtime_gids_}) {
            std::vector<std::uint64_t> all(ids->begin(), ids->end());
            a(all);
            if (a.reading()) ids->insert(all.begin(), all.end());
        }
    }

    bool allows(uid_t uid, gid_t gid) const;
    // Not counted against the limit per user.
    static bool is_ours(uid_t uid);

private:
    static constexpr std::size_t kRuntimeMax = 4096;   // of each; more are ignored
    std::set<std::uint64_t> uids_, gids_, runtime_uids_, runtime_gids_;
};

}  // namespace motet::supervisor
