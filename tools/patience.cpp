#include "tools/patience.h"

#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cstring>

namespace motet::ctl {
namespace {

const char* tool_name = "";
std::atomic<const char*> awaited{nullptr};

void say(const char* text) { (void)!write(STDERR_FILENO, text, std::strlen(text)); }

void on_alarm(int) {
    const char* process = awaited.load();
    if (process == nullptr) return;
    say(tool_name);
    say(": no answer from ");
    say(process);
    say(" for 2.8 s; it is busy, stopped or hung. See motetctl status.\n");
    _exit(1);
}

void arm(int ms) {
    const itimerval once{{0, 0}, {ms / 1000, ms % 1000 * 1000}};
    setitimer(ITIMER_REAL, &once, nullptr);
}

}  // namespace

Patience::Patience(const char* tool) {
    tool_name = tool;
    struct sigaction action {};
    action.sa_handler = on_alarm;
    action.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &action, nullptr);
}

void Patience::wait_for(const char* process) {
    awaited = process;
    arm(kLimitMs);
}

void Patience::rest() {
    awaited = nullptr;
    arm(0);
}

}  // namespace motet::ctl
