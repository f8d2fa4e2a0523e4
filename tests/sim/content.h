// Messages that describe themselves: a header with id and length, then bytes that only this message has. Messages too
// short for the header carry a tag and are resolved through their place in the sender's sequence.
#pragma once
#include <cstdint>

#include "libs/base/bytes.h"

namespace motet::sim {

inline constexpr std::uint32_t kContentMagic = 0x5e1fde5c, kContentHeader = 16;

Bytes make_content(std::uint32_t id, std::uint32_t length, std::uint8_t tag);
// The id in the header; false if the message is too short or the header is damaged.
bool read_content(ByteView bytes, std::uint32_t& id);
// Every byte as it was sent.
bool content_intact(ByteView bytes, std::uint32_t id, std::uint8_t tag);

}  // namespace motet::sim
