// cmap between nodes: one message with a few keys, of which only totem.config_version is ever sent.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "libs/base/bounded_vector.h"
#include "libs/base/bytes.h"
#include "libs/wire/service.h"

namespace motet::wire::cmap {

enum class Function : std::uint32_t { mcast = 0 };
constexpr std::uint32_t id(Function function) { return message_id(Service::cmap, static_cast<std::uint32_t>(function)); }

enum class Reason : std::uint8_t { sync = 0, new_config_version = 1 };
enum class ValueType : std::uint8_t {
    absent = 0,
    i8 = 1,
    u8 = 2,
    i16 = 3,
    u16 = 4,
    i32 = 5,
    u32 = 6,
    i64 = 7,
    u64 = 8,
    float32 = 9,
    float64 = 10,
    text = 11,
    binary = 12,
};

inline constexpr std::size_t kMcastSize = 48;  // without items
inline constexpr std::size_t kItemSize = 280;  // without the value; each item ends at a multiple of 8
inline constexpr std::size_t kItemsMax = 32;   // what a Corosync sender can hold
inline constexpr std::size_t kKeyMax = 256;
inline constexpr std::string_view kConfigVersionKey = "totem.config_version";

struct Item {
    std::string_view key;  // points into the message
    ValueType type = ValueType::absent;
    ByteView value;            // as received, in the sender's byte order
    std::uint64_t number = 0;  // of a u64, in ours
};
struct Mcast {
    std::uint8_t reason = 0;  // Reason, as received
    BoundedVector<Item, kItemsMax> items;
};

Decoded<Mcast> decode_mcast(ByteView message, bool swap);
// Appends. A u64 item is written from `number`, any other from `value`.
void encode_mcast(const Mcast& mcast, Bytes& out);

// The sender's totem.config_version; 0 where the message says it has none.
std::uint64_t config_version(const Mcast& mcast);
// Appends the message Corosync sends: one item, absent if `version` is 0.
void encode_config_version(Reason reason, std::uint64_t version, Bytes& out);

}  // namespace motet::wire::cmap
