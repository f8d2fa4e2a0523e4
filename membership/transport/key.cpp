#include "membership/transport/key.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

namespace motet::transport {

Result<Key> Key::read(int fd) {
    Key key;
    struct stat info{};
    if (fstat(fd, &info) != 0) return error("the cluster's key cannot be read: %s", std::strerror(errno));
    if (info.st_size < static_cast<off_t>(kBytesMin) || info.st_size > static_cast<off_t>(kBytesMax))
        return error("the cluster's key has %lld bytes, %zu to %zu are needed; make one with corosync-keygen", static_cast<long long>(info.st_size),
                     kBytesMin, kBytesMax);
    const auto wanted = static_cast<std::size_t>(info.st_size);
    if (pread(fd, key.bytes_.data(), wanted, 0) != static_cast<ssize_t>(wanted)) {
        key.wipe();
        return error("the cluster's key cannot be read in full");
    }
    key.size_ = wanted;
    return key;
}

Key& Key::operator=(Key&& other) noexcept {
    if (this == &other) return *this;
    wipe();
    bytes_ = other.bytes_;
    size_ = other.size_;
    other.wipe();
    return *this;
}

void Key::wipe() {
    explicit_bzero(bytes_.data(), bytes_.size());
    size_ = 0;
}

}  // namespace motet::transport
