// The highest ring sequence this node has agreed to, on disk: <state_dir>/ringid_<nodeid>, 8 bytes in native order, mode
// 0600, as Corosync keeps it. Uniqueness of ring ids over restarts depends on it.
#pragma once
#include <cstdint>
#include <string>

#include "libs/base/ids.h"
#include "libs/base/result.h"

namespace motet {

class RingFile {
public:
    // No cluster reaches it: what claims more is not what store() wrote.
    static constexpr std::uint64_t kSequenceMax = std::uint64_t{1} << 62;
    // Opens or creates the file; `loaded()` is 0 for a new or short one.
    static Result<RingFile> open(const std::string& state_dir, NodeId self);
    RingFile(RingFile&& other) noexcept;
    RingFile& operator=(RingFile&&) = delete;
    ~RingFile();

    std::uint64_t loaded() const { return loaded_; }
    // False: errno says why; the old content stands.
    bool store(std::uint64_t seq);
    const std::string& path() const { return path_; }

private:
    RingFile(std::string path, int fd, std::uint64_t loaded) : path_(std::move(path)), fd_(fd), loaded_(loaded) {}
    std::string path_;
    int fd_;
    std::uint64_t loaded_;
};

}  // namespace motet
