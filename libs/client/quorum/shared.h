// What libquorum and libvotequorum have in common: both talk to the quorum worker over one kind of link. Requests with their
// replies, and the loop of a dispatch. All of it is compiled into each library; nothing is exported.
#pragma once
#include <corosync/corotypes.h>

#include <atomic>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "libs/base/bytes.h"
#include "libs/client/handles.h"
#include "libs/ipc/client_link.h"
#include "libs/wire/client_quorum.h"

namespace motet::client::quorum {

namespace wire = motet::wire::quorum_client;
using ipc::Outcome;

struct Connection {
    std::unique_ptr<ipc::ClientLink> link;
    std::atomic<bool> polled{false};  // the application has the descriptor and may wait on it
};

constexpr cs_error_t to_cs(Outcome outcome) { return static_cast<cs_error_t>(outcome); }

template <class T>
ByteView bytes_of(const T& value) {
    return {reinterpret_cast<const std::uint8_t*>(&value), sizeof value};
}
template <class T>
std::span<std::uint8_t> room_of(T& value) {
    return {reinterpret_cast<std::uint8_t*>(&value), sizeof value};
}

// One request and the bytes behind its Reply: on CS_OK all of `more` came, or the link is dead (CS_ERR_LIBRARY). The reply
// is copied out of shared memory once and judged afterwards.
inline cs_error_t ask(Connection& connection, wire::Request type, ByteView payload, std::span<std::uint8_t> more = {}) {
    constexpr std::uint32_t kErrorMax = CS_ERR_SECURITY;
    std::uint8_t answer[sizeof(wire::Reply) + sizeof(wire::InfoReply)];  // the longest there is
    const std::span<std::uint8_t> wanted(answer, sizeof(wire::Reply) + more.size());
    const ByteView pieces[] = {payload};
    std::size_t got = 0;
    if (const Outcome called = connection.link->call(static_cast<std::uint16_t>(type), pieces, wanted, got); called != Outcome::ok)
        return to_cs(called);
    wire::Reply reply;
    std::memcpy(&reply, answer, sizeof reply);
    const bool sound = got >= sizeof reply && reply.error >= CS_OK && reply.error <= kErrorMax &&
                       (reply.error != CS_OK || got - sizeof reply >= more.size());
    if (!sound) {
        connection.link->fail(Outcome::library);
        return CS_ERR_LIBRARY;
    }
    if (reply.error == CS_OK && !more.empty()) std::memcpy(more.data(), answer + sizeof reply, more.size());
    return static_cast<cs_error_t>(reply.error);
}

// No exception reaches a C program. What pthread_cancel() and pthread_exit() unwind with is no std::exception and passes.
template <class Body>
cs_error_t guarded(Body body) {
    try {
        return body();
    } catch (const std::exception&) {
        return CS_ERR_NO_MEMORY;
    }
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

enum class Take { event, nothing, dead };

// Copies the next event out and removes it. Under event_mutex(). An impossible length ends the link.
inline Take take(ipc::ClientLink& link, std::uint16_t& type, std::vector<std::uint32_t>& words) {
    constexpr std::size_t kBytesMax = sizeof(wire::RingEvent) + 3 * sizeof(std::uint32_t) * wire::kEntriesMax;
    ring::Record record;
    switch (link.peek(record)) {
        case ring::Pull::empty: return Take::nothing;
        case ring::Pull::violation: return Take::dead;
        case ring::Pull::record: break;
    }
    type = record.type;
    const std::size_t size = record.payload.size();
    const bool sound = size <= kBytesMax && size % sizeof(std::uint32_t) == 0;
    if (sound) {
        words.assign(size / sizeof(std::uint32_t), 0);
        std::memcpy(words.data(), record.payload.data(), size);
    }
    link.pop();
    if (sound) return Take::event;
    link.fail(Outcome::library);
    return Take::dead;
}

// After the single event of a ONE: either the token stays in the socket for what is left, or the socket is made
// unreadable. An event that slips in between may have been published without a token: the kick makes the worker look.
inline void leave_readable(ipc::ClientLink& link) {
    const std::lock_guard lock(link.event_mutex());
    if (!link.queue_empty()) return;
    const ipc::ClientLink::Settled settled = link.settle();
    if (settled.health == Outcome::ok && !settled.empty) link.kick();
}

// `run(type, words)` calls the application; false: that was no event, the worker is not to be believed any more.
template <class Ref, class Run>
cs_error_t dispatch(const Ref& ref, cs_dispatch_flags_t flags, Run run) {
    ipc::ClientLink& link = *ref->link;
    const bool one = flags == CS_DISPATCH_ONE || flags == CS_DISPATCH_ONE_NONBLOCKING;
    const bool waits = flags != CS_DISPATCH_ALL && flags != CS_DISPATCH_ONE_NONBLOCKING;
    const auto ended = [&](Outcome why) { return ref.closed() ? CS_ERR_BAD_HANDLE : to_cs(why); };
    // What a dead service had queued is not delivered any more.
    if (const Outcome state = link.health_now(); state != Outcome::ok) return ended(state);

    for (bool first = true;; first = false) {
        std::uint16_t type = 0;
        std::vector<std::uint32_t> words;
        Take taken;
        ipc::ClientLink::Settled settled;
        {
            const std::lock_guard lock(link.event_mutex());
            taken = take(link, type, words);
            link.release();
            if (taken == Take::nothing) settled = link.settle();
        }
        if (taken == Take::dead) return ended(link.health());
        if (taken == Take::event) {
            if (!run(type, words)) {
                link.fail(Outcome::library);
                return ended(Outcome::library);
            }
            if (ref.closed()) return CS_ERR_BAD_HANDLE;
            if (!one) continue;
            leave_readable(link);
            return CS_OK;
        }
        if (settled.health != Outcome::ok) return ended(settled.health);
        if (!settled.empty) continue;
        if (!waits) return one ? CS_ERR_TRY_AGAIN : CS_OK;
        // A main loop calls ONE because the descriptor was readable. If the event of that token was taken before the
        // token came, waiting would block the whole loop.
        if (flags == CS_DISPATCH_ONE && first && settled.token && ref->polled.load(std::memory_order_relaxed)) return CS_OK;
        if (const Outcome woken = link.wait_for_event(); woken != Outcome::ok) return ended(woken);
        if (ref.closed()) return CS_ERR_BAD_HANDLE;
    }
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
