#include "supervisor/keyfile.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "libs/base/sha256.h"
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

namespace {

// Mapped, not copied: what is unmapped is gone.
class Mapped {
public:
    explicit Mapped(const UniqueFd& key) {
        struct stat info{};
        if (!key || fstat(key.get(), &info) != 0 || info.st_size <= 0) return;
        void* at = mmap(nullptr, static_cast<std::size_t>(info.st_size), PROT_READ, MAP_SHARED, key.get(), 0);
        if (at != MAP_FAILED) bytes_ = {static_cast<const std::uint8_t*>(at), static_cast<std::size_t>(info.st_size)};
    }
    ~Mapped() {
        if (!bytes_.empty()) munmap(const_cast<std::uint8_t*>(bytes_.data()), bytes_.size());
    }
    Mapped(const Mapped&) = delete;
    Mapped& operator=(const Mapped&) = delete;
    ByteView bytes() const { return bytes_; }

private:
    ByteView bytes_;
};

}  // namespace

bool same_key(const UniqueFd& a, const UniqueFd& b) {
    if (!a || !b) return !a && !b;
    const Mapped x(a), y(b);
    return !x.bytes().empty() && x.bytes().size() == y.bytes().size() && std::memcmp(x.bytes().data(), y.bytes().data(), x.bytes().size()) == 0;
}

std::uint32_t key_check(const UniqueFd& running, const UniqueFd& fresh) {
    const Mapped old(running), key(fresh);
    if (key.bytes().empty()) return 0;
    const Digest digest = hmac_sha256(old.bytes(), {as_bytes("motet new key"), key.bytes()});
    std::uint32_t check = 0;
    std::memcpy(&check, digest.data(), sizeof check);
    return std::max(check, 1u);
}

}  // namespace motet::supervisor
