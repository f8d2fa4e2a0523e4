// The membership process's counters and gauges under Corosync's names of the statistics map (libs/metrics/values.h).
#pragma once
#include <cstdint>
#include <deque>

#include "libs/config/totem_settings.h"
#include "libs/metrics/values.h"
#include "membership/node/node.h"
#include "membership/transport/transport.h"

namespace motet {

// When this process last got the processor too late, as Corosync counts it: by more than 0.8 of the token time.
class LateWakeups {
public:
    static constexpr std::size_t kKept = 10;   // the newest first

    // At every turn of the loop: `now`, and when it was to be at the latest. True: too late, and noted.
    bool note(Instant now, Instant expected, Duration token, std::int64_t realtime_ms);
    void write(metrics::ValueWriter& out) const;
    Duration last() const { return late_.empty() ? Duration{} : late_.front().delay; }

private:
    struct Late {
        std::int64_t realtime_ms = 0;
        Duration delay;
    };
    std::deque<Late> late_;
};

class StatusValues {
public:
    void write(metrics::ValueWriter& out, const config::TotemSettings& settings, const node::Node& node, const transport::Transport& transport, Instant now);

private:
    // As they were at the last call, for what is measured between two.
    std::uint64_t tokens_ = 0, settled_gathers_ = 0;
    Instant at_{};
};

}  // namespace motet
