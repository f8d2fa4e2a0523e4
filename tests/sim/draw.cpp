// Draws a plan from a seed: what kind of network, who talks, and what goes wrong when. About one run in ten is without
// faults; most have a handful, many of them aimed at the moments in which a ring changes.
#include <algorithm>

#include "tests/sim/plan.h"
#include "tests/sim/prng.h"

namespace motet::sim {
namespace {

class Drawing {
public:
    explicit Drawing(std::uint64_t seed) : chance_(seed, 3) { plan_.seed = seed; }

    Plan draw() {
        cluster();
        applications();
        if (!chance_.percent(10)) faults();
        if (chance_.percent(30)) alone();
        std::stable_sort(plan_.steps.begin(), plan_.steps.end(), [](const Step& a, const Step& b) { return a.at_us < b.at_us; });
        plan_.end_us = std::max(length_us_, plan_.steps.back().at_us) + 50000;
        return std::move(plan_);
    }

private:
    void cluster() {
        static constexpr std::uint32_t kSizes[] = {3, 3, 3, 3, 4, 4, 4, 5, 5, 6, 7, 8};
        plan_.nodes = kSizes[chance_.below(std::size(kSizes))];
        plan_.clients_per_node = plan_.nodes > 5 ? 1 : static_cast<std::uint32_t>(chance_.between(1, 3));
        static constexpr std::uint32_t kTokens[] = {200, 300, 300, 500};
        plan_.token_ms = kTokens[chance_.below(std::size(kTokens))];
        plan_.reuse_pids = chance_.percent(30);
        plan_.cancel_hold = chance_.percent(30);
        if (chance_.percent(20)) plan_.window = static_cast<std::uint32_t>(chance_.between(5, 40)), plan_.max_messages = static_cast<std::uint32_t>(chance_.between(1, 10));
        if (chance_.percent(30)) plan_.miss_count = static_cast<std::uint32_t>(chance_.between(1, 4));
        if (chance_.percent(10)) plan_.fail_recv = 30;
        if (chance_.percent(20)) plan_.netmtu = static_cast<std::uint32_t>(chance_.between(500, 9000));
        if (chance_.percent(20)) plan_.socket_frames = static_cast<std::uint32_t>(chance_.between(5, 100));
        static constexpr std::uint32_t kWorkers[] = {5, 40, 40, 400, 3000};
        plan_.worker_delay_us = kWorkers[chance_.below(std::size(kWorkers))];
        plan_.link.delay_us = static_cast<std::uint32_t>(chance_.between(20, 300));
        plan_.link.jitter_us = static_cast<std::uint32_t>(chance_.between(5, 200));
        plan_.link.fifo = !chance_.percent(25);
        if (chance_.percent(40)) plan_.link.loss = static_cast<std::uint32_t>(chance_.below(chance_.percent(20) ? 150000 : 20000));
        if (chance_.percent(30)) plan_.link.duplicate = static_cast<std::uint32_t>(chance_.below(50000));
        if (chance_.percent(30)) plan_.link.reorder = static_cast<std::uint32_t>(chance_.below(100000)), plan_.link.reorder_us = static_cast<std::uint32_t>(chance_.between(200, 20000));
        length_us_ = chance_.between(1500, 5000) * 1000;
        groups_ = static_cast<std::uint32_t>(chance_.between(1, 2));
    }

    Step& add(std::int64_t at_us, Act act, std::uint32_t node = 0) {
        Step s;
        s.at_us = at_us;
        s.act = act;
        s.node = node;
        plan_.steps.push_back(std::move(s));
        return plan_.steps.back();
    }
    std::int64_t some_time() { return chance_.between(0, length_us_); }
    std::uint32_t some_node() { return static_cast<std::uint32_t>(chance_.between(1, plan_.nodes)); }

    std::uint64_t some_size() {
        const std::uint64_t kind = chance_.below(100);
        if (kind < 8) return static_cast<std::uint64_t>(chance_.between(1, 15));
        if (kind < 70) return static_cast<std::uint64_t>(chance_.between(16, 400));
        if (kind < 93) return static_cast<std::uint64_t>(chance_.between(400, 6000));
        if (kind < 99) return static_cast<std::uint64_t>(chance_.between(6000, 60000));
        return static_cast<std::uint64_t>(chance_.between(60000, 300000));
    }

