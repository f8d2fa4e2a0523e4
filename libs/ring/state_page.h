// The first page of a worker's state segment: which of the two slots behind it is in force, how far its journal goes, what
// the worker has in hand. The worker writes it; the supervisor reads the second and third line. docs/rings.md.
#pragma once
#include <cstddef>
#include <cstdint>

#include "libs/ring/layout.h"

namespace motet::ring {

inline constexpr char kStateMagic[8] = {'M', 'T', 'E', 'T', 'S', 'T', 'A', '1'};

struct alignas(64) StatePage {
    // 0x000 written with the first snapshot
    char magic[8];
    std::uint64_t version;
    std::uint64_t pad0[6];
    // 0x040
    Word active;       // number of the snapshot in force; its slot is the lowest bit. 0: none, nothing can be resumed
    Word log_end[2];   // per slot: bytes of journal behind the snapshot
    std::uint64_t pad1[5];
    // 0x080 the input the service has in hand; the kind is cleared first and set last
    Word marker_kind, marker_conn, marker_position;
    std::uint64_t pad2[5];
    // 0x0C0
    Word heartbeat;    // counts the rounds of the loop
    Word busy;         // 1 outside of waiting
    std::uint64_t pad3[6];
    unsigned char rest[kPage - 0x100];
};
static_assert(sizeof(StatePage) == kPage && offsetof(StatePage, active) == 0x40 && offsetof(StatePage, heartbeat) == 0xC0);

enum class Marker : std::uint64_t { none = 0, request = 1, delivery = 2, time = 3, connect = 4, disconnect = 5, restore = 6, outside = 7, told = 8 };

// Two slots, each of a snapshot (at most 640 MiB), what waits beside it and the journal. Pages that are not used do not exist.
inline constexpr std::uint64_t kStateSlot = std::uint64_t{1536} << 20;
inline constexpr std::uint64_t kStateSize = kPage + 2 * kStateSlot;

}  // namespace motet::ring
