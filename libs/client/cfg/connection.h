// What stands behind a cfg handle, and the shape of a request with its reply.
#pragma once
#include <corosync/cfg.h>

#include <atomic>
#include <memory>
#include <span>

#include "libs/client/ask.h"
#include "libs/client/handles.h"
#include "libs/ipc/client_link.h"
#include "libs/wire/client_cfg.h"

namespace motet::client::cfg {

namespace wire = motet::wire::cfg_client;
using ipc::Outcome;
using client::bytes_of;
using client::guarded;
using client::room_of;

struct Connection {
    std::unique_ptr<ipc::ClientLink> link;
    corosync_cfg_callbacks_t callbacks{};
    std::atomic<bool> polled{false};   // the application has the descriptor and may wait on it
};
using Connections = Handles<Connection>;
extern Connections connections;

// See ask_link().
cs_error_t ask(Connection& connection, wire::Request type, ByteView payload, std::span<std::uint8_t> more);

// CS_ERR_TRY_AGAIN while membership is changing. The service checks again.
cs_error_t settled(Connection& connection);

}  // namespace motet::client::cfg
