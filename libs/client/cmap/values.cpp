// Setting, getting, deleting and counting: a request each.
#pragma GCC visibility push(default)
#include <corosync/cmap.h>
#pragma GCC visibility pop

#include <cstdlib>
#include <ctime>

#include "libs/client/cmap/connection.h"

namespace motet::client::cmap {
namespace {

// A request about one key that changes something.
template <class Head>
cs_error_t change(cmap_handle_t handle, const char* key, wire::Request type, const Head* head) {
    if (key == nullptr) return CS_ERR_INVALID_PARAM;
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    const std::string_view name = name_of(key);
    if (name.size() > CMAP_KEYNAME_MAXLEN) return CS_ERR_NAME_TOO_LONG;
    changes.fetch_add(1, std::memory_order_relaxed);
    const ByteView pieces[] = {head != nullptr ? bytes_of(*head) : ByteView(), as_bytes(name)};
    const cs_error_t done = ask(*ref, type, pieces);
    changes.fetch_add(1, std::memory_order_relaxed);
    return done;
}

struct Got {
    std::uint32_t type = 0;
    std::size_t length = 0;                      // of the value, as the service says
    std::uint8_t bytes[sizeof(wire::ValueReply) + wire::kValueMax + 1];
    const std::uint8_t* value() const { return bytes + sizeof(wire::ValueReply); }
};

constexpr std::int64_t kAskKernelEveryMs = 1;   // whether the service is there, by calls that need not ask it anything

// The answer to a get, if a kept one is still true; else CS_ERR_TRY_AGAIN.
cs_error_t kept_answer(Connection& connection, std::string_view name, std::size_t room, Got& got) {
    if (connection.statistics) return CS_ERR_TRY_AGAIN;
    cs_error_t answer = CS_ERR_TRY_AGAIN;
    const bool known = connection.kept.find(name, connection.link->epoch(), [&](const Kept::Answer& kept) {
        answer = kept.error;
        got.type = kept.type;
        got.length = kept.value.size();
        std::memcpy(got.bytes + sizeof(wire::ValueReply), kept.value.data(), std::min(kept.value.size(), room));
    });
    if (!known) return CS_ERR_TRY_AGAIN;
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    const std::int64_t now_ms = now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
    const bool fresh = now_ms - connection.alive_at_ms.load(std::memory_order_relaxed) < kAskKernelEveryMs;
    const Outcome state = fresh ? connection.link->health() : connection.link->health_now();
    if (!fresh) connection.alive_at_ms.store(now_ms, std::memory_order_relaxed);
    return state == Outcome::ok ? answer : to_cs(state);
}

// `room`: how much of the value is wanted. On CS_OK that much of it, or all, is in `got`.
cs_error_t fetch(cmap_handle_t handle, const char* key, std::size_t room, Got& got) {
    if (key == nullptr) return CS_ERR_INVALID_PARAM;
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    const std::string_view name = name_of(key);
    if (name.size() > CMAP_KEYNAME_MAXLEN) return CS_ERR_NAME_TOO_LONG;
    if (const cs_error_t known = kept_answer(*ref, name, room, got); known != CS_ERR_TRY_AGAIN) return known;
    const std::uint64_t epoch = ref->link->epoch();
    const wire::GetRequest request{room > 0 ? 1u : 0u};
    const ByteView pieces[] = {bytes_of(request), as_bytes(name)};
    const std::size_t most = sizeof(wire::ValueReply) + std::min<std::size_t>(room, wire::kValueMax + 1);
    std::size_t have = 0;
    const cs_error_t asked = ask(*ref, wire::Request::get, pieces, std::span(got.bytes).first(most), sizeof(wire::ValueReply), have);
    if (asked == CS_ERR_NOT_EXIST && !ref->statistics) ref->kept.keep(name, epoch, {asked, 0, {}});
    if (asked != CS_OK) return asked;
    wire::ValueReply reply;
    std::memcpy(&reply, got.bytes, sizeof reply);
    got.type = reply.reply.info;
    got.length = reply.length;
    const std::size_t came = have - sizeof reply;
    if (room > 0 && came < std::min<std::size_t>(reply.length, room)) {
        if (reply.length > wire::kValueMax + 1) return CS_ERR_TOO_BIG;   // made by libconfdb, whose values may be longer
        ref->link->fail(Outcome::library);
        return CS_ERR_LIBRARY;
    }
    if (came == reply.length && !ref->statistics)
        ref->kept.keep(name, epoch, {CS_OK, got.type, std::string(reinterpret_cast<const char*>(got.value()), came)});
    return CS_OK;
}

template <class T>
cs_error_t get_number(cmap_handle_t handle, const char* key, T* number, cmap_value_types_t type) {
    Got got;
    const cs_error_t fetched = fetch(handle, key, sizeof(T), got);
    if (fetched != CS_OK) return fetched;
    if (got.type != static_cast<std::uint32_t>(type) || got.length != sizeof(T)) return CS_ERR_INVALID_PARAM;
    if (number != nullptr) std::memcpy(number, got.value(), sizeof(T));
    return CS_OK;
}

}  // namespace
}  // namespace motet::client::cmap

