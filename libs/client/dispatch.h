// The dispatch loop of a library whose events are small: how many events, and when to wait. The descriptor is readable
// exactly while events are queued: the socket is drained only when the queue was found empty, and then armed and looked at
// again. An event is copied before its callback runs, which may take the next event itself, finalize, or never return.
#pragma once
#include <corosync/corotypes.h>

#include <atomic>
#include <exception>
#include <mutex>

#include "libs/client/handles.h"
#include "libs/ipc/client_link.h"

namespace motet::client {

constexpr cs_error_t to_cs(ipc::Outcome outcome) { return static_cast<cs_error_t>(outcome); }

// No exception reaches a C program. What pthread_cancel() and pthread_exit() unwind with is no std::exception and passes.
template <class Body>
cs_error_t guarded(Body body) {
    try {
        return body();
    } catch (const std::exception&) {
        return CS_ERR_NO_MEMORY;
    }
}

enum class Taken { event, nothing, dead };

// The next record of the event ring for `keep(record)`, which copies it and returns false if it makes no sense. Under
// event_mutex(). The worker is not trusted: nonsense ends the link. An exception leaves the event where it is.
template <class Keep>
Taken take_event(ipc::ClientLink& link, Keep keep) {
    ring::Record record;
    switch (link.peek(record)) {
    case ring::Pull::empty: return Taken::nothing;
    case ring::Pull::violation: return Taken::dead;
    case ring::Pull::record: break;
    }
    const bool sound = keep(record);
    link.pop();
    if (sound) return Taken::event;
    link.fail(ipc::Outcome::library);
    return Taken::dead;
}

// After the single event of a ONE: either the token stays in the socket for what is left, or the socket is made
// unreadable. An event that slips in between may have been published without a token: the kick makes the worker look.
inline void leave_readable(ipc::ClientLink& link) {
    const std::lock_guard lock(link.event_mutex());
    if (!link.queue_empty()) return;
    const ipc::ClientLink::Settled settled = link.settle();
    if (settled.health == ipc::Outcome::ok && !settled.empty) link.kick();
}

// `Event`: what keep(record, event) fills and call(event) tells the application. `polled`: the application has the
// descriptor and may wait on it.
template <class Event, class Ref, class Keep, class Call>
cs_error_t dispatch_events(const Ref& ref, ipc::ClientLink& link, const std::atomic<bool>& polled, cs_dispatch_flags_t flags, Keep keep, Call call) {
    const bool one = flags == CS_DISPATCH_ONE || flags == CS_DISPATCH_ONE_NONBLOCKING;
    const bool waits = flags != CS_DISPATCH_ALL && flags != CS_DISPATCH_ONE_NONBLOCKING;
    const auto ended = [&](ipc::Outcome why) { return ref.closed() ? CS_ERR_BAD_HANDLE : to_cs(why); };
    // What a dead service had queued is not delivered any more.
    if (const ipc::Outcome state = link.health_now(); state != ipc::Outcome::ok) return ended(state);

    for (bool first = true;; first = false) {
        Event event;
        Taken taken;
        ipc::ClientLink::Settled settled;
        try {
            const std::lock_guard lock(link.event_mutex());
            taken = take_event(link, [&](const ring::Record& record) { return keep(record, event); });
            if (taken == Taken::nothing) {
                link.release();
                settled = link.settle();
            } else if (one || link.worth_releasing()) {
                link.release();
            }
        } catch (const std::exception&) {
            return CS_ERR_NO_MEMORY;   // and the event stays where it is
        }
        if (taken == Taken::dead) return ended(link.health());
        if (taken == Taken::event) {
            call(event);
            if (ref.closed()) return CS_ERR_BAD_HANDLE;
            if (!one) continue;
            leave_readable(link);
            return CS_OK;
        }
        if (settled.health != ipc::Outcome::ok) return ended(settled.health);
        if (!settled.empty) continue;
        if (!waits) return one ? CS_ERR_TRY_AGAIN : CS_OK;
        // A main loop calls ONE because the descriptor was readable. If the event of that token was taken before the
        // token came, waiting would block the whole loop.
        if (flags == CS_DISPATCH_ONE && first && settled.token && polled.load(std::memory_order_relaxed)) return CS_OK;
        if (const ipc::Outcome woken = link.wait_for_event(); woken != ipc::Outcome::ok) return ended(woken);
        if (ref.closed()) return CS_ERR_BAD_HANDLE;
    }
}

}  // namespace motet::client
