#include "libs/client/sam/family.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string_view>

namespace motet::client::sam {
namespace {

constexpr int kSweepRounds = 200;             // of kSweepPause: two seconds
constexpr long kSweepPauseNs = 10'000'000;
constexpr std::size_t kSeenMax = 4096;
constexpr unsigned kReapsMax = 64;

struct Process {
    pid_t pid = 0, parent = 0, session = 0;
    char state = '?';
    std::uint64_t born = 0;
};

bool read_process(pid_t pid, Process& out) {
    char path[64], text[1024];
    std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    const ssize_t n = ::read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0) return false;
    text[n] = '\0';
    const char* rest = std::strrchr(text, ')');   // the name before it may hold anything
    if (rest == nullptr) return false;
    int parent = 0, group = 0, session = 0;
    unsigned long long born = 0;
    if (std::sscanf(rest + 1, " %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &out.state, &parent, &group,
                    &session, &born) != 5)
        return false;
    out.pid = pid;
    out.parent = parent;
    out.session = session;
    out.born = born;
    return true;
}

std::vector<Process> all_processes() {
    std::vector<Process> out;
    DIR* proc = opendir("/proc");
    if (proc == nullptr) return out;
    while (const dirent* entry = readdir(proc)) {
        if (std::isdigit(static_cast<unsigned char>(entry->d_name[0])) == 0) continue;
        Process process;
        if (read_process(std::atoi(entry->d_name), process)) out.push_back(process);
    }
    closedir(proc);
    return out;
}

// Of all our threads. Where the kernel has no lists of children, by looking at every process.
std::vector<Process> own_children() {
    std::vector<Process> out;
    DIR* tasks = opendir("/proc/self/task");
    if (tasks == nullptr) return out;
    bool lists = false;
    while (const dirent* entry = readdir(tasks)) {
        if (std::isdigit(static_cast<unsigned char>(entry->d_name[0])) == 0) continue;
        char path[64];
        std::snprintf(path, sizeof path, "/proc/self/task/%d/children", std::atoi(entry->d_name));
        FILE* file = std::fopen(path, "re");
        if (file == nullptr) continue;
        lists = true;
        Process process;
        for (int pid = 0; std::fscanf(file, "%d", &pid) == 1;)
            if (read_process(pid, process)) out.push_back(process);
        std::fclose(file);
    }
    closedir(tasks);
    if (lists) return out;
    const pid_t self = getpid();
    for (const Process& process : all_processes())
        if (process.parent == self) out.push_back(process);
    return out;
}

}  // namespace

void Family::begin() {
    if (!own_children().empty()) return;
    ours_ = prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0;
}

// Not close-on-exec, that is the point.
void Family::mark(const char* name) { (void)!memfd_create(name, 0); }

void Family::see_marked() {
    const std::string wanted = "/memfd:" + mark_ + " ";
    for (const Process& process : all_processes()) {
        char directory[64];
        std::snprintf(directory, sizeof directory, "/proc/%d/fd", process.pid);
        DIR* files = process.session == getsid(0) && process.pid != adopted_ ? opendir(directory) : nullptr;
        if (files == nullptr) continue;
        while (const dirent* entry = readdir(files)) {
            char target[300];
            const ssize_t n = readlinkat(dirfd(files), entry->d_name, target, sizeof target);
            if (n <= 0 || std::string_view(target, static_cast<std::size_t>(n)).substr(0, wanted.size()) != wanted) continue;
            seen_.push_back({process.pid, process.born});
            break;
        }
        closedir(files);
    }
}

void Family::adopt(pid_t child, const char* mark) {
    // Of this process, only the application itself has been a child, and it was another's.
    ours_ = prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0;
    adopted_ = child;
    mark_ = mark;
    seen_.clear();
    look();
}

void Family::look() {
    if (adopted_ == 0) return;
    const std::vector<Process> all = all_processes();
    std::vector<pid_t> ancestors{adopted_};
    // Each pass finds at least one generation.
    for (std::size_t before = 0; before != ancestors.size() && ancestors.size() < kSeenMax;) {
        before = ancestors.size();
        for (const Process& process : all) {
            if (std::find(ancestors.begin(), ancestors.end(), process.parent) == ancestors.end()) continue;
            if (std::find(ancestors.begin(), ancestors.end(), process.pid) == ancestors.end()) ancestors.push_back(process.pid);
        }
    }
    for (const Process& process : all) {
        if (process.pid == adopted_ || process.session != getsid(0) || seen_.size() >= kSeenMax) continue;
        if (std::find(ancestors.begin(), ancestors.end(), process.pid) == ancestors.end()) continue;
        const bool known = std::any_of(seen_.begin(), seen_.end(), [&](const Member& m) { return m.pid == process.pid && m.born == process.born; });
        if (!known) seen_.push_back({process.pid, process.born});
    }
}

void Family::sweep(pid_t standby, const std::function<void()>& meanwhile) {
    const pid_t session = getsid(0);
    // Who dies hands its children to us: it takes two looks in a row that find nobody.
    if (adopted_ != 0) see_marked();
    for (int round = 0, clean = 0; round < kSweepRounds && clean < 2; ++round) {
        bool any = false;
        const auto end = [&](const Process& process) {
            if (process.session != session || process.state == 'Z' || process.state == 'X') return;
            kill(process.pid, SIGKILL);
            any = true;
        };
        for (const Process& process : ours_ ? own_children() : std::vector<Process>{}) {
            if (process.pid == standby) continue;
            if (process.state == 'Z') waitpid(process.pid, nullptr, WNOHANG);
            else end(process);
        }
        for (const Member& member : seen_)
            if (Process process; read_process(member.pid, process) && process.born == member.born) end(process);
        clean = any ? 0 : clean + 1;
        meanwhile();
        if (!any) continue;
        const timespec pause{0, kSweepPauseNs};
        nanosleep(&pause, nullptr);
    }
    seen_.clear();
    adopted_ = 0;
}

void Family::reap(pid_t child, pid_t standby) {
    if (!ours_) return;
    for (unsigned i = 0; i < kReapsMax; ++i) {
        siginfo_t info{};
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0 || info.si_pid == child || info.si_pid == standby) return;
        waitpid(info.si_pid, nullptr, WNOHANG);
    }
}

}  // namespace motet::client::sam
