// The wake-up protocol of docs/rings.md as a model: every interleaving of a producer and a consumer, each store and each
// load a step of its own, with crashes of one side, is visited. A state in which nobody can move and records are left is a
// lost wake-up. Each rule has a defect that breaks it; the search must find a loss for every one of them.
#include <gtest/gtest.h>

#include <compare>
#include <cstdint>
#include <deque>
#include <set>

namespace motet::ring {
namespace {

enum class Consumer : std::uint8_t {
    client_all,  // an application that dispatches everything: read until empty, drain, arm, look again
    client_one,  // one that dispatches one event per poll()
    worker,      // a worker: clear idle, drain, read until empty, arm, look again, set idle
};

struct Rules {
    Consumer consumer = Consumer::client_all;
    unsigned records = 3;
    unsigned producer_crashes = 0, consumer_crashes = 0;
    // Defects.
    bool born_unarmed = false;             // W1
    bool drain_after_arming = false;       // W2
    bool no_second_look = false;           // W3
    bool drain_with_records_left = false;  // W4, client_one
    bool no_kick = false;                  // W5, client_one
    bool silent_restart = false;           // W6, producer crash
    bool served_before_token = false;      // W7: must make no difference
    bool idle_by_cursors = false;          // 6.4, consumer crash
};

enum Step : std::uint8_t {
    publish,
    look_at_arm,
    send_token,
    store_served,
    restart,  // producer
    sleep,
    clear_idle,
    read,
    drain,
    arm,
    look_again,
    late_drain,
    set_idle,
    kick,
    take_over
};  // consumer

struct State {
    // Shared memory and sockets; they outlive both processes.
    std::uint8_t head = 0, tail = 0, arm = 1, served = 0, tokens = 0, kicks = 0, idle = 0;
    // Private: where each side is, and what the producer read.
    Step producer = publish, consumer = sleep;
    std::uint8_t arm_seen = 0;
    bool answering_kick = false;
    std::uint8_t producer_crashes = 0, consumer_crashes = 0;
    friend auto operator<=>(const State&, const State&) = default;
};

constexpr std::uint8_t kTokensMax = 3;  // a full socket swallows tokens
void put(std::uint8_t& socket) { socket = socket < kTokensMax ? socket + 1 : socket; }

class Model {
public:
    explicit Model(Rules rules) : rules_(rules) {}

    struct Result {
        std::size_t states = 0;
        bool lost = false;
    };
    Result explore() {
        State first;
        if (rules_.born_unarmed) first.arm = 0;
        if (rules_.consumer == Consumer::worker) first.consumer = read;  // it takes a new connection up actively
        add(first);
        Result result;
        while (!open_.empty()) {
            const State state = open_.front();
            open_.pop_front();
            moved_ = false;
            step_producer(state);
            step_consumer(state);
            if (!moved_ && state.tail != rules_.records) result.lost = true;
            crash(state);
        }
        result.states = seen_.size();
        return result;
    }

private:
    void add(const State& state) {
        if (seen_.insert(state).second) open_.push_back(state);
    }
    void move(const State& state) {
        moved_ = true;
        add(state);
    }

    void step_producer(State s) {
        switch (s.producer) {
            case publish:
                if (s.kicks > 0) {  // its socket is readable: it looks at everything
                    State k = s;
                    k.kicks = 0;
                    if (k.arm != k.served && k.head != k.tail) k.arm_seen = k.arm, k.producer = send_token;
                    move(k);
                }
                if (s.head == rules_.records) return;
                ++s.head;
                s.producer = look_at_arm;
                return move(s);
            case look_at_arm:
                s.arm_seen = s.arm;
                s.producer = s.arm == s.served ? publish : rules_.served_before_token ? store_served : send_token;
                return move(s);
            case send_token:
                put(s.tokens);
                s.producer = rules_.served_before_token ? publish : store_served;
                return move(s);
            case store_served:
                s.served = s.arm_seen;
                s.producer = rules_.served_before_token ? send_token : publish;
                return move(s);
            case restart:
                if (!rules_.silent_restart) put(s.tokens);
                s.producer = publish;
                return move(s);
            default: return;
        }
    }

