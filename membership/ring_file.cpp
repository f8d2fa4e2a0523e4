#include "membership/ring_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstring>

namespace motet {

Result<RingFile> RingFile::open(const std::string& state_dir, NodeId self) {
    const std::string path = state_dir + "/ringid_" + std::to_string(self);
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error("%s: cannot be opened: %s; ring ids would not be unique without it. Check that the state directory exists "
                     "and is writable (--state-dir)", path.c_str(), std::strerror(errno));
    std::uint64_t seq = 0;
    RingFile file(path, fd, 0);
    const ssize_t got = ::pread(fd, &seq, sizeof seq, 0);
    if (got < 0)
        return error("%s: cannot be read: %s; ring ids would not be unique without it", path.c_str(), std::strerror(errno));
    if (got != sizeof seq) seq = 0;
    if (seq >= kSequenceMax)
        return error("%s: holds an impossible ring sequence; remove the file if no cluster remembers this node", path.c_str());
    file.loaded_ = seq;
    if (seq == 0 && !file.store(0))
        return error("%s: cannot be written: %s; ring ids would not be unique without it", path.c_str(), std::strerror(errno));
    return file;
}

RingFile::RingFile(RingFile&& other) noexcept : path_(std::move(other.path_)), fd_(other.fd_), loaded_(other.loaded_) {
    other.fd_ = -1;
}

RingFile::~RingFile() {
    if (fd_ >= 0) ::close(fd_);
}

bool RingFile::store(std::uint64_t seq) {
    if (::pwrite(fd_, &seq, sizeof seq, 0) != sizeof seq) return false;
    return ::fdatasync(fd_) == 0;
}

}  // namespace motet
