#include "supervisor/configuration.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "libs/base/log.h"
#include "libs/loop/loop.h"

namespace motet::supervisor {
namespace {

constexpr std::size_t kTextMax = 64 * 1024;   // of what motet-config says; the rest is dropped
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;

}  // namespace

Result<ConfigurationRun> ConfigurationRun::begin(const std::string& libexec, const std::string& file, const std::string& node, Instant now,
                                                  ByteView running) {
    ConfigurationRun run;
    run.file_ = file;
    run.deadline_ = now + kLimit;
    run.memory_ = UniqueFd(memfd_create("motet-config", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!run.memory_) return error("configuration: memfd_create: %s", std::strerror(errno));
    fchmod(run.memory_.get(), 0600);
    std::vector<std::string> arguments = {"--config", file, "--snapshot-fd", "3"};
    if (!running.empty()) {
        if (pwrite(run.memory_.get(), running.data(), running.size(), 0) != static_cast<ssize_t>(running.size()))
            return error("configuration: handing over the running snapshot: %s", std::strerror(errno));
        arguments.emplace_back("--running");
    }
    if (!node.empty()) arguments.insert(arguments.end(), {"--node", node});
    Result<Process> process = spawn({.program = libexec + "/motet-config", .arguments = arguments, .descriptor = run.memory_.get()});
    if (!process) return process.error();
    run.process_ = std::move(*process);
    return run;
}

void ConfigurationRun::read_errors() {
    char bytes[4096];
    for (;;) {
        const ssize_t size = read(errors_fd(), bytes, sizeof bytes);
        if (size <= 0) return;
        text_.append(bytes, std::min(static_cast<std::size_t>(size), kTextMax - std::min(kTextMax, text_.size())));
    }
}

void ConfigurationRun::give_up() {
    if (late_) return;
    late_ = true;
    deadline_ = kNever;
    send_signal(process_, SIGKILL);
}

ConfigurationRun::State ConfigurationRun::look() {
    const Ended ended = reap(process_);
    if (!ended.ended) return State::running;
    read_errors();
    for (std::size_t from = 0; from < text_.size();) {
        const std::size_t end = std::min(text_.find('\n', from), text_.size());
        if (end > from) lines_.push_back(text_.substr(from, end - from));
        from = end + 1;
    }
    if (!late_ && !ended.signalled && ended.code == 0) {
        if (const Status finished = finish(); finished) return State::good;
        else lines_.push_back(finished.error().text);
    } else if (late_) {
        lines_.push_back(file_ + ": not read within 10 s. Is it on a file system that does not answer?");
    } else if (lines_.empty() || ended.signalled) {
        lines_.push_back(file_ + ": motet-config failed: " + ended.text);
    }
    return State::bad;
}

Result<Configuration> Configuration::of(config::Snapshot snapshot) {
    const UniqueFd memory(memfd_create("motet-config", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    const Bytes bytes = snapshot.encode();
    if (!memory || fchmod(memory.get(), 0600) != 0 || pwrite(memory.get(), bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()) ||
        fcntl(memory.get(), F_ADD_SEALS, kSeals) != 0)
        return error("configuration: a snapshot cannot be made: %s", std::strerror(errno));
    Configuration out;
    out.file = UniqueFd(open(("/proc/self/fd/" + std::to_string(memory.get())).c_str(), O_RDONLY | O_CLOEXEC));
    if (!out.file) return error("configuration: opening the snapshot read-only: %s. Is /proc mounted?", std::strerror(errno));
    out.snapshot = std::move(snapshot);
    return out;
}

void Configuration::read_file() {
    struct stat st {};
    if (!file || fstat(file.get(), &st) != 0 || st.st_size <= 0 || static_cast<std::uint64_t>(st.st_size) > config::kSnapshotMax) return;
    Bytes bytes(static_cast<std::size_t>(st.st_size));
    if (pread(file.get(), bytes.data(), bytes.size(), 0) != st.st_size) return;
    if (Result<config::Snapshot> read = config::Snapshot::decode(bytes); read) snapshot = std::move(*read);
}

// The writer is gone, so sealing against writes succeeds; what is read now is what everybody will read.
Status ConfigurationRun::finish() {
    const int fd = memory_.get();
    if ((fcntl(fd, F_GET_SEALS) & kSeals) != kSeals && fcntl(fd, F_ADD_SEALS, kSeals) != 0)
        return error("configuration: sealing the snapshot: %s", std::strerror(errno));
    struct stat st {};
    if (fstat(fd, &st) != 0 || st.st_size <= 0 || static_cast<std::uint64_t>(st.st_size) > config::kSnapshotMax)
        return error("configuration: motet-config wrote a snapshot of impossible size");
    Bytes bytes(static_cast<std::size_t>(st.st_size));
    if (pread(fd, bytes.data(), bytes.size(), 0) != st.st_size) return error("configuration: the snapshot cannot be read");
    Result<config::Snapshot> snapshot = config::Snapshot::decode(bytes);
    if (!snapshot) return snapshot.error();
    char path[64];
    std::snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    result_.file = UniqueFd(open(path, O_RDONLY | O_CLOEXEC));
    if (!result_.file) return error("configuration: opening the snapshot read-only: %s. Is /proc mounted?", std::strerror(errno));
    result_.snapshot = std::move(*snapshot);
    result_.warnings = lines_;
    return Done{};
}

void log_problem(const std::string& line) {
    if (line.find(": warning: ") != line.npos) MOTET_LOG(warning, "%s", line.c_str());
    else MOTET_LOG(error, "%s", line.c_str());
}

Result<Configuration> read_configuration(const std::string& libexec, const std::string& file, const std::string& node,
                                         std::vector<std::string>& problems) {
    Result<ConfigurationRun> run = ConfigurationRun::begin(libexec, file, node, loop::monotonic_now());
    if (!run) return run.error();
    for (;;) {
        pollfd wait[2] = {{run->pidfd(), POLLIN, 0}, {run->errors_fd(), POLLIN, 0}};
        // A hung-up pipe would be ready for ever; what is left in it is read at the end.
        poll(wait, 2, 100);
        run->read_errors();
        if ((wait[1].revents & POLLHUP) != 0) poll(wait, 1, 100);
        if (loop::monotonic_now() >= run->deadline()) run->give_up();
        const ConfigurationRun::State state = run->look();
        if (state == ConfigurationRun::State::running) continue;
        problems = run->problems();
        if (state == ConfigurationRun::State::bad) return error("%s", problems.front().c_str());
        return run->take();
    }
}

}  // namespace motet::supervisor