    void applications() {
        for (std::uint32_t node = 1; node <= plan_.nodes; ++node)
            for (std::uint32_t slot = 1; slot <= plan_.clients_per_node; ++slot) {
                join(node, slot, chance_.percent(75) ? chance_.between(0, 50000) : some_time());
                const std::uint64_t changes = chance_.percent(40) ? chance_.below(4) : 0;
                for (std::uint64_t i = 0; i < changes; ++i) change(node, slot);
                const std::uint64_t bursts = 1 + chance_.below(plan_.nodes > 5 ? 5 : 8);
                for (std::uint64_t i = 0; i < bursts; ++i) burst(node, slot);
            }
        if (chance_.percent(3)) {   // one big one
            Step& s = add(some_time(), chance_.percent(50) ? Act::parts : Act::multicast, some_node());
            s.client = 1;
            s.a = static_cast<std::uint64_t>(s.act == Act::parts ? chance_.between(1050000, 2500000) : chance_.between(300000, 1047552));
            s.b = s.act == Act::parts ? 1047552 : 1;
            s.c = chance_.percent(20) ? kFlagSafe : 0;
        }
    }

    void join(std::uint32_t node, std::uint32_t slot, std::int64_t at_us) {
        Step& s = add(at_us, Act::join, node);
        s.client = slot;
        s.a = static_cast<std::uint64_t>(chance_.between(1, groups_));
    }

    // Applications of a machine that came back.
    void come_back(std::uint32_t node, std::int64_t at_us) {
        for (std::uint32_t slot = 1; slot <= plan_.clients_per_node; ++slot) {
            if (!chance_.percent(70)) continue;
            const std::int64_t join_us = at_us + chance_.between(0, 100000);
            join(node, slot, join_us);
            if (chance_.percent(60)) burst(node, slot, join_us + chance_.between(0, 300000));
        }
    }

    void change(std::uint32_t node, std::uint32_t slot) {
        static constexpr Act kWays[] = {Act::leave, Act::leave, Act::finalize, Act::disconnect};
        const std::int64_t at_us = some_time();
        add(at_us, kWays[chance_.below(std::size(kWays))], node).client = slot;
        if (chance_.percent(80)) join(node, slot, at_us + (chance_.percent(50) ? 10 : chance_.between(0, 500000)));
        if (chance_.percent(50)) burst(node, slot, at_us + chance_.between(-2000, 2000));
    }

    void burst(std::uint32_t node, std::uint32_t slot, std::int64_t at_us = -1) {
        Step& s = add(at_us < 0 ? some_time() : at_us, Act::multicast, node);
        s.client = slot;
        if (chance_.percent(6)) {   // a message in many small parts
            s.act = Act::parts;
            s.a = static_cast<std::uint64_t>(chance_.between(20, 30000));
            s.b = 1 + s.a / static_cast<std::uint64_t>(chance_.between(2, 8));
        } else {
            s.a = some_size();
            s.b = s.a > 20000 ? 1 : static_cast<std::uint64_t>(chance_.between(1, s.a > 2000 ? 4 : 12));
        }
        if (chance_.percent(30)) s.c |= kFlagSafe;
        if (chance_.percent(8)) s.c |= kFlagSync;
    }

    // One node sends one small message after another, which is when the token rests with it after each.
    void alone() {
        const std::uint32_t node = some_node();
        const std::int64_t pause_us = chance_.between(300, 8000);
        std::int64_t at_us = some_time();
        for (std::int64_t n = chance_.between(10, 60); n > 0; --n, at_us += chance_.between(100, pause_us)) {
            Step& s = add(at_us, Act::multicast, node);
            s.client = 1;
            s.a = static_cast<std::uint64_t>(chance_.between(16, 400));
            s.b = 1;
            if (chance_.percent(3)) s.c |= kFlagSafe;
        }
    }

    void faults() {
        std::uint64_t count = 1 + chance_.below(chance_.percent(30) ? 14 : 6);
        if (chance_.percent(6)) count = 20 + chance_.below(20);    // a storm
        for (std::uint64_t i = 0; i < count; ++i) fault(some_time());
        if (chance_.percent(25)) {
            const std::uint32_t node = some_node();
            plan_.late.push_back(node);
            add(some_time(), Act::start, node);
        }
    }

