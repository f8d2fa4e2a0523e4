// Whether this partition is quorate, for applications with SAM_RECOVERY_POLICY_QUORUM: a connection to the quorum service. Its
// end is not yet the loss of quorum: the service may have been restarted, and is asked again for a while first.
#pragma once
#include <corosync/corotypes.h>

#include <cstdint>

#include "libs/base/time.h"

namespace motet::client::sam {

class Quorum {
public:
    // Connects, asks, and follows changes. Errors are the service's.
    cs_error_t open();
    bool is_open() const { return open_; }
    int fd() const { return fd_; }
    // Takes news, or connects again. After kPatience without a connection the partition counts as not quorate.
    void look(Instant now);
    bool quorate() const;
    Instant deadline() const { return open_ || !wanted_ ? kNever : retry_at_; }
    void close();
    // After a fork: the connection is the other process's.
    void forget();

private:
    static constexpr Duration kPatience = milliseconds(500), kRetry = milliseconds(50);

    bool wanted_ = false, open_ = false;
    std::uint64_t handle_ = 0;
    int fd_ = -1;
    Instant lost_at_{}, retry_at_{};
};

}  // namespace motet::client::sam
