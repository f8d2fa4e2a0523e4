// Three processes: libsam's parent, the runner (libsam's application, this file), and the program. The runner starts the
// program, asks after its health, and ends when it ends; all supervision is libsam's.
#include "tools/motetctl_sam_run.h"

#include <corosync/sam.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <new>

#include "libs/client/sam/family.h"

namespace motet::ctl {
namespace {

constexpr int kCannotRun = 126, kNotFound = 127;

// Where the parent, or its standby, finds the runner, to pass signals on.
std::atomic<pid_t>* runner = nullptr;

void pass_on(int signal) {
    const int before = errno;
    const pid_t pid = runner->load();
    const bool told = pid > 0 && kill(pid, signal) == 0;
    if (!told && signal == SIGTERM) _exit(128 + signal);   // between two instances
    errno = before;
}

std::int64_t now_ms() {
    timespec at{};
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000 + at.tv_nsec / 1'000'000;
}

int status_of(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

int warning_signal() { return SIGRTMIN + 5; }

class Runner {
public:
    Runner(const RunOptions& options, unsigned instance) : options_(options), instance_(instance) {}

    int run() {
        if (const cs_error_t started = sam_start(); started != CS_OK) {
            std::fprintf(stderr, "motetctl: supervision does not start: error %d\n", static_cast<int>(started));
            return 1;
        }
        sigemptyset(&signals_);
        for (const int signal : {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, warning_signal()}) sigaddset(&signals_, signal);
        sigprocmask(SIG_BLOCK, &signals_, nullptr);
        client::sam::Family family;
        family.begin();
        program_ = spawn(options_.command);
        if (program_ < 0) return kCannotRun;
        next_check_ = now_ms() + options_.interval_ms;
        while (program_ > 0) step();
        family.sweep(0, [] { sam_hc_send(); });   // what the program left behind, and a health check that still runs
        return exit_status_;
    }

private:
    pid_t spawn(char** command) {
        const pid_t self = getpid();
        const pid_t pid = fork();
        if (pid < 0) std::fprintf(stderr, "motetctl: fork: %s\n", std::strerror(errno));
        if (pid != 0) return pid;
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);   // it does not outlive its runner
        if (getppid() != self) _exit(kCannotRun);
        for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2}) std::signal(signal, SIG_DFL);
        sigprocmask(SIG_UNBLOCK, &signals_, nullptr);
        setenv("MOTET_SAM_INSTANCE", std::to_string(instance_).c_str(), 1);
        if (program_ > 0) setenv("MOTET_SAM_PID", std::to_string(program_).c_str(), 1);
        execvp(command[0], command);
        std::fprintf(stderr, "motetctl: %s: %s\n", command[0], std::strerror(errno));
        _exit(errno == ENOENT ? kNotFound : kCannotRun);
    }

    void step() {
        const int beat = std::max(1, options_.interval_ms / 4);
        const timespec wait{options_.interval_ms > 0 ? beat / 1000 : 3600, options_.interval_ms > 0 ? beat % 1000 * 1'000'000L : 0};
        siginfo_t info{};
        const int signal = sigtimedwait(&signals_, &info, &wait);
        if (signal == SIGCHLD) reap();
        else if (signal == warning_signal()) kill(program_, options_.warn_signal);
        else if (signal > 0) on_signal(signal);
        if (options_.interval_ms > 0) check();
        if (options_.interval_ms > 0 && healthy_) sam_hc_send();
    }

    // From outside: an order to end, or something for the program alone.
    void on_signal(int signal) {
        if (signal == SIGTERM || signal == SIGINT || signal == SIGQUIT) {
            stopping_ = true;
            sam_stop();
        }
        kill(program_, signal);
    }

    void reap() {
        int status = 0;
        for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
            if (pid == program_) {
                program_ = 0;
                exit_status_ = status_of(status);
                if (exit_status_ == 0 && !options_.always && !stopping_) sam_stop();
            } else if (pid == check_) {
                check_ = 0;
                judge(status_of(status));
            }
        }
    }

    void check() {
        if (options_.health.empty() || !healthy_ || stopping_ || program_ == 0) return;
        const std::int64_t now = now_ms();
        if (check_ != 0 && now >= check_until_) {
            kill(check_, SIGKILL);
            std::fprintf(stderr, "motetctl: the health check has not ended within %d ms\n", options_.interval_ms);
            healthy_ = false;
        } else if (check_ == 0 && now >= next_check_) {
            next_check_ = now + options_.interval_ms;
            check_until_ = now + options_.interval_ms;
            char shell[] = "/bin/sh", flag[] = "-c";
            char* command[] = {shell, flag, options_.health.data(), nullptr};
            check_ = std::max(0, spawn(command));
        }
    }

    void judge(int status) {
        if (status == 0 || stopping_) return;
        std::fprintf(stderr, "motetctl: the health check ended with status %d\n", status);
        healthy_ = false;   // no heartbeat from here on: the parent warns, kills and recovers
    }

    RunOptions options_;
    unsigned instance_;
    sigset_t signals_{};
    pid_t program_ = 0, check_ = 0;
    std::int64_t next_check_ = 0, check_until_ = 0;
    int exit_status_ = 0;
    bool healthy_ = true, stopping_ = false;
};

}  // namespace

int run(const RunOptions& options) {
    void* shared = mmap(nullptr, sizeof *runner, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        std::fprintf(stderr, "motetctl: no memory: %s\n", std::strerror(errno));
        return 1;
    }
    runner = new (shared) std::atomic<pid_t>(0);
    // The node shows the program, not motetctl.
    const char* base = std::strrchr(options.command[0], '/');
    program_invocation_short_name = const_cast<char*>(base != nullptr ? base + 1 : options.command[0]);

    unsigned policy = options.restart ? SAM_RECOVERY_POLICY_RESTART : SAM_RECOVERY_POLICY_QUIT;
    if (options.quorum) policy |= SAM_RECOVERY_POLICY_QUORUM;
    if (options.publish) policy |= SAM_RECOVERY_POLICY_CMAP;
    if (const cs_error_t made = sam_initialize(options.interval_ms, static_cast<sam_recovery_policy_t>(policy)); made != CS_OK) {
        std::fprintf(stderr, options.quorum ? "motetctl: the quorum service does not answer (error %d). Is motet running here?\n" : "motetctl: supervision cannot begin: error %d\n",
                     static_cast<int>(made));
        return 1;
    }
    // Of the parent, and of a standby that took its place: what they are told is for the program.
    struct sigaction forward {};
    forward.sa_handler = pass_on;
    forward.sa_flags = SA_RESTART;
    for (const int signal : {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}) sigaction(signal, &forward, nullptr);
    sam_warn_signal_set(warning_signal());
    unsigned instance = 0;
    if (const cs_error_t made = sam_register(&instance); made != CS_OK) {
        std::fprintf(stderr, "motetctl: the program cannot be put under supervision: error %d%s\n", static_cast<int>(made), options.publish ? "; is motet running here?" : "");
        return 1;
    }
    *runner = getpid();
    for (const int signal : {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}) std::signal(signal, SIG_DFL);
    return Runner(options, instance).run();
}

}  // namespace motet::ctl
