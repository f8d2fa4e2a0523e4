// The steps of enter(), in the order in which each still works after the one before.
#include "libs/sandbox/sandbox.h"

#include <cap-ng.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <span>
#include <thread>

#include "libs/sandbox/profiles.h"

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

namespace motet::sandbox {
namespace {

constexpr std::uint64_t kFileMax = 8u << 20;                          // a snapshot is at most half of it
constexpr std::uint64_t kWorkerOpenFiles = 64 + 4 * 4096;             // connections of one service
constexpr std::uint64_t kWorkerAddressSpace = 28ull << 30;            // 4096 links of 4 MiB, state and overflow, 2 GiB heap
constexpr std::uint64_t kMembershipOpenFiles = 1024;                  // links, sockets, three of each worker
constexpr std::uint64_t kConfigAddressSpace = 1ull << 30;

// A limit may be lowered to what the hard limit still allows, never raised above it.
Status limit(int which, const char* name, std::uint64_t value) {
    rlimit now{};
    if (getrlimit(static_cast<__rlimit_resource>(which), &now) != 0) return error("sandbox: reading %s: %s", name, std::strerror(errno));
    const rlim_t wanted = now.rlim_max == RLIM_INFINITY ? value : std::min<rlim_t>(value, now.rlim_max);
    const rlimit set{wanted, wanted};
    if (setrlimit(static_cast<__rlimit_resource>(which), &set) != 0)
        return error("sandbox: limiting %s to %llu: %s", name, static_cast<unsigned long long>(wanted), std::strerror(errno));
    return Done{};
}

struct Who : Identity {
    bool change = false;
};

Result<Who> identity(const Options& options, Report& report) {
    if (!options.become && options.user.empty()) return Who{};
    if (geteuid() != 0) {
        report.missing.emplace_back("own user" + (options.user.empty() ? "" : " " + options.user) + " (not started as root)");
        return Who{};
    }
    if (options.become) return Who{*options.become, true};
    const Result<Identity> found = identity_of(options.user);
    if (!found) return error("sandbox: %s", found.error().text.c_str());
    if (!found->known) report.missing.push_back("own user " + options.user + " (no such user, the free id " + std::to_string(found->uid) + " is used)");
    return Who{*found, true};
}

// Where there is nothing to open, nobody to talk to and no foreign object to name.
Status take_room(Profile profile, Report& report) {
    std::string missing;
    if (profile == Profile::lookup) return Done{};
    if (profile == Profile::config) {
        if (missing = make_own_room(); !missing.empty()) missing = "own namespaces (" + missing + ")";
    } else if (profile == Profile::membership_devices) {
        missing = "empty root (RDMA devices are opened by name)";
    } else if (profile == Profile::membership) {
        const Result<bool> left = leave_files();
        if (!left) return error("sandbox: %s", left.error().text.c_str());
        if (!*left) missing = "empty root";
    } else {
        const Result<std::string> entered = enter_room(Entering::whole);
        if (!entered) return error("sandbox: %s", entered.error().text.c_str());
        missing = *entered;
    }
    if (!missing.empty()) report.missing.push_back(missing);
    return Done{};
}

// Root's user id shall mean nothing any more, even to a process that regained it. Needs CAP_SETPCAP.
void lock_securebits(Report& report) {
    constexpr unsigned long kBits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED |
                                    SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
    if (geteuid() == 0 && prctl(PR_SET_SECUREBITS, kBits, 0, 0, 0) != 0) report.missing.emplace_back("secure bits (no CAP_SETPCAP)");
}

// By system call: the C library would change every thread, and those of start_threads() have changed already and may not again.
bool change_user(const Identity& who) {
    return syscall(SYS_setgroups, 0, nullptr) == 0 && syscall(SYS_setresgid, who.gid, who.gid, who.gid) == 0 &&
           syscall(SYS_setresuid, who.uid, who.uid, who.uid) == 0;
}

// Of the calling thread.
Status drop_capabilities(const Who& who, Report& report) {
    // Ordinary users have none to drop; their bounding set stays, and without new privileges it is moot.
    const bool bounds = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) == 1;
    if (geteuid() == 0 && !bounds) report.missing.emplace_back("empty capability bounding set (no CAP_SETPCAP)");
    capng_clear(CAPNG_SELECT_ALL);
    if (!who.change && geteuid() == 0 && syscall(SYS_setgroups, 0, nullptr) != 0)
        report.missing.emplace_back("dropping supplementary groups (no CAP_SETGID)");
    if (bounds && capng_apply(CAPNG_SELECT_BOUNDS) != 0) return error("sandbox: emptying the bounding set: %s", std::strerror(errno));
    (void)!prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (who.change && !change_user(who)) return error("sandbox: becoming user %u, group %u: %s", who.uid, who.gid, std::strerror(errno));
    if (capng_apply(CAPNG_SELECT_CAPS) != 0) return error("sandbox: dropping capabilities: %s", std::strerror(errno));
    return Done{};
}

Status set_limits(const Options& options) {
    struct Limit { int which; const char* name; std::uint64_t value; };
    const bool worker = options.profile == Profile::worker || options.profile == Profile::metrics, membership = options.profile == Profile::membership || options.profile == Profile::membership_devices;
    std::vector<Limit> limits = {{RLIMIT_CORE, "core size", 0}, {RLIMIT_MSGQUEUE, "message queues", 0}, {RLIMIT_NPROC, "processes", 0},
                                 {RLIMIT_FSIZE, "file size", worker || options.profile == Profile::lookup ? 0 : kFileMax}};
    if (!membership) {   // which pins its memory and has its class already
        limits.push_back({RLIMIT_MEMLOCK, "locked memory", 0});
        limits.push_back({RLIMIT_RTPRIO, "real-time priority", 0});
    }
    const std::uint64_t files = worker ? kWorkerOpenFiles : membership ? kMembershipOpenFiles : 64;
    limits.push_back({RLIMIT_NOFILE, "open files", options.open_files_max != 0 ? options.open_files_max : files});
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)   // their shadow is terabytes of address space
    if (!membership)
        limits.push_back({RLIMIT_AS, "address space",
                          options.address_space_max != 0 ? options.address_space_max : worker ? kWorkerAddressSpace : kConfigAddressSpace});
#endif
    for (const Limit& l : limits)
        if (const Status set = limit(l.which, l.name, l.value); !set) return set.error();
    return Done{};
}

