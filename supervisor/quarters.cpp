#include "supervisor/quarters.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "supervisor/unique_fd.h"

namespace motet::supervisor {
namespace {

constexpr std::size_t kThreadsMax = 256;   // looked at

std::string status_of(const std::string& process) {
    const UniqueFd fd(open(("/proc/" + process + "/status").c_str(), O_RDONLY | O_CLOEXEC));
    char buffer[8192];
    const ssize_t size = fd ? read(fd.get(), buffer, sizeof buffer) : -1;
    return {buffer, size > 0 ? static_cast<std::size_t>(size) : 0};
}

std::string_view value_of(const std::string& text, const char* label) {
    const std::size_t at = text.find(label);
    if (at == std::string::npos) return {};
    const std::size_t from = at + std::strlen(label);
    return std::string_view(text).substr(from, text.find('\n', from) - from);
}

unsigned long number_of(const std::string& text, const char* label) {
    return std::strtoul(std::string(value_of(text, label)).c_str(), nullptr, 10);
}

bool set(const std::string& text, const char* label) { return value_of(text, label).find_first_not_of('0') != std::string_view::npos; }

void add_thread(const std::string& text, unsigned long own_filters, Confinement& out) {
    out.looked = true;
    out.no_new_privileges &= number_of(text, "\nNoNewPrivs:\t") == 1;
    // Under a service manager's own filter everything is in filter mode already: the child must have one more than we.
    out.filtered &= number_of(text, "\nSeccomp:\t") == 2 && number_of(text, "\nSeccomp_filters:\t") > own_filters;
    for (const char* set_name : {"\nCapInh:\t", "\nCapPrm:\t", "\nCapEff:\t", "\nCapAmb:\t"}) out.capabilities |= set(text, set_name);
    out.bounding |= set(text, "\nCapBnd:\t");
    out.groups |= value_of(text, "\nGroups:\t").find_first_not_of(' ') != std::string_view::npos;
    std::string uids(value_of(text, "\nUid:\t"));
    char* at = uids.data();
    for (int i = 0; i < 4; ++i) {
        const auto uid = static_cast<uid_t>(std::strtoul(at, &at, 10));
        if (i == 0) out.uid = uid;
        out.one_user &= uid == out.uid;
    }
}

}  // namespace

Quarters Quarters::prepare(const ChildPlan& plan, bool is_worker) {
    Quarters out;
    if (plan.user != nullptr && geteuid() == 0) {
        if (const Result<sandbox::Identity> who = sandbox::identity_of(plan.user); !who) {
            out.missing.push_back("own user: " + who.error().text);
        } else {
            out.become = *who;
            if (!who->known)
                out.missing.push_back("own user " + std::string(plan.user) + " (no such user, the free id " + std::to_string(who->uid) +
                                      " is used; systemd-sysusers makes it)");
        }
    }
    Result<sandbox::Room> room = sandbox::Room::make(is_worker ? sandbox::Network::none : sandbox::Network::hosts);
    if (room) out.room = std::move(*room);
    else out.missing.push_back("own " + room.error().text);
    return out;
}

std::vector<std::string> Quarters::arguments() const {
    if (!become) return {};
    return {"--become", std::to_string(become->uid) + ":" + std::to_string(become->gid)};
}

std::vector<int> Quarters::descriptors() const {
    if (!room) return {};
    const auto fds = room->descriptors();
    return {fds.begin(), fds.end()};
}

Status trusted_program(const std::string& path) {
    struct stat st {};
    if (stat(path.c_str(), &st) != 0) return error("%s: %s", path.c_str(), std::strerror(errno));
    if (!S_ISREG(st.st_mode)) return error("%s: not a program", path.c_str());
    if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return error("%s: belongs to user %u with mode %04o; it must be root's and writable by nobody else", path.c_str(), st.st_uid,
                     static_cast<unsigned>(st.st_mode & 07777));
    return Done{};
}

Confinement confinement(pid_t pid, const Quarters& quarters) {
    Confinement out;
    const std::string process = std::to_string(pid), tasks = "/proc/" + process + "/task";
    const unsigned long own_filters = number_of(status_of("self"), "\nSeccomp_filters:\t");
    DIR* directory = opendir(tasks.c_str());
    for (std::size_t n = 0; directory != nullptr && n < kThreadsMax;) {
        const dirent* entry = readdir(directory);
        if (entry == nullptr) break;
        if (entry->d_name[0] == '.') continue;
        ++n;
        // A thread that has just ended says nothing any more.
        if (const std::string text = status_of(process + "/task/" + entry->d_name); !text.empty()) add_thread(text, own_filters, out);
    }
    if (directory != nullptr) closedir(directory);
    if (quarters.room) out.inside = sandbox::inside(pid, *quarters.room);
    return out;
}

std::vector<std::string> faults(const Confinement& c, const Quarters& quarters, bool filter) {
    if (!c.looked) return {"it is gone"};
    std::vector<std::string> out;
    if (!c.no_new_privileges) out.emplace_back("it may gain new privileges");
    if (!c.filtered && filter) out.emplace_back("no system-call list");
    if (c.capabilities) out.emplace_back("it has capabilities");
    if (c.inside == sandbox::Inside::no) out.emplace_back("it is not in its namespaces");
    if (!quarters.become) return out;
    if (!c.one_user || c.uid != quarters.become->uid) out.push_back("it is user " + std::to_string(c.uid) + ", not " + std::to_string(quarters.become->uid));
    if (c.groups) out.emplace_back("it has supplementary groups");
    return out;
}

}  // namespace motet::supervisor
