// What a process that has been taken over tries, in the place of each child: every attempt in a fresh process behind the real sandbox,
// with the descriptors that child has. Twice: with all layers, where no attempt may succeed; and without the system-call list, where only
// those may that harm nobody. Prints the table; exit status 1 if one line is not as it must be, 77 if this is not root.
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "libs/base/bytes.h"
#include "libs/ring/segment.h"
#include "libs/sandbox/profiles.h"
#include "libs/sandbox/sandbox.h"

namespace motet {
namespace {

using sandbox::Profile;

constexpr std::uint64_t kRing = 1u << 20;
constexpr unsigned kAttempt_s = 5;                    // then it counts as refused: it hangs

// What a child holds, and whom it could harm. Made before the sandbox by the process that stands for the supervisor.
struct Scene {
    pid_t supervisor = 0, sibling = 0;
    int socket = -1, peer = -1;                       // its control line and the other end
    int delivery = -1, submit = -1;                   // its descriptors: read-only, writable
    void* delivery_at = nullptr;                      // mapped as it maps it
    const ring::SegmentPage* truth = nullptr;         // the supervisor's view of the delivery ring
    std::string abstract;                             // name of a listening socket of the host
};

// True: it got what it must not have. errno says why not.
using Try = std::function<bool(const Scene&)>;
struct Attempt {
    const char* name;
    Try run;
    bool by_list = false;       // refused by the system-call list alone; what it would give reaches nobody else's data
    bool network = false;       // membership has it: that is its work
};

bool opened(int fd) { return fd >= 0; }
bool mapped(void* at) { return at != MAP_FAILED; }
void* page_of(const Scene& s) { return s.delivery_at; }

bool connect_to(int family_socket, const sockaddr* address, socklen_t size) {
    return family_socket >= 0 && connect(family_socket, address, size) == 0;
}

bool send_descriptor(int socket, int fd) {
    char byte = 'x';
    iovec part{&byte, 1};
    alignas(cmsghdr) char space[CMSG_SPACE(sizeof fd)] = {};
    msghdr m{};
    m.msg_iov = &part;
    m.msg_iovlen = 1;
    m.msg_control = space;
    m.msg_controllen = sizeof space;
    cmsghdr* c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(c), &fd, sizeof fd);
    return sendmsg(socket, &m, MSG_DONTWAIT) == 1;
}

std::vector<Attempt> attempts() {
    return {
        // --- talking to somebody
        {"socket(AF_INET)", [](auto&) { return opened(socket(AF_INET, SOCK_DGRAM, 0)); }, true, true},
        {"socket(AF_UNIX)", [](auto&) { return opened(socket(AF_UNIX, SOCK_STREAM, 0)); }, true},
        {"socket(AF_NETLINK)", [](auto&) { return opened(socket(AF_NETLINK, SOCK_RAW, 0)); }, true, true},
        {"socket(AF_PACKET)", [](auto&) { return opened(socket(AF_PACKET, SOCK_RAW, 0)); }},
        {"send over the host's network", [](auto&) {
             const int fd = socket(AF_INET, SOCK_DGRAM, 0);
             sockaddr_in to{};
             to.sin_family = AF_INET;
             to.sin_port = htons(9);
             to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
             return sendto(fd, "x", 1, 0, reinterpret_cast<sockaddr*>(&to), sizeof to) == 1;
         }, false, true},
        {"connect to an abstract socket of the host", [](const Scene& s) {
             sockaddr_un to{};
             to.sun_family = AF_UNIX;
             std::memcpy(to.sun_path + 1, s.abstract.data(), s.abstract.size());
             return connect_to(socket(AF_UNIX, SOCK_STREAM, 0), reinterpret_cast<sockaddr*>(&to), static_cast<socklen_t>(sizeof(sa_family_t) + 1 + s.abstract.size()));
         }},
        {"pass a descriptor to a peer", [](const Scene& s) { return send_descriptor(s.socket, s.submit); }, true, true},
        {"listen on a socket it holds", [](const Scene& s) { return listen(s.socket, 1) == 0; }},
        {"accept on a socket it holds", [](const Scene& s) { return opened(accept4(s.socket, nullptr, nullptr, 0)); }},
        {"make a blocking trap of a shared socket", [](const Scene& s) { return fcntl(s.socket, F_SETFL, 0) == 0; }, true, true},
        // --- files
        {"open /etc/shadow", [](auto&) { return opened(open("/etc/shadow", O_RDONLY)); }},
        {"open /etc/passwd", [](auto&) { return opened(open("/etc/passwd", O_RDONLY)); }},
        {"create a file in /", [](auto&) { return opened(open("/x", O_CREAT | O_RDWR, 0600)); }},
        {"make a directory in /", [](auto&) { return mkdir("/d", 0700) == 0; }},
        {"read the supervisor's environment", [](const Scene& s) { return opened(open(("/proc/" + std::to_string(s.supervisor) + "/environ").c_str(), O_RDONLY)); }},
        {"read a sibling's memory map", [](const Scene& s) { return opened(open(("/proc/" + std::to_string(s.sibling) + "/maps").c_str(), O_RDONLY)); }},
        {"leave the root by chroot", [](auto&) { return chroot("..") == 0 || chroot(".") == 0; }},
        {"watch files", [](auto&) { return opened(inotify_init()); }, true},
        // --- other processes
        {"trace a sibling", [](const Scene& s) { return ptrace(PTRACE_ATTACH, s.sibling, nullptr, nullptr) == 0; }},
        {"trace the supervisor", [](const Scene& s) { return ptrace(PTRACE_ATTACH, s.supervisor, nullptr, nullptr) == 0; }},
        {"read a sibling's memory", [](const Scene& s) {
             char byte;
             iovec here{&byte, 1}, there{const_cast<char*>("x"), 1};
             return process_vm_readv(s.sibling, &here, 1, &there, 1, 0) == 1;
         }},
        {"take a descriptor of a sibling", [](const Scene& s) {
             const int fd = static_cast<int>(syscall(SYS_pidfd_open, s.sibling, 0));
             return fd >= 0 && opened(static_cast<int>(syscall(SYS_pidfd_getfd, fd, 0, 0)));
         }},
        {"signal a sibling", [](const Scene& s) { return kill(s.sibling, SIGUSR1) == 0; }},
        {"signal the supervisor", [](const Scene& s) { return kill(s.supervisor, 0) == 0; }},
        {"signal a sibling's thread", [](const Scene& s) { return syscall(SYS_tgkill, s.sibling, s.sibling, 0) == 0; }},
        {"slow a sibling down", [](const Scene& s) { return setpriority(PRIO_PROCESS, static_cast<id_t>(s.sibling), 19) == 0; }},
        {"fork", [](auto&) { return syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr) >= 0; }},
        {"execute a program", [](auto&) { return execl("/bin/true", "true", nullptr) == 0; }},
        {"execute from memory", [](auto&) {
             const int fd = memfd_create("x", 0);
             char* const none[] = {nullptr};
             return fd >= 0 && write(fd, "#!/bin/true\n", 12) == 12 && syscall(SYS_execveat, fd, "", none, none, AT_EMPTY_PATH) == 0;
         }},
        // --- the kernel
        {"mount a file system", [](auto&) { return mount("x", "/", "tmpfs", 0, nullptr) == 0; }},
        {"mount /proc", [](auto&) { return mount("x", "/", "proc", 0, nullptr) == 0; }},
        {"a user namespace of its own", [](auto&) { return unshare(CLONE_NEWUSER) == 0; }, true},
        {"enter another namespace", [](const Scene& s) { return syscall(SYS_setns, s.socket, 0) == 0; }},
        {"become root", [](auto&) { return syscall(SYS_setresuid, 0, 0, 0) == 0; }},
        {"become another group", [](auto&) { return syscall(SYS_setresgid, 0, 0, 0) == 0; }},
        {"become dumpable again", [](auto&) { return prctl(PR_SET_DUMPABLE, 1) == 0; }, true},
        {"raise its process limit", [](auto&) {
             const rlimit more{100, 100};
             return setrlimit(RLIMIT_NPROC, &more) == 0;
         }},
        {"map writable and executable memory", [](auto&) { return mapped(mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)); }},
        {"make written memory executable", [](auto&) {
             void* at = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
             return mprotect(at, 4096, PROT_READ | PROT_EXEC) == 0;
         }},
        {"load a program into the kernel (bpf)", [](auto&) {
             char attr[128] = {1, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 1};
             return syscall(SYS_bpf, 0, attr, sizeof attr) >= 0;
         }},
        {"io_uring", [](auto&) {
             char params[120] = {};
             return syscall(SYS_io_uring_setup, 1, params) >= 0;
         }, true},
        {"userfaultfd", [](auto&) { return syscall(SYS_userfaultfd, 1) >= 0; }, true},
        {"performance counters of the kernel", [](auto&) {
             unsigned char attr[128] = {0, 0, 0, 0, 128};
             return syscall(SYS_perf_event_open, attr, -1, 0, -1, 0) >= 0;
         }},
        {"a kernel key", [](auto&) { return syscall(SYS_add_key, "user", "x", "y", 1, -2) >= 0; }, true},
        {"System V shared memory", [](auto&) { return shmget(IPC_PRIVATE, 4096, 0600) >= 0; }, true},
        {"set the clock", [](auto&) {
             const timeval now{1, 0};
             return settimeofday(&now, nullptr) == 0;
         }},
        {"set the host's name", [](auto&) { return sethostname("taken", 5) == 0; }},
        {"reboot", [](auto&) { return reboot(RB_DISABLE_CAD) == 0; }},
        {"load a kernel module", [](auto&) { return syscall(SYS_init_module, "x", 1, "") == 0; }},
        {"another personality", [](auto&) { return personality(PER_LINUX32) >= 0; }, true},
        {"real-time priority", [](auto&) {
             const sched_param p{.sched_priority = 99};
             return sched_setscheduler(0, SCHED_FIFO, &p) == 0;
         }},
        {"more descriptors than it may have", [](auto&) {
             for (int i = 0; i < 40000; ++i)
                 if (dup(0) < 0) return false;
             return true;
         }},
        {"type on a terminal", [](auto&) { return ioctl(2, TIOCSTI, "x") == 0; }},
        // --- the delivery ring, which membership writes and it only reads
        {"delivery ring: map it writable", [](const Scene& s) { return mapped(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, s.delivery, 0)); }},
        {"delivery ring: make its mapping writable", [](const Scene& s) { return mprotect(page_of(s), 4096, PROT_READ | PROT_WRITE) == 0; }},
        {"delivery ring: move the mapping, then make it writable", [](const Scene& s) {
             void* moved = mremap(page_of(s), 4096, 8192, MREMAP_MAYMOVE);
             return moved != MAP_FAILED && mprotect(moved, 4096, PROT_READ | PROT_WRITE) == 0;
         }},
        {"delivery ring: store through the mapping", [](const Scene& s) {
             static_cast<volatile std::uint64_t*>(page_of(s))[8] = 7;
             return true;
         }},
        {"delivery ring: write()", [](const Scene& s) { return pwrite(s.delivery, "x", 1, 64) == 1; }},
        {"delivery ring: cut it short", [](const Scene& s) { return ftruncate(s.delivery, 0) == 0; }},
        {"delivery ring: punch a hole", [](const Scene& s) { return fallocate(s.delivery, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) == 0; }},
        {"delivery ring: remove its pages", [](const Scene& s) { return madvise(page_of(s), 4096, MADV_REMOVE) == 0; }},
        {"delivery ring: change its mode", [](const Scene& s) { return fchmod(s.delivery, 0777) == 0; }},
        {"delivery ring: open it again for writing", [](const Scene& s) { return opened(open(("/proc/self/fd/" + std::to_string(s.delivery)).c_str(), O_RDWR)); }},
        {"delivery ring: store through /proc/self/mem", [](const Scene& s) {
             const int fd = open("/proc/self/mem", O_RDWR);
             return fd >= 0 && pwrite(fd, "x", 1, reinterpret_cast<off_t>(page_of(s)) + 64) == 1;
         }},
        {"delivery ring: store by process_vm_writev", [](const Scene& s) {
             char byte = 'x';
             iovec here{&byte, 1}, there{static_cast<char*>(page_of(s)) + 64, 1};
             return process_vm_writev(getpid(), &here, 1, &there, 1, 0) == 1;
         }},
        {"delivery ring: seal it", [](const Scene& s) { return fcntl(s.delivery, F_ADD_SEALS, F_SEAL_WRITE) == 0; }},
        {"own ring: shrink it under its reader", [](const Scene& s) { return ftruncate(s.submit, 4096) == 0; }},
        {"own ring: seal it against its successor", [](const Scene& s) { return fcntl(s.submit, F_ADD_SEALS, F_SEAL_WRITE) == 0; }},
    };
}