constexpr std::uint64_t kWriteFile = 1 << 1, kReadFile = 1 << 2, kReadDir = 1 << 3, kDeviceControl = 1 << 15;

struct Reachable {
    const char* path;
    std::uint64_t rights;
};
constexpr Reachable kDevices[] = {
    {"/dev/infiniband", kReadFile | kWriteFile | kReadDir | kDeviceControl},
    {"/sys", kReadFile | kReadDir},
    {"/proc/sys", kReadFile | kReadDir},
    {"/etc/libibverbs.d", kReadFile | kReadDir},
};

// No file but those given, no TCP port, abstract socket or foreign process, whatever else fails. Tolerated where the kernel has no Landlock.
void landlock_everything(std::span<const Reachable> but, Report& report) {
    struct { std::uint64_t files, tcp, scopes; } rules{};
    const long abi = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1) {
        report.missing.emplace_back("Landlock (not offered by this kernel)");
        return;
    }
    const unsigned file_rights = abi >= 5 ? 16 : abi >= 3 ? 15 : abi >= 2 ? 14 : 13;
    rules.files = (1u << file_rights) - 1;
    rules.tcp = abi >= 4 ? 3 : 0;
    rules.scopes = abi >= 6 ? 3 : 0;
    const std::size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
    const long ruleset = syscall(SYS_landlock_create_ruleset, &rules, size, 0);
    for (const Reachable& one : but) {
        const int at = open(one.path, O_PATH | O_CLOEXEC);
        if (at < 0) continue;   // then there is nothing to reach
        landlock_path_beneath_attr rule{};
        rule.allowed_access = one.rights & rules.files;
        rule.parent_fd = at;
        if (ruleset >= 0 && syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
            report.missing.push_back(std::string("Landlock rule for ") + one.path + " (" + std::strerror(errno) + ")");
        close(at);
    }
    if (ruleset < 0 || syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
        report.missing.push_back(std::string("Landlock (") + std::strerror(errno) + ")");
    if (ruleset >= 0) close(static_cast<int>(ruleset));
}

}  // namespace

Result<Report> enter(const Options& options) {
    Report report;
    if (!options.protect) {
        report.missing.emplace_back("anything: it was asked not to confine itself");
        return report;
    }
    const pid_t parent = getppid();
    const Result<Who> who = identity(options, report);
    if (!who) return who.error();
    std::signal(SIGXFSZ, SIG_IGN);   // a refused write to a file is an error, not a death
    std::signal(SIGPIPE, SIG_IGN);
    if (const Status in = take_room(options.profile, report); !in) return in.error();
    lock_securebits(report);
    if (const Status dropped = drop_capabilities(*who, report); !dropped) return dropped.error();
    if (const Status set = set_limits(options); !set) return set.error();

    // Changing the user cleared both; the parent may have died in between.
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return error("sandbox: PR_SET_DUMPABLE: %s", std::strerror(errno));
    if (prctl(PR_SET_PDEATHSIG, options.death_signal, 0, 0, 0) != 0) return error("sandbox: PR_SET_PDEATHSIG: %s", std::strerror(errno));
    if (getppid() != parent) return error("sandbox: the supervisor is gone");

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return error("sandbox: PR_SET_NO_NEW_PRIVS: %s", std::strerror(errno));
    if (options.profile == Profile::lookup) return report;
    prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0);   // Linux before 6.3: the filter alone refuses PROT_EXEC
    const bool devices = options.profile == Profile::membership_devices;
    landlock_everything(devices ? std::span<const Reachable>(kDevices) : std::span<const Reachable>(), report);
    if (!has_filter(options.profile) || !options.list) {
        report.missing.emplace_back(options.list ? "system-call list (built with sanitizers)" : "system-call list (not asked for)");
        return report;
    }
    if (const Status loaded = load_filter(options.profile); !loaded) return loaded.error();
    return report;
}

Result<Identity> parse_identity(const char* text) {
    Identity out;
    const char* end = text + std::strlen(text);
    const auto [colon, first] = std::from_chars(text, end, out.uid);
    if (first != std::errc() || colon == end || *colon != ':') return error("--become %s: UID:GID is needed", text);
    const auto [stop, second] = std::from_chars(colon + 1, end, out.gid);
    if (second != std::errc() || stop != end || out.uid == 0 || out.gid == 0) return error("--become %s: UID:GID, neither of them 0, is needed", text);
    return out;
}

Status start_threads(const std::optional<Identity>& become, const std::function<void()>& start) {
    std::string failed;
    std::thread bare([&] {
        Report ignored;
        const Who who = become && geteuid() == 0 ? Who{*become, true} : Who{};
        if (const Status dropped = drop_capabilities(who, ignored); !dropped) failed = dropped.error().text;
        else if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) failed = std::strerror(errno);
        else start();
    });
    bare.join();
    if (!failed.empty()) return error("a thread without rights: %s", failed.c_str());
    return Done{};
}

}  // namespace motet::sandbox
