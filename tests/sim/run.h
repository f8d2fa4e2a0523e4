// One run of a plan, judged; and making a failing plan small.
#pragma once
#include <string>
#include <vector>

#include "tests/sim/history.h"
#include "tests/sim/mutator.h"
#include "tests/sim/plan.h"

namespace motet::sim {

struct Verdict {
    std::vector<Violation> violations;
    Figures figures;
};

Verdict run_plan(const Plan& plan, Mutator* mutator = nullptr, int trace = 0);
// A figure by the name that scenarios use; false if there is none.
bool figure(const Figures& figures, const std::string& name, std::uint64_t& value);
// Expectations of the plan that the run did not meet, as violations of "expect".
void check_expectations(const Plan& plan, Verdict& verdict);

// Deletes steps while the first violated property stays violated; at most `tries` runs and so many seconds.
Plan shrink(const Plan& plan, const std::string& property, unsigned tries, unsigned seconds_max);

}  // namespace motet::sim
