#include "supervisor/runtime_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace motet::supervisor {
namespace {

constexpr int kListenQueue = 1024;
constexpr const char kPidFile[] = "/motet.pid";

}  // namespace

Status make_directory(const std::string& path, mode_t mode) {
    for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
        const std::string part = path.substr(0, slash);
        if (mkdir(part.c_str(), slash == std::string::npos ? mode : 0755) != 0 && errno != EEXIST)
            return error("%s: cannot be created: %s. Create it, or choose another directory.", part.c_str(), std::strerror(errno));
        if (slash == std::string::npos) break;
    }
    struct stat st {};
    if (stat(path.c_str(), &st) != 0 || !S_ISDIR(st.st_mode)) return error("%s: not a directory. Choose another one.", path.c_str());
    return Done{};
}

Result<RuntimeDir> RuntimeDir::open(const std::string& path) {
    if (const Status made = make_directory(path, 0755); !made) return made.error();
    const std::string pid_file = path + kPidFile;
    for (int attempt = 0; attempt < 10; ++attempt) {
        UniqueFd lock(::open(pid_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
        if (!lock)
            return error("%s: %s. motet needs a runtime directory it may write: run it as root, or choose one with --runtime-dir.",
                         pid_file.c_str(), std::strerror(errno));
        if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
            char pid[16] = {};
            (void)!pread(lock.get(), pid, sizeof pid - 1, 0);
            return error("%s: another motet (pid %ld) runs on this directory. Stop it first, or choose another --runtime-dir.",
                         path.c_str(), std::strtol(pid, nullptr, 10));
        }
        // Its holder may have removed the file between our open and our lock: then we hold nobody's file.
        struct stat held {}, named {};
        if (fstat(lock.get(), &held) == 0 && stat(pid_file.c_str(), &named) == 0 && held.st_ino == named.st_ino)
            return RuntimeDir(path, std::move(lock));
    }
    return error("%s: changes too often to be locked. Is something starting motet again and again?", pid_file.c_str());
}

Status RuntimeDir::write_pid() {
    const std::string text = std::to_string(getpid()) + "\n";
    if (ftruncate(lock_.get(), 0) != 0 || pwrite(lock_.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
        return error("%s%s: %s. Is the file system full?", path_.c_str(), kPidFile, std::strerror(errno));
    return Done{};
}

Result<UniqueFd> RuntimeDir::listen(const std::string& name, mode_t mode) { return bind_at(path_ + "/" + name, mode, "Choose another --runtime-dir."); }

Result<UniqueFd> RuntimeDir::listen_at(const std::string& path, mode_t mode) {
    constexpr const char* kRemedy = "Choose another path.";
    struct stat st {};
    if (lstat(path.c_str(), &st) == 0) {
        if (!S_ISSOCK(st.st_mode)) return error("%s: exists and is no socket. %s", path.c_str(), kRemedy);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        if (path.size() < sizeof address.sun_path) std::memcpy(address.sun_path, path.data(), path.size());
        const UniqueFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        if (!probe || connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 || errno != ECONNREFUSED)
            return error("%s: somebody listens there. %s", path.c_str(), kRemedy);
    }
    return bind_at(path, mode, kRemedy);
}

Result<UniqueFd> RuntimeDir::bind_at(const std::string& path, mode_t mode, const char* remedy) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        return error("%s: longer than %zu bytes, the kernel's limit for sockets. %s", path.c_str(),
                     sizeof address.sun_path - 1, remedy);
    std::memcpy(address.sun_path, path.data(), path.size());
    const auto failed = [&path, remedy](const char* what) {
        return error("%s: %s: %s. %s", path.c_str(), what, std::strerror(errno), remedy);
    };
    if (unlink(path.c_str()) != 0 && errno != ENOENT) return failed("a stale socket cannot be removed");
    UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return failed("socket");
    // Born closed to everybody; opened to the right ones before anybody can be in the queue.
    const mode_t before = umask(0177);
    const int bound = bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    const int why = errno;
    umask(before);
    errno = why;
    if (bound != 0) return failed("bind");
    sockets_.push_back(path);
    if (chmod(path.c_str(), mode) != 0) return failed("chmod");
    if (::listen(fd.get(), kListenQueue) != 0) return failed("listen");
    return fd;
}

void RuntimeDir::clean_up() {
    for (const std::string& path : sockets_) unlink(path.c_str());
    sockets_.clear();
    unlink((path_ + kPidFile).c_str());
}

}  // namespace motet::supervisor
