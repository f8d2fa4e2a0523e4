// What stands behind a cfg handle, and the shape of a request with its reply.
#pragma once
#include <corosync/cfg.h>

#include <atomic>
#include <cstring>
#include <exception>
#include <memory>
#include <span>

#include "libs/base/bytes.h"
#include "libs/client/handles.h"
#include "libs/ipc/client_link.h"
#include "libs/wire/client_cfg.h"

namespace motet::client::cfg {

namespace wire = motet::wire::cfg_client;
using ipc::Outcome;

struct Connection {
    std::unique_ptr<ipc::ClientLink> link;
    corosync_cfg_callbacks_t callbacks{};
    std::atomic<bool> polled{false};   // the application has the descriptor and may wait on it
};
using Connections = Handles<Connection>;
extern Connections connections;

constexpr cs_error_t to_cs(Outcome outcome) { return static_cast<cs_error_t>(outcome); }

// One request and the bytes behind its Reply: on CS_OK all of `more` came, or the link is dead (CS_ERR_LIBRARY). The reply
// is copied out of shared memory once and judged afterwards.
cs_error_t ask(Connection& connection, wire::Request type, ByteView payload, std::span<std::uint8_t> more);

template <class T>
ByteView bytes_of(const T& value) {
    return {reinterpret_cast<const std::uint8_t*>(&value), sizeof value};
}
template <class T>
std::span<std::uint8_t> room_of(T& value) {
    return {reinterpret_cast<std::uint8_t*>(&value), sizeof value};
}

// CS_ERR_TRY_AGAIN while membership is changing. The service checks again.
cs_error_t settled(Connection& connection);

// No exception reaches a C program. What pthread_cancel() and pthread_exit() unwind with is no std::exception and passes.
template <class Body>
cs_error_t guarded(Body body) {
    try {
        return body();
    } catch (const std::exception&) {
        return CS_ERR_NO_MEMORY;
    }
}

}  // namespace motet::client::cfg