    void step_consumer(State s) {
        const bool worker = rules_.consumer == Consumer::worker, one = rules_.consumer == Consumer::client_one;
        const bool empty = s.head == s.tail;
        switch (s.consumer) {
            case sleep:
                if (s.tokens == 0) return;
                s.consumer = worker ? clear_idle : one && rules_.drain_with_records_left ? drain : read;
                return move(s);
            case clear_idle:
                s.idle = 0;
                s.consumer = drain;
                return move(s);
            case drain:
                s.tokens = 0;
                s.consumer = worker || (one && rules_.drain_with_records_left) ? read : arm;
                return move(s);
            case read:
                if (!empty) {
                    ++s.tail;
                    if (one) s.consumer = sleep;  // the next poll() tells whether there is more
                } else if (one && rules_.drain_with_records_left) {
                    s.consumer = arm;
                } else {
                    s.consumer = worker || rules_.drain_after_arming ? arm : drain;
                }
                return move(s);
            case arm:
                ++s.arm;
                s.consumer = rules_.no_second_look ? (worker ? set_idle : sleep) : look_again;
                return move(s);
            case look_again:
                if (!empty)
                    s.consumer = one ? (rules_.no_kick ? sleep : kick) : read;
                else
                    s.consumer = rules_.drain_after_arming ? late_drain : worker ? set_idle : sleep;
                return move(s);
            case late_drain:
                s.tokens = 0;
                s.consumer = worker ? set_idle : sleep;
                return move(s);
            case set_idle:
                s.idle = 1;
                s.consumer = sleep;
                return move(s);
            case kick:
                put(s.kicks);
                s.consumer = sleep;
                return move(s);
            case take_over: {
                const bool untouched = rules_.idle_by_cursors ? empty && s.arm != s.served : s.idle == 1 && empty;
                s.consumer = untouched ? sleep : read;
                return move(s);
            }
            default: return;
        }
    }

    void crash(const State& s) {
        if (s.producer_crashes < rules_.producer_crashes) {
            State dead = s;
            ++dead.producer_crashes;
            dead.producer = restart;
            dead.arm_seen = 0;
            add(dead);
        }
        if (s.consumer_crashes < rules_.consumer_crashes) {
            State dead = s;
            ++dead.consumer_crashes;
            dead.consumer = take_over;
            add(dead);
        }
    }

    const Rules rules_;
    std::set<State> seen_;
    std::deque<State> open_;
    bool moved_ = false;
};

void expect_sound(Rules rules, std::size_t states_min) {
    const auto result = Model(rules).explore();
    EXPECT_FALSE(result.lost);
    EXPECT_GT(result.states, states_min);  // the search did look around
}
void expect_loss(Rules rules) { EXPECT_TRUE(Model(rules).explore().lost); }

TEST(WakeupModel, DispatchAll) { expect_sound({}, 300); }
TEST(WakeupModel, DispatchAllWithProducerCrashes) { expect_sound({.producer_crashes = 2}, 3000); }
TEST(WakeupModel, DispatchOne) { expect_sound({.consumer = Consumer::client_one}, 300); }
TEST(WakeupModel, DispatchOneWithProducerCrashes) {
    expect_sound({.consumer = Consumer::client_one, .producer_crashes = 2}, 3000);
}
TEST(WakeupModel, Worker) { expect_sound({.consumer = Consumer::worker}, 300); }
TEST(WakeupModel, WorkerTakenOverLazily) { expect_sound({.consumer = Consumer::worker, .consumer_crashes = 2}, 3000); }
TEST(WakeupModel, WorkerAndItsClientsCrash) {
    expect_sound({.consumer = Consumer::worker, .producer_crashes = 1, .consumer_crashes = 1}, 3000);
}

// W7: with the token of a restart it makes no difference whether the token or the note that it was sent comes first.
TEST(WakeupModel, TheOrderOfTokenAndServedIsFree) {
    expect_sound({.producer_crashes = 2, .served_before_token = true}, 3000);
    expect_sound({.consumer = Consumer::client_one, .served_before_token = true}, 300);
}

TEST(WakeupModel, FindsSegmentsBornUnarmed) {
    expect_loss({.born_unarmed = true});
    expect_loss({.consumer = Consumer::client_one, .born_unarmed = true});
}
TEST(WakeupModel, FindsDrainingAfterArming) {
    expect_loss({.drain_after_arming = true});
    expect_loss({.consumer = Consumer::worker, .drain_after_arming = true});
}
TEST(WakeupModel, FindsSleepingWithoutASecondLook) {
    expect_loss({.no_second_look = true});
    expect_loss({.consumer = Consumer::client_one, .no_second_look = true});
    expect_loss({.consumer = Consumer::worker, .no_second_look = true});
}
TEST(WakeupModel, FindsDrainingWithRecordsLeft) {
    expect_loss({.consumer = Consumer::client_one, .drain_with_records_left = true});
}
TEST(WakeupModel, FindsAMissingKick) { expect_loss({.consumer = Consumer::client_one, .no_kick = true}); }
TEST(WakeupModel, FindsASilentRestart) {
    expect_loss({.producer_crashes = 1, .silent_restart = true});
    expect_loss({.consumer = Consumer::client_one, .producer_crashes = 1, .silent_restart = true});
}
TEST(WakeupModel, FindsTakingOverByCursors) {
    expect_loss({.consumer = Consumer::worker, .consumer_crashes = 1, .idle_by_cursors = true});
}

}  // namespace
}  // namespace motet::ring
