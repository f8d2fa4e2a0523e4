// Keys: writing, reading, counting, and walking over them.
#pragma GCC visibility push(default)
#include <corosync/confdb.h>
#pragma GCC visibility pop

#include <array>
#include <cstdlib>

#include "libs/client/confdb/connection.h"

namespace motet::client::confdb {
namespace {

constexpr std::size_t kShortValueMax = 256;   // what the calls with a caller's buffer carry
constexpr unsigned kReadTries = 1000;         // of a long value that keeps changing

// cmap's numbers of the types, in 1.x's order.
constexpr std::array<std::uint32_t, 10> kTypes{3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
std::uint32_t to_wire(confdb_value_types_t type) { return static_cast<std::size_t>(type) < kTypes.size() ? kTypes[type] : 12; }
confdb_value_types_t from_wire(std::uint32_t type) {
    for (std::size_t i = 0; i < kTypes.size(); ++i)
        if (kTypes[i] == type) return static_cast<confdb_value_types_t>(i);
    return CONFDB_VALUETYPE_ANY;   // cmap's integers of 8 bits
}

template <class Body>
cs_error_t with(confdb_handle_t handle, const void* key, std::size_t length, Body body) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    if (key == nullptr && length != 0) return CS_ERR_INVALID_PARAM;
    if (length > wire::kNameMax) return CS_ERR_NAME_TOO_LONG;
    return guarded([&] { return body(*ref, std::string_view(static_cast<const char*>(key), length)); });
}
std::size_t length_of(const char* text) { return text != nullptr ? strnlen(text, wire::kNameMax + 1) : 0; }

cs_error_t write(Connection& c, wire::Request request, hdb_handle_t object, std::string_view key, std::uint32_t type, ByteView value,
                 std::uint32_t* info = nullptr) {
    if (value.size() > wire::kValueMax) return CS_ERR_TOO_BIG;
    wire::KeyRequest head;
    head.object = object;
    head.key_length = static_cast<std::uint32_t>(key.size());
    head.type = type;
    const ByteView pieces[] = {bytes_of(head), as_bytes(key), value};
    std::uint32_t got = 0;
    std::vector<std::uint8_t> more;
    const cs_error_t asked = ask(c, request, pieces, got, more, 0);
    if (asked == CS_OK && info != nullptr) *info = got;
    return asked;
}

cs_error_t read(Connection& c, wire::Request type, wire::ReadRequest head, std::string_view key, Fetched& out) {
    for (unsigned tries = 0; tries < kReadTries; ++tries) {
        out.value.clear();
        head.version = head.offset = 0;
        for (;;) {
            const ByteView pieces[] = {bytes_of(head), as_bytes(key)};
            std::uint32_t info = 0;
            std::vector<std::uint8_t> more;
            wire::ReadReply reply;
            constexpr std::size_t kRest = sizeof reply - sizeof reply.reply;
            const cs_error_t asked = ask(c, type, pieces, info, more, kRest);
            if (asked == CS_ERR_TRY_AGAIN && head.offset > 0) break;   // changed between two parts: from the beginning
            if (asked != CS_OK) return asked;
            std::memcpy(reinterpret_cast<std::uint8_t*>(&reply) + sizeof reply.reply, more.data(), kRest);
            const std::size_t came = more.size() - kRest;
            const bool sound = reply.key_length <= wire::kNameMax && reply.key_length <= came && reply.length <= wire::kValueMax &&
                               came - reply.key_length <= reply.length - std::min<std::size_t>(reply.length, out.value.size()) &&
                               (came > reply.key_length || out.value.size() == reply.length);
            if (!sound) {
                c.link->fail(Outcome::library);
                return CS_ERR_LIBRARY;
            }
            const char* bytes = reinterpret_cast<const char*>(more.data()) + kRest;
            out.type = from_wire(info);
            out.key.assign(bytes, reply.key_length);
            out.value.append(bytes + reply.key_length, came - reply.key_length);
            if (out.value.size() == reply.length) return CS_OK;
            head.version = reply.version;
            head.offset = static_cast<std::uint32_t>(out.value.size());
        }
    }
    return CS_ERR_TRY_AGAIN;
}

cs_error_t give_short(const Fetched& got, void* value, size_t* value_len) {
    if (got.value.size() > kShortValueMax) return CS_ERR_TOO_BIG;
    std::memcpy(value, got.value.data(), got.value.size());
    *value_len = got.value.size();
    return CS_OK;
}

cs_error_t give_long(const Fetched& got, void** value, size_t* value_len) {
    if (*value == nullptr) {
        auto* copy = static_cast<char*>(std::malloc(got.value.size() + 1));
        if (copy == nullptr) return CS_ERR_NO_MEMORY;
        copy[got.value.size()] = '\0';
        *value = copy;
    }
    std::memcpy(*value, got.value.data(), got.value.size());
    *value_len = got.value.size();
    return CS_OK;
}

// The next key of the walk over `object`; the position moves on whatever becomes of the value.
cs_error_t step(confdb_handle_t handle, hdb_handle_t object, char* key_name, Fetched& got) {
    return with(handle, nullptr, 0, [&](Connection& c, std::string_view) {
        const std::lock_guard lock(c.mutex);
        const auto walk = c.key_walks.find(object);
        if (walk == c.key_walks.end()) return CS_ERR_CONTEXT_NOT_FOUND;
        const cs_error_t fetched = fetch_at(c, object, walk->second, got);
        if (fetched == CS_ERR_ACCESS) c.key_walks.erase(walk);
        if (fetched != CS_OK) return fetched;
        ++walk->second;
        std::memcpy(key_name, got.key.c_str(), got.key.size() + 1);
        return CS_OK;
    });
}

cs_error_t count(confdb_handle_t handle, hdb_handle_t object, const void* key_name, size_t key_name_len, std::int64_t delta, unsigned int* value) {
    return with(handle, key_name, key_name_len, [&](Connection& c, std::string_view key) {
        std::uint32_t now = 0;
        const cs_error_t written = write(c, wire::Request::add, object, key, 0, bytes_of(delta), &now);
        if (written == CS_OK && value != nullptr) *value = now;
        return written;
    });
}

}  // namespace

cs_error_t fetch(Connection& connection, hdb_handle_t object, std::string_view key, Fetched& out) {
    wire::ReadRequest head;
    head.object = object;
    return read(connection, wire::Request::get, head, key, out);
}

cs_error_t fetch_at(Connection& connection, hdb_handle_t object, std::uint32_t index, Fetched& out) {
    wire::ReadRequest head;
    head.object = object;
    head.index = index;
    return read(connection, wire::Request::key_at, head, {}, out);
}

}  // namespace motet::client::confdb

