#include "supervisor/remembered.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "supervisor/unique_fd.h"

namespace motet::supervisor {

std::uint32_t remembered_votes(const std::string& state_dir) {
    const UniqueFd file(open((state_dir + "/ev_tracking").c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    std::uint32_t votes = 0;
    if (file.get() < 0 || read(file.get(), &votes, sizeof votes) != sizeof votes) return 0;
    return votes;
}

Status remember_votes(const std::string& state_dir, std::uint32_t votes) {
    const std::string path = state_dir + "/ev_tracking", fresh = path + ".new";
    const UniqueFd file(open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    const bool written = file.get() >= 0 && write(file.get(), &votes, sizeof votes) == sizeof votes && fsync(file.get()) == 0 &&
                         rename(fresh.c_str(), path.c_str()) == 0;
    if (!written) return error("%s: %s. A restart of this node will forget the highest expected votes.", path.c_str(), std::strerror(errno));
    return Done{};
}

}  // namespace motet::supervisor
