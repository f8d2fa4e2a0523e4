// pload, Corosync's load generator: known so that its messages can be named, not served. Its senders fill the
// size field wrongly, so the general rule for service headers does not hold here.
#pragma once
#include <cstddef>
#include <cstdint>

#include "libs/base/bytes.h"
#include "libs/wire/service.h"

namespace motet::wire::pload {

enum class Function : std::uint32_t { start = 0, mcast = 1 };
constexpr std::uint32_t id(Function function) { return message_id(Service::pload, static_cast<std::uint32_t>(function)); }

inline constexpr std::size_t kStartSize = 24;

struct Start {
    std::uint32_t stated_size = 0;  // of the header; senders leave garbage there
    std::uint32_t count = 0, size = 0;
};
struct Mcast {
    std::uint32_t stated_size = 0;
    ByteView filler;
};

Decoded<Start> decode_start(ByteView message, bool swap);
Decoded<Mcast> decode_mcast(ByteView message, bool swap);
// Append.
void encode_start(const Start& start, Bytes& out);
void encode_mcast(const Mcast& mcast, Bytes& out);

}  // namespace motet::wire::pload
