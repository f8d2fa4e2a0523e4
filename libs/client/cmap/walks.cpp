// Walking over keys. The service keeps no walk: it is asked for the keys behind the one told last, many at a time.
#pragma GCC visibility push(default)
#include <corosync/cmap.h>
#pragma GCC visibility pop

#include <algorithm>

#include "libs/client/cmap/connection.h"

namespace motet::client::cmap {
namespace {

constexpr std::uint32_t kReadAhead = 128;   // keys

// The keys behind walk.last.
cs_error_t read_batch(Connection& connection, Walk& walk) {
    walk.batch.clear();
    walk.next = 0;
    walk.changes = changes.load(std::memory_order_relaxed);
    const wire::NextRequest request{static_cast<std::uint32_t>(walk.prefix.size()), kReadAhead};
    const ByteView pieces[] = {bytes_of(request), as_bytes(walk.prefix), as_bytes(walk.last)};
    std::vector<std::uint8_t> reply(motet::wire::confdb_client::kReplyMax);
    std::size_t got = 0;
    const cs_error_t asked = ask(connection, wire::Request::next, pieces, reply, sizeof(wire::Reply), got);
    if (asked != CS_OK) return asked;

    wire::Reply head;
    std::memcpy(&head, reply.data(), sizeof head);
    Reader in(ByteView(reply.data(), got).subspan(sizeof head));
    bool sound = head.info <= kReadAhead;
    for (std::uint32_t i = 0; sound && i < head.info; ++i) {
        wire::NextEntry entry;
        entry.key_length = in.u16();
        entry.type = in.u16();
        entry.length = in.u32();
        const std::string_view key = as_text(in.bytes(entry.key_length));
        sound = in.ok() && !key.empty() && key.size() <= CMAP_KEYNAME_MAXLEN;
        if (sound) walk.batch.push_back({std::string(key), entry.length, entry.type});
    }
    if (sound && in.remaining() == 0) return CS_OK;
    walk.batch.clear();
    connection.link->fail(Outcome::library);
    return CS_ERR_LIBRARY;
}

cs_error_t begin(cmap_handle_t handle, std::string_view prefix, cmap_iter_handle_t& out) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    if (prefix.size() > CMAP_KEYNAME_MAXLEN) return CS_ERR_NAME_TOO_LONG;
    if (const Outcome state = ref->link->health_now(); state != Outcome::ok) return to_cs(state);
    auto walk = std::make_unique<Walk>();
    walk->connection = handle;
    walk->prefix = prefix;
    const std::lock_guard lock(ref->mutex);
    ref->walks.reserve(ref->walks.size() + 1);  // may throw; nothing below does
    switch (walks.add(std::move(walk), out)) {
    case Walks::Added::ok: break;
    case Walks::Added::no_memory: return CS_ERR_NO_MEMORY;
    case Walks::Added::full: return CS_ERR_NO_RESOURCES;
    }
    ref->walks.push_back(out);
    return CS_OK;
}

cs_error_t next(Connection& connection, Walk& walk, char* key_name, size_t* value_len, cmap_value_types_t* type) {
    const std::lock_guard lock(walk.mutex);
    if (walk.ended) return CS_ERR_NO_SECTIONS;
    // What this process has changed since must show; what others change meanwhile may or may not.
    if (walk.next == walk.batch.size() || walk.changes != changes.load(std::memory_order_relaxed)) {
        if (const cs_error_t read = read_batch(connection, walk); read != CS_OK) return read;
        if (walk.batch.empty()) {
            walk.ended = true;
            return CS_ERR_NO_SECTIONS;
        }
    }
    const Walk::Entry& entry = walk.batch[walk.next++];
    walk.last = entry.key;
    std::memcpy(key_name, entry.key.c_str(), entry.key.size() + 1);
    if (value_len != nullptr) *value_len = entry.length;
    if (type != nullptr) *type = static_cast<cmap_value_types_t>(entry.type);
    return CS_OK;
}

}  // namespace
}  // namespace motet::client::cmap

using namespace motet::client::cmap;
using motet::client::guarded;

extern "C" {

cs_error_t cmap_iter_init(cmap_handle_t handle, const char* prefix, cmap_iter_handle_t* cmap_iter_handle) {
    if (cmap_iter_handle == nullptr) return CS_ERR_INVALID_PARAM;
    return guarded([&] { return begin(handle, prefix != nullptr ? name_of(prefix) : std::string_view(), *cmap_iter_handle); });
}

cs_error_t cmap_iter_next(cmap_handle_t handle, cmap_iter_handle_t iter_handle, char key_name[], size_t* value_len, cmap_value_types_t* type) {
    if (key_name == nullptr) return CS_ERR_INVALID_PARAM;
    const Connections::Ref ref = connections.get(handle);
    const Walks::Ref walk = walks.get(iter_handle);
    if (!ref || !walk || walk->connection != handle) return CS_ERR_BAD_HANDLE;
    return guarded([&] { return next(*ref, *walk, key_name, value_len, type); });
}

cs_error_t cmap_iter_finalize(cmap_handle_t handle, cmap_iter_handle_t iter_handle) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    const std::lock_guard lock(ref->mutex);
    const auto known = std::find(ref->walks.begin(), ref->walks.end(), iter_handle);
    if (known == ref->walks.end()) return CS_ERR_BAD_HANDLE;
    walks.close(iter_handle);
    ref->walks.erase(known);
    return CS_OK;
}

}  // extern "C"
