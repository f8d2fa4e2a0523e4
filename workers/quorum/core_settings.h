// What the quorum core is configured with: values already checked and put together (settings.cpp), no text.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "libs/base/ids.h"
#include "libs/base/time.h"

namespace motet::quorum {

// Who decides. `none`: nobody, every node may always go on; `majority` and `all` look at the node list and know no votes.
enum class Provider : std::uint8_t { none, votequorum, majority, all };
enum class TieBreaker : std::uint8_t { lowest, highest, list };

struct DeviceSettings {
    bool configured = false;
    std::uint32_t votes = 0;
    Duration timeout = milliseconds(10000);       // without a poll for so long, its vote is gone
    Duration sync_timeout = milliseconds(30000);  // the same while a membership is being synchronised
    bool master_wins = false;
    friend bool operator==(const DeviceSettings&, const DeviceSettings&) = default;
};

struct Settings {
    NodeId self = 0;
    Provider provider = Provider::none;
    std::uint32_t listed = 0;          // nodes of the node list
    std::uint32_t votes = 1;           // of the own node
    std::uint32_t expected_votes = 1;  // of a complete cluster, the device included
    bool two_node = false;
    bool wait_for_all = false;
    bool last_man_standing = false;
    bool auto_tie_breaker = false;
    bool allow_downscale = false;
    bool expected_votes_tracking = false;
    TieBreaker tie_breaker = TieBreaker::lowest;
    std::vector<NodeId> tie_breaker_nodes;        // for TieBreaker::list, in order of preference
    Duration last_man_standing_window = milliseconds(10000);
    DeviceSettings device;
    std::uint32_t stored_expected_votes = 0;      // highest ever seen by this node, with expected_votes_tracking
    friend bool operator==(const Settings&, const Settings&) = default;
};

}  // namespace motet::quorum
