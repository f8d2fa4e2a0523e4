// The front of every complete Totem message: the process groups it is for. Two have listeners: "a" (services)
// and "sync" (synchronisation); any other name is legal and not ours.
#pragma once
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "libs/base/bytes.h"
#include "libs/wire/decoded.h"

namespace motet::wire {

static_assert(std::endian::native == std::endian::little, "the prefixes below are those of a little-endian sender");
inline constexpr std::array<std::uint8_t, 5> kServicePrefix = {1, 0, 1, 0, 'a'};
inline constexpr std::array<std::uint8_t, 8> kSyncPrefix = {1, 0, 4, 0, 's', 'y', 'n', 'c'};
inline constexpr std::size_t kGroupsMax = 32;  // names in one message; more are refused

struct Grouped {
    bool service = false, sync = false;  // names "a", names "sync"
    ByteView first_name;                 // of the first group, for reports
    ByteView payload;
    bool ours() const { return service || sync; }
};

// `message` is complete, that is reassembled. `swap`: the sender's byte order is not ours. Allocates nothing.
Decoded<Grouped> decode_grouped(ByteView message, bool swap);

}  // namespace motet::wire
