// What libcmap, libcfg and libconfdb say to the confdb worker, and what it answers. One socket, confdb.sock, serves all
// three: the high byte of a request's type names the part of the worker that is meant, the low byte is the part's own
// number. A connection belongs to the part of its first request; a request to another part ends it. Records of the request
// ring carry a request type; replies come back in the mailbox and begin with a Reply; events are records of the event ring,
// whose type the part numbers as it likes. All integers native. Lengths in a record must add up to its end.
//
// This header holds what is common, and cmap; libs/wire/client_objects.h is 1.x's confdb. A further part takes a number
// here and a header of its own.
#pragma once
#include <cstddef>
#include <cstdint>

namespace motet::wire::confdb_client {

enum class Part : std::uint8_t { cmap = 1, cfg = 2, objects = 3 };
constexpr std::uint16_t request_type(Part part, std::uint8_t number) {
    return static_cast<std::uint16_t>(static_cast<unsigned>(part) << 8 | number);
}
constexpr Part part_of(std::uint16_t type) { return static_cast<Part>(type >> 8); }
constexpr std::uint8_t number_of(std::uint16_t type) { return static_cast<std::uint8_t>(type); }

struct Reply {
    std::uint32_t error = 0;  // cs_error_t
    std::uint32_t info = 0;   // as the request says
};
inline constexpr std::size_t kReplyMax = 60u << 10;  // bytes of one reply: below a mailbox

}  // namespace motet::wire::confdb_client

namespace motet::wire::cmap_client {

using confdb_client::Reply;
inline constexpr std::size_t kKeyMax = 255;
inline constexpr std::size_t kValueMax = 16384;
inline constexpr std::size_t kBatchMax = 256;        // entries of one `next`
inline constexpr std::uint32_t kIcmap = 0, kStats = 1;

enum class Request : std::uint8_t {
    open = 1,        // u32 map; reply. First request of every connection.
    set = 2,         // SetRequest, key, value; reply
    get = 3,         // GetRequest, key; reply: ValueReply, value if wanted
    erase = 4,       // key; reply
    add = 5,         // i64 delta, key; reply
    next = 6,        // NextRequest, prefix, key; reply: Reply with the number of entries in `info`, entries (NextEntry, key).
                     // Up to kBatchMax keys behind `key` in bytewise order; none is the end.
    track = 7,       // TrackRequest, key; reply
    untrack = 8,     // u64 track; reply
    finalize = 9,    // empty; reply; then the worker closes
};
constexpr std::uint16_t type_of(Request request) {
    return confdb_client::request_type(confdb_client::Part::cmap, static_cast<std::uint8_t>(request));
}

struct SetRequest {
    std::uint32_t key_length = 0, type = 0;   // cmap_value_types_t
};
struct GetRequest {
    std::uint32_t wants_value = 0;
};
struct ValueReply {
    Reply reply;                              // info: cmap_value_types_t
    std::uint64_t length = 0;                 // with the final NUL of a text
};
struct NextRequest {
    std::uint32_t prefix_length = 0, most = 0;   // entries wanted
};
struct NextEntry {
    std::uint16_t key_length = 0;
    std::uint16_t type = 0;
    std::uint32_t length = 0;                 // of the value
};
struct TrackRequest {
    std::uint64_t track = 0;                  // the client's number for it, unique on its connection
    std::uint32_t events = 0;                 // CMAP_TRACK_*
    std::uint32_t reserved = 0;
};

enum class Event : std::uint16_t { change = 1 };   // ChangeEvent, key, new value, old value
struct ChangeEvent {
    std::uint64_t track = 0;
    std::uint32_t event = 0;                  // CMAP_TRACK_ADD, _MODIFY or _DELETE
    std::uint32_t key_length = 0;
    std::uint32_t new_type = 0, new_length = 0;
    std::uint32_t old_type = 0, old_length = 0;
};

}  // namespace motet::wire::cmap_client
