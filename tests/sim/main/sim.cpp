// The simulator's command line: single seeds, ranges of seeds on several processes, scenario files, shrinking.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "libs/base/log.h"
#include "tests/sim/run.h"

namespace {

using namespace motet::sim;

std::uint64_t current_seed = 0;

// A broken invariant of a core aborts: say which seed it was.
void on_abort(int signal) {
    char line[120];
    const int n = std::snprintf(line, sizeof line, "FAIL E6 signal %d; replay: make sim SEED=%llu\n", signal, static_cast<unsigned long long>(current_seed));
    if (n > 0 && ::write(STDOUT_FILENO, line, static_cast<std::size_t>(n)) < 0) std::_Exit(2);
    std::_Exit(2);
}

struct Totals {
    std::uint64_t seeds = 0, failed = 0;
    Figures sum;
    void add(const Verdict& v) {
        ++seeds;
        if (!v.violations.empty()) ++failed;
        const auto* from = reinterpret_cast<const std::uint64_t*>(&v.figures);
        auto* to = reinterpret_cast<std::uint64_t*>(&sum);
        for (std::size_t i = 0; i < sizeof(Figures) / sizeof(std::uint64_t); ++i) to[i] += from[i];
    }
};

void summary(const Totals& t, double seconds) {
    const auto n = [](std::uint64_t v) { return static_cast<unsigned long long>(v); };
    const Figures& f = t.sum;
    std::printf("sim: %llu seeds, %llu failed, %.1f s (%.3f s per seed); %llu messages sent, %llu delivered (%llu SAFE regular, %llu SAFE transitional), "
                "%llu views, %llu rings (%llu superseded), %llu holes, %llu messages across a ring change, %llu ms of virtual time\n",
                n(t.seeds), n(t.failed), seconds, t.seeds ? seconds / static_cast<double>(t.seeds) : 0, n(f.sent), n(f.deliveries), n(f.safe_regular),
                n(f.safe_transitional), n(f.views), n(f.rings), n(f.superseded), n(f.holes), n(f.straddled), n(f.virtual_ms));
}

void report(const Verdict& v, const std::string& replay, std::size_t most) {
    for (std::size_t i = 0; i < v.violations.size() && i < most; ++i) std::printf("  %s: %s\n", v.violations[i].property.c_str(), v.violations[i].text.c_str());
    if (v.violations.size() > most) std::printf("  ... and %zu more\n", v.violations.size() - most);
    std::printf("FAIL %s; replay: %s\n", v.violations.front().property.c_str(), replay.c_str());
    std::fflush(stdout);
}

std::string replay_line(std::uint64_t seed) { return "make sim SEED=" + std::to_string(seed); }

Totals run_range(std::uint64_t first, std::uint64_t count, std::uint64_t step, unsigned long failures_max) {
    Totals totals;
    for (std::uint64_t seed = first; seed < first + count; seed += step) {
        current_seed = seed;
        const Verdict v = run_plan(draw_plan(seed));
        totals.add(v);
        if (v.violations.empty()) continue;
        std::printf("seed %llu:\n", static_cast<unsigned long long>(seed));
        report(v, replay_line(seed), 3);
        if (totals.failed >= failures_max) break;
    }
    return totals;
}

// Each process takes every n-th seed and reports its totals through a pipe.
int run_seeds(std::uint64_t first, std::uint64_t count, unsigned jobs, unsigned long failures_max) {
    const std::time_t begin = std::time(nullptr);
    Totals all;
    if (jobs <= 1) {
        all = run_range(first, count, 1, failures_max);
        summary(all, std::difftime(std::time(nullptr), begin));
        return all.failed != 0;
    }
    bool died = false;
    std::vector<std::pair<pid_t, int>> children;
    for (unsigned j = 0; j < jobs; ++j) {
        int ends[2];
        if (::pipe(ends) != 0) return 3;
        std::fflush(stdout);
        const pid_t pid = ::fork();
        if (pid < 0) return 3;
        if (pid == 0) {
            ::close(ends[0]);
            std::setvbuf(stdout, nullptr, _IOFBF, 1 << 16);
            const Totals t = run_range(first + j, count > j ? count - j : 0, jobs, failures_max);
            std::fflush(stdout);
            std::_Exit(::write(ends[1], &t, sizeof t) == sizeof t ? 0 : 3);
        }
        ::close(ends[1]);
        children.push_back({pid, ends[0]});
    }
    for (const auto& [pid, fd] : children) {
        Totals t;
        if (::read(fd, &t, sizeof t) == sizeof t) {
            all.seeds += t.seeds;
            all.failed += t.failed;
            Verdict v;
            v.figures = t.sum;
            const auto seeds = all.seeds;
            all.add(v);
            all.seeds = seeds;
        } else died = true;
        ::close(fd);
        int status = 0;
        ::waitpid(pid, &status, 0);
    }
    if (died) ++all.failed;
    summary(all, std::difftime(std::time(nullptr), begin));
    return all.failed != 0;
}

int run_one(std::uint64_t seed, int trace) {
    current_seed = seed;
    const Plan plan = draw_plan(seed);
    if (trace) std::printf("%s\n", to_text(plan).c_str());
    const std::clock_t begin = std::clock();
    const Verdict v = run_plan(plan, nullptr, trace);
    Totals t;
    t.add(v);
    summary(t, static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC);
    if (v.violations.empty()) return 0;
    report(v, replay_line(seed), 40);
    return 1;
}

int run_scenario(const char* path, int trace) {
    std::ifstream in(path);
    const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    if (!in && text.empty()) {
        std::fprintf(stderr, "sim: cannot read %s\n", path);
        return 2;
    }
    const auto plan = parse_plan(text);
    if (!plan) {
        std::fprintf(stderr, "sim: %s: %s\n", path, plan.error().text.c_str());
        return 2;
    }
    current_seed = plan->seed;
    Verdict v = run_plan(*plan, nullptr, trace);
    check_expectations(*plan, v);
    std::printf("%s: %s, %llu deliveries, %llu rings, %llu superseded\n", path, v.violations.empty() ? "ok" : "FAILED",
                static_cast<unsigned long long>(v.figures.deliveries), static_cast<unsigned long long>(v.figures.rings),
                static_cast<unsigned long long>(v.figures.superseded));
    if (v.violations.empty()) return 0;
    report(v, std::string("sim --scenario ") + path, 10);
    return 1;
}

int run_shrink(std::uint64_t seed) {
    current_seed = seed;
    const Plan plan = draw_plan(seed);
    const Verdict v = run_plan(plan);
    if (v.violations.empty()) {
        std::printf("seed %llu violates nothing\n", static_cast<unsigned long long>(seed));
        return 0;
    }
    const Plan small = shrink(plan, v.violations.front().property, 600, 120);
    const Verdict again = run_plan(small);
    std::printf("# seed %llu, %zu of %zu steps; violates:\n", static_cast<unsigned long long>(seed), small.steps.size(), plan.steps.size());
    for (std::size_t i = 0; i < again.violations.size() && i < 5; ++i)
        std::printf("#   %s: %s\n", again.violations[i].property.c_str(), again.violations[i].text.c_str());
    std::printf("%s", to_text(small).c_str());
    return 1;
}

int usage() {
    std::fputs("usage: sim --seed N [--trace|--frames] | --seeds FIRST COUNT [--jobs N] [--failures N] | --scenario FILE... [--trace|--frames] | --shrink N | --plan N\n", stderr);
    return 2;
}

}  // namespace

