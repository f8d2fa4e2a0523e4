// The life of children on virtual time: every step is an event and a time in, a list of actions out.
#include "supervisor/state.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

namespace motet::supervisor {

void PrintTo(const Action& a, std::ostream* out) {
    *out << "{kind " << static_cast<int>(a.kind) << ", child " << a.child << ", code " << a.code << "}";
}

namespace {

using Kind = Action::Kind;
constexpr std::size_t kMembership = 0, kCpg = 1;

struct Lives : testing::Test {
    State state{2};
    Instant now{seconds(1000).ns};
    Actions out;

    Actions take() { return std::exchange(out, {}); }
    void after(Duration d) {
        now = now + d;
        state.on_time(now, out);
    }
    void hello(std::size_t child) { state.on_hello(child, now, out); }
    void exit(std::size_t child) { state.on_exit(child, now, out); }
    void everything_ready() {
        state.start(now, out);
        hello(kMembership);
        hello(kCpg);
        state.on_ready(kMembership, now);
        state.on_ready(kCpg, now);
        out.clear();
    }
};

TEST_F(Lives, EverybodyIsLaunchedAtOnceAndMembershipWaitsForTheWorkersHello) {
    state.start(now, out);
    EXPECT_EQ(take(), (Actions{{Kind::launch, kMembership}, {Kind::launch, kCpg}}));
    hello(kMembership);
    EXPECT_EQ(take(), Actions{});
    hello(kCpg);
    EXPECT_EQ(take(), (Actions{{Kind::hand_over, kCpg}, {Kind::hand_over, kMembership}}));
    EXPECT_FALSE(state.serving(kCpg));
    state.on_ready(kCpg, now);
    EXPECT_FALSE(state.serving(kCpg)) << "the node has no ring yet";
    state.on_ready(kMembership, now);
    EXPECT_TRUE(state.serving(kCpg));
}

TEST_F(Lives, MembershipDoesNotWaitLongForAWorkerThatDoesNotCome) {
    state.start(now, out);
    hello(kMembership);
    take();
    EXPECT_EQ(state.deadline(), now + State::kGatherLimit);
    after(State::kGatherLimit);
    EXPECT_EQ(take(), (Actions{{Kind::hand_over, kMembership}}));
}

TEST_F(Lives, MembershipGoesOnWhenTheAwaitedWorkerDies) {
    state.start(now, out);
    hello(kMembership);
    take();
    exit(kCpg);
    const Actions actions = take();
    EXPECT_EQ(actions, (Actions{{Kind::cut_clients, kCpg}, {Kind::hand_over, kMembership}, {Kind::launch, kCpg}}));
}

TEST_F(Lives, AChildWithoutHelloIsKilled) {
    state.start(now, out);
    take();
    after(State::kHelloLimit);
    EXPECT_EQ(take(), (Actions{{Kind::kill, kMembership}, {Kind::kill, kCpg}}));
}

TEST_F(Lives, ADeadWorkerIsReplacedAtOnceAndNobodyElseIsTouched) {
    everything_ready();
    exit(kCpg);
    EXPECT_EQ(take(), (Actions{{Kind::cut_clients, kCpg}, {Kind::launch, kCpg}}));
    EXPECT_EQ(state.phase(kMembership), Phase::ready);
    EXPECT_FALSE(state.serving(kCpg));
    hello(kCpg);
    EXPECT_EQ(take(), (Actions{{Kind::hand_over, kCpg}}));
    state.on_ready(kCpg, now);
    EXPECT_TRUE(state.serving(kCpg));
    EXPECT_EQ(state.restarts(kCpg), 1u);
}

TEST_F(Lives, ClientsOfAWorkerThatLeavesEnoughStayAndMoreMayCome) {
    everything_ready();
    state.on_exit(kCpg, now, out, {.resumable = true, .progressed = true});
    EXPECT_EQ(take(), (Actions{{Kind::launch, kCpg}})) << "nobody is cut off";
    EXPECT_TRUE(state.serving(kCpg)) << "who comes now waits for the successor";
    hello(kCpg);
    EXPECT_EQ(take(), (Actions{{Kind::hand_over, kCpg}}));
    exit(kCpg);   // before it had taken up anything
    EXPECT_EQ(take(), (Actions{{Kind::cut_clients, kCpg}, {Kind::launch, kCpg}}));
    EXPECT_FALSE(state.serving(kCpg));
}

TEST_F(Lives, DeathsAfterSomeWorkCostNothingUntilTheyCrowd) {
    everything_ready();
    const auto die = [&] {
        state.on_exit(kCpg, now, out, {.resumable = true, .progressed = true});
        const bool at_once = state.phase(kCpg) == Phase::launched;
        if (!at_once) after(State::kCrowdedDelay);
        hello(kCpg);
        state.on_ready(kCpg, now);
        return at_once;
    };
    for (unsigned i = 0; i < State::kCrowdedDeaths; ++i) EXPECT_TRUE(die()) << i;
    EXPECT_FALSE(die());
    EXPECT_FALSE(state.failed(kCpg));
    after(State::kLivedWell);
    EXPECT_TRUE(die());
}

TEST_F(Lives, AWorkerThatKeepsDyingWithoutWorkLosesItsClientsInTheEnd) {
    everything_ready();
    for (unsigned i = 1; i < State::kStreakMax; ++i) {
        state.on_exit(kCpg, now, out, {.resumable = true, .progressed = false});
        EXPECT_TRUE(state.kept(kCpg)) << i;
        after(seconds(10));
        hello(kCpg);
    }
    take();
    state.on_exit(kCpg, now, out, {.resumable = true, .progressed = false});
    EXPECT_EQ(take(), (Actions{{Kind::cut_clients, kCpg}, {Kind::failed, kCpg}}));
    EXPECT_FALSE(state.serving(kCpg));
}

TEST_F(Lives, WorkersOutliveMembershipAndNewClientsWaitForTheRing) {
    everything_ready();
    exit(kMembership);
    EXPECT_EQ(take(), (Actions{{Kind::launch, kMembership}}));
    EXPECT_EQ(state.phase(kCpg), Phase::ready);
    EXPECT_FALSE(state.serving(kCpg));
    hello(kMembership);
    EXPECT_EQ(take(), (Actions{{Kind::hand_over, kMembership}}));
    state.on_ready(kMembership, now);
    EXPECT_TRUE(state.serving(kCpg));
}

TEST_F(Lives, AWorkerThatWaitsForItsRestartGoesOnWaitingWhenMembershipDies) {
    everything_ready();
    for (int i = 0; i < 4; ++i) exit(kCpg);   // the fourth death in a row makes it wait
    ASSERT_EQ(state.phase(kCpg), Phase::waiting);
    take();
    exit(kMembership);
    EXPECT_EQ(take(), (Actions{{Kind::launch, kMembership}}));
    after(state.deadline() - now);
    EXPECT_EQ(take(), (Actions{{Kind::launch, kCpg}}));
}

// Each makes all nodes form the ring anew: a ring that breaks at once is no work done.
TEST_F(Lives, DeathsOfMembershipThatHeldARingForASecondAreNoStreak) {
    everything_ready();
    for (unsigned i = 0; i < 3 * State::kStreakMax; ++i) {
        after(State::kRingHeld);
        take();
        exit(kMembership);
        EXPECT_EQ(take(), (Actions{{Kind::launch, kMembership}})) << i;
        hello(kMembership);
        state.on_ready(kMembership, now);
        take();
    }
    for (unsigned i = 0; i < State::kStreakMax; ++i) {
        if (state.phase(kMembership) == Phase::waiting) after(state.deadline() - now);
        hello(kMembership);
        state.on_ready(kMembership, now);
        take();
        exit(kMembership);
    }
    exit(kCpg);
    const Actions last = take();
    ASSERT_FALSE(last.empty());
    EXPECT_EQ(last.back(), (Action{Kind::quit, 0, kExitGaveUp}));
}

TEST_F(Lives, DeathsInARowCostMoreAndMore) {
    everything_ready();
    const std::int64_t expected_ms[] = {0, 0, 0, 10, 50, 200, 1000, 2000, 4000};
    for (const std::int64_t ms : expected_ms) {
        exit(kCpg);
        if (ms == 0) {
            EXPECT_EQ(state.phase(kCpg), Phase::launched);
        } else {
            ASSERT_EQ(state.phase(kCpg), Phase::waiting);
            EXPECT_EQ((state.deadline() - now).ms(), ms);
            after(milliseconds(ms - 1));
            EXPECT_EQ(state.phase(kCpg), Phase::waiting);
            after(milliseconds(1));
            EXPECT_EQ(state.phase(kCpg), Phase::launched);
        }
    }
}

TEST_F(Lives, AGoodLifeEndsTheStreak) {
    everything_ready();
    for (int i = 0; i < 3; ++i) exit(kCpg);
    hello(kCpg);
    state.on_ready(kCpg, now);
    after(State::kLivedWell);
    take();
    exit(kCpg);
    EXPECT_EQ(take(), (Actions{{Kind::cut_clients, kCpg}, {Kind::launch, kCpg}}));
}

TEST_F(Lives, ALongLifeWithoutEverServingIsNoGoodLife) {
    state.start(now, out);
    hello(kMembership);
    state.on_ready(kMembership, now);
    for (unsigned i = 0; i < State::kStreakMax; ++i) {
        if (state.phase(kCpg) == Phase::waiting) after(state.deadline() - now);
        ASSERT_EQ(state.phase(kCpg), Phase::launched);
        after(State::kHelloLimit);   // it never says hello
        take();
        exit(kCpg);
    }
    const Actions last = take();
    EXPECT_EQ(std::count(last.begin(), last.end(), Action{Kind::failed, kCpg, kExitGaveUp}), 1);
    EXPECT_TRUE(state.stopping());
}

TEST_F(Lives, AWorkerThatOnceServedIsTriedAgainEveryHalfMinute) {
    everything_ready();
    Actions said;
    for (unsigned i = 0; i < State::kStreakMax; ++i) {
        exit(kCpg);
        for (const Action& a : take())
            if (a.kind == Kind::failed) said.push_back(a);
        if (i + 1 < State::kStreakMax && state.phase(kCpg) == Phase::waiting) after(state.deadline() - now);
    }
    EXPECT_EQ(said, (Actions{{Kind::failed, kCpg, 0}}));
    EXPECT_TRUE(state.failed(kCpg));
    EXPECT_EQ(state.deadline(), now + State::kFailedRetry);
    EXPECT_FALSE(state.stopping());
    after(State::kFailedRetry);
    EXPECT_EQ(state.phase(kCpg), Phase::launched);
    take();
    exit(kCpg);
    EXPECT_EQ(take(), (Actions{{Kind::cut_clients, kCpg}})) << "told once, not at every try";
}

TEST_F(Lives, WhatNeverCameUpEndsTheDaemonWithItsOwnCode) {
    state.start(now, out);
    hello(kMembership);
    hello(kCpg);
    state.on_ready(kMembership, now);
    take();
    for (unsigned i = 0; i < State::kStreakMax; ++i) {
        if (state.phase(kCpg) == Phase::waiting) after(state.deadline() - now);
        take();
        exit(kCpg);
    }
    EXPECT_EQ(take(), (Actions{{Kind::cut_clients, kCpg}, {Kind::failed, kCpg, kExitGaveUp}, {Kind::ask_to_stop, kMembership}}));
    exit(kMembership);
    EXPECT_EQ(take(), (Actions{{Kind::quit, 0, kExitGaveUp}}));
}

TEST_F(Lives, MembershipThatKeepsDyingEndsTheDaemon) {
    everything_ready();
    for (unsigned i = 0; i < State::kStreakMax; ++i) {
        if (state.phase(kMembership) == Phase::waiting) after(state.deadline() - now);
        take();
        exit(kMembership);
    }
    if (state.running(kCpg)) exit(kCpg);
    const Actions last = take();
    ASSERT_FALSE(last.empty());
    EXPECT_EQ(last.back(), (Action{Kind::quit, 0, kExitGaveUp}));
}

TEST_F(Lives, AHungChildIsAskedForACoreThenKilled) {
    everything_ready();
    state.on_hung(kCpg, now, out);
    EXPECT_EQ(take(), (Actions{{Kind::abort, kCpg}}));
    EXPECT_FALSE(state.serving(kCpg));
    state.on_hung(kCpg, now, out);
    EXPECT_EQ(take(), Actions{}) << "once is enough";
    after(State::kAbortGrace);
    EXPECT_EQ(take(), (Actions{{Kind::kill, kCpg}}));
    exit(kCpg);
    EXPECT_EQ(take(), (Actions{{Kind::cut_clients, kCpg}, {Kind::launch, kCpg}}));
}

TEST_F(Lives, ABrokenLinkCostsTheWorkerItsLifeOnce) {
    everything_ready();
    state.on_broken(kCpg, now, out);
    state.on_broken(kCpg, now, out);
    EXPECT_EQ(take(), (Actions{{Kind::kill, kCpg}}));
}

TEST_F(Lives, StoppingAsksTheWorkersFirstAndMembershipLast) {
    everything_ready();
    state.stop(0, now, out);
    EXPECT_EQ(take(), (Actions{{Kind::ask_to_stop, kCpg}}));
    exit(kCpg);
    EXPECT_EQ(take(), (Actions{{Kind::cut_clients, kCpg}, {Kind::ask_to_stop, kMembership}}));
    exit(kMembership);
    EXPECT_EQ(take(), (Actions{{Kind::quit, 0, 0}}));
}

TEST_F(Lives, StoppingIsBoundedWhenNobodyAnswers) {
    everything_ready();
    const Instant asked = now;
    state.stop(0, now, out);
    take();
    after(State::kStopLimit);
    EXPECT_EQ(take(), (Actions{{Kind::kill, kCpg}}));
    exit(kCpg);
    take();
    after(State::kStopLimit);
    EXPECT_EQ(take(), (Actions{{Kind::kill, kMembership}}));
    exit(kMembership);
    EXPECT_EQ(take(), (Actions{{Kind::quit, 0, 0}}));
    EXPECT_LE((now - asked).ms(), 5000);
}

TEST_F(Lives, StoppingInTheMiddleOfAStartKillsWhatHasNoDescriptorsYet) {
    state.start(now, out);
    take();
    state.stop(0, now, out);
    EXPECT_EQ(take(), (Actions{{Kind::kill, kCpg}}));
    exit(kCpg);
    EXPECT_EQ(take(), (Actions{{Kind::cut_clients, kCpg}, {Kind::kill, kMembership}}));
    exit(kMembership);
    EXPECT_EQ(take(), (Actions{{Kind::quit, 0, 0}}));
}

TEST_F(Lives, NothingIsRestartedWhileStopping) {
    everything_ready();
    for (int i = 0; i < 4; ++i) exit(kCpg);
    ASSERT_EQ(state.phase(kCpg), Phase::waiting);
    take();
    state.stop(3, now, out);
    EXPECT_EQ(take(), (Actions{{Kind::ask_to_stop, kMembership}}));
    after(seconds(1));
    EXPECT_EQ(take(), Actions{});
    exit(kMembership);
    EXPECT_EQ(take(), (Actions{{Kind::quit, 0, 3}}));
}

TEST_F(Lives, EventsOfAPastLifeChangeNothing) {
    everything_ready();
    exit(kCpg);
    take();
    state.on_ready(kCpg, now);   // the late word of the predecessor
    EXPECT_EQ(state.phase(kCpg), Phase::launched);
    hello(kCpg);
    take();
    hello(kCpg);
    EXPECT_EQ(take(), Actions{});
    exit(kMembership);
    take();
    state.on_ready(kMembership, now);
    EXPECT_EQ(state.phase(kMembership), Phase::launched);
}

TEST(State, AForeignServiceThatNeverComesUpDoesNotEndTheNode) {
    State state(3, 2);
    Actions actions;
    Instant now{1};
    state.start(now, actions);
    for (unsigned i = 0; i < 40 && !state.stopping(); ++i) {
        actions.clear();
        if (state.running(2)) state.on_exit(2, now, actions);
        now = state.deadline() == kNever ? now + seconds(1) : std::max(now, state.deadline());
        if (now - Instant{1} > seconds(9)) break;   // the others have not said hello in this test
        state.on_time(now, actions);
    }
    State own(2, 2);
    actions.clear();
    for (int deaths = 0; deaths < 10; ++deaths) {
        Actions out;
        if (deaths == 0) own.start(Instant{1}, out);
        own.on_exit(1, Instant{2}, out);
        own.on_time(Instant{2} + seconds(11), out);
        actions.insert(actions.end(), out.begin(), out.end());
    }
    EXPECT_FALSE(state.stopping());
    EXPECT_TRUE(own.stopping());
}

}  // namespace
}  // namespace motet::supervisor