struct Role {
    const char* name;
    const char* user;
    Profile profile;
};
constexpr Role kRoles[] = {{"membership", "motet-membership", Profile::membership}, {"cpg", "motet-cpg", Profile::worker},
                           {"confdb", "motet-confdb", Profile::worker},             {"quorum", "motet-quorum", Profile::worker},
                           {"sam", "motet-sam", Profile::worker},                   {"metrics", "motet-metrics", Profile::metrics},
                           {"config", "motet-config", Profile::config}};

// As the role's program enters its sandbox.
bool enter(const Role& role, const sandbox::Identity& who, const sandbox::Room& room, bool list) {
    int n = 0;
    for (const int fd : room.descriptors())
        if (dup2(fd, sandbox::kRoomFd + n++) < 0) return false;
    if (role.profile == Profile::membership && !sandbox::enter_room(sandbox::Entering::rest)) return false;
    if (role.profile == Profile::config) syscall(SYS_close_range, sandbox::kRoomFd, sandbox::kRoomFd + n - 1, 0);
    const Result<sandbox::Report> report = sandbox::enter({.profile = role.profile, .become = who, .list = list});
    if (!report) std::fprintf(stderr, "# %s\n", report.error().text.c_str());
    return static_cast<bool>(report);
}

struct Outcome {
    bool succeeded = false;
    std::string text;
};

