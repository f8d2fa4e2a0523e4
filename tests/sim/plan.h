// What one run consists of, fixed before it starts: cluster, clients and a list of timed steps. A plan is drawn from a
// seed or read from a scenario file, and has one text form, so that a shrunk failure is a scenario.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "libs/base/result.h"

namespace motet::sim {

enum class Act : std::uint8_t {
    start,           // node: start or restart it
    crash,           // node: power off
    leave_ring,      // node: stop in order
    pause,           // node, a: for so many microseconds
    partition,       // components
    heal,            // all links and partitions
    cut, mend,       // node -> other, one way
    deaf, hear,      // node: no multicasts reach it, tokens do
    loss,            // node -> other (0: all), a: per million
    slow,            // node, a: longest worker delay in microseconds; 0: quick again
    replace_worker,  // node: the cpg worker dies with its clients and a new one takes over
    join, leave, finalize, disconnect,   // node.client (join: a = group)
    multicast,       // node.client: a bytes, b times, c flags
    parts,           // node.client: a bytes in all, b bytes per part, c flags
};
inline constexpr std::uint32_t kFlagSafe = 1, kFlagSync = 2;   // SAFE; with a reply (zero-copy send)

// A step may wait for a situation of a node once its time has come.
enum class When : std::uint8_t { always, synchronising, gather, commit, recovery, operational, sending };

struct Step {
    std::int64_t at_us = 0;
    When when = When::always;
    std::uint32_t when_node = 0;
    Act act = Act::heal;
    std::uint32_t node = 0, client = 0, other = 0;
    std::uint64_t a = 0, b = 0, c = 0;
    std::vector<std::vector<std::uint32_t>> components;
};

struct LinkProfile {
    std::uint32_t loss = 0, duplicate = 0, reorder = 0;   // per million
    std::uint32_t delay_us = 60, jitter_us = 40, reorder_us = 2000;
    bool fifo = true;                                      // without reordering, a later frame never overtakes
};

struct Expectation {
    std::string figure;
    bool at_least = true;      // otherwise: exactly
    std::uint64_t value = 0;
};

struct Plan {
    std::uint64_t seed = 1;
    std::string name;
    std::uint32_t nodes = 3;                 // ids 1..nodes
    std::uint32_t clients_per_node = 2;      // slots 1..n
    std::uint32_t token_ms = 300;
    std::uint32_t netmtu = 1500, window = 50, max_messages = 17, miss_count = 5, fail_recv = 2500;
    bool cancel_hold = false;
    bool reuse_pids = false;                 // a client keeps its pid when it connects again
    std::uint32_t socket_frames = 400;       // a paused node's socket buffer
    std::uint32_t worker_delay_us = 40;
    std::vector<std::uint32_t> late;         // nodes that no step-less start touches
    LinkProfile link;
    std::int64_t end_us = 0;                 // then everything is healed
    std::vector<Step> steps;                 // ascending at_us
    std::vector<Expectation> expect;
};

Plan draw_plan(std::uint64_t seed);
std::string to_text(const Plan& plan);
std::string to_text(const Step& step);
Result<Plan> parse_plan(std::string_view text);

}  // namespace motet::sim
