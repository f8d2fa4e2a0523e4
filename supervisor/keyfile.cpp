#include "supervisor/keyfile.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "libs/config/totem_settings.h"

namespace motet::supervisor {
namespace {

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;

Status check(const char* path, const struct stat& file) {
    if (!S_ISREG(file.st_mode)) return error("%s: the cluster's key must be a regular file; make one with corosync-keygen", path);
    if (file.st_size < static_cast<off_t>(config::kKeyBytesMin) || file.st_size > static_cast<off_t>(config::kKeyBytesMax))
        return error("%s: %lld bytes, but a key has %zu to %zu; make one with corosync-keygen and copy it to all nodes", path,
                     static_cast<long long>(file.st_size), config::kKeyBytesMin, config::kKeyBytesMax);
    if ((file.st_mode & 027) != 0)
        return error("%s: mode %03o lets others read or change the cluster's key; chmod 400 %s, and make a new key if somebody may have read it", path,
                     static_cast<unsigned>(file.st_mode & 0777), path);
    if (file.st_uid != 0 && file.st_uid != geteuid())
        return error("%s: owned by user %u, who could change the cluster's key; chown root %s", path, file.st_uid, path);
    return Done{};
}

Result<UniqueFd> sealed(UniqueFd memory, const char* what) {
    if (fcntl(memory.get(), F_ADD_SEALS, kSeals) != 0) return error("%s: sealing the copy of the key: %s", what, std::strerror(errno));
    char path[64];
    std::snprintf(path, sizeof path, "/proc/self/fd/%d", memory.get());
    UniqueFd read_only(open(path, O_RDONLY | O_CLOEXEC));
    if (!read_only) return error("%s: opening the copy of the key: %s. Is /proc mounted?", what, std::strerror(errno));
    return read_only;
}

}  // namespace

Result<UniqueFd> open_key(const config::Snapshot& snapshot) {
    const std::string inline_key(snapshot.get_or("totem.key", ""));
    const std::string path(snapshot.get_or(config::kKeyfile, ""));
    if (!config::derive(snapshot).needs_key()) return UniqueFd();
    UniqueFd memory(memfd_create("motet-key", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!memory || fchmod(memory.get(), 0400) != 0) return error("the cluster's key: memfd_create: %s", std::strerror(errno));
    if (!inline_key.empty()) {
        if (write(memory.get(), inline_key.data(), inline_key.size()) != static_cast<ssize_t>(inline_key.size()))
            return error("totem.key: cannot be copied: %s", std::strerror(errno));
        return sealed(std::move(memory), "totem.key");
    }
    const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!file) {
        const int why = errno;
        return error("%s: the cluster's key cannot be read: %s; %s", path.c_str(), std::strerror(why),
                     why == ENOENT ? "make it with corosync-keygen on one node and copy it to all nodes, or name it in totem.keyfile"
                                   : "correct its owner and permissions");
    }
    struct stat info{};
    if (fstat(file.get(), &info) != 0) return error("%s: %s", path.c_str(), std::strerror(errno));
    if (const Status good = check(path.c_str(), info); !good) return good.error();
    off_t from = 0;
    if (sendfile(memory.get(), file.get(), &from, static_cast<std::size_t>(info.st_size)) != info.st_size)
        return error("%s: the cluster's key cannot be read in full: %s", path.c_str(), std::strerror(errno));
    return sealed(std::move(memory), path.c_str());
}

// Mapped, not copied: what is unmapped is gone.
bool same_key(const UniqueFd& a, const UniqueFd& b) {
    if (!a || !b) return !a && !b;
    struct stat x{}, y{};
    if (fstat(a.get(), &x) != 0 || fstat(b.get(), &y) != 0 || x.st_size != y.st_size) return false;
    const auto size = static_cast<std::size_t>(x.st_size);
    void* p = mmap(nullptr, size, PROT_READ, MAP_SHARED, a.get(), 0);
    void* q = mmap(nullptr, size, PROT_READ, MAP_SHARED, b.get(), 0);
    const bool same = p != MAP_FAILED && q != MAP_FAILED && std::memcmp(p, q, size) == 0;
    if (p != MAP_FAILED) munmap(p, size);
    if (q != MAP_FAILED) munmap(q, size);
    return same;
}

}  // namespace motet::supervisor
