#include "libs/sandbox/room.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <utility>

namespace motet::sandbox {
namespace {

struct Kind { int flag; const char* path; const char* name; };
// The order of entering: the user namespace gives the right to the others; the mounts go last, they take /proc away.
constexpr Kind kKinds[] = {{CLONE_NEWUSER, "/proc/self/ns/user", "user"}, {CLONE_NEWCGROUP, "/proc/self/ns/cgroup", "cgroup"},
                           {CLONE_NEWUTS, "/proc/self/ns/uts", "uts"},    {CLONE_NEWIPC, "/proc/self/ns/ipc", "ipc"},
                           {CLONE_NEWNET, "/proc/self/ns/net", "net"},    {CLONE_NEWNS, "/proc/self/ns/mnt", "mnt"}};
constexpr int kAll = CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNS;
constexpr int kMakeLimit_s = 5;

int g_root = -1;   // of a room whose root is still to be taken

std::string why(const char* what) { return std::string(what) + ": " + std::strerror(errno); }

bool write_file(const char* path, const std::string& text) {
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    const bool ok = fd >= 0 && write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (fd >= 0) close(fd);
    return ok;
}

// Only the caller exists in it, under its own number.
std::string map_self(uid_t uid, gid_t gid) {
    const std::string user = std::to_string(uid), group = std::to_string(gid);
    (void)!write_file("/proc/self/setgroups", "deny");
    if (!write_file("/proc/self/uid_map", user + " " + user + " 1") || !write_file("/proc/self/gid_map", group + " " + group + " 1"))
        return why("mapping the user into its namespace");
    return {};
}

std::string make_empty_root() {
    const char* place = access("/run", F_OK) == 0 ? "/run" : "/tmp";
    if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return why("making mounts private");
    constexpr unsigned long kFlags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    if (mount("motet-room", place, "tmpfs", kFlags, "size=4k,nr_inodes=2,mode=0555") != 0) return why("an empty file system");
    if (chdir(place) != 0 || syscall(SYS_pivot_root, ".", ".") != 0) return why("pivot_root");
    if (umount2(".", MNT_DETACH) != 0 || chdir("/") != 0) return why("leaving the old root");
    if (mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | kFlags, nullptr) != 0) return why("making the root read-only");
    return {};
}

// In the process whose namespaces change. `opened`: descriptors of all of them and of the root.
std::string make_namespaces(Network network, std::vector<int>* opened) {
    const uid_t uid = geteuid();
    const gid_t gid = getegid();
    const bool own_user = uid != 0;
    const int flags = kAll | (network == Network::none ? CLONE_NEWNET : 0) | (own_user ? CLONE_NEWUSER : 0);
    if (unshare(flags) != 0) return why("unshare");
    if (own_user)
        if (std::string failed = map_self(uid, gid); !failed.empty()) return failed;
    if (opened != nullptr)
        for (const Kind& kind : kKinds) {
            if ((flags & kind.flag) == 0) continue;
            const int fd = open(kind.path, O_RDONLY | O_CLOEXEC);
            if (fd < 0) return why(kind.path);
            opened->push_back(fd);
        }
    if (std::string failed = make_empty_root(); !failed.empty()) return failed;
    if (opened == nullptr) return {};
    opened->push_back(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    return opened->back() < 0 ? why("opening the empty root") : std::string();
}

// One message: the reason of a failure, or the descriptors.
void tell(int socket, const std::string& failed, const std::vector<int>& fds) {
    char mark = '+';
    iovec part{failed.empty() ? &mark : const_cast<char*>(failed.data()), failed.empty() ? 1 : failed.size()};
    alignas(cmsghdr) char ancillary[CMSG_SPACE(kRoomFdsMax * sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (failed.empty()) {
        message.msg_control = ancillary;
        message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
        cmsghdr* c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
        std::memcpy(CMSG_DATA(c), fds.data(), fds.size() * sizeof(int));
    }
    (void)!sendmsg(socket, &message, MSG_NOSIGNAL);
}

Result<std::vector<int>> listen_to(int socket) {
    char text[256];
    iovec part{text, sizeof text};
    alignas(cmsghdr) char ancillary[CMSG_SPACE(kRoomFdsMax * sizeof(int))];
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = ancillary;
    message.msg_controllen = sizeof ancillary;
    ssize_t size;
    do {
        size = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    } while (size < 0 && errno == EINTR);
    std::vector<int> fds;
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); size > 0 && c != nullptr; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        fds.resize((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        std::memcpy(fds.data(), CMSG_DATA(c), fds.size() * sizeof(int));
    }
    if (size <= 0) return error("namespaces: their maker died");
    if (fds.empty()) return error("namespaces: %.*s", static_cast<int>(size), text);
    return fds;
}

// Which namespace a descriptor is; 0: none.
int kind_of(int fd) {
    const int type = ioctl(fd, NS_GET_NSTYPE);
    return type > 0 ? type : 0;
}

const char* name_of(int type) {
    for (const Kind& kind : kKinds)
        if (kind.flag == type) return kind.name;
    return "?";
}

}  // namespace

Result<Room> Room::make(Network network) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return error("namespaces: socketpair: %s", std::strerror(errno));
    const pid_t maker = fork();
    if (maker < 0) {
        const Error failed = error("namespaces: fork: %s", std::strerror(errno));
        close(ends[0]);
        close(ends[1]);
        return failed;
    }
    if (maker == 0) {
        close(ends[0]);
        alarm(kMakeLimit_s);
        std::vector<int> fds;
        const std::string failed = make_namespaces(network, &fds);
        tell(ends[1], failed, fds);
        _exit(0);
    }
    close(ends[1]);
    Result<std::vector<int>> fds = listen_to(ends[0]);
    close(ends[0]);
    waitpid(maker, nullptr, 0);
    if (!fds) return fds.error();
    return Room(std::move(*fds));
}

Room Room::adopt(std::vector<int> fds) { return Room(std::move(fds)); }

Room& Room::operator=(Room&& other) noexcept {
    std::swap(fds_, other.fds_);
    return *this;
}

Room::~Room() {
    for (const int fd : fds_) close(fd);
}

Inside inside(pid_t pid, const Room& room) {
    for (const int fd : room.descriptors()) {
        const int type = kind_of(fd);
        // A process that keeps files open for a while has a copy of the mounts and the room's root, see Entering::rest.
        if (type == 0 || type == CLONE_NEWNS) continue;
        char path[64];
        std::snprintf(path, sizeof path, "/proc/%d/ns/%s", static_cast<int>(pid), name_of(type));
        struct stat theirs {}, kept {};
        if (fstat(fd, &kept) != 0 || stat(path, &theirs) != 0) return Inside::unknown;
        if (theirs.st_ino != kept.st_ino || theirs.st_dev != kept.st_dev) return Inside::no;
    }
    struct stat root {}, kept {};
    char path[64];
    std::snprintf(path, sizeof path, "/proc/%d/root", static_cast<int>(pid));
    if (room.descriptors().empty() || fstat(room.descriptors().back(), &kept) != 0 || stat(path, &root) != 0) return Inside::unknown;
    return root.st_ino == kept.st_ino && root.st_dev == kept.st_dev ? Inside::yes : Inside::no;
}

Result<std::string> enter_room(Entering how) {
    bool any = false;
    for (int fd = kRoomFd; fd < kRoomFd + kRoomFdsMax; ++fd) {
        const int type = kind_of(fd);
        if (type == 0) {
            struct stat st {};
            // The empty root, by descriptor. Anything else that stands here is not ours.
            if (any && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) g_root = fd;
            continue;
        }
        any = true;
        if (type == CLONE_NEWNS && how == Entering::rest) {
            if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return error("own mounts: %s", std::strerror(errno));
        } else if (setns(fd, type) != 0) {
            return error("entering the %s namespace: %s", name_of(type), std::strerror(errno));
        }
        close(fd);
    }
    if (!any) return std::string("own namespaces");
    if (how == Entering::whole) {
        if (chdir("/") != 0) return error("entering the empty root: %s", std::strerror(errno));
        if (g_root >= 0) close(std::exchange(g_root, -1));
    } else if (g_root >= 0) {
        fcntl(g_root, F_SETFD, FD_CLOEXEC);
    }
    return std::string();
}

Result<bool> leave_files() {
    if (g_root < 0) return false;
    if (fchdir(g_root) != 0 || chroot(".") != 0 || chdir("/") != 0) return error("taking the empty root: %s", std::strerror(errno));
    close(std::exchange(g_root, -1));
    return true;
}

std::string make_own_room() { return make_namespaces(Network::none, nullptr); }

}  // namespace motet::sandbox
