// What libconfdb says to the confdb worker. Common rules: libs/wire/client_confdb.h. Types of values are cmap's numbers.
#pragma once
#include <cstdint>

#include "libs/wire/client_confdb.h"

namespace motet::wire::objects_client {

using confdb_client::Reply;
inline constexpr std::size_t kNameMax = 255;
inline constexpr std::size_t kValueMax = (1u << 20) - 4096;
inline constexpr std::uint32_t kDepthOne = 0, kDepthRecursive = 1;

enum class Request : std::uint8_t {
    open = 1,            // empty; reply. First request of every connection.
    create = 2,          // u64 parent, name; reply: Reply, u64 object
    destroy = 3,         // u64 object; reply
    parent = 4,          // u64 object; reply: Reply, u64 parent
    name = 5,            // u64 object; reply: Reply, name
    put = 6,             // KeyRequest (type), key, value; reply
    replace = 7,         // KeyRequest, key, value; reply
    erase = 8,           // KeyRequest, key; reply
    add = 9,             // KeyRequest, key, i64 delta; reply: Reply with the new value, cut to 32 bits, in `info`
    get = 10,            // ReadRequest (name), key; reply: ReadReply, bytes from `offset` on as far as they fit
    key_at = 11,         // ReadRequest (index); reply: ReadReply, key, bytes
    children = 12,       // ChildrenRequest, name; reply: Reply with their number in `info`, then per child ChildEntry, name
    track = 13,          // TrackRequest; reply
    untrack_all = 14,    // empty; reply
    reload = 15,         // empty; reply: notices of start and end go to those who track the root
    finalize = 16,       // empty; reply; then the worker closes
};
constexpr std::uint16_t type_of(Request request) {
    return confdb_client::request_type(confdb_client::Part::objects, static_cast<std::uint8_t>(request));
}

struct KeyRequest {
    std::uint64_t object = 0;
    std::uint32_t key_length = 0, type = 0;
};
struct ReadRequest {
    std::uint64_t object = 0;
    std::uint64_t version = 0;      // of the value of which earlier bytes were read; 0: none were
    std::uint32_t offset = 0;
    std::uint32_t index = 0;        // key_at: position in order of creation
};
struct ReadReply {
    Reply reply;                    // info: type. TRY_AGAIN: not that version any more, begin again
    std::uint64_t version = 0;
    std::uint32_t length = 0;       // of the whole value
    std::uint32_t key_length = 0;   // key_at
};
struct ChildrenRequest {
    std::uint64_t parent = 0;
    std::uint64_t after = 0;        // the child read last; 0: from the beginning. Ids rise in order of creation.
    std::uint32_t named = 0;        // only those with this name
    std::uint32_t reserved = 0;
};
struct ChildEntry {
    std::uint64_t object = 0;
    std::uint64_t name_length = 0;
};
struct TrackRequest {
    std::uint64_t object = 0;
    std::uint32_t depth = 0;        // kDepthOne; anything else is recursive
    std::uint32_t reserved = 0;
};

enum class Event : std::uint16_t {
    key = 1,                        // ChangeEvent, object's name, key, value
    created = 2,                    // ChangeEvent, name
    deleted = 3,                    // ChangeEvent, name
    reload = 4,                     // u32 confdb_reload_type_t
};
struct ChangeEvent {
    std::uint64_t object = 0;       // changed, created; of `deleted`: the one that goes
    std::uint64_t parent = 0;       // of `key`: of the tracked object; else of this one
    std::uint32_t kind = 0;         // confdb_change_type_t
    std::uint32_t name_length = 0, key_length = 0, value_length = 0;
};

}  // namespace motet::wire::objects_client
