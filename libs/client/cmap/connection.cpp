// Beginning and end of a handle, and what is answered without asking the service.
#pragma GCC visibility push(default)
#include <corosync/cmap.h>
#pragma GCC visibility pop

#include "libs/client/cmap/connection.h"

namespace motet::client::cmap {

constinit Connections connections;
constinit Tracks tracks;
constinit Walks walks;
constinit std::atomic<std::uint64_t> changes{0};

Connection::~Connection() {
    for (const auto& [number, handle] : tracks) cmap::tracks.close(handle);
    for (const cmap_iter_handle_t handle : walks) cmap::walks.close(handle);
}

cs_error_t ask(Connection& connection, wire::Request type, std::span<const ByteView> pieces, std::span<std::uint8_t> reply, std::size_t least,
               std::size_t& got) {
    if (const Outcome called = connection.link->call(wire::type_of(type), pieces, reply, got); called != Outcome::ok) return to_cs(called);
    wire::Reply head;
    if (got >= sizeof head) std::memcpy(&head, reply.data(), sizeof head);
    const bool sound = got >= sizeof head && head.error >= CS_OK && head.error <= CS_ERR_SECURITY && (head.error != CS_OK || got >= least);
    if (sound) return static_cast<cs_error_t>(head.error);
    connection.link->fail(Outcome::library);
    return CS_ERR_LIBRARY;
}

cs_error_t ask(Connection& connection, wire::Request type, std::span<const ByteView> pieces) {
    std::uint8_t reply[sizeof(wire::Reply)];
    std::size_t got = 0;
    return ask(connection, type, pieces, reply, sizeof reply, got);
}

namespace {

// Room for the largest request: a value with its key.
constexpr std::uint32_t kRequestMax = sizeof(wire::SetRequest) + wire::kKeyMax + 1 + wire::kValueMax;

cs_error_t open_connection(cmap_map_t map, cmap_handle_t& handle) {
    auto connection = std::make_unique<Connection>();
    if (const Outcome linked = ipc::ClientLink::connect("confdb", kRequestMax, connection->link); linked != Outcome::ok) return to_cs(linked);
    const auto number = static_cast<std::uint32_t>(map);
    connection->statistics = map != CMAP_MAP_ICMAP;
    const ByteView pieces[] = {bytes_of(number)};
    if (const cs_error_t told = ask(*connection, wire::Request::open, pieces); told != CS_OK) return told;
    switch (connections.add(std::move(connection), handle)) {
    case Connections::Added::ok: return CS_OK;
    case Connections::Added::no_memory: return CS_ERR_NO_MEMORY;
    case Connections::Added::full: break;
    }
    return CS_ERR_NO_RESOURCES;
}

}  // namespace
}  // namespace motet::client::cmap

using namespace motet::client::cmap;
using motet::client::guarded;

extern "C" {

cs_error_t cmap_initialize(cmap_handle_t* handle) { return cmap_initialize_map(handle, CMAP_MAP_DEFAULT); }

cs_error_t cmap_initialize_map(cmap_handle_t* handle, cmap_map_t map) {
    if (handle == nullptr) return CS_ERR_INVALID_PARAM;
    return guarded([&] { return open_connection(map, *handle); });
}

// The hang-up alone ends everything at the service.
cs_error_t cmap_finalize(cmap_handle_t handle) {
    const Connections::Ref ref = connections.close(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    ask(*ref, wire::Request::finalize, {});
    ref->link->fail(Outcome::library);  // wakes threads that still wait on it
    return CS_OK;
}

cs_error_t cmap_fd_get(cmap_handle_t handle, int* fd) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    if (fd == nullptr) return CS_ERR_INVALID_PARAM;
    *fd = ref->link->fd();
    ref->polled = true;
    return CS_OK;
}

cs_error_t cmap_context_get(cmap_handle_t handle, const void** context) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    if (context == nullptr) return CS_ERR_INVALID_PARAM;
    *context = ref->context;
    return CS_OK;
}

cs_error_t cmap_context_set(cmap_handle_t handle, const void* context) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    ref->context = context;
    return CS_OK;
}

}  // extern "C"
