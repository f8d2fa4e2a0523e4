// The runtime directory: made if missing, locked by the pid file against a second motet, holding the listening sockets.
#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

#include "libs/base/result.h"
#include "supervisor/unique_fd.h"

namespace motet::supervisor {

class RuntimeDir {
public:
    // Makes and locks it; an error names who holds it.
    static Result<RuntimeDir> open(const std::string& path);
    RuntimeDir(RuntimeDir&&) = default;
    RuntimeDir& operator=(RuntimeDir&&) = delete;

    Status write_pid();
    // A listening stream socket of this name. Removes a stale one: whoever made it no longer holds the lock.
    Result<UniqueFd> listen(const std::string& name, mode_t mode);
    // The same by its full path, wherever that is. What has the name but is no socket, or is listened on, stays and is an error.
    Result<UniqueFd> listen_at(const std::string& path, mode_t mode);
    // Removes sockets and pid file, in this order.
    void clean_up();
    // An empty one, to be filled by transfer().
    RuntimeDir() = default;
    template <class Archive>
    void transfer(Archive& a) { a(path_, lock_, sockets_); }
    const std::string& path() const { return path_; }

private:
    Result<UniqueFd> bind_at(const std::string& path, mode_t mode, const char* remedy);
    RuntimeDir(std::string path, UniqueFd lock) : path_(std::move(path)), lock_(std::move(lock)) {}
    std::string path_;
    UniqueFd lock_;
    std::vector<std::string> sockets_;
};

// Like mkdir -p.
Status make_directory(const std::string& path, mode_t mode);

}  // namespace motet::supervisor
