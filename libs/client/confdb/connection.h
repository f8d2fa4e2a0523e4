// What stands behind a confdb handle, and the shape of a request with its reply.
#pragma once
#include <corosync/confdb.h>

#include <atomic>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libs/base/bytes.h"
#include "libs/client/dispatch.h"
#include "libs/client/handles.h"
#include "libs/ipc/client_link.h"
#include "libs/wire/client_objects.h"

namespace motet::client::confdb {

namespace wire = motet::wire::objects_client;
using ipc::Outcome;

struct Child {
    hdb_handle_t object = 0;
    std::string name;
};
// A walk over children: what was there at its first step.
struct ChildWalk {
    bool read = false, ended = false;
    std::vector<Child> children;
    std::size_t next = 0;
};

struct Connection {
    std::unique_ptr<ipc::ClientLink> link;
    confdb_callbacks_t callbacks{};
    std::atomic<const void*> context{nullptr};
    std::atomic<bool> polled{false};   // the application has the descriptor and may wait on it

    std::mutex mutex;                  // walks, by parent; taken before the link's own
    std::map<hdb_handle_t, ChildWalk> finds, iterations;
    std::map<hdb_handle_t, std::uint32_t> key_walks;   // the next position
};
using Connections = Handles<Connection>;
extern Connections connections;

template <class T>
ByteView bytes_of(const T& value) {
    return {reinterpret_cast<const std::uint8_t*>(&value), sizeof value};
}
inline ByteView bytes_of(const void* data, std::size_t size) { return {static_cast<const std::uint8_t*>(data), size}; }

// One request and the bytes behind its Reply, which was copied out of shared memory once; at least `least` of them on CS_OK,
// or the link is dead (CS_ERR_LIBRARY).
cs_error_t ask(Connection& connection, wire::Request type, std::span<const ByteView> pieces, std::uint32_t& info, std::vector<std::uint8_t>& more,
               std::size_t least);
cs_error_t ask(Connection& connection, wire::Request type, std::span<const ByteView> pieces);

// A whole value, of any length; read in parts that belong together.
struct Fetched {
    confdb_value_types_t type = CONFDB_VALUETYPE_ANY;
    std::string key, value;
};
cs_error_t fetch(Connection& connection, hdb_handle_t object, std::string_view key, Fetched& out);
cs_error_t fetch_at(Connection& connection, hdb_handle_t object, std::uint32_t index, Fetched& out);

}  // namespace motet::client::confdb