Outcome run_one(const Role& role, const sandbox::Identity& who, const sandbox::Room& room, const Scene& scene, const Attempt& attempt, bool list) {
    int result[2];
    if (pipe2(result, O_CLOEXEC) != 0) return {true, "no pipe"};
    const pid_t child = fork();
    if (child == 0) {
        // Above the room's numbers; descriptor 2 is the only one a worker may write to.
        if (dup2(result[1], STDERR_FILENO) < 0 || !enter(role, who, room, list)) _exit(112);
        errno = 0;
        const bool got = attempt.run(scene);
        const int answer[2] = {got ? 1 : 0, errno};
        _exit(write(STDERR_FILENO, answer, sizeof answer) == sizeof answer ? 0 : 1);
    }
    close(result[1]);
    int status = 0;
    bool hangs = true;
    for (unsigned ms = 0; hangs && ms < kAttempt_s * 1000; ms += 1) {
        hangs = waitpid(child, &status, WNOHANG) == 0;
        if (hangs) usleep(1000);
    }
    if (hangs) {
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
    }
    int answer[2] = {0, 0};
    const bool said = read(result[0], answer, sizeof answer) == sizeof answer;
    close(result[0]);
    if (hangs) return {false, "hangs"};
    if (WIFSIGNALED(status)) return {false, WTERMSIG(status) == SIGSYS ? "killed" : std::string("SIG") + sigabbrev_np(WTERMSIG(status))};
    if (WEXITSTATUS(status) == 112) return {true, "no sandbox"};
    if (!said) return {true, "left without a word"};
    return {answer[0] == 1, answer[0] == 1 ? "SUCCEEDED" : std::string(strerrorname_np(answer[1]) != nullptr ? strerrorname_np(answer[1]) : "refused")};
}