    // Sometimes the moment is picked by the state of a node instead of the clock.
    void aim(Step& s) {
        if (!chance_.percent(40)) return;
        static constexpr When kWhens[] = {When::synchronising, When::synchronising, When::gather, When::commit, When::recovery, When::recovery, When::sending};
        s.when = kWhens[chance_.below(std::size(kWhens))];
        s.when_node = some_node();
    }

    std::vector<std::vector<std::uint32_t>> components() {
        std::vector<std::vector<std::uint32_t>> parts(plan_.nodes > 2 && chance_.percent(30) ? 3 : 2);
        for (std::uint32_t node = 1; node <= plan_.nodes; ++node) parts[chance_.below(parts.size())].push_back(node);
        return parts;
    }

    void fault(std::int64_t at_us) {
        const std::int64_t token_us = plan_.token_ms * 1000;
        const std::int64_t later = chance_.between(token_us / 10, token_us * 5);
        switch (chance_.below(17)) {
        case 0: case 1: case 2: {
            Step& s = add(at_us, Act::partition);
            s.components = components();
            aim(s);
            Step& h = add(at_us + later, Act::heal);
            if (chance_.percent(20)) aim(h);
            break;
        }
        case 3: case 4: {
            const std::uint32_t node = some_node();
            aim(add(at_us, Act::crash, node));
            if (!chance_.percent(85)) break;
            const std::int64_t back_us = at_us + (chance_.percent(40) ? chance_.between(1000, 60000) : later);
            add(back_us, Act::start, node);
            come_back(node, back_us);
            break;
        }
        case 5: case 6: {
            Step& s = add(at_us, Act::pause, some_node());
            s.a = static_cast<std::uint64_t>(chance_.percent(50) ? chance_.between(token_us / 10, token_us * 9 / 10) : chance_.between(token_us, token_us * 4));
            aim(s);
            break;
        }
        case 7: {
            const std::uint32_t node = some_node();
            aim(add(at_us, Act::leave_ring, node));
            if (!chance_.percent(85)) break;
            const std::int64_t back_us = at_us + 25000 + (chance_.percent(40) ? chance_.between(0, 60000) : later);
            add(back_us, Act::start, node);
            come_back(node, back_us);
            break;
        }
        case 8: case 9: {
            const std::uint32_t from = some_node(), to = some_node();
            Step& s = add(at_us, Act::cut, from);
            s.other = to;
            aim(s);
            add(at_us + later, Act::mend, from).other = to;
            break;
        }
        case 10: case 11: {
            const std::uint32_t from = some_node(), to = chance_.percent(40) ? 0 : some_node();
            Step& s = add(at_us, Act::loss, from);
            s.other = to;
            s.a = 50000 + chance_.below(700000);
            Step& e = add(at_us + later, Act::loss, from);
            e.other = to;
            break;
        }
        case 12: case 13: {
            const std::uint32_t node = some_node();
            Step& s = add(at_us, Act::slow, node);
            s.a = static_cast<std::uint64_t>(chance_.between(1000, 150000));
            aim(s);
            add(at_us + later, Act::slow, node);
            break;
        }
        case 14: {
            const std::uint32_t node = some_node();
            aim(add(at_us, Act::replace_worker, node));
            come_back(node, at_us + 1000);
            break;
        }
        case 15: {   // multicasts do not reach a node any more, tokens do
            const std::uint32_t node = some_node();
            aim(add(at_us, Act::deaf, node));
            add(at_us + later, Act::hear, node);
            break;
        }
        default: {   // a client dies at an awkward moment
            Step& s = add(at_us, Act::disconnect, some_node());
            s.client = static_cast<std::uint32_t>(chance_.between(1, plan_.clients_per_node));
            aim(s);
            break;
        }
        }
    }

    Prng chance_;
    Plan plan_;
    std::int64_t length_us_ = 0;
    std::uint32_t groups_ = 1;
};

}  // namespace

Plan draw_plan(std::uint64_t seed) { return Drawing(seed).draw(); }

}  // namespace motet::sim
