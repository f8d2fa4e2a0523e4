// Objects: making, naming, destroying them, and walking over children.
#pragma GCC visibility push(default)
#include <corosync/confdb.h>
#pragma GCC visibility pop

#include "libs/client/confdb/connection.h"

namespace motet::client::confdb {
namespace {

constexpr std::size_t kChildrenMax = 1u << 20;   // of one walk; a hostile service is not followed beyond

template <class Body>
cs_error_t with(confdb_handle_t handle, Body body) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    return guarded([&] { return body(*ref); });
}

// All children, those with a name if one is given.
cs_error_t children_of(Connection& connection, hdb_handle_t parent, const std::string_view* name, std::vector<Child>& out) {
    wire::ChildrenRequest request;
    request.parent = parent;
    request.named = name != nullptr;
    while (out.size() < kChildrenMax) {
        const ByteView pieces[] = {bytes_of(request), name != nullptr ? as_bytes(*name) : ByteView()};
        std::uint32_t count = 0;
        std::vector<std::uint8_t> more;
        if (const cs_error_t asked = ask(connection, wire::Request::children, pieces, count, more, 0); asked != CS_OK) return asked;
        if (count == 0) return CS_OK;
        Reader in(more);
        for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
            const std::uint64_t object = in.u64(), length = in.u64();
            const std::string_view text = as_text(in.bytes(length));
            // Rising, or the walk would have no end.
            if (in.ok() && object > request.after && length <= wire::kNameMax) out.push_back({object, std::string(text)});
            else in.skip(SIZE_MAX);
            request.after = object;
        }
        if (!in.ok() || in.remaining() != 0) {
            connection.link->fail(Outcome::library);
            return CS_ERR_LIBRARY;
        }
    }
    return CS_ERR_NO_MEMORY;
}

using Walks = std::map<hdb_handle_t, ChildWalk> Connection::*;

cs_error_t start(confdb_handle_t handle, hdb_handle_t parent, Walks walks) {
    return with(handle, [&](Connection& c) {
        const std::lock_guard lock(c.mutex);
        (c.*walks)[parent] = {};
        return CS_OK;
    });
}

cs_error_t step(Connection& c, hdb_handle_t parent, Walks walks, const std::string_view* name, Child& out) {
    const std::lock_guard lock(c.mutex);
    const auto found = (c.*walks).find(parent);
    if (found == (c.*walks).end() || found->second.ended) return CS_ERR_CONTEXT_NOT_FOUND;
    ChildWalk& walk = found->second;
    if (!walk.read) {
        if (const cs_error_t read = children_of(c, parent, name, walk.children); read != CS_OK) return read;
        walk.read = true;
    }
    if (walk.next == walk.children.size()) {
        walk = {};
        walk.ended = true;
        return CS_ERR_ACCESS;
    }
    out = std::move(walk.children[walk.next++]);
    return CS_OK;
}

cs_error_t end(confdb_handle_t handle, hdb_handle_t parent, Walks walks) {
    return with(handle, [&](Connection& c) {
        const std::lock_guard lock(c.mutex);
        const auto found = (c.*walks).find(parent);
        if (found == (c.*walks).end()) return CS_ERR_CONTEXT_NOT_FOUND;
        const bool ended = found->second.ended;
        (c.*walks).erase(found);
        return ended ? CS_ERR_ACCESS : CS_OK;
    });
}

}  // namespace
}  // namespace motet::client::confdb

using namespace motet::client::confdb;
using motet::ByteView;

