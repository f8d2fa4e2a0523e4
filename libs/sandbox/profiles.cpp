// What each kind of process may ask of the kernel. A call that is not listed kills the process and is logged by the kernel
// with its number.
#include "libs/sandbox/profiles.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

namespace motet::sandbox {
namespace {

struct Rule {
    int call;
    std::vector<scmp_arg_cmp> only;   // all must hold; empty: any arguments
    int fails_with = 0;               // an errno: the call is not made, and the process goes on
};

constexpr scmp_arg_cmp equal(unsigned arg, std::uint64_t value) { return {arg, SCMP_CMP_EQ, value, 0}; }
constexpr scmp_arg_cmp without_bits(unsigned arg, std::uint64_t bits) { return {arg, SCMP_CMP_MASKED_EQ, bits, 0}; }
constexpr scmp_arg_cmp with_bits(unsigned arg, std::uint64_t mask, std::uint64_t value) { return {arg, SCMP_CMP_MASKED_EQ, mask, value}; }

// What malloc, the C runtime and a dying process need.
std::vector<Rule> runtime() {
    // seccomp compares the tgid with the process that loads the filter, so fork must be over by then.
    const auto self = static_cast<std::uint64_t>(getpid());
    return {
        {SCMP_SYS(mmap), {without_bits(2, PROT_EXEC)}},            // heap, segments
        {SCMP_SYS(mprotect), {without_bits(2, PROT_EXEC)}},        // heap
        {SCMP_SYS(mremap), {equal(3, MREMAP_MAYMOVE)}},            // realloc
        {SCMP_SYS(madvise), {equal(2, MADV_DONTNEED)}},            // giving heap back
        {SCMP_SYS(madvise), {equal(2, MADV_REMOVE)}},              // and pages of the worker's own shared memory
        {SCMP_SYS(munmap), {}},
        {SCMP_SYS(brk), {}},
        {SCMP_SYS(close), {}},
        {SCMP_SYS(read), {}},                                      // descriptors it was given
        {SCMP_SYS(pread64), {}},
        {SCMP_SYS(fstat), {}},
        {SCMP_SYS(newfstatat), {with_bits(3, AT_EMPTY_PATH, AT_EMPTY_PATH)}},   // fstat() of glibc 2.33 and later
        {SCMP_SYS(fcntl), {equal(1, F_GET_SEALS)}},                // before a segment is mapped
        {SCMP_SYS(futex), {with_bits(1, FUTEX_CMD_MASK, FUTEX_WAKE)}},   // a client in a synchronous call
        {SCMP_SYS(write), {equal(0, STDERR_FILENO)}},              // log lines, last words
        {SCMP_SYS(getpid), {}},                                    // abort(), status page
        {SCMP_SYS(gettid), {}},
        {SCMP_SYS(getppid), {}},
        {SCMP_SYS(tgkill), {equal(0, self), equal(2, SIGABRT)}},   // abort()
        {SCMP_SYS(rt_sigprocmask), {}},                            // abort()
        {SCMP_SYS(rt_sigreturn), {}},
        {SCMP_SYS(restart_syscall), {}},                           // a wait interrupted by SIGSTOP and SIGCONT
        {SCMP_SYS(exit), {}},
        {SCMP_SYS(exit_group), {}},
        {SCMP_SYS(sched_yield), {}},
        {SCMP_SYS(clock_gettime), {}},                             // where the vDSO has no clock
        {SCMP_SYS(gettimeofday), {}},
        {SCMP_SYS(getrandom), {}},                                 // hash seeds
    };
}

// The loop of a worker. No accept, socket, connect, listen, sendmsg, open, dup, ioctl, prctl, clone, exec, kill, memfd.
std::vector<Rule> worker() {
    std::vector<Rule> rules = runtime();
    rules.insert(rules.end(), {
        {SCMP_SYS(epoll_wait), {}},
        {SCMP_SYS(epoll_pwait), {}},
        {SCMP_SYS(epoll_pwait2), {}},
        {SCMP_SYS(epoll_ctl), {}},
        {SCMP_SYS(epoll_create1), {}},
        {SCMP_SYS(poll), {}},
        {SCMP_SYS(ppoll), {}},
        {SCMP_SYS(recvmsg), {}},                                   // control socket: messages with descriptors
        {SCMP_SYS(recvfrom), {}},                                  // tokens
        {SCMP_SYS(sendto), {equal(4, 0)}},                         // tokens, control messages; never to an address
        {SCMP_SYS(shutdown), {equal(1, SHUT_RDWR)}},               // cutting a client off
    });
    return rules;
}

// A worker that serves HTTP on a socket it was given.
std::vector<Rule> metrics() {
    std::vector<Rule> rules = worker();
    rules.insert(rules.end(), {
        {SCMP_SYS(accept4), {}},
        {SCMP_SYS(sendmsg), {}, EPERM},   // libmicrohttpd's answer to what is no request: the connection ends without; it could pass descriptors
        {SCMP_SYS(shutdown), {equal(1, SHUT_WR)}},                 // the end of an answer
        {SCMP_SYS(getsockname), {}},                               // what kind of socket it was given
        {SCMP_SYS(getsockopt), {equal(1, SOL_SOCKET), equal(2, SO_DOMAIN)}},
        {SCMP_SYS(fcntl), {equal(1, F_GETFL)}},
        {SCMP_SYS(setsockopt), {equal(1, IPPROTO_TCP), equal(2, TCP_NODELAY)}},
        {SCMP_SYS(setsockopt), {equal(1, IPPROTO_TCP), equal(2, TCP_CORK)}},
    });
    return rules;
}

// Parsing bytes it already holds: asks for names over a socket it was given, writes the snapshot into a memory file.
std::vector<Rule> config() {
    std::vector<Rule> rules = runtime();
    rules.insert(rules.end(), {
        {SCMP_SYS(write), {}},
        {SCMP_SYS(sendto), {equal(4, 0)}},
        {SCMP_SYS(recvfrom), {}},
        {SCMP_SYS(poll), {}},
        {SCMP_SYS(ppoll), {}},
        {SCMP_SYS(lseek), {}},                                     // stdio
        {SCMP_SYS(ftruncate), {}},
        {SCMP_SYS(fcntl), {equal(1, F_ADD_SEALS)}},
    });
    return rules;
}

// The network. What a transport does after its start comes here, with the reason; threads, files and plug-ins are opened
// before. Still no clone, exec, open, kill, ptrace, mount, memfd.
std::vector<Rule> membership() {
    std::vector<Rule> rules = runtime();
    rules.insert(rules.end(), {
        {SCMP_SYS(epoll_wait), {}},
        {SCMP_SYS(epoll_pwait), {}},
        {SCMP_SYS(epoll_pwait2), {}},
        {SCMP_SYS(epoll_ctl), {}},
        {SCMP_SYS(epoll_create1), {}},
        {SCMP_SYS(poll), {}},
        {SCMP_SYS(ppoll), {}},
        {SCMP_SYS(recvmsg), {}},
        {SCMP_SYS(recvmmsg), {}},
        {SCMP_SYS(recvfrom), {}},
        {SCMP_SYS(sendto), {}},                                    // frames have addresses
        {SCMP_SYS(sendmsg), {}},
        {SCMP_SYS(sendmmsg), {}},
        {SCMP_SYS(write), {}},                                     // pipes between the threads of a transport
        {SCMP_SYS(writev), {}},
        {SCMP_SYS(readv), {}},
        {SCMP_SYS(pwrite64), {}},                                  // ring sequence
        {SCMP_SYS(fdatasync), {}},
        {SCMP_SYS(shutdown), {}},
        {SCMP_SYS(futex), {}},                                     // locks between threads
        {SCMP_SYS(nanosleep), {}},
        {SCMP_SYS(clock_nanosleep), {}},
        {SCMP_SYS(newfstatat), {equal(3, AT_SYMLINK_NOFOLLOW)}},   // libknet looks at a plug-in that is mapped already
        {SCMP_SYS(pselect6), {}},                                  // libknet, when its log is full
        {SCMP_SYS(select), {}},
        {SCMP_SYS(rt_sigaction), {}},
        {SCMP_SYS(set_robust_list), {}},
        {SCMP_SYS(rseq), {}},
        {SCMP_SYS(madvise), {}},                                   // stacks of threads that end
        {SCMP_SYS(alarm), {}},                                     // the last second without a supervisor
        {SCMP_SYS(setitimer), {}},
        {SCMP_SYS(getrusage), {}},
        {SCMP_SYS(sysinfo), {}},                                   // qsort
        {SCMP_SYS(uname), {}},
        {SCMP_SYS(geteuid), {}},
        {SCMP_SYS(getuid), {}},
        // A link that is added or comes back.
        {SCMP_SYS(socket), {equal(0, AF_INET)}},
        {SCMP_SYS(socket), {equal(0, AF_INET6)}},
        {SCMP_SYS(socket), {equal(0, AF_NETLINK)}},
        {SCMP_SYS(bind), {}},
        {SCMP_SYS(connect), {}},
        {SCMP_SYS(setsockopt), {}},
        {SCMP_SYS(getsockopt), {}},
        {SCMP_SYS(getsockname), {}},
        {SCMP_SYS(getpeername), {}},
        {SCMP_SYS(ioctl), {with_bits(1, 0xFF00, 0x8900)}},         // SIOC...: interfaces
        {SCMP_SYS(ioctl), {equal(1, 0x541B)}},                     // FIONREAD
        {SCMP_SYS(fcntl), {equal(1, F_GETFL)}},
        {SCMP_SYS(fcntl), {equal(1, F_SETFL)}},
        {SCMP_SYS(fcntl), {equal(1, F_GETFD)}},
        {SCMP_SYS(fcntl), {equal(1, F_SETFD)}},
        {SCMP_SYS(pipe2), {}},
        {SCMP_SYS(eventfd2), {}},
        {SCMP_SYS(timerfd_create), {}},
        {SCMP_SYS(timerfd_settime), {}},
    });
    return rules;
}

// The network by RDMA: devices and their descriptions are opened by name, also after a failure. Drivers are loaded before.
std::vector<Rule> membership_devices() {
    std::vector<Rule> rules = membership();
    rules.insert(rules.end(), {
        {SCMP_SYS(openat), {}},                                    // what Landlock and the user leave: /dev/infiniband, /sys
        {SCMP_SYS(newfstatat), {}},
        {SCMP_SYS(getdents64), {}},
        {SCMP_SYS(readlink), {}},
        {SCMP_SYS(readlinkat), {}},
        {SCMP_SYS(access), {}},
        {SCMP_SYS(faccessat2), {}},
        {SCMP_SYS(lseek), {}},
        {SCMP_SYS(ioctl), {equal(1, 0xC0181B01)}},                 // RDMA_VERBS_IOCTL
        {SCMP_SYS(ioctl), {equal(1, 0x5401)}},                     // TCGETS: stdio asks whether a file is a terminal
        {SCMP_SYS(socket), {equal(0, AF_UNIX)}},                   // the address daemon, if it runs
        {SCMP_SYS(prlimit64), {equal(2, 0)}},                      // reading limits
        {SCMP_SYS(madvise), {}},                                   // buffers that are not to be forked
        {SCMP_SYS(sched_getaffinity), {}},
    });
    return rules;
}

std::vector<Rule> rules_of(Profile profile) {
    switch (profile) {
        case Profile::config: return config();
        case Profile::metrics: return metrics();
        case Profile::membership: return membership();
        case Profile::membership_devices: return membership_devices();
        case Profile::lookup:
        case Profile::worker: break;
    }
    return worker();
}

Status allow(scmp_filter_ctx filter, const Rule& rule) {
    const std::uint32_t action = rule.fails_with != 0 ? SCMP_ACT_ERRNO(static_cast<std::uint32_t>(rule.fails_with)) : SCMP_ACT_ALLOW;
    const int result = seccomp_rule_add_array(filter, action, rule.call, static_cast<unsigned>(rule.only.size()),
                                              rule.only.empty() ? nullptr : rule.only.data());
    // Calls that this architecture does not have (poll on arm64) need no rule.
    if (result == 0 || result == -EDOM) return Done{};
    return error("seccomp: rule for system call %d: %s", rule.call, std::strerror(-result));
}

}  // namespace

bool has_filter(Profile profile) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    (void)profile;   // a sanitizer's runtime opens, forks and maps as it likes
    return false;
#else
    return profile != Profile::lookup;
#endif
}

std::string call_name(int number) {
    char* const name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
    std::string out = name != nullptr ? name : "?";
    std::free(name);
    return out;
}

Status load_filter(Profile profile) {
    const std::unique_ptr<void, void (*)(scmp_filter_ctx)> filter(seccomp_init(SCMP_ACT_KILL_PROCESS), seccomp_release);
    if (!filter) return error("seccomp: out of memory");
    seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_LOG, 1);
    seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
    // Threads that run already come under it too.
    seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, profile == Profile::membership || profile == Profile::membership_devices ? 1 : 0);
    for (const Rule& rule : rules_of(profile))
        if (const Status allowed = allow(filter.get(), rule); !allowed) return allowed.error();
    if (const int result = seccomp_load(filter.get()); result != 0)
        return error("seccomp: loading the filter: %s. The kernel must offer CONFIG_SECCOMP_FILTER.", std::strerror(-result));
    return Done{};
}

}  // namespace motet::sandbox
