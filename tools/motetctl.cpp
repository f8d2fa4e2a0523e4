// motetctl: the administrator's view of a running node. It reads what the processes have published, so it answers while
// they hang.
#include <getopt.h>
#include <sys/auxv.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tools/motetctl_confdb.h"
#include "tools/motetctl_config.h"
#include "tools/motetctl_request.h"
#include "tools/motetctl_sam.h"
#include "tools/motetctl_text.h"

namespace {

using namespace motet::ctl;

constexpr int kOk = 0, kNoAnswer = 1, kUsage = 2;

constexpr const char* kHelp =
    "Usage: motetctl [OPTION]... COMMAND\n"
    "  status              this node, its ring, members, processes, and what needs attention\n"
    "  members             the nodes of the ring\n"
    "  links               every link to every other node: up or down and why, latency, loss, path MTU\n"
    "  groups              the closed process groups and their members\n"
    "  quorum              who counts, whether this part may act, why, and what would change it\n"
    "  events              what has happened on this node: starts, deaths and their causes, changes of the ring\n"
    "  metrics             counters and gauges of all processes, as OpenMetrics text for Prometheus\n"
    "  config ...          explain keys, check and convert files; see motetctl config\n"
    "  sam list|show|restart|fail|data|run\n"
    "                      applications under supervision; motetctl sam --help\n"
    "  confdb ...          the object database: get, set, create, delete, watch, dump, load; see motetctl confdb\n"
    "Options:\n"
    "  --json              the same as JSON (schema: docs/motetctl-json.md)\n"
    "  --runtime-dir DIR   of the daemon (default: $MOTET_RUNTIME_DIR, else " MOTET_RUNDIR ")\n"
    "  --timeout SECONDS   how long to wait for the daemon (default: 2.5)\n"
    "  --version, --help\n"
    "Exit codes: 0 done, 1 no answer or nothing there, 2 bad usage.\n";

struct Command {
    const char* name;
    Printed (*print)(const Answer&, bool json);
};
constexpr Command kCommands[] = {{"status", print_status}, {"members", print_members}, {"links", print_links}, {"groups", print_groups},
                                 {"quorum", print_quorum}, {"events", print_events}, {"metrics", print_metrics}};

// Commands with words of their own.
struct Tool {
    const char* name;
    int (*run)(const Invocation&);
};
constexpr Tool kTools[] = {{"config", run_config}, {"confdb", run_confdb}};

std::string default_runtime_dir() {
    const char* given = getauxval(AT_SECURE) == 0 ? getenv("MOTET_RUNTIME_DIR") : nullptr;
    return given != nullptr && *given != '\0' ? given : MOTET_RUNDIR;
}

}  // namespace

int main(int argc, char** argv) {
    if (is_sam_command(argc, argv)) return sam_command(argc, argv);
    static const option known[] = {{"json", no_argument, nullptr, 'j'},    {"runtime-dir", required_argument, nullptr, 'r'},
                                   {"timeout", required_argument, nullptr, 't'}, {"version", no_argument, nullptr, 'v'},
                                   {"help", no_argument, nullptr, 'h'},    {nullptr, 0, nullptr, 0}};
    std::string runtime_dir = default_runtime_dir();
    bool json = false;
    int limit_ms = kConnectLimitMs;
    for (int c; (c = getopt_long(argc, argv, "h", known, nullptr)) != -1;) {
        switch (c) {
            case 'j': json = true; break;
            case 'r': runtime_dir = optarg; break;
            case 't': {
                char* end = nullptr;
                const double seconds = std::strtod(optarg, &end);
                if (*optarg == '\0' || *end != '\0' || !(seconds > 0 && seconds <= 3600)) {
                    std::fprintf(stderr, "motetctl: --timeout %s: a number of seconds from above 0 to 3600 is needed\n", optarg);
                    return kUsage;
                }
                limit_ms = static_cast<int>(seconds * 1000);
                break;
            }
            case 'v': return std::puts("motetctl " MOTET_VERSION) < 0 ? kNoAnswer : kOk;
            case 'h': return std::fputs(kHelp, stdout) < 0 ? kNoAnswer : kOk;
            default: std::fputs(kHelp, stderr); return kUsage;
        }
    }
    for (const Tool& tool : kTools)
        if (optind < argc && std::string_view(argv[optind]) == tool.name) {
            return tool.run({.words = {argv + optind + 1, argv + argc}, .runtime_dir = runtime_dir, .json = json, .limit_ms = limit_ms});
        }
    const std::string wanted = optind + 1 == argc ? argv[optind] : "";
    for (const Command& command : kCommands) {
        if (wanted != command.name) continue;
        const motet::Result<Answer> answer = ask(runtime_dir, wanted == "links" ? "members" : wanted == "metrics" ? "values" : wanted, limit_ms);
        if (!answer) {
            std::fprintf(stderr, "motetctl: %s\n", answer.error().text.c_str());
            return kNoAnswer;
        }
        const Printed printed = command.print(*answer, json);
        std::fputs(printed.text.c_str(), printed.ok ? stdout : stderr);
        return printed.ok && std::fflush(stdout) == 0 ? kOk : kNoAnswer;
    }
    if (wanted.empty()) std::fputs(kHelp, stderr);
    else std::fprintf(stderr, "motetctl: %s: no such command; see motetctl --help\n", wanted.c_str());
    return kUsage;
}
