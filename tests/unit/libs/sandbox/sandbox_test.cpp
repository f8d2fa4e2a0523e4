// Each case forks a child that enters the real sandbox and then tries one thing: what a worker needs works, what it must
// not do kills it with SIGSYS.
#include "libs/sandbox/sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "libs/control/control.h"
#include "libs/sandbox/profiles.h"

namespace motet::sandbox {
namespace {

// Wait status of a child that entered `profile` and ran `attempt`; exit 0 if the attempt says true.
int in_sandbox(Profile profile, const std::function<bool()>& attempt) {
    const pid_t child = fork();
    if (child == 0) {
        const Result<Report> entered = enter({.profile = profile});
        if (!entered) {
            dprintf(2, "%s\n", entered.error().text.c_str());
            _exit(kExitCode);
        }
        _exit(attempt() ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return status;
}

bool exited(int status, int code) { return WIFEXITED(status) && WEXITSTATUS(status) == code; }
bool killed(int status, int signal) { return WIFSIGNALED(status) && WTERMSIG(status) == signal; }

TEST(Sandbox, WorkerKeepsWhatItsLoopNeeds) {
    int pair[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    const int page = memfd_create("page", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ASSERT_EQ(ftruncate(page, 8192), 0);
    control::Header go{.type = static_cast<std::uint32_t>(control::Type::go)};
    ASSERT_TRUE(control::send(pair[0], go, {}, std::vector<int>{page}));
    const int status = in_sandbox(Profile::worker, [&] {
        const int epoll = epoll_create1(EPOLL_CLOEXEC);
        epoll_event event{.events = EPOLLIN, .data = {.fd = pair[1]}};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, pair[1], &event) != 0 || epoll_wait(epoll, &event, 1, 1000) != 1) return false;
        control::Message message;
        if (control::receive(pair[1], true, message) != control::Received::message || message.fds.size() != 1) return false;
        struct stat st {};
        if (fcntl(message.fds[0], F_GET_SEALS) < 0 || fstat(message.fds[0], &st) != 0 || st.st_size != 8192) return false;
        void* at = mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, message.fds[0], 0);
        if (at == MAP_FAILED) return false;
        std::memset(at, 1, 8192);
        syscall(SYS_futex, at, FUTEX_WAKE, 1, nullptr, nullptr, 0);
        munmap(at, 8192);
        std::vector<std::string> heap;   // grows through brk, mmap, mremap and back
        for (std::size_t i = 1; i < 200; ++i) heap.push_back(std::string(i * 4096, 'x'));
        heap.clear();
        heap.shrink_to_fit();
        std::string big(64u << 20, 'y');
        big.resize(128u << 20);
        timespec now{};
        if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) return false;
        const std::string text = "still here";
        return control::send(pair[1], {.type = static_cast<std::uint32_t>(control::Type::log)}, as_bytes(text)) &&
               shutdown(pair[1], SHUT_RDWR) == 0 && close(pair[1]) == 0;
    });
    EXPECT_TRUE(exited(status, 0)) << "wait status " << status;
    control::Message said;
    ASSERT_EQ(control::receive(pair[0], false, said), control::Received::message);
    EXPECT_EQ(as_text(said.body), "still here");
}

TEST(Sandbox, WorkerDiesOfWhatItMustNotDo) {
    if (!has_filter(Profile::worker)) GTEST_SKIP() << "built with sanitizers: no system-call list";
    int pair[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
    const std::vector<std::pair<const char*, std::function<void()>>> attempts = {
        {"open", [] { open("/etc/passwd", O_RDONLY); }},
        {"socket", [] { socket(AF_INET, SOCK_DGRAM, 0); }},
        {"listen", [&] { listen(pair[0], 1); }},
        {"sendmsg", [&] { msghdr m{}; sendmsg(pair[0], &m, MSG_DONTWAIT); }},
        {"sendto an address", [&] { sockaddr a{}; a.sa_family = AF_UNIX; sendto(pair[0], "x", 1, MSG_DONTWAIT, &a, sizeof a); }},
        {"shutdown of one side", [&] { shutdown(pair[0], SHUT_WR); }},
        {"fork", [] { syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr); }},
        {"exec", [] { execl("/bin/true", "true", nullptr); }},
        {"kill", [] { kill(getppid(), 0); }},
        {"another's tgkill", [] { syscall(SYS_tgkill, getppid(), getppid(), 0); }},
        {"prctl", [] { prctl(PR_SET_DUMPABLE, 1); }},
        {"memfd", [] { memfd_create("x", 0); }},
        {"executable memory", [] { mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }},
        {"setuid", [] { syscall(SYS_setuid, 0); }},
        {"dup", [] { syscall(SYS_dup, 0); }},
        {"F_SETFL", [&] { fcntl(pair[0], F_SETFL, 0); }},
        {"write to a file", [&] { syscall(SYS_write, pair[0], "x", 1); }},
        {"ptrace", [] { syscall(SYS_ptrace, 0, 0, 0, 0); }},
        {"io_uring", [] { syscall(SYS_io_uring_setup, 1, nullptr); }},
        {"unshare", [] { syscall(SYS_unshare, 0x10000000); }},
    };
    for (const auto& [name, attempt] : attempts) {
        const int status = in_sandbox(Profile::worker, [&, call = attempt] { call(); return true; });
        EXPECT_TRUE(killed(status, SIGSYS)) << name << ": wait status " << status;
    }
}

TEST(Sandbox, AbortStillEndsAsSigabrt) {
    EXPECT_TRUE(killed(in_sandbox(Profile::worker, []() -> bool { std::abort(); }), SIGABRT));
}

TEST(Sandbox, ConfigurationReaderParsesWhatItHoldsAndWritesItsMemoryFile) {
    const int out = memfd_create("snapshot", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int names[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, names), 0);
    ASSERT_EQ(send(names[0], "+7", 2, 0), 2);
    const int status = in_sandbox(Profile::config, [&] {
        char answer[8];
        pollfd wait{names[1], POLLIN, 0};
        if (send(names[1], "u0root", 6, MSG_NOSIGNAL) != 6 || poll(&wait, 1, 1000) != 1 || recv(names[1], answer, sizeof answer, 0) != 2) return false;
        try {   // a parser may throw: unwinding must not need a forbidden call
            throw std::runtime_error(std::string(answer, 2));
        } catch (const std::exception& e) {
            const std::string text = e.what();
            return write(out, text.data(), text.size()) == 2 &&
                   fcntl(out, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0;
        }
    });
    EXPECT_TRUE(exited(status, 0)) << "wait status " << status;
    EXPECT_EQ(fcntl(out, F_GET_SEALS), F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
}

TEST(Sandbox, ConfigurationReaderDiesOfFilesNetworkAndProcesses) {
    if (!has_filter(Profile::config)) GTEST_SKIP() << "built with sanitizers: no system-call list";
    EXPECT_TRUE(killed(in_sandbox(Profile::config, [] { return open("/etc/passwd", O_RDONLY) >= 0; }), SIGSYS));
    EXPECT_TRUE(killed(in_sandbox(Profile::config, [] { return fork() >= 0; }), SIGSYS));
    EXPECT_TRUE(killed(in_sandbox(Profile::config, [] { return socket(AF_UNIX, SOCK_STREAM, 0) >= 0; }), SIGSYS));
}

// Opened before the sandbox, read inside: what the kernel says about a process in each profile.
TEST(Sandbox, NobodyKeepsCapabilitiesOrGainsPrivileges) {
    for (const Profile profile : {Profile::config, Profile::lookup, Profile::worker, Profile::membership}) {
        const pid_t child = fork();
        if (child == 0) {
            const int in = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
            if (!enter({.profile = profile})) _exit(2);
            std::string text(8192, '\0');
            const ssize_t size = read(in, text.data(), text.size());
            text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
            const auto says = [&text](const char* line) { return text.find(line) != std::string::npos; };
            _exit(says("CapEff:\t0000000000000000") && says("CapPrm:\t0000000000000000") && says("NoNewPrivs:\t1") ? 0 : 1);
        }
        int status = 0;
        waitpid(child, &status, 0);
        EXPECT_TRUE(exited(status, 0)) << "profile " << static_cast<int>(profile) << ", wait status " << status;
    }
}

// A container may withhold other capabilities; that is reported too, but not what these tests are about.
long own_user_lines(const Report& report) {
    return std::count_if(report.missing.begin(), report.missing.end(), [](const std::string& line) { return line.starts_with("own user"); });
}

TEST(Sandbox, RootBecomesTheConfiguredUser) {
    if (geteuid() != 0) GTEST_SKIP() << "not started as root";
    const pid_t child = fork();
    if (child == 0) {
        const Result<Report> entered = enter({.profile = Profile::lookup, .user = "nobody"});
        _exit(entered && own_user_lines(*entered) == 0 && getuid() != 0 && geteuid() != 0 && getgid() != 0 && setuid(0) != 0 ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(exited(status, 0)) << "wait status " << status;
}

TEST(Sandbox, AMissingUserIsReportedAndAFreeIdTakesItsPlace) {
    if (geteuid() != 0) GTEST_SKIP() << "not started as root";
    const Result<Identity> one = identity_of("motet-no-such-user"), again = identity_of("motet-no-such-user"), other = identity_of("motet-nor-this");
    ASSERT_TRUE(one && again && other);
    EXPECT_FALSE(one->known);
    EXPECT_EQ(one->uid, again->uid);
    EXPECT_NE(one->uid, other->uid);
    EXPECT_EQ(getpwuid(one->uid), nullptr);
    const pid_t child = fork();
    if (child == 0) {
        const Result<Report> entered = enter({.profile = Profile::lookup, .user = "motet-no-such-user"});
        _exit(entered && own_user_lines(*entered) == 1 && getuid() == one->uid && getgid() == one->gid ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(exited(status, 0)) << "wait status " << status;
}

TEST(Sandbox, AnIdentityOnTheCommandLineIsTwoNumbersAndNeverRoot) {
    const Result<Identity> good = parse_identity("997:998");
    ASSERT_TRUE(good);
    EXPECT_EQ(good->uid, 997u);
    EXPECT_EQ(good->gid, 998u);
    for (const char* bad : {"", "997", "997:", ":998", "0:998", "997:0", "997:998x", "-1:5", "99999999999:1"}) EXPECT_FALSE(parse_identity(bad)) << bad;
}

// Runs `inside` in a process that was started for the room, as spawn() does it; its exit code.
int in_room(const Room& room, const std::function<int()>& inside) {
    const pid_t child = fork();
    if (child == 0) {
        int n = 0;
        for (const int fd : room.descriptors())
            if (dup2(fd, kRoomFd + n++) < 0) _exit(99);
        _exit(inside());
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

ino_t namespace_of(const char* kind) {
    struct stat st {};
    return stat((std::string("/proc/self/ns/") + kind).c_str(), &st) == 0 ? st.st_ino : 0;
}

TEST(Room, AWorkerFindsNothingToOpenInItAndNobodyToTalkTo) {
    const Result<Room> room = Room::make(Network::none);
    if (!room) GTEST_SKIP() << room.error().text;
    const ino_t net = namespace_of("net");
    EXPECT_EQ(in_room(*room, [&] {
        const int proc = open("/proc/self/ns/net", O_RDONLY);
        const int root_before = open("/", O_RDONLY | O_DIRECTORY);
        const Result<std::string> entered = enter_room(Entering::whole);
        if (!entered || !entered->empty()) return 1;
        if (open("/etc/passwd", O_RDONLY) >= 0 || open("/proc", O_RDONLY) >= 0 || mkdir("/x", 0777) == 0 || open("/x", O_CREAT | O_RDWR, 0600) >= 0) return 2;
        const int udp = socket(AF_INET, SOCK_DGRAM, 0);
        sockaddr_in to{.sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
        if (sendto(udp, "x", 1, 0, reinterpret_cast<sockaddr*>(&to), sizeof to) >= 0) return 3;
        struct stat st {};
        if (fstat(proc, &st) != 0 || st.st_ino != net) return 4;   // of the host, opened before
        for (int fd = kRoomFd; fd < kRoomFd + kRoomFdsMax; ++fd)
            if (fd != proc && fd != root_before && fd != udp && fcntl(fd, F_GETFD) >= 0) return 5;   // all closed
        return 0;
    }), 0);
}

TEST(Room, EveryLifeEntersTheSameNamespaces) {
    const Result<Room> room = Room::make(Network::none);
    if (!room) GTEST_SKIP() << room.error().text;
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    ino_t seen[2][2] = {};
    for (auto& life : seen) {
        EXPECT_EQ(in_room(*room, [&] {
            // The numbers are asked of the descriptors: there is no /proc inside.
            struct stat net {}, root {};
            fstat(kRoomFd + static_cast<int>(room->descriptors().size()) - 3, &net);
            const Result<std::string> entered = enter_room(Entering::whole);
            if (!entered || !entered->empty() || stat("/", &root) != 0) return 1;
            const ino_t numbers[2] = {net.st_ino, root.st_dev};
            return write(pipe_ends[1], numbers, sizeof numbers) == sizeof numbers ? 0 : 2;
        }), 0);
        ASSERT_EQ(read(pipe_ends[0], life, sizeof life), static_cast<ssize_t>(sizeof life));
    }
    EXPECT_EQ(seen[0][0], seen[1][0]);
    EXPECT_EQ(seen[0][1], seen[1][1]);
    struct stat ours {};
    ASSERT_EQ(stat("/", &ours), 0);
    EXPECT_NE(seen[0][1], ours.st_dev);
    EXPECT_NE(seen[0][0], namespace_of("net"));
}

TEST(Room, MembershipKeepsItsFilesUntilItLeavesThemAndTheNetworkForGood) {
    const Result<Room> room = Room::make(Network::hosts);
    if (!room) GTEST_SKIP() << room.error().text;
    const ino_t net = namespace_of("net"), ipc = namespace_of("ipc"), mounts = namespace_of("mnt");
    EXPECT_EQ(in_room(*room, [&] {
        const Result<std::string> entered = enter_room(Entering::rest);
        if (!entered || !entered->empty()) return 1;
        if (namespace_of("net") != net || namespace_of("ipc") == ipc || namespace_of("mnt") == mounts) return 2;
        std::thread other([] { pause(); });   // a transport's
        other.detach();
        const Result<bool> left = leave_files();
        if (!left || !*left) return 3;
        if (open("/etc/passwd", O_RDONLY) >= 0 || mkdir("/x", 0777) == 0) return 4;
        return socket(AF_INET, SOCK_DGRAM, 0) >= 0 ? 0 : 5;
    }), 0);
}

TEST(Room, AProcessThatWasGivenNoneSaysSo) {
    const pid_t child = fork();
    if (child == 0) {
        syscall(SYS_close_range, kRoomFd, ~0u, 0);
        const Result<std::string> entered = enter_room(Entering::whole);
        const Result<bool> left = leave_files();
        _exit(entered && !entered->empty() && left && !*left ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(exited(status, 0)) << "wait status " << status;
}

TEST(Room, WhetherAProcessIsInsideIsAskedOfTheKernel) {
    if (geteuid() != 0) GTEST_SKIP() << "not started as root";
    const Result<Room> room = Room::make(Network::none), other = Room::make(Network::none);
    if (!room || !other) GTEST_SKIP() << "no namespaces here";
    int ready[2];
    ASSERT_EQ(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
        int n = 0;
        for (const int fd : room->descriptors()) dup2(fd, kRoomFd + n++);
        (void)!enter_room(Entering::whole);
        (void)!write(ready[1], "x", 1);
        pause();
        _exit(0);
    }
    char byte;
    ASSERT_EQ(read(ready[0], &byte, 1), 1);
    EXPECT_EQ(inside(child, *room), Inside::yes);
    EXPECT_EQ(inside(child, *other), Inside::no);
    EXPECT_EQ(inside(getpid(), *room), Inside::no);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    EXPECT_EQ(inside(child, *room), Inside::unknown);
}

TEST(Sandbox, ThreadsStartedForATransportHaveNoCapabilitiesAndComeUnderTheList) {
    if (geteuid() != 0) GTEST_SKIP() << "not started as root";
    if (!has_filter(Profile::membership)) GTEST_SKIP() << "built with sanitizers: no system-call list";
    const pid_t child = fork();
    if (child == 0) {
        std::atomic<int> step{0};
        std::atomic<bool> bare{false};
        std::thread* thread = nullptr;
        const Identity nobody{65534, 65534, true};
        const Status started = start_threads(nobody, [&] {
            thread = new std::thread([&] {
                std::string text(8192, '\0');
                const int in = open("/proc/thread-self/status", O_RDONLY);
                text.resize(static_cast<std::size_t>(std::max<ssize_t>(read(in, text.data(), text.size()), 0)));
                bare = text.find("CapPrm:\t0000000000000000") != text.npos && text.find("CapBnd:\t0000000000000000") != text.npos &&
                       text.find("Uid:\t65534\t65534\t65534\t65534") != text.npos;
                step = 1;
                while (step != 2) usleep(1000);
                open("/etc/passwd", O_RDONLY);   // under the list by now
                _exit(3);
            });
        });
        while (step != 1) usleep(1000);
        if (!started || !bare || setpriority(PRIO_PROCESS, 0, -1) != 0) _exit(4);   // the caller has kept its own
        if (!enter({.profile = Profile::membership, .become = nobody})) _exit(5);
        step = 2;
        thread->join();
        _exit(6);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(killed(status, SIGSYS)) << "wait status " << status;
}

TEST(Sandbox, MembershipHasTheNetworkAndNothingElse) {
    if (!has_filter(Profile::membership)) GTEST_SKIP() << "built with sanitizers: no system-call list";
    EXPECT_TRUE(exited(in_sandbox(Profile::membership, [] {
        const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        sockaddr_in any{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
        socklen_t size = sizeof any;
        return bind(fd, reinterpret_cast<sockaddr*>(&any), size) == 0 && getsockname(fd, reinterpret_cast<sockaddr*>(&any), &size) == 0 &&
               sendto(fd, "x", 1, 0, reinterpret_cast<sockaddr*>(&any), size) == 1;
    }), 0));
    const std::vector<std::pair<std::string, std::function<void()>>> attempts = {
        {"open", [] { open("/etc/passwd", O_RDONLY); }},
        {"a unix socket", [] { socket(AF_UNIX, SOCK_STREAM, 0); }},
        {"a packet socket", [] { socket(AF_PACKET, SOCK_RAW, 0); }},
        {"a thread", [] { syscall(SYS_clone, CLONE_VM | CLONE_THREAD | CLONE_SIGHAND, nullptr, nullptr, nullptr, nullptr); }},
        {"exec", [] { execl("/bin/true", "true", nullptr); }},
        {"kill", [] { kill(getppid(), 0); }},
        {"executable memory", [] { mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }},
        {"accept", [] { accept(0, nullptr, nullptr); }},
        {"listen", [] { listen(0, 1); }},
        {"ptrace", [] { syscall(SYS_ptrace, 0, 0, 0, 0); }},
        {"setns", [] { syscall(SYS_setns, 0, 0); }},
        {"chroot", [] { (void)!chroot("."); }},
    };
    for (const auto& [name, attempt] : attempts) {
        const int status = in_sandbox(Profile::membership, [&, call = attempt] { call(); return true; });
        EXPECT_TRUE(killed(status, SIGSYS)) << name << ": wait status " << status;
    }
}

}  // namespace
}  // namespace motet::sandbox
