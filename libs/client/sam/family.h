// The processes an application leaves behind. They end before its next instance begins: those it started, theirs, and so on,
// except the ones that began a session of their own (daemons on purpose).
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace motet::client::sam {

class Family {
public:
    // In the parent before the first child is made. Orphans come to us from here on; not if there are children already, whose
    // orphans could not be told from the application's.
    void begin();
    // In an instance: leaves an open file with this name to everything it starts.
    static void mark(const char* name);
    // A successor is no ancestor of the application it took over: its offspring is known by the mark, and what has closed that
    // is looked up now and then while the application lives.
    void adopt(pid_t child, const char* mark);
    void look();
    // The application is dead and reaped: ends what it left. `standby` is spared. Two seconds at most; `meanwhile` is called
    // while it lasts.
    void sweep(pid_t standby, const std::function<void()>& meanwhile);
    // Orphans that ended by themselves.
    void reap(pid_t child, pid_t standby);

private:
    struct Member {
        pid_t pid = 0;
        std::uint64_t born = 0;   // clock ticks since boot: with the pid a name that is not used twice
    };
    bool ours_ = false;
    void see_marked();

    pid_t adopted_ = 0;
    std::string mark_;
    std::vector<Member> seen_;
};

}  // namespace motet::client::sam
