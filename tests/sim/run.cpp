// Running, judging and shrinking; see run.h.
#include "tests/sim/run.h"

#include <algorithm>
#include <ctime>

#include "tests/sim/checkers.h"
#include "tests/sim/world.h"

namespace motet::sim {

Verdict run_plan(const Plan& plan, Mutator* mutator, int trace) {
    History history;
    {
        World world(plan, history, mutator, trace);
        world.run();
    }
    check_all(history);
    return {std::move(history.violations), history.figures};
}

bool figure(const Figures& f, const std::string& name, std::uint64_t& value) {
    const std::pair<const char*, std::uint64_t> all[] = {
        {"events", f.events}, {"frames", f.frames}, {"sent", f.sent}, {"deliveries", f.deliveries}, {"views", f.views}, {"rings", f.rings},
        {"superseded", f.superseded}, {"safe-regular", f.safe_regular}, {"safe-transitional", f.safe_transitional},
        {"transitional-deliveries", f.transitional_deliveries}, {"holes", f.holes}, {"straddled", f.straddled}, {"parts", f.parts},
        {"refused", f.refused}, {"lives", f.lives}, {"nodedown", f.nodedown}, {"nodeup", f.nodeup}, {"procdown", f.procdown}, {"left", f.left},
        {"fail-to-receive", f.fail_to_receive}, {"retransmits", f.retransmits}, {"overflow", f.overflow}, {"sync-interrupted", f.sync_interrupted},
        {"big", f.big}, {"one-way", f.one_way}, {"merges", f.merges}};
    for (const auto& [n, v] : all)
        if (name == n) {
            value = v;
            return true;
        }
    return false;
}

void check_expectations(const Plan& plan, Verdict& verdict) {
    for (const Expectation& e : plan.expect) {
        std::uint64_t value = 0;
        if (!figure(verdict.figures, e.figure, value)) {
            verdict.violations.push_back({"expect", "there is no figure '" + e.figure + "'"});
        } else if (e.at_least ? value < e.value : value != e.value) {
            verdict.violations.push_back({"expect", e.figure + " is " + std::to_string(value) + ", expected " + (e.at_least ? "at least " : "") + std::to_string(e.value)});
        }
    }
}

Plan shrink(const Plan& plan, const std::string& property, unsigned tries, unsigned seconds_max) {
    Plan best = plan;
    const std::time_t limit = std::time(nullptr) + static_cast<std::time_t>(seconds_max);
    const auto fails = [&](const Plan& p) {
        if (tries == 0 || std::time(nullptr) > limit) return false;
        --tries;
        const Verdict v = run_plan(p);
        return std::any_of(v.violations.begin(), v.violations.end(), [&](const Violation& x) { return x.property == property; });
    };
    // Half of all steps at a time, then quarters, down to single ones.
    for (std::size_t chunk = std::max<std::size_t>(1, best.steps.size() / 2);; chunk = std::max<std::size_t>(1, chunk / 2)) {
        bool shorter = false;
        for (std::size_t at = 0; at < best.steps.size();) {
            Plan p = best;
            const auto from = p.steps.begin() + static_cast<std::ptrdiff_t>(at);
            p.steps.erase(from, from + static_cast<std::ptrdiff_t>(std::min(chunk, p.steps.size() - at)));
            if (fails(p)) best = std::move(p), shorter = true;
            else at += chunk;
        }
        if (tries == 0 || std::time(nullptr) > limit) break;
        if (chunk == 1 && !shorter) break;
    }
    // Fewer and smaller messages, plainer links.
    for (Step& s : best.steps) {
        if (s.act != Act::multicast || s.b <= 1) continue;
        const std::uint64_t was = s.b;
        s.b = 1;
        if (!fails(best)) s.b = was;
    }
    for (std::uint32_t LinkProfile::* field : {&LinkProfile::loss, &LinkProfile::duplicate, &LinkProfile::reorder}) {
        const std::uint32_t was = best.link.*field;
        if (was == 0) continue;
        best.link.*field = 0;
        if (!fails(best)) best.link.*field = was;
    }
    return best;
}

}  // namespace motet::sim
