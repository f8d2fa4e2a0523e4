// The keys of an application with SAM_RECOVERY_POLICY_CMAP: resources.process.PID., written by its parent through libcmap.
#pragma once
#include <corosync/cmap.h>
#include <sys/types.h>

#include <cstdint>

#include "libs/base/time.h"
#include "libs/client/sam/watch.h"

namespace motet::client::sam {

class Published {
public:
    // Connects and writes all keys, as of the calling process. Errors are cmap's.
    cs_error_t begin(bool restarts, std::uint64_t interval_ms);
    // What begin() said, after another process was the parent: its keys go.
    cs_error_t take_over(pid_t former);
    bool active() const { return wanted_; }

    // Each: CS_OK if nothing is wanted. A broken connection is made anew first.
    cs_error_t state(Watch::State state);
    // A sign of life, at most one write per kLastUpdatedEvery.
    void alive(Instant now);
    // Orderly end: the keys go; after a failure they stay as they are.
    void end(bool failed);
    // After a fork: the connection is the other process's. Its descriptor is closed, nothing is said.
    void forget();

private:
    static constexpr Duration kLastUpdatedEvery = milliseconds(20);

    cs_error_t open();
    cs_error_t write_all(Watch::State state);
    cs_error_t set(const char* name, const char* value);
    cs_error_t set(const char* name, std::uint64_t value);
    void remove(pid_t pid);

    bool wanted_ = false, open_ = false, restarts_ = false;
    std::uint64_t interval_ms_ = 0;
    cmap_handle_t handle_ = 0;
    Watch::State state_ = Watch::State::stopped;
    Instant alive_due_{};
};

const char* name_of(Watch::State state);

}  // namespace motet::client::sam
