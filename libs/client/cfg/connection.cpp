// The table of handles; beginning and end of a handle; requests and their replies.
#pragma GCC visibility push(default)
#include <corosync/cfg.h>
#pragma GCC visibility pop

#include "libs/client/cfg/connection.h"

#include <algorithm>

namespace motet::client::cfg {

constinit Connections connections;

cs_error_t ask(Connection& connection, wire::Request type, ByteView payload, std::span<std::uint8_t> more) {
    static_assert(sizeof(wire::RingStatus) >= sizeof(wire::NodeStatus) && sizeof(wire::RingStatus) >= sizeof(wire::AddressList));
    return ask_link<wire::Reply, sizeof(wire::RingStatus)>(*connection.link, static_cast<std::uint16_t>(type), payload, more);
}

cs_error_t settled(Connection& connection) {
    if (const Outcome state = connection.link->health(); state != Outcome::ok) return to_cs(state);
    if ((connection.link->flow() & (ring::kFlowSync | ring::kFlowCritical | ring::kFlowNotReady)) == 0) return CS_OK;
    // A bit left standing by a daemon that died must not look like a membership that changes for ever.
    const Outcome state = connection.link->health_now();
    return state == Outcome::ok ? CS_ERR_TRY_AGAIN : to_cs(state);
}

namespace {

cs_error_t open_connection(const corosync_cfg_callbacks_t* callbacks, corosync_cfg_handle_t& handle) {
    auto connection = std::make_unique<Connection>();
    if (callbacks != nullptr) connection->callbacks = *callbacks;
    if (const Outcome linked = ipc::ClientLink::connect("confdb", sizeof(wire::KillRequest), connection->link); linked != Outcome::ok)
        return to_cs(linked);
    if (const cs_error_t told = ask(*connection, wire::Request::open, {}, {}); told != CS_OK) return told;
    switch (connections.add(std::move(connection), handle)) {
    case Connections::Added::ok: return CS_OK;
    case Connections::Added::no_memory: return CS_ERR_NO_MEMORY;
    case Connections::Added::full: break;
    }
    return CS_ERR_NO_RESOURCES;
}

}  // namespace
}  // namespace motet::client::cfg

using namespace motet::client::cfg;

extern "C" {

cs_error_t corosync_cfg_initialize(corosync_cfg_handle_t* cfg_handle, const corosync_cfg_callbacks_t* cfg_callbacks) {
    if (cfg_handle == nullptr) return CS_ERR_INVALID_PARAM;
    return guarded([&] { return open_connection(cfg_callbacks, *cfg_handle); });
}

// The hang-up alone ends the connection for the service too, so nothing that can happen here is an error.
cs_error_t corosync_cfg_finalize(corosync_cfg_handle_t cfg_handle) {
    const Connections::Ref ref = connections.close(cfg_handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    (void)ask(*ref, wire::Request::finalize, {}, {});
    ref->link->fail(Outcome::library);   // wakes threads that still wait on it
    return CS_OK;
}

cs_error_t corosync_cfg_fd_get(corosync_cfg_handle_t cfg_handle, int32_t* selection_fd) {
    const Connections::Ref ref = connections.get(cfg_handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    if (selection_fd == nullptr) return CS_ERR_INVALID_PARAM;
    *selection_fd = ref->link->fd();
    ref->polled = true;
    return CS_OK;
}

}  // extern "C"
