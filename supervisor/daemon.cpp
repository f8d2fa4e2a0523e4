#include "supervisor/daemon.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "supervisor/logging.h"
#include "supervisor/options.h"

namespace motet::supervisor {
namespace {

constexpr int kReadyLimitMs = 60'000;

[[noreturn]] void wait_in_foreground(int report, pid_t background) {
    pollfd wait{report, POLLIN, 0};
    int result;
    do {
        result = poll(&wait, 1, kReadyLimitMs);
    } while (result < 0 && errno == EINTR);
    if (result == 0) {
        std::fprintf(stderr, "motet: not ready after %d s; it goes on in the background. See motetctl status and the system log.\n", kReadyLimitMs / 1000);
        _exit(kExitOk);
    }
    std::uint8_t code = 0;
    if (read(report, &code, 1) == 1) _exit(code);
    int status = 0;
    waitpid(background, &status, 0);
    std::fprintf(stderr, "motet: the background process died before it was ready. See the system log.\n");
    _exit(WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : kExitStart);
}

}  // namespace

Result<Daemon> Daemon::begin() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return error("cannot go into the background: pipe: %s", std::strerror(errno));
    UniqueFd report(ends[1]);
    const UniqueFd read_end(ends[0]);
    const pid_t background = fork();
    if (background < 0) return error("cannot go into the background: fork: %s. Is the process limit reached?", std::strerror(errno));
    if (background > 0) {
        report.reset();
        wait_in_foreground(read_end.get(), background);
    }
    setsid();
    (void)!chdir("/");
    return Daemon(std::move(report));
}

void Daemon::ready() {
    if (!report_) return;
    finish(kExitOk);
    logging::open(logging::To::log);
    const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) dup2(null.get(), fd);
}

void Daemon::finish(int code) {
    if (!report_) return;
    const auto byte = static_cast<std::uint8_t>(code);
    (void)!write(report_.get(), &byte, 1);
    report_.reset();
}

}  // namespace motet::supervisor
