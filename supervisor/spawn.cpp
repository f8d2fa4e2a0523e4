#include "supervisor/spawn.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "libs/control/control.h"

namespace motet::supervisor {
namespace {

constexpr int kExecFailed = 127;

[[noreturn]] void become(const SpawnRequest& request, char* const* argv, int errors, pid_t parent) {
    const auto fail = [](const char* what) {
        dprintf(STDERR_FILENO, "%s: %s\n", what, std::strerror(errno));
        _exit(kExecFailed);
    };
    // Above every number that is about to be given away.
    const int errors_high = fcntl(errors, F_DUPFD, 10);
    const int given_high = request.descriptor >= 0 ? fcntl(request.descriptor, F_DUPFD, 10) : -1;
    const int null = open("/dev/null", O_RDWR);
    if (errors_high < 0 || null < 0 || dup2(errors_high, STDERR_FILENO) < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
        fail("descriptors");
    if (given_high >= 0 && dup2(given_high, control::kChildFd) < 0) fail("descriptor 3");
    const unsigned first_unwanted = given_high >= 0 ? control::kChildFd + 1 : control::kChildFd;
    if (syscall(SYS_close_range, first_unwanted, ~0u, 0) != 0) fail("close_range");

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) fail("PR_SET_PDEATHSIG");
    if (getppid() != parent) _exit(kExecFailed);
    // A terminal's Ctrl-C is for the supervisor, which stops its children in order.
    (void)!setpgid(0, 0);
    if (request.lock_memory) {
        const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
        (void)!setrlimit(RLIMIT_MEMLOCK, &unlimited);   // the child reports if locking then fails
    }
    if (request.realtime_priority > 0) {
        const sched_param param{.sched_priority = request.realtime_priority};
        (void)!sched_setscheduler(0, SCHED_RR, &param);   // the supervisor has tried before and said so
    }
    if (request.nice != 0) (void)!setpriority(PRIO_PROCESS, 0, request.nice);
    for (int s = 1; s < NSIG; ++s) signal(s, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    (void)!chdir("/");
    execv(argv[0], argv);
    fail(argv[0]);
    _exit(kExecFailed);
}

std::string status_of(const std::string& process) {
    const UniqueFd fd(open(("/proc/" + process + "/status").c_str(), O_RDONLY | O_CLOEXEC));
    char buffer[8192];
    const ssize_t size = fd ? read(fd.get(), buffer, sizeof buffer) : -1;
    return {buffer, size > 0 ? static_cast<std::size_t>(size) : 0};
}

unsigned long number_after(const std::string& text, const char* label) {
    const std::size_t at = text.find(label);
    return at == std::string::npos ? 0 : std::strtoul(text.c_str() + at + std::strlen(label), nullptr, 10);
}

}  // namespace

Result<Process> spawn(const SpawnRequest& request) {
    int pipe_ends[2];
    if (pipe2(pipe_ends, O_CLOEXEC) != 0) return error("%s: pipe: %s", request.program.c_str(), std::strerror(errno));
    Process process;
    process.errors = UniqueFd(pipe_ends[0]);
    const UniqueFd write_end(pipe_ends[1]);
    fcntl(pipe_ends[0], F_SETFL, O_NONBLOCK);

    std::vector<char*> argv = {const_cast<char*>(request.program.c_str())};
    for (const std::string& a : request.arguments) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);

    const pid_t parent = getpid();
    process.pid = fork();
    if (process.pid < 0) return error("%s: fork: %s", request.program.c_str(), std::strerror(errno));
    if (process.pid == 0) become(request, argv.data(), write_end.get(), parent);
    // Not reaped yet, so the number is still its own.
    process.pidfd = UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, process.pid, 0)));
    if (!process.pidfd) {
        const Error why = error("%s: pidfd_open: %s. Linux 5.10 or later is needed.", request.program.c_str(), std::strerror(errno));
        kill(process.pid, SIGKILL);
        waitpid(process.pid, nullptr, 0);
        return why;
    }
    return process;
}

Ended reap(const Process& process) {
    siginfo_t info{};
    if (waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(process.pidfd.get()), &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0) return {};
    Ended out{.ended = true, .signalled = info.si_code != CLD_EXITED, .code = info.si_status, .text = {}};
    if (!out.signalled) {
        out.text = "exit code " + std::to_string(out.code);
        if (out.code == kExecFailed) out.text += " (could not be executed)";
        if (out.code == 112) out.text += " (could not enter its sandbox)";
    } else {
        const char* signal_name = strsignal(out.code);
        out.text = "killed by signal " + std::to_string(out.code) + " (" + (signal_name != nullptr ? signal_name : "?") + ")";
        if (out.code == SIGSYS) out.text += ", a system call outside its list; the kernel's log names it";
    }
    return out;
}

void send_signal(const Process& process, int signal) {
    if (process.pidfd) syscall(SYS_pidfd_send_signal, process.pidfd.get(), signal, nullptr, 0);
}

Confinement confinement(pid_t pid) {
    const std::string text = status_of(std::to_string(pid)), own = status_of("self");
    const auto says = [&text](const char* line) { return text.find(line) != std::string::npos; };
    // Under a service manager's own filter everything is in filter mode already: the child must have one more than we.
    return {.no_new_privileges = says("\nNoNewPrivs:\t1\n"),
            .filtered = says("\nSeccomp:\t2\n") && number_after(text, "\nSeccomp_filters:") > number_after(own, "\nSeccomp_filters:"),
            .capabilities = !(says("\nCapPrm:\t0000000000000000\n") && says("\nCapEff:\t0000000000000000\n")),
            .uid = static_cast<uid_t>(number_after(text, "\nUid:"))};
}

}  // namespace motet::supervisor
