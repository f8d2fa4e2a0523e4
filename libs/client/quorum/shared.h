// What libquorum and libvotequorum have in common: both talk to the quorum worker over one kind of link. Requests with their
// replies, and the shape of events. All of it is compiled into each library; nothing is exported.
#pragma once
#include <corosync/corotypes.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "libs/client/ask.h"
#include "libs/client/handles.h"
#include "libs/ipc/client_link.h"
#include "libs/wire/client_quorum.h"

namespace motet::client::quorum {

namespace wire = motet::wire::quorum_client;
using ipc::Outcome;
using client::bytes_of;
using client::guarded;
using client::room_of;

struct Connection {
    std::unique_ptr<ipc::ClientLink> link;
    std::atomic<bool> polled{false};  // the application has the descriptor and may wait on it
};

// See ask_link().
inline cs_error_t ask(Connection& connection, wire::Request type, ByteView payload, std::span<std::uint8_t> more = {}) {
    return ask_link<wire::Reply, sizeof(wire::InfoReply)>(*connection.link, static_cast<std::uint16_t>(type), payload, more);
}

// Connects, says which interface is meant and puts the handle into the table.
template <class T>
cs_error_t open_connection(Handles<T>& table, std::unique_ptr<T> connection, const wire::OpenRequest& wish, std::uint64_t& handle,
                           std::uint32_t& quorum_type) {
    constexpr std::uint32_t kRequestMax = 2 * sizeof(wire::DeviceName) + 16;
    if (const Outcome linked = ipc::ClientLink::connect("quorum", kRequestMax, connection->link); linked != Outcome::ok)
        return to_cs(linked);
    if (const cs_error_t told = ask(*connection, wire::Request::open, bytes_of(wish), room_of(quorum_type)); told != CS_OK)
        return told;
    switch (table.add(std::move(connection), handle)) {
        case Handles<T>::Added::ok: return CS_OK;
        case Handles<T>::Added::no_memory: return CS_ERR_NO_MEMORY;
        case Handles<T>::Added::full: break;
    }
    return CS_ERR_NO_RESOURCES;
}

// The hang-up alone ends the connection for the service too, so nothing that can happen here is an error.
template <class T>
cs_error_t close_connection(Handles<T>& table, std::uint64_t handle) {
    const typename Handles<T>::Ref ref = table.close(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    (void)ask(*ref, wire::Request::finalize, {});
    ref->link->fail(Outcome::library);  // wakes threads that still wait on it
    return CS_OK;
}

constexpr bool known_flags(cs_dispatch_flags_t flags) {
    return flags == CS_DISPATCH_ONE || flags == CS_DISPATCH_ALL || flags == CS_DISPATCH_BLOCKING ||
           flags == CS_DISPATCH_ONE_NONBLOCKING;
}

// An event as it came, in whole words.
struct Words {
    std::uint16_t type = 0;
    std::vector<std::uint32_t> words;
};

// Copies it; false: no event has this length.
inline bool copy(const ring::Record& record, Words& out) {
    constexpr std::size_t kBytesMax = sizeof(wire::RingEvent) + 3 * sizeof(std::uint32_t) * wire::kEntriesMax;
    const std::size_t size = record.payload.size();
    if (size > kBytesMax || size % sizeof(std::uint32_t) != 0) return false;
    out.type = record.type;
    out.words.assign(size / sizeof(std::uint32_t), 0);
    if (size != 0) std::memcpy(out.words.data(), record.payload.data(), size);
    return true;
}

// The fixed part of an event; false if there is none. What follows it is `lists`.
template <class T>
bool split(std::vector<std::uint32_t>& words, T& fixed, std::span<std::uint32_t>& lists) {
    static_assert(sizeof(T) % sizeof(std::uint32_t) == 0);
    constexpr std::size_t kWords = sizeof(T) / sizeof(std::uint32_t);
    if (words.size() < kWords) return false;
    std::memcpy(static_cast<void*>(&fixed), words.data(), sizeof fixed);
    lists = std::span(words).subspan(kWords);
    return true;
}

}  // namespace motet::client::quorum
