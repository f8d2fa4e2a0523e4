// May this node stop? Whoever tracks is asked; one NO or silence prevents it, unless it is to happen regardless.
#pragma once
#include <map>
#include <set>

#include "libs/base/time.h"
#include "workers/confdb/cfg_output.h"

namespace motet::cfg {

class Shutdown {
public:
    static constexpr Duration kOwnMessageMax = seconds(5);   // for the announcement to come back; then the node stops anyway

    void track(ConnId conn, bool on);
    // The reply follows when the decision is known.
    void ask(ConnId conn, std::uint64_t request, std::uint32_t flags, const World& world, Output& out);
    void answer(ConnId conn, bool yes, Output& out);
    void on_disconnect(ConnId conn, Output& out);
    // Our own announcement has been delivered.
    void on_announced(Output& out);

    Instant deadline() const { return started_ ? Instant{} : due_; }
    void on_time(Instant now, Output& out);

    void save(Writer& out) const;
    bool restore(Reader& in);

private:
    enum Flags : std::uint32_t { kRequest = 0, kRegardless = 1, kImmediate = 2 };
    void decide(bool stop, Output& out);

    std::set<ConnId> trackers_, waiting_;    // waiting_: asked, silent so far
    ConnId asker_ = 0;                       // 0: no request is pending
    std::uint64_t request_ = 0;
    std::uint32_t flags_ = 0;
    bool announced_ = false;                 // decided, the announcement is on its way
    bool started_ = false;                   // due_ is to be counted from the next on_time()
    Duration patience_{};
    Instant due_ = kNever;
};

}  // namespace motet::cfg
