// motet: the supervisor. From the command line to the running loop; every way out before it says why and what to do.
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "libs/base/log.h"
#include "libs/config/host.h"
#include "libs/config/services.h"
#include "libs/config/totem_settings.h"
#include "supervisor/daemon.h"
#include "supervisor/events.h"
#include "supervisor/logging.h"
#include "supervisor/supervisor.h"

namespace motet::supervisor {
namespace {

int fail(int code, const Error& why) {
    MOTET_LOG(error, "%s", why.text.c_str());
    return code;
}

// Three descriptors per client and some; as many as we may.
void raise_open_files() {
    rlimit files{};
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
    constexpr rlim_t kWanted = 256 + 4 * kConnectionsMax * (std::size(kChildren) + config::kForeignServicesMax);
    if (files.rlim_max < kWanted && geteuid() == 0) files.rlim_max = kWanted;
    files.rlim_cur = files.rlim_max == RLIM_INFINITY ? kWanted : files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

// Lines for an administrator at a terminal, as motet-config wrote them: file:line:column: reason.
int check(const std::string& libexec, const std::string& file, const std::string& node) {
    std::vector<std::string> problems;
    const Result<Configuration> configuration = read_configuration(libexec, file, node, problems);
    if (!configuration && problems.empty()) problems.push_back(configuration.error().text);
    for (const std::string& line : problems) std::fprintf(stderr, "%s\n", line.c_str());
    if (!configuration) return kExitConfig;
    std::printf("%s: valid\n", file.c_str());
    return kExitOk;
}

// From here on in the background, unless asked to stay.
int serve(const Options& options, char* const* arguments, const std::string& file, const std::string& libexec, Daemon& daemon, Notify& notify) {
    std::vector<std::string> problems;
    Result<Configuration> configuration = read_configuration(libexec, file, options.node, problems);
    for (const std::string& line : problems) log_problem(line);
    if (!configuration) return problems.empty() ? fail(kExitStart, configuration.error()) : int{kExitConfig};
    const Result<config::TotemSettings> settings = config::totem_settings(configuration->snapshot, options.node, config::this_host());
    if (!settings) return fail(kExitConfig, settings.error());

    if (const Status opened = logging::configure(configuration->snapshot, options.log_level); !opened) return fail(kExitConfig, opened.error());
    Result<Plan> plan = Plan::make(configuration->snapshot);
    if (!plan) return fail(kExitConfig, plan.error());

    Result<RuntimeDir> runtime = RuntimeDir::open(options.runtime_dir);
    if (!runtime) return fail(kExitStart, runtime.error());
    if (const Status made = make_directory(options.state_dir, 0755); !made) return fail(kExitStart, made.error());
    if (const Status written = runtime->write_pid(); !written) return fail(kExitStart, written.error());
    events::open(options.state_dir);
    events::note({.process = "motet", .pid = getpid(), .kind = "start", .text = "motet " MOTET_VERSION " starts as node " + std::to_string(settings->self().id) + ", configuration " + file});
    const Result<std::string> program = own_program();
    Supervisor supervisor({.options = options,
                           .program = program ? *program : std::string(),
                           .config_file = file,
                           .libexec = libexec,
                           .configuration = std::move(*configuration),
                           .node_id = settings->self().id,
                           .node_name = settings->self().name,
                           .plan = std::move(*plan),
                           .arguments = arguments},
                          *runtime, notify, [&daemon] { daemon.ready(); });
    int code = kExitStart;
    if (const Status opened = supervisor.open(); opened) {
        MOTET_LOG(notice, "motet " MOTET_VERSION " starts as node %u%s%s, configuration %s", settings->self().id,
                  settings->self().name.empty() ? "" : " ", settings->self().name.c_str(), file.c_str());
        code = supervisor.run();
        events::note({.process = "motet", .pid = getpid(), .kind = "stop", .text = "stopped, exit code " + std::to_string(code), .exit_code = code});
        MOTET_LOG(notice, "motet has stopped, exit code %d", code);
    } else {
        fail(code, opened.error());
    }
    runtime->clean_up();
    return code;
}

// In the place of a supervisor that has become this program; its children are ours. Whatever fails here ends them, because
// they die with us, and the service manager starts the node anew.
int take_over(const char* descriptor, char* const* arguments) {
    const int file = std::atoi(descriptor);
    unsetenv(TakeOver::kEnvironment);
    Result<TakeOver> before = TakeOver::load(file);
    close(file);
    if (!before) return fail(kExitStart, before.error());
    RuntimeDir runtime;
    Notify notify;
    Supervisor supervisor({.options = {}, .program = {}, .config_file = {}, .libexec = {}, .configuration = {}, .node_id = 0, .node_name = {}, .plan = {}, .arguments = arguments},
                          runtime, notify, [] {});
    if (const Status resumed = supervisor.resume(*before); !resumed) return fail(kExitStart, resumed.error());
    const int code = supervisor.run();
    events::note({.process = "motet", .pid = getpid(), .kind = "stop", .text = "stopped, exit code " + std::to_string(code), .exit_code = code});
    MOTET_LOG(notice, "motet has stopped, exit code %d", code);
    runtime.clean_up();
    return code;
}

int run(int argc, char** argv) {
    logging::open(logging::To::terminal);
    if (const char* before = getauxval(AT_SECURE) == 0 ? getenv(TakeOver::kEnvironment) : nullptr; before != nullptr) return take_over(before, argv);
    const Result<Options> options = parse_options(argc, argv);
    if (!options) return fail(kExitUsage, options.error());
    if (options->help) return std::fputs(kHelp, stdout) < 0 ? kExitStart : kExitOk;
    if (!options->can_take_over.empty()) return options->can_take_over == TakeOver::needed() ? kExitOk : kExitStart;
    if (options->version) return std::puts("motet " MOTET_VERSION) < 0 ? kExitStart : kExitOk;
    log::set_level(options->log_level);
    umask(022);
    raise_open_files();

    const Result<std::string> libexec = libexec_dir();
    if (!libexec) return fail(kExitStart, libexec.error());
    const Result<std::string> file = config_file(*options);
    if (!file) return fail(kExitConfig, file.error());
    if (options->check) return check(*libexec, *file, options->node);

    Daemon daemon;
    if (!options->foreground) {
        Result<Daemon> background = Daemon::begin();
        if (!background) return fail(kExitStart, background.error());
        daemon = std::move(*background);
        logging::open(logging::To::log_and_complaints);
    }
    Notify notify;   // after the fork: the watchdog is for the process that stays
    const int code = serve(*options, argv, *file, *libexec, daemon, notify);
    daemon.finish(code);
    return code;
}

}  // namespace
}  // namespace motet::supervisor

int main(int argc, char** argv) { return motet::supervisor::run(argc, argv); }
