#include "supervisor/options.h"

#include <getopt.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <vector>

#include "supervisor/plan.h"

namespace motet::supervisor {
namespace {

constexpr const char kReader[] = "motet-config";

Result<std::string> absolute(const char* option, const char* path) {
    if (*path == '\0') return error("--%s: an empty path. Give a directory or file.", option);
    if (*path == '/') return std::string(path);
    char here[PATH_MAX];
    if (getcwd(here, sizeof here) == nullptr) return error("--%s %s: the current directory is gone. Give an absolute path.", option, path);
    return std::string(here) + "/" + path;
}

bool executable(const std::string& path) { return access(path.c_str(), X_OK) == 0; }

}  // namespace

const char kHelp[] =
    "Usage: motet [OPTION]...\n"
    "Runs a node of a cluster: membership, closed process groups. Children are supervised and restarted.\n"
    "\n"
    "  --config FILE       configuration: YAML, or Corosync's syntax when the name ends in .conf\n"
    "                      (default: " MOTET_SYSCONFDIR "/motet/motet.yaml, else " MOTET_SYSCONFDIR "/corosync/corosync.conf)\n"
    "  --runtime-dir DIR   sockets and pid file (default: " MOTET_RUNDIR ")\n"
    "  --state-dir DIR     ring id and other state that survives restarts (default: " MOTET_STATEDIR ")\n"
    "  --node NAME-or-ID   the local node, where name and addresses do not decide\n"
    "  --foreground        stay attached and log to stderr\n"
    "  --check             validate the configuration and exit: 0, or 1 with file:line:column: reason\n"
    "  --log-level LEVEL   error, warning, notice, info or debug (default: info)\n"
    "  --hang-ms N         replace a child that has been silent for N ms (default: 10000)\n"
    "  --unprotected       for measurements only: children keep every right and are not confined\n"
    "  --version           print the version and exit\n"
    "  --help              print this and exit\n"
    "\n"
    "Signals: TERM, INT, QUIT stop in order; HUP reads the configuration again; USR1 writes every process's state to the log;\n"
    "USR2 replaces the supervisor by the program now under its name, while the node stays up.\n"
    "Exit codes: 0 clean stop, 1 bad configuration, 2 bad usage, 3 could not start, 4 gave up after repeated failures.\n";

Result<Options> parse_options(int argc, char** argv) {
    enum { kConfig = 256, kRuntime, kState, kNode, kForeground, kCheck, kLevel, kHang, kCanTakeOver, kUnprotected, kVersion, kHelpAsked };
    static const option known[] = {{"config", required_argument, nullptr, kConfig},
                                   {"runtime-dir", required_argument, nullptr, kRuntime},
                                   {"state-dir", required_argument, nullptr, kState},
                                   {"node", required_argument, nullptr, kNode},
                                   {"foreground", no_argument, nullptr, kForeground},
                                   {"check", no_argument, nullptr, kCheck},
                                   {"log-level", required_argument, nullptr, kLevel},
                                   {"hang-ms", required_argument, nullptr, kHang},
                                   {"can-take-over", required_argument, nullptr, kCanTakeOver},
                                   {"unprotected", no_argument, nullptr, kUnprotected},
                                   {"version", no_argument, nullptr, kVersion},
                                   {"help", no_argument, nullptr, kHelpAsked},
                                   {nullptr, 0, nullptr, 0}};
    Options o;
    opterr = 0;
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, ":", known, nullptr)) != -1;) {
        const auto path_into = [&](std::string& out, const char* name) -> Status {
            Result<std::string> path = absolute(name, optarg);
            if (!path) return path.error();
            out = *path;
            return Done{};
        };
        Status ok = Done{};
        switch (c) {
            case kConfig: ok = path_into(o.config, "config"); break;
            case kRuntime: ok = path_into(o.runtime_dir, "runtime-dir"); break;
            case kState: ok = path_into(o.state_dir, "state-dir"); break;
            case kNode: o.node = optarg; break;
            case kCanTakeOver: o.can_take_over = optarg; break;
            case kUnprotected: o.unprotected = true; break;
            case kForeground: o.foreground = true; break;
            case kCheck: o.check = true; break;
            case kVersion: o.version = true; break;
            case kHelpAsked: o.help = true; break;
            case kLevel:
                if (!log::parse_level(optarg, o.log_level))
                    return error("--log-level %s: not a level. Use error, warning, notice, info or debug.", optarg);
                break;
            case kHang: {
                char* end = nullptr;
                const long value = std::strtol(optarg, &end, 10);
                if (*optarg == '\0' || *end != '\0' || value < 1000 || value > 3'600'000)
                    return error("--hang-ms %s: a number of milliseconds from 1000 to 3600000 is needed.", optarg);
                o.hang = milliseconds(value);
                break;
            }
            case ':': return error("%s: needs a value. See motet --help.", argv[optind - 1]);
            default: return error("%s: no such option. See motet --help.", argv[optind - 1]);
        }
        if (!ok) return ok.error();
    }
    if (optind < argc) return error("%s: motet takes options only. See motet --help.", argv[optind]);
    return o;
}

Result<std::string> config_file(const Options& options) {
    if (!options.config.empty()) return options.config;
    const char* const candidates[] = {MOTET_SYSCONFDIR "/motet/motet.yaml", MOTET_SYSCONFDIR "/corosync/corosync.conf"};
    for (const char* path : candidates)
        if (access(path, F_OK) == 0) return std::string(path);
    return error("no configuration: neither %s nor %s exists. Write one, or name it with --config.", candidates[0], candidates[1]);
}

Result<std::string> libexec_dir() {
    std::vector<std::string> places;
    const char* given = getauxval(AT_SECURE) == 0 ? getenv("MOTET_LIBEXECDIR") : nullptr;
    if (given != nullptr && *given != '\0') {
        places.emplace_back(given);
    } else {
        char self[PATH_MAX];
        const ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
        if (size > 0) {
            const std::string path(self, static_cast<std::size_t>(size));
            const std::string here = path.substr(0, path.rfind('/'));
            places.push_back(here);
            if (here.ends_with("/.libs")) places.push_back(here.substr(0, here.size() - 6));
            places.push_back(here + "/../libexec/motet");
        }
        places.emplace_back(MOTET_LIBEXECDIR);
    }
    for (const std::string& place : places) {
        if (!executable(place + "/" + kReader)) continue;
        for (const ChildPlan& child : kChildren)
            if (!executable(place + "/" + child.program))
                return error("%s/%s: not there or not executable. Install all of Motet, or point MOTET_LIBEXECDIR at it.",
                             place.c_str(), child.program);
        return place;
    }
    return error("%s/%s: not there or not executable. Install all of Motet, or point MOTET_LIBEXECDIR at the directory of its children.",
                 places.back().c_str(), kReader);
}

}  // namespace motet::supervisor