int main(int argc, char** argv) {
    motet::log::set_level(motet::log::Level::error);
    for (const int signal : {SIGABRT, SIGSEGV, SIGFPE, SIGBUS}) std::signal(signal, on_abort);
    const std::vector<std::string> args(argv + 1, argv + argc);
    const auto flag = [&](const char* name) { return std::find(args.begin(), args.end(), name) != args.end(); };
    const auto number_after = [&](const char* name, std::size_t offset, std::uint64_t otherwise) {
        const auto at = std::find(args.begin(), args.end(), name);
        return static_cast<std::size_t>(args.end() - at) > offset ? std::strtoull((at + static_cast<std::ptrdiff_t>(offset))->c_str(), nullptr, 10) : otherwise;
    };
    const int trace = flag("--frames") ? 2 : flag("--trace") ? 1 : 0;
    if (args.empty()) return usage();
    if (flag("--seeds"))
        return run_seeds(number_after("--seeds", 1, 1), number_after("--seeds", 2, 100), static_cast<unsigned>(number_after("--jobs", 1, 1)),
                         number_after("--failures", 1, 20));
    if (flag("--seed")) return run_one(number_after("--seed", 1, 1), trace);
    if (flag("--shrink")) return run_shrink(number_after("--shrink", 1, 1));
    if (flag("--plan")) {
        std::printf("%s", to_text(draw_plan(number_after("--plan", 1, 1))).c_str());
        return 0;
    }
    if (flag("--scenario")) {
        int worst = 0;
        for (const std::string& a : args)
            if (a[0] != '-') worst = std::max(worst, run_scenario(a.c_str(), trace));
        return worst;
    }
    return usage();
}