// Whom an attempt could harm: still there, still the same.
struct Watch {
    const Scene& scene;
    Bytes before;
    int priority;
    explicit Watch(const Scene& s) : scene(s), before(look()), priority(getpriority(PRIO_PROCESS, static_cast<id_t>(s.sibling))) {}
    Bytes look() const {
        const auto* at = reinterpret_cast<const std::uint8_t*>(scene.truth);
        return {at, at + ring::kPage + 4096};
    }
    const char* harm() const {
        if (waitpid(scene.sibling, nullptr, WNOHANG) != 0) return "the sibling is dead";
        if (getpriority(PRIO_PROCESS, static_cast<id_t>(scene.sibling)) != priority) return "the sibling was slowed down";
        if (look() != before) return "the delivery ring has changed";
        return nullptr;
    }
};

int run() {
    if (geteuid() != 0) {
        std::puts("skip - escape_probe: needs root: without it all processes are one user");
        return 77;
    }
    if (!sandbox::has_filter(Profile::worker)) {
        std::puts("skip - escape_probe: built with sanitizers: no system-call list");
        return 77;
    }
    Scene scene;
    scene.supervisor = getpid();
    scene.abstract = "motet-probe-" + std::to_string(getpid());
    const int host = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, scene.abstract.data(), scene.abstract.size());
    if (bind(host, reinterpret_cast<sockaddr*>(&address), static_cast<socklen_t>(sizeof(sa_family_t) + 1 + scene.abstract.size())) != 0 || listen(host, 8) != 0) return 2;
    int line[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, line) != 0) return 2;
    scene.socket = line[0];
    scene.peer = line[1];
    const auto delivery = ring::create_segment(ring::Role::membership, 1, kRing, 0), submit = ring::create_segment(ring::Role::worker, 1, kRing, 0);
    if (!delivery || !submit) return 2;
    // Above the numbers of a room.
    scene.delivery = fcntl(delivery->read_only, F_DUPFD_CLOEXEC, 64);
    scene.submit = fcntl(submit->writable, F_DUPFD_CLOEXEC, 64);
    scene.delivery_at = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, scene.delivery, 0);
    scene.truth = static_cast<const ring::SegmentPage*>(mmap(nullptr, ring::kPage + kRing, PROT_READ, MAP_SHARED, delivery->read_only, 0));

    bool good = true;
    const std::vector<Attempt> all = attempts();
    std::vector<std::vector<std::string>> table(all.size());
    for (const bool list : {true, false}) {
        for (const Role& role : kRoles) {
            if (!list && (role.profile == Profile::config || role.profile == Profile::metrics || (role.profile == Profile::worker && std::strcmp(role.name, "cpg") != 0))) continue;   // one of a kind
            const Result<sandbox::Identity> who = sandbox::identity_of(role.user), other = sandbox::identity_of("motet-sibling");
            const Result<sandbox::Room> room = sandbox::Room::make(role.profile == Profile::membership ? sandbox::Network::hosts : sandbox::Network::none);
            if (!who || !other || !room) {
                std::printf("skip - escape_probe: %s\n", !room ? room.error().text.c_str() : "no users");
                return 77;
            }
            scene.sibling = fork();   // another service, under its own user
            if (scene.sibling == 0) {
                (void)!syscall(SYS_setresgid, other->gid, other->gid, other->gid);
                (void)!syscall(SYS_setresuid, other->uid, other->uid, other->uid);
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                for (;;) pause();
            }
            const Watch watch(scene);
            for (std::size_t i = 0; i < all.size(); ++i) {
                const Attempt& attempt = all[i];
                const Outcome outcome = run_one(role, *who, *room, scene, attempt, list);
                const bool allowed = (attempt.network && role.profile == Profile::membership) || (!list && attempt.by_list);
                const char* harm = watch.harm();
                const bool ok = harm == nullptr && (!outcome.succeeded || (allowed && outcome.text == "SUCCEEDED"));
                table[i].push_back(outcome.succeeded && ok ? (list ? "its work" : "harmless") : outcome.text);
                if (!ok) std::printf("not ok - %s, %s: %s: %s %s\n", role.name, list ? "all layers" : "without the list", attempt.name, outcome.text.c_str(), harm == nullptr ? "" : harm);
                good = good && ok;
                if (harm != nullptr) return 1;
            }
            kill(scene.sibling, SIGKILL);
            waitpid(scene.sibling, nullptr, 0);
        }
    }
    std::printf("# %zu attempts in the place of each child. killed: by the system-call list. its work: membership has the network.\n", all.size());
    std::printf("# %-55s| %-10s %-8s %-8s %-8s %-8s %-8s %-8s| without the list: %-11s cpg\n", "attempt", "membership", "cpg", "confdb", "quorum", "sam", "metrics", "config", "membership");
    for (std::size_t i = 0; i < all.size(); ++i) {
        const auto& t = table[i];
        std::printf("# %-55s| %-10s %-8s %-8s %-8s %-8s %-8s %-8s| %-29s %s\n", all[i].name, t[0].c_str(), t[1].c_str(), t[2].c_str(), t[3].c_str(), t[4].c_str(), t[5].c_str(),
                    t[6].c_str(), t[7].c_str(), t[8].c_str());
    }
    std::printf("%s - nobody escapes: %zu attempts by each of 7 children, and by 2 without the system-call list\n", good ? "ok" : "not ok", all.size());
    return good ? 0 : 1;
}

}  // namespace
}  // namespace motet

int main() { return motet::run(); }