using namespace motet::client::cmap;
using motet::ByteView;

extern "C" {

cs_error_t cmap_set(cmap_handle_t handle, const char* key_name, const void* value, size_t value_len, cmap_value_types_t type) {
    if (key_name == nullptr || value == nullptr) return CS_ERR_INVALID_PARAM;
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    const std::string_view name = name_of(key_name);
    if (name.size() > CMAP_KEYNAME_MAXLEN) return CS_ERR_NAME_TOO_LONG;
    if (value_len > wire::kValueMax) return CS_ERR_INVALID_PARAM;
    changes.fetch_add(1, std::memory_order_relaxed);
    const wire::SetRequest request{static_cast<std::uint32_t>(name.size()), static_cast<std::uint32_t>(type)};
    const ByteView pieces[] = {bytes_of(request), motet::as_bytes(name), {static_cast<const std::uint8_t*>(value), value_len}};
    const cs_error_t done = ask(*ref, wire::Request::set, pieces);
    changes.fetch_add(1, std::memory_order_relaxed);
    return done;
}

#define MOTET_CMAP_NUMBER(suffix, type, constant)                                                     \
    cs_error_t cmap_set_##suffix(cmap_handle_t handle, const char* key_name, type value) {            \
        return cmap_set(handle, key_name, &value, sizeof value, constant);                            \
    }                                                                                                 \
    cs_error_t cmap_get_##suffix(cmap_handle_t handle, const char* key_name, type* number) {          \
        return get_number(handle, key_name, number, constant);                                        \
    }
MOTET_CMAP_NUMBER(int8, int8_t, CMAP_VALUETYPE_INT8)
MOTET_CMAP_NUMBER(uint8, uint8_t, CMAP_VALUETYPE_UINT8)
MOTET_CMAP_NUMBER(int16, int16_t, CMAP_VALUETYPE_INT16)
MOTET_CMAP_NUMBER(uint16, uint16_t, CMAP_VALUETYPE_UINT16)
MOTET_CMAP_NUMBER(int32, int32_t, CMAP_VALUETYPE_INT32)
MOTET_CMAP_NUMBER(uint32, uint32_t, CMAP_VALUETYPE_UINT32)
MOTET_CMAP_NUMBER(int64, int64_t, CMAP_VALUETYPE_INT64)
MOTET_CMAP_NUMBER(uint64, uint64_t, CMAP_VALUETYPE_UINT64)
MOTET_CMAP_NUMBER(float, float, CMAP_VALUETYPE_FLOAT)
MOTET_CMAP_NUMBER(double, double, CMAP_VALUETYPE_DOUBLE)
#undef MOTET_CMAP_NUMBER

cs_error_t cmap_set_string(cmap_handle_t handle, const char* key_name, const char* value) {
    if (value == nullptr) return CS_ERR_INVALID_PARAM;
    return cmap_set(handle, key_name, value, strnlen(value, wire::kValueMax + 1), CMAP_VALUETYPE_STRING);
}

cs_error_t cmap_get(cmap_handle_t handle, const char* key_name, void* value, size_t* value_len, cmap_value_types_t* type) {
    if (key_name == nullptr || (value != nullptr && value_len == nullptr)) return CS_ERR_INVALID_PARAM;
    Got got;
    const cs_error_t fetched = fetch(handle, key_name, value != nullptr ? *value_len : 0, got);
    if (fetched != CS_OK) return fetched;
    if (value != nullptr) {
        if (*value_len < got.length) return CS_ERR_INVALID_PARAM;
        std::memcpy(value, got.value(), got.length);
    }
    if (value_len != nullptr) *value_len = got.length;
    if (type != nullptr) *type = static_cast<cmap_value_types_t>(got.type);
    return CS_OK;
}

cs_error_t cmap_get_string(cmap_handle_t handle, const char* key_name, char** str) {
    if (str == nullptr) return CS_ERR_INVALID_PARAM;
    Got got;
    const cs_error_t fetched = fetch(handle, key_name, wire::kValueMax + 1, got);
    if (fetched != CS_OK) return fetched;
    if (got.type != CMAP_VALUETYPE_STRING) return CS_ERR_INVALID_PARAM;
    auto* copy = static_cast<char*>(std::malloc(got.length + 1));
    if (copy == nullptr) return CS_ERR_NO_MEMORY;
    std::memcpy(copy, got.value(), got.length);
    copy[got.length] = '\0';
    *str = copy;
    return CS_OK;
}

cs_error_t cmap_delete(cmap_handle_t handle, const char* key_name) {
    return change<std::int64_t>(handle, key_name, wire::Request::erase, nullptr);
}

cs_error_t cmap_inc(cmap_handle_t handle, const char* key_name) {
    const std::int64_t delta = 1;
    return change(handle, key_name, wire::Request::add, &delta);
}

cs_error_t cmap_dec(cmap_handle_t handle, const char* key_name) {
    const std::int64_t delta = -1;
    return change(handle, key_name, wire::Request::add, &delta);
}

}  // extern "C"
