// When children start, stop, wait and are given up. Pure: what happened to a child and the time come in, what shall be done
// comes out, in order. Child 0 is membership; the others are workers, which outlive it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "libs/base/time.h"

namespace motet::supervisor {

enum class Phase : std::uint8_t {
    down,          // not running, nothing planned
    waiting,       // not running, will be launched at its time
    launched,      // running, has not said hello
    greeted,       // membership only: waits for the workers' hellos before the hand-over
    handed_over,   // has its descriptors
    ready,         // serves
    aborting,      // hung: SIGABRT sent, SIGKILL follows
    killed,        // SIGKILL sent
    stopping,      // asked to finish
};
const char* name(Phase phase);

struct Action {
    enum class Kind : std::uint8_t {
        launch,        // start the process
        hand_over,     // send START (and to membership the links and GO)
        ask_to_stop,   // send STOP
        abort,         // SIGABRT
        kill,          // SIGKILL
        cut_clients,   // of this worker, and its link with them: no successor can go on with what it leaves
        failed,        // tell the operator that this child keeps dying; `code` 0: tried again every 30 s, else the daemon stops
        quit,          // everything is down: leave with `code`
    };
    Kind kind;
    std::size_t child = 0;
    int code = 0;
    friend bool operator==(const Action&, const Action&) = default;
};
using Actions = std::vector<Action>;

inline constexpr int kExitGaveUp = 4;

class State {
public:
    static constexpr Duration kHelloLimit = seconds(10);       // from launch to hello
    static constexpr Duration kGatherLimit = seconds(1);       // how long membership waits for the workers' hellos
    static constexpr Duration kAbortGrace = milliseconds(200); // from SIGABRT to SIGKILL
    static constexpr Duration kStopLimit = milliseconds(2500); // for the workers, then again for membership
    static constexpr Duration kLivedWell = seconds(10);        // a life this long, in which it was ready, ends a streak of deaths
    static constexpr unsigned kStreakMax = 10;                 // deaths in a row: the child has failed
    static constexpr Duration kFailedRetry = seconds(30);
    static constexpr unsigned kCrowdedDeaths = 64;             // within kLivedWell, each after some work: now each costs
    static constexpr Duration kCrowdedDelay = milliseconds(200);
    static constexpr Duration kRingHeld = seconds(1);          // membership's work: a ring, for so long. Each of its deaths makes all nodes form another

    // What a worker that has died leaves.
    struct Legacy {
        bool resumable = false;    // a successor can take up its clients and its link
        bool progressed = false;   // it did some of its work
    };

    // The first `own` of them are what a node is made of: one of these that never came up ends it. What is foreign is tried again.
    explicit State(std::size_t children, std::size_t own = SIZE_MAX) : children_(children), own_(own) {}

    void start(Instant now, Actions& out);
    void stop(int code, Instant now, Actions& out);
    void on_hello(std::size_t child, Instant now, Actions& out);
    void on_ready(std::size_t child, Instant now);
    void on_exit(std::size_t child, Instant now, Actions& out, Legacy legacy);
    void on_exit(std::size_t child, Instant now, Actions& out) { on_exit(child, now, out, Legacy()); }
    void on_hung(std::size_t child, Instant now, Actions& out);
    // It broke a rule of its rings or of its control socket, or cannot be handed over to.
    void on_broken(std::size_t child, Instant now, Actions& out);
    void on_time(Instant now, Actions& out);
    Instant deadline() const;

    Phase phase(std::size_t child) const { return children_[child].phase; }
    bool running(std::size_t child) const { return phase(child) > Phase::waiting; }
    bool has_links(std::size_t child) const { return phase(child) == Phase::handed_over || phase(child) == Phase::ready; }
    // Clients may come in: the worker is ready, or takes up its predecessor's work in a moment, and the node has formed a ring.
    bool serving(std::size_t child) const {
        return (phase(child) == Phase::ready || children_[child].kept) && phase(0) == Phase::ready;
    }
    // The successor takes up what the predecessor left.
    bool kept(std::size_t child) const { return children_[child].kept; }
    bool failed(std::size_t child) const { return children_[child].streak >= kStreakMax; }
    unsigned restarts(std::size_t child) const { return children_[child].launches > 1 ? children_[child].launches - 1 : 0; }
    Instant launched_at(std::size_t child) const { return children_[child].launched_at; }
    Instant handed_over_at(std::size_t child) const { return children_[child].handed_over_at; }
    bool stopping() const { return stopping_; }

    // For a supervisor that takes over; times are of the machine's clock and stay what they are.
    template <class Archive>
    void transfer(Archive& a) { a(children_, stopping_, quit_said_, exit_code_); }

private:
    struct Child {
        Phase phase = Phase::down;
        Instant launched_at{}, handed_over_at{};
        Instant due = kNever;             // what the phase waits for
        unsigned streak = 0, launches = 0;
        bool was_ready = false;           // in any of its lives
        bool ready_in_this_life = false;
        bool kept = false;                // from a death until the successor is ready: its clients and link are still there
        unsigned crowd = 0;               // deaths since `crowd_since`
        Instant crowd_since{};
        template <class Archive>
        void transfer(Archive& a) { a(phase, launched_at, handed_over_at, due, streak, launches, was_ready, ready_in_this_life, kept, crowd, crowd_since); }
    };

    void launch(std::size_t child, Instant now, Actions& out);
    void hand_over(std::size_t child, Instant now, Actions& out);
    void kill(std::size_t child, Actions& out);
    void greet_membership(Instant now, Actions& out);
    void next_stop_step(Instant now, Actions& out);
    bool any_worker_running() const;
    // How long to wait after this death; counts it.
    Duration count_death(std::size_t child, Instant now, bool progressed);

    std::vector<Child> children_;
    std::size_t own_;
    bool stopping_ = false, quit_said_ = false;
    int exit_code_ = 0;
};

}  // namespace motet::supervisor
