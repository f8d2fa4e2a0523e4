// Totem's parameters with Corosync's names and defaults. Values are effective ones: whoever fills this in
// has applied the derivations (token coefficient, token_retransmit, hold, consensus) and the range checks.
#pragma once
#include <cstdint>
#include <vector>

#include "libs/base/ids.h"
#include "libs/base/time.h"

namespace motet::totem {

struct Config {
    NodeId self = 0;
    std::vector<NodeId> nodes;              // all configured nodes, this one included

    Duration token = milliseconds(3000);    // effective, coefficient included
    Duration token_retransmit = milliseconds(714);
    Duration hold = milliseconds(561);
    Duration consensus = milliseconds(3600);
    Duration join = milliseconds(50);
    Duration send_join{};                   // upper bound of a random delay before a join; 0: none
    Duration merge = milliseconds(200);
    Duration max_network_delay = milliseconds(50);
    std::uint32_t heartbeat_failures_allowed = 0;  // 0: no heartbeat
    std::uint32_t fail_recv_const = 2500;   // rotations
    std::uint32_t seqno_unchanged_const = 30;
    bool quick_rest = false;                // in a ring of Motet nodes only: kQuickRest rotations, and at whoever sent last
    std::uint32_t miss_count_const = 5;     // token visits
    std::uint32_t window_size = 50;         // mcasts per rotation, whole ring
    std::uint32_t max_messages = 17;        // mcasts per token visit
    bool adaptive_window = false;           // in a ring of Motet nodes only, up to 8 times the two above
    std::uint32_t netmtu = 1500;            // bytes; frame body is netmtu - 90
    bool cancel_token_hold_on_retransmit = false;
    bool block_unlisted = true;             // drop frames whose system_from is not in `nodes`
    std::uint64_t random_seed = 1;          // for send_join only
};

}  // namespace motet::totem