using namespace motet::client::confdb;

extern "C" {

cs_error_t confdb_key_create(confdb_handle_t handle, hdb_handle_t parent_object_handle, const void* key_name, size_t key_name_len, const void* value,
                             size_t value_len) {
    if (value == nullptr && value_len != 0) return CS_ERR_INVALID_PARAM;
    return with(handle, key_name, key_name_len, [&](Connection& c, std::string_view key) {
        return write(c, wire::Request::put, parent_object_handle, key, to_wire(CONFDB_VALUETYPE_ANY), bytes_of(value, value_len));
    });
}

cs_error_t confdb_key_create_typed(confdb_handle_t handle, hdb_handle_t parent_object_handle, const char* key_name, const void* value, size_t value_len,
                                   confdb_value_types_t type) {
    if (key_name == nullptr || (value == nullptr && value_len != 0)) return CS_ERR_INVALID_PARAM;
    return with(handle, key_name, length_of(key_name), [&](Connection& c, std::string_view key) {
        return write(c, wire::Request::put, parent_object_handle, key, to_wire(type), bytes_of(value, value_len));
    });
}

cs_error_t confdb_key_delete(confdb_handle_t handle, hdb_handle_t parent_object_handle, const void* key_name, size_t key_name_len, const void*, size_t) {
    return with(handle, key_name, key_name_len,
                [&](Connection& c, std::string_view key) { return write(c, wire::Request::erase, parent_object_handle, key, 0, {}); });
}

cs_error_t confdb_key_replace(confdb_handle_t handle, hdb_handle_t parent_object_handle, const void* key_name, size_t key_name_len, const void*, size_t,
                              const void* new_value, size_t new_value_len) {
    if (new_value == nullptr && new_value_len != 0) return CS_ERR_INVALID_PARAM;
    return with(handle, key_name, key_name_len, [&](Connection& c, std::string_view key) {
        return write(c, wire::Request::replace, parent_object_handle, key, 0, bytes_of(new_value, new_value_len));
    });
}

cs_error_t confdb_key_get(confdb_handle_t handle, hdb_handle_t parent_object_handle, const void* key_name, size_t key_name_len, void* value,
                          size_t* value_len) {
    if (value == nullptr || value_len == nullptr) return CS_ERR_INVALID_PARAM;
    return with(handle, key_name, key_name_len, [&](Connection& c, std::string_view key) {
        Fetched got;
        const cs_error_t fetched = fetch(c, parent_object_handle, key, got);
        return fetched == CS_OK ? give_short(got, value, value_len) : fetched;
    });
}

cs_error_t confdb_key_get_typed(confdb_handle_t handle, hdb_handle_t parent_object_handle, const char* key_name, void* value, size_t* value_len,
                                confdb_value_types_t* type) {
    if (key_name == nullptr || value == nullptr || value_len == nullptr) return CS_ERR_INVALID_PARAM;
    return with(handle, key_name, length_of(key_name), [&](Connection& c, std::string_view key) {
        Fetched got;
        const cs_error_t fetched = fetch(c, parent_object_handle, key, got);
        if (fetched != CS_OK) return fetched;
        if (type != nullptr) *type = got.type;
        return give_short(got, value, value_len);
    });
}

cs_error_t confdb_key_get_typed2(confdb_handle_t handle, hdb_handle_t parent_object_handle, const char* key_name, void** value, size_t* value_len,
                                 confdb_value_types_t* type) {
    if (key_name == nullptr || value == nullptr || value_len == nullptr) return CS_ERR_INVALID_PARAM;
    return with(handle, key_name, length_of(key_name), [&](Connection& c, std::string_view key) {
        Fetched got;
        const cs_error_t fetched = fetch(c, parent_object_handle, key, got);
        if (fetched != CS_OK) return fetched;
        if (type != nullptr) *type = got.type;
        return give_long(got, value, value_len);
    });
}

cs_error_t confdb_key_increment(confdb_handle_t handle, hdb_handle_t parent_object_handle, const void* key_name, size_t key_name_len, unsigned int* value) {
    return count(handle, parent_object_handle, key_name, key_name_len, 1, value);
}

cs_error_t confdb_key_decrement(confdb_handle_t handle, hdb_handle_t parent_object_handle, const void* key_name, size_t key_name_len, unsigned int* value) {
    return count(handle, parent_object_handle, key_name, key_name_len, -1, value);
}

cs_error_t confdb_key_iter_start(confdb_handle_t handle, hdb_handle_t object_handle) {
    return with(handle, nullptr, 0, [&](Connection& c, std::string_view) {
        const std::lock_guard lock(c.mutex);
        c.key_walks[object_handle] = 0;
        return CS_OK;
    });
}

cs_error_t confdb_key_iter(confdb_handle_t handle, hdb_handle_t parent_object_handle, void* key_name, size_t* key_name_len, void* value, size_t* value_len) {
    if (key_name == nullptr || key_name_len == nullptr || value == nullptr || value_len == nullptr) return CS_ERR_INVALID_PARAM;
    Fetched got;
    const cs_error_t stepped = step(handle, parent_object_handle, static_cast<char*>(key_name), got);
    if (stepped != CS_OK) return stepped;
    *key_name_len = got.key.size();
    return give_short(got, value, value_len);
}

cs_error_t confdb_key_iter_typed(confdb_handle_t handle, hdb_handle_t parent_object_handle, char* key_name, void* value, size_t* value_len,
                                 confdb_value_types_t* type) {
    if (key_name == nullptr || value == nullptr || value_len == nullptr) return CS_ERR_INVALID_PARAM;
    Fetched got;
    const cs_error_t stepped = step(handle, parent_object_handle, key_name, got);
    if (stepped != CS_OK) return stepped;
    if (type != nullptr) *type = got.type;
    return give_short(got, value, value_len);
}

cs_error_t confdb_key_iter_typed2(confdb_handle_t handle, hdb_handle_t parent_object_handle, char* key_name, void** value, size_t* value_len,
                                  confdb_value_types_t* type) {
    if (key_name == nullptr || value == nullptr || value_len == nullptr) return CS_ERR_INVALID_PARAM;
    Fetched got;
    const cs_error_t stepped = step(handle, parent_object_handle, key_name, got);
    if (stepped != CS_OK) return stepped;
    if (type != nullptr) *type = got.type;
    return give_long(got, value, value_len);
}

}  // extern "C"
