// Beginning and end of a handle, requests, and being told of changes.
#pragma GCC visibility push(default)
#include <corosync/confdb.h>
#pragma GCC visibility pop

#include "libs/client/confdb/connection.h"

namespace motet::client::confdb {

constinit Connections connections;

cs_error_t ask(Connection& connection, wire::Request type, std::span<const ByteView> pieces, std::uint32_t& info, std::vector<std::uint8_t>& more,
               std::size_t least) {
    more.resize(motet::wire::confdb_client::kReplyMax);
    std::size_t got = 0;
    if (const Outcome called = connection.link->call(wire::type_of(type), pieces, more, got); called != Outcome::ok) return to_cs(called);
    wire::Reply head;
    if (got >= sizeof head) std::memcpy(&head, more.data(), sizeof head);
    const bool sound = got >= sizeof head && head.error >= CS_OK && head.error <= CS_ERR_SECURITY && (head.error != CS_OK || got - sizeof head >= least);
    if (!sound) {
        connection.link->fail(Outcome::library);
        return CS_ERR_LIBRARY;
    }
    info = head.info;
    more.resize(got);
    more.erase(more.begin(), more.begin() + sizeof head);
    return static_cast<cs_error_t>(head.error);
}

cs_error_t ask(Connection& connection, wire::Request type, std::span<const ByteView> pieces) {
    std::uint32_t info = 0;
    std::vector<std::uint8_t> more;
    return ask(connection, type, pieces, info, more, 0);
}

namespace {

// Room for the largest request: a value with its key.
constexpr std::uint32_t kRequestMax = sizeof(wire::KeyRequest) + wire::kNameMax + wire::kValueMax;

struct Event {
    wire::Event type{};
    wire::ChangeEvent head;
    std::uint32_t reload = 0;
    std::vector<std::uint8_t> bytes;   // names and value, zeros behind them
};

bool keep(const ring::Record& record, Event& out) {
    constexpr std::size_t kSlack = 16;
    out.type = static_cast<wire::Event>(record.type);
    if (out.type == wire::Event::reload) {
        if (record.payload.size() != sizeof out.reload) return false;
        std::memcpy(&out.reload, record.payload.data(), sizeof out.reload);
        return out.reload <= CONFDB_RELOAD_NOTIFY_FAILED;
    }
    if ((out.type != wire::Event::key && out.type != wire::Event::created && out.type != wire::Event::deleted) || record.payload.size() < sizeof out.head)
        return false;
    std::memcpy(&out.head, record.payload.data(), sizeof out.head);
    const std::size_t rest = record.payload.size() - sizeof out.head;
    if (out.head.kind > OBJECT_KEY_DELETED || rest != std::size_t{out.head.name_length} + out.head.key_length + out.head.value_length) return false;
    out.bytes.assign(rest + kSlack, 0);
    if (rest != 0) std::memcpy(out.bytes.data(), record.payload.data() + sizeof out.head, rest);
    return true;
}

void tell(const confdb_callbacks_t& to, confdb_handle_t handle, const Event& e) {
    const std::uint8_t *name = e.bytes.data(), *key = name + e.head.name_length, *value = key + e.head.key_length;
    switch (e.type) {
    case wire::Event::key:
        if (to.confdb_key_change_notify_fn != nullptr)
            to.confdb_key_change_notify_fn(handle, static_cast<confdb_change_type_t>(e.head.kind), e.head.object, e.head.parent, name, e.head.name_length,
                                           key, e.head.key_length, value, e.head.value_length);
        return;
    case wire::Event::created:
        if (to.confdb_object_create_change_notify_fn != nullptr)
            to.confdb_object_create_change_notify_fn(handle, e.head.object, e.head.parent, name, e.head.name_length);
        return;
    case wire::Event::deleted:
        if (to.confdb_object_delete_change_notify_fn != nullptr)
            to.confdb_object_delete_change_notify_fn(handle, e.head.parent, name, e.head.name_length);
        return;
    case wire::Event::reload:
        if (to.confdb_reload_notify_fn != nullptr) to.confdb_reload_notify_fn(handle, static_cast<confdb_reload_type_t>(e.reload));
        return;
    }
}

cs_error_t open_connection(const confdb_callbacks_t* callbacks, confdb_handle_t& handle) {
    auto connection = std::make_unique<Connection>();
    if (callbacks != nullptr) connection->callbacks = *callbacks;
    if (const Outcome linked = ipc::ClientLink::connect("confdb", kRequestMax, connection->link); linked != Outcome::ok) return to_cs(linked);
    if (const cs_error_t told = ask(*connection, wire::Request::open, {}); told != CS_OK) return told;
    switch (connections.add(std::move(connection), handle)) {
    case Connections::Added::ok: return CS_OK;
    case Connections::Added::no_memory: return CS_ERR_NO_MEMORY;
    case Connections::Added::full: break;
    }
    return CS_ERR_NO_RESOURCES;
}

}  // namespace
}  // namespace motet::client::confdb

using namespace motet::client::confdb;
using motet::ByteView;
using motet::client::guarded;

extern "C" {

cs_error_t confdb_initialize(confdb_handle_t* handle, confdb_callbacks_t* callbacks) {
    if (handle == nullptr) return CS_ERR_INVALID_PARAM;
    return guarded([&] { return open_connection(callbacks, *handle); });
}

cs_error_t confdb_finalize(confdb_handle_t handle) {
    const Connections::Ref ref = connections.close(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    guarded([&] { return ask(*ref, wire::Request::finalize, {}); });
    ref->link->fail(Outcome::library);  // wakes threads that still wait on it
    return CS_OK;
}

cs_error_t confdb_fd_get(confdb_handle_t handle, int* fd) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    if (fd == nullptr) return CS_ERR_INVALID_PARAM;
    *fd = ref->link->fd();
    ref->polled = true;
    return CS_OK;
}

cs_error_t confdb_context_get(confdb_handle_t handle, const void** context) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    if (context == nullptr) return CS_ERR_INVALID_PARAM;
    *context = ref->context;
    return CS_OK;
}

cs_error_t confdb_context_set(confdb_handle_t handle, const void* context) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    ref->context = context;
    return CS_OK;
}

cs_error_t confdb_dispatch(confdb_handle_t handle, cs_dispatch_flags_t dispatch_types) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    return motet::client::dispatch_events<Event>(ref, *ref->link, ref->polled, dispatch_types, keep,
                                                 [&](const Event& event) { tell(ref->callbacks, handle, event); });
}

cs_error_t confdb_track_changes(confdb_handle_t handle, hdb_handle_t object_handle, unsigned int flags) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    wire::TrackRequest request;
    request.object = object_handle;
    request.depth = flags;
    const ByteView pieces[] = {bytes_of(request)};
    return guarded([&] { return ask(*ref, wire::Request::track, pieces); });
}

cs_error_t confdb_stop_track_changes(confdb_handle_t handle) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    return guarded([&] { return ask(*ref, wire::Request::untrack_all, {}); });
}

cs_error_t confdb_write(confdb_handle_t handle, char* error_text, size_t errbuf_len) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    if (error_text != nullptr && errbuf_len > 0) *error_text = '\0';
    return motet::client::to_cs(ref->link->health_now());
}

cs_error_t confdb_reload(confdb_handle_t handle, int, char* error_text, size_t errbuf_len) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    if (error_text != nullptr && errbuf_len > 0) *error_text = '\0';
    return guarded([&] { return ask(*ref, wire::Request::reload, {}); });
}

}  // extern "C"
