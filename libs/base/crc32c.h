// CRC-32C (Castagnoli) over bytes, for state that must be recognised when it is damaged. With the CPU's instruction where
// there is one.
#pragma once
#include <cstdint>

#include "libs/base/bytes.h"

namespace motet {

// `before`: the result over the bytes in front of these, to go on from there.
std::uint32_t crc32c(ByteView bytes, std::uint32_t before = 0);

}  // namespace motet
