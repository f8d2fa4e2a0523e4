// Identifiers shared by the wire, the cores and the services.
#pragma once
#include <compare>
#include <cstdint>

namespace motet {

// A node of the cluster; 0 is no node.
using NodeId = std::uint32_t;

// A ring: its representative (lowest nodeid at formation) and a sequence. Equality needs both.
struct RingId {
    NodeId rep = 0;
    std::uint64_t seq = 0;
    friend bool operator==(const RingId&, const RingId&) = default;
};

// Most nodes in one membership, as in Corosync (PROCESSOR_COUNT_MAX).
inline constexpr std::uint32_t kNodesMax = 384;

// Ids of services in messages between nodes: below 64, one bit each.
using ServiceSet = std::uint64_t;
constexpr ServiceSet service_set(std::uint32_t id) { return id < 64 ? ServiceSet{1} << id : 0; }
constexpr bool contains(ServiceSet set, std::uint32_t id) { return (set & service_set(id)) != 0; }

// Delivery guarantee of a message. FIFO and unordered requests are served as agreed.
enum class Guarantee : std::uint8_t { agreed = 0, safe = 1 };

}  // namespace motet
