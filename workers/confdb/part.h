// One of the services that the confdb worker is: it has a number in the types of requests, its own connections, and perhaps
// a service id between nodes. Parts share the store. To add one: a class like this, a line in engine.cpp, a number in
// libs/wire/client_confdb.h. The rules of worker::Engine (deterministic, silent between inputs) are the parts' too.
#pragma once
#include <cstdint>
#include <optional>

#include "libs/wire/client_confdb.h"
#include "libs/worker/engine.h"
#include "workers/confdb/core/fanout.h"
#include "workers/confdb/core/store.h"

namespace motet::confdb {

using worker::ConnId;

// What all parts work with. `store` may be read and written at any time but from inside a Listener; what a part writes is
// told to everybody, and no key is read-only to it. A part that wants to hear of changes adds its Listener to `changes`.
struct Shared {
    worker::Host& host;
    const worker::Settings& settings;
    Store& store;
    Fanout& changes;
};

class Part {
public:
    virtual ~Part() = default;
    virtual wire::confdb_client::Part number() const = 0;
    // Its id in messages between nodes, one of the worker's; none: the functions that need one are not called.
    virtual std::optional<std::uint32_t> service() const { return std::nullopt; }

    // As worker::Engine's, for this service only; on_sync_started() and on_complete() come to all parts.
    virtual void on_sync_started() {}
    // The members of the ring that is being formed: to all parts, cfg among them, which has no step of its own to take.
    virtual void on_ring(const feed::Init&) {}
    virtual void on_init(const feed::Init&) {}
    virtual void on_process(feed::Step step) = 0;   // ends with host.sync_done(step.service, step.round)
    virtual void on_activate(feed::Step) {}
    virtual void on_abort(feed::Step) {}
    virtual void on_complete(const feed::Complete&) {}
    virtual void on_message(const feed::Message&) {}

    // A connection comes to a part with its first request. `number` is the low byte of a request's type.
    virtual void on_connect(ConnId conn, std::int32_t pid, std::uint32_t uid, std::uint32_t gid) = 0;
    virtual void on_request(ConnId conn, std::uint8_t number, std::uint64_t request, ByteView payload) = 0;
    virtual void on_disconnect(ConnId conn) = 0;
    virtual bool is_pure_request(std::uint8_t) const { return false; }   // as worker::Engine's

    virtual Instant deadline() const { return kNever; }
    virtual void on_time(Instant) {}
    // After every input: for what may not be done inside a Listener.
    virtual void settle() {}

    // A message of the supervisor; true: it was for this part.
    virtual bool on_told(control::Message&) { return false; }

    // The part's own state, without the store. restore() is called on a fresh part; false: impossible content.
    virtual void save(Writer& out) const = 0;
    virtual bool restore(Reader& in) = 0;
};

}  // namespace motet::confdb
