// The membership process's counters and gauges under Corosync's names of the statistics map (libs/metrics/values.h).
#pragma once
#include <cstdint>

#include "libs/config/totem_settings.h"
#include "libs/metrics/values.h"
#include "membership/node/node.h"
#include "membership/transport/transport.h"

namespace motet {

class StatusValues {
public:
    void write(metrics::ValueWriter& out, const config::TotemSettings& settings, const node::Node& node, const transport::Transport& transport, Instant now);

private:
    // As they were at the last call, for what is measured between two.
    std::uint64_t tokens_ = 0, settled_gathers_ = 0;
    Instant at_{};
};

}  // namespace motet
