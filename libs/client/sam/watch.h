// What the parent of an application decides: when to warn, to kill, to restart. Pure, and a plain value: it lies in memory that
// parent and standby share, so that one goes on where the other was killed.
#pragma once
#include <cstdint>

#include "libs/base/time.h"

namespace motet::client::sam {

class Watch {
public:
    enum class State : std::uint32_t { stopped, waiting_for_quorum, running, failed };
    enum class Cause : std::uint32_t { none, died, no_heartbeat, no_quorum, marked_failed, ordered };
    enum class Act : std::uint32_t { none, warn, kill };
    enum class End : std::uint32_t { quit, restart };

    // `interval` 0: nothing is expected of the application but to live.
    Watch(Duration interval, bool restarts, bool needs_quorum)
        : interval_(interval), restarts_(restarts), needs_quorum_(needs_quorum) {}

    // A new instance: not started, not warned.
    void begin();

    // What the application says. Every command counts as a heartbeat.
    void on_command(Instant now);
    // True: supervision runs, the request can be answered. False: it will once quorum is there.
    bool on_start(Instant now);
    void on_stop();
    void on_mark_failed();

    // What others say.
    // True: a start that was waiting has succeeded.
    bool on_quorum(bool quorate, Instant now);
    void on_order_restart(Instant now);   // an administrator's: warned first, then recovered whatever the policy
    void on_order_fail() { on_mark_failed(); }

    void on_time(Instant now);
    Instant deadline() const;
    // What is to be done to the application now; each once.
    Act take_act();

    // The application is gone. Only what was started is recovered.
    void on_death();
    End end() const { return end_; }

    State state() const { return state_; }
    Cause cause() const { return cause_; }
    bool quorate() const { return quorate_; }
    Duration interval() const { return interval_; }

private:
    // Between warning and killing where no interval says how long.
    static constexpr Duration kGrace = seconds(1);

    void condemn(Cause why, Instant now);
    Duration grace() const { return interval_ > Duration{} ? interval_ : kGrace; }
    bool started() const { return state_ == State::running || condemned_; }

    Duration interval_;
    bool restarts_, needs_quorum_;
    bool quorate_ = false;
    bool warned_ = false;      // once in the life of an instance
    bool condemned_ = false;   // heartbeats do not help any more
    bool ordered_ = false;
    State state_ = State::stopped;
    Cause cause_ = Cause::none;
    Act act_ = Act::none;
    End end_ = End::quit;
    Instant last_{};           // command of the application
    Instant kill_at_ = kNever;
};

}  // namespace motet::client::sam
