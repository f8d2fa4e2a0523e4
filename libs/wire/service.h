// What every message behind a group prefix begins with, and the registry of Corosync's services. The sender is
// never a field of these messages: it is the nodeid of the frame they came in.
#pragma once
#include <cstddef>
#include <cstdint>

#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/wire/decoded.h"

namespace motet::wire {

enum class Service : std::uint32_t { cmap = 0, cfg = 1, cpg = 2, quorum = 3, pload = 4, votequorum = 5, mon = 6, wd = 7 };
inline constexpr std::uint32_t kServicesMax = 64;  // ids below this; Corosync 3.1 peers misbehave beyond

inline constexpr std::size_t kRequestHeaderSize = 16;        // id, size, each followed by 4 zero bytes
inline constexpr std::size_t kResponseHeaderSize = 24;       // the same and an unused error code
inline constexpr std::size_t kMessageBodyMax = 1048576 - 5;  // bytes behind the prefix "a"

constexpr std::uint32_t message_id(Service service, std::uint32_t function) {
    return static_cast<std::uint32_t>(service) << 16 | function;
}

struct ServiceHeader {
    std::uint32_t id = 0;
    std::uint32_t size = 0;  // of the message, header included; kRequestHeaderSize up to the bytes received
    std::uint32_t service() const { return id >> 16; }
    std::uint32_t function() const { return id & 0xffff; }
};
Decoded<ServiceHeader> decode_service_header(ByteView message, bool swap);
// Appends a request header.
void encode_service_header(std::uint32_t id, std::uint32_t size, Bytes& out);

// Who caused a message, in the sender's own terms. `conn` is opaque to everybody else; 0 is fine.
struct MessageSource {
    NodeId nodeid = 0;
    std::uint64_t conn = 0;
};

// For a message's decoder: a reader over exactly `size` bytes, placed behind the request header, if the header
// is sound and names `id`.
struct OpenedMessage {
    Reader in;
    std::uint32_t size;
    Malformed why;
};
OpenedMessage open_message(ByteView message, std::uint32_t id, bool swap);

}  // namespace motet::wire
