#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "membership/transport/rdma/rdma.h"

namespace motet::transport {
namespace {

// No clock shows it: what claims more was not written here.
constexpr std::uint64_t kIncarnationMax = std::uint64_t{1} << 63;

struct Closing {
    int fd;
    ~Closing() {
        if (fd >= 0) ::close(fd);
    }
};

}  // namespace

Result<std::uint64_t> next_incarnation(const std::string& state_dir, NodeId self, std::uint64_t clock_ns) {
    const std::string path = state_dir + "/rdma_incarnation_" + std::to_string(self);
    const Closing file{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (file.fd < 0) return error("%s: %s; the directory must exist and be writable for motet", path.c_str(), std::strerror(errno));
    char text[32] = {};
    const ssize_t size = ::pread(file.fd, text, sizeof text - 1, 0);
    if (size < 0) return error("%s: %s", path.c_str(), std::strerror(errno));
    std::uint64_t last = 0;
    const auto parsed = std::from_chars(text, text + size, last);
    if (size > 0 && (parsed.ec != std::errc() || last >= kIncarnationMax))
        return error("%s: it holds no number below 2^63; remove it if the clock of this machine is right", path.c_str());
    const std::uint64_t next = std::max(clock_ns, last + 1);
    const std::string line = std::to_string(next) + "\n";
    if (::pwrite(file.fd, line.data(), line.size(), 0) != static_cast<ssize_t>(line.size()) ||
        ::ftruncate(file.fd, static_cast<off_t>(line.size())) != 0 || ::fdatasync(file.fd) != 0)
        return error("%s: cannot be written: %s", path.c_str(), std::strerror(errno));
    return next;
}

}  // namespace motet::transport
