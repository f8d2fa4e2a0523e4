#include "supervisor/spawn.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "libs/control/control.h"
#include "libs/sandbox/room.h"

namespace motet::supervisor {
namespace {

constexpr int kExecFailed = 127;

[[noreturn]] void become(const SpawnRequest& request, char* const* argv, int errors, pid_t parent) {
    const auto fail = [](const char* what) {
        dprintf(STDERR_FILENO, "%s: %s\n", what, std::strerror(errno));
        _exit(kExecFailed);
    };
    // Above every number that is about to be given away.
    constexpr int kAbove = sandbox::kRoomFd + sandbox::kRoomFdsMax;
    const int errors_high = fcntl(errors, F_DUPFD, kAbove);
    const int given_high = request.descriptor >= 0 ? fcntl(request.descriptor, F_DUPFD, kAbove) : -1;
    int room_high[sandbox::kRoomFdsMax];
    const std::size_t room = std::min<std::size_t>(request.room.size(), sandbox::kRoomFdsMax);
    for (std::size_t i = 0; i < room; ++i)
        if ((room_high[i] = fcntl(request.room[i], F_DUPFD, kAbove)) < 0) fail("descriptors");
    const int null = open("/dev/null", O_RDWR);
    if (errors_high < 0 || null < 0 || dup2(errors_high, STDERR_FILENO) < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
        fail("descriptors");
    if (given_high >= 0 && dup2(given_high, control::kChildFd) < 0) fail("descriptor 3");
    for (std::size_t i = 0; i < room; ++i)
        if (dup2(room_high[i], sandbox::kRoomFd + static_cast<int>(i)) < 0) fail("the room's descriptors");
    const unsigned first_unwanted = given_high >= 0 ? control::kChildFd + 1 : control::kChildFd;
    if (syscall(SYS_close_range, first_unwanted, sandbox::kRoomFd - 1, 0) != 0 ||
        syscall(SYS_close_range, sandbox::kRoomFd + static_cast<unsigned>(room), ~0u, 0) != 0)
        fail("close_range");

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

}  // namespace motet::supervisor
