// Where a child lives: the user it becomes and the namespaces it enters. Prepared once, before its first life, and the same for
// every life; afterwards the kernel is asked whether the child is really there.
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "libs/sandbox/sandbox.h"
#include "supervisor/plan.h"
#include "supervisor/unique_fd.h"

namespace motet::supervisor {

struct Quarters {
    std::optional<sandbox::Identity> become;   // only as root, and only for a child with a user of its own
    std::optional<sandbox::Room> room;
    std::vector<std::string> missing;          // why one of them is not there or not as it should be

    static Quarters prepare(const ChildPlan& plan, bool is_worker);
    template <class Archive>
    void transfer(Archive& a) {
        bool user = become.has_value();
        sandbox::Identity who = become.value_or(sandbox::Identity{});
        a(user, who.uid, who.gid, who.known, missing);
        if (a.reading() && user) become = who;
        std::vector<UniqueFd> fds;   // lent for the moment
        if (room)
            for (const int fd : room->descriptors()) fds.emplace_back(fd);
        a(fds);
        std::vector<int> plain;
        for (UniqueFd& fd : fds) plain.push_back(fd.release());
        if (a.reading() && !plain.empty()) room = sandbox::Room::adopt(std::move(plain));
    }
    // For the child's command line and descriptors.
    std::vector<std::string> arguments() const;
    std::vector<int> descriptors() const;
};

// A foreign service's program is started with our rights and confines itself: it must be root's or ours, and nobody else's to write.
Status trusted_program(const std::string& path);

// What the kernel says about a running process, all its threads together; its own word is not taken for it.
struct Confinement {
    bool looked = false;                       // false: it is gone
    bool no_new_privileges = true, filtered = true;
    bool capabilities = false, bounding = false;   // of any thread: effective, permitted, inheritable or ambient; bounding
    bool groups = false;                       // supplementary ones
    bool one_user = true;                      // real, effective, saved and file system user are the same
    uid_t uid = 0;
    sandbox::Inside inside = sandbox::Inside::unknown;
};
Confinement confinement(pid_t pid, const Quarters& quarters);
// One clause each; empty: it is as its profile wants it. `filter`: this build has a system-call list.
std::vector<std::string> faults(const Confinement& c, const Quarters& quarters, bool filter);

}  // namespace motet::supervisor