extern "C" {

cs_error_t confdb_object_create(confdb_handle_t handle, hdb_handle_t parent_object_handle, const void* object_name, size_t object_name_len,
                                hdb_handle_t* object_handle) {
    if (object_handle == nullptr || (object_name == nullptr && object_name_len != 0)) return CS_ERR_INVALID_PARAM;
    return with(handle, [&](Connection& c) {
        if (object_name_len > wire::kNameMax) return CS_ERR_NAME_TOO_LONG;
        const ByteView pieces[] = {bytes_of(parent_object_handle), bytes_of(object_name, object_name_len)};
        std::uint32_t info = 0;
        std::vector<std::uint8_t> more;
        const cs_error_t asked = ask(c, wire::Request::create, pieces, info, more, sizeof *object_handle);
        if (asked == CS_OK) std::memcpy(object_handle, more.data(), sizeof *object_handle);
        return asked;
    });
}

cs_error_t confdb_object_destroy(confdb_handle_t handle, hdb_handle_t object_handle) {
    return with(handle, [&](Connection& c) {
        const ByteView pieces[] = {bytes_of(object_handle)};
        return ask(c, wire::Request::destroy, pieces);
    });
}

cs_error_t confdb_object_parent_get(confdb_handle_t handle, hdb_handle_t object_handle, hdb_handle_t* parent_object_handle) {
    if (parent_object_handle == nullptr) return CS_ERR_INVALID_PARAM;
    return with(handle, [&](Connection& c) {
        const ByteView pieces[] = {bytes_of(object_handle)};
        std::uint32_t info = 0;
        std::vector<std::uint8_t> more;
        const cs_error_t asked = ask(c, wire::Request::parent, pieces, info, more, sizeof *parent_object_handle);
        if (asked == CS_OK) std::memcpy(parent_object_handle, more.data(), sizeof *parent_object_handle);
        return asked;
    });
}

cs_error_t confdb_object_name_get(confdb_handle_t handle, hdb_handle_t object_handle, char* object_name, size_t* object_name_len) {
    if (object_name == nullptr || object_name_len == nullptr) return CS_ERR_INVALID_PARAM;
    return with(handle, [&](Connection& c) {
        const ByteView pieces[] = {bytes_of(object_handle)};
        std::uint32_t info = 0;
        std::vector<std::uint8_t> more;
        const cs_error_t asked = ask(c, wire::Request::name, pieces, info, more, 0);
        if (asked != CS_OK) return asked;
        *object_name_len = std::min(more.size(), wire::kNameMax);
        std::copy_n(more.begin(), *object_name_len, object_name);
        return CS_OK;
    });
}

cs_error_t confdb_object_find_start(confdb_handle_t handle, hdb_handle_t parent_object_handle) {
    return start(handle, parent_object_handle, &Connection::finds);
}

cs_error_t confdb_object_find(confdb_handle_t handle, hdb_handle_t parent_object_handle, const void* object_name, size_t object_name_len,
                              hdb_handle_t* object_handle) {
    if (object_handle == nullptr || (object_name == nullptr && object_name_len != 0)) return CS_ERR_INVALID_PARAM;
    return with(handle, [&](Connection& c) {
        if (object_name_len > wire::kNameMax) return CS_ERR_NAME_TOO_LONG;
        const std::string_view name(static_cast<const char*>(object_name), object_name_len);
        Child child;
        const cs_error_t stepped = step(c, parent_object_handle, &Connection::finds, &name, child);
        if (stepped == CS_OK) *object_handle = child.object;
        return stepped;
    });
}

cs_error_t confdb_object_find_destroy(confdb_handle_t handle, hdb_handle_t parent_object_handle) {
    return end(handle, parent_object_handle, &Connection::finds);
}

cs_error_t confdb_object_iter_start(confdb_handle_t handle, hdb_handle_t parent_object_handle) {
    return start(handle, parent_object_handle, &Connection::iterations);
}

cs_error_t confdb_object_iter(confdb_handle_t handle, hdb_handle_t parent_object_handle, hdb_handle_t* object_handle, void* object_name,
                              size_t* object_name_len) {
    if (object_handle == nullptr || object_name == nullptr || object_name_len == nullptr) return CS_ERR_INVALID_PARAM;
    return with(handle, [&](Connection& c) {
        Child child;
        const cs_error_t stepped = step(c, parent_object_handle, &Connection::iterations, nullptr, child);
        if (stepped != CS_OK) return stepped;
        *object_handle = child.object;
        *object_name_len = child.name.size();
        std::memcpy(object_name, child.name.data(), child.name.size());
        return CS_OK;
    });
}

cs_error_t confdb_object_iter_destroy(confdb_handle_t handle, hdb_handle_t parent_object_handle) {
    return end(handle, parent_object_handle, &Connection::iterations);
}

}  // extern "C"
