// What parent and standby know together, in memory that survives either of them; and the data the application stored, in two
// memory files of which one is valid, so that a parent killed while storing loses nothing. The application itself lets go of
// all this first thing in its life: what it corrupts is its own memory only.
#pragma once
#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "libs/client/sam/watch.h"

namespace motet::client::sam {

inline constexpr std::size_t kKeySize = 16;   // of the registration, random

struct Shared {
    explicit Shared(const Watch& begin) : watch(begin) {}

    Watch watch;
    std::atomic<std::uint32_t> instance{0};        // 1 is the first; wraps to 0 like the interface says
    std::atomic<pid_t> child{0};                   // written by the child itself before it returns; 0: none was made yet
    std::atomic<std::int32_t> warn_signal{0};
    std::atomic<std::uint32_t> restarts{0};
    std::atomic<std::int64_t> child_since_ns{0};   // CLOCK_REALTIME
    std::atomic<std::int64_t> command_at_ns{0};    // monotonic: last sign of life of the application
    std::atomic<std::int64_t> beat_at_ns{0};       // the same of the parent, for its standby
    std::uint8_t key[kKeySize] = {};

    // Data: which of the two files is valid above, its size below; and how far the next version has come in the other one.
    std::atomic<std::uint64_t> data{0};
    std::atomic<std::uint64_t> coming_total{0}, coming_done{0};
    std::atomic<std::uint64_t> data_version{0};

    // A start request that waits for quorum: its number, or 0.
    std::atomic<std::uint32_t> start_waiting{0};
    // What the node said about restarts, to be told to a node that forgot.
    std::atomic<std::uint32_t> budget_used{0};
    std::atomic<std::uint32_t> takeovers{0};
};

// What the processes of an instance are known by.
struct Mark {
    Mark(const Shared& shared, std::uint32_t instance);
    char name[64];
};

class Block {
public:
    Block() = default;
    ~Block() { release(); }
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;

    bool create(Duration interval, bool restarts, bool needs_quorum);
    void release();
    Shared& operator*() const { return *shared_; }
    Shared* operator->() const { return shared_; }

    // A piece of a new version of the data; offset 0 begins one. False: no memory, the version before stays.
    bool put(std::uint64_t total, std::uint64_t offset, const void* bytes, std::size_t size);
    std::uint64_t data_size() const { return shared_->data.load() & kSizeMask; }
    // False: it cannot be read.
    bool get(std::uint64_t offset, void* to, std::size_t size) const;

private:
    static constexpr std::uint64_t kWhich = std::uint64_t{1} << 63, kSizeMask = kWhich - 1;

    int other() const { return files_[(shared_->data.load() & kWhich) != 0 ? 0 : 1]; }
    int valid() const { return files_[(shared_->data.load() & kWhich) != 0 ? 1 : 0]; }

    Shared* shared_ = nullptr;
    int files_[2] = {-1, -1};
};

}  // namespace motet::client::sam
