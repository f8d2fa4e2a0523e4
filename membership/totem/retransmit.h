// Gaps: asking for what is missing, and sending again what others miss.
#pragma once
#include <cstdint>

#include "libs/wire/token.h"
#include "membership/totem/output.h"
#include "membership/totem/sort_queue.h"

namespace motet::totem {

// Sends what the token asks for and `store` has, at most `allowed` frames, and takes it off the list. Returns how many.
std::uint32_t answer_requests(wire::Token& token, RingId ring, const SortQueue& store, std::uint32_t allowed, Output& out);

// Counts every gap above `aru` and asks for those noticed at `miss_count` visits. Returns how many were added.
std::uint32_t request_missing(wire::Token& token, RingId ring, SortQueue& store, std::uint32_t aru, std::uint32_t miss_count);

}  // namespace motet::totem
