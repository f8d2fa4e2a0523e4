// cpg_dispatch: how many events, and when to wait. The descriptor is readable exactly while events are queued: the
// socket is drained only when the queue was found empty, and then armed and looked at again.
#pragma GCC visibility push(default)
#include <corosync/cpg.h>
#pragma GCC visibility pop

#include "libs/client/cpg/events.h"

namespace motet::client::cpg {
namespace {

constexpr std::size_t kKeptBufferMax = 2u << 20;   // larger ones served a message in parts and go back at once

// The handle's spare buffer for the time of one dispatch; a nested or concurrent dispatch allocates its own.
class Lease {
public:
    explicit Lease(Connection& connection) : connection_(connection) {
        const std::lock_guard lock(connection.link->event_mutex());
        buffer.swap(connection.spare);
    }
    ~Lease() {
        if (buffer.capacity() > kKeptBufferMax) return;
        const std::lock_guard lock(connection_.link->event_mutex());
        if (connection_.spare.capacity() < buffer.capacity()) buffer.swap(connection_.spare);
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    EventBuffer buffer;

private:
    Connection& connection_;
};

// After the single event of a ONE: either the token stays in the socket for what is left, or the socket is made
// unreadable. An event that slips in between may have been published without a token: the kick makes the worker look.
void leave_readable(ipc::ClientLink& link) {
    const std::lock_guard lock(link.event_mutex());
    if (!link.queue_empty()) return;
    const ipc::ClientLink::Settled settled = link.settle();
    if (settled.health == Outcome::ok && !settled.empty) link.kick();
}

cs_error_t dispatch(const Connections::Ref& ref, cpg_handle_t handle, cs_dispatch_flags_t flags) {
    Connection& connection = *ref;
    ipc::ClientLink& link = *connection.link;
    const bool one = flags == CS_DISPATCH_ONE || flags == CS_DISPATCH_ONE_NONBLOCKING;
    const bool waits = flags != CS_DISPATCH_ALL && flags != CS_DISPATCH_ONE_NONBLOCKING;
    const auto ended = [&](Outcome why) { return ref.closed() ? CS_ERR_BAD_HANDLE : to_cs(why); };
    // What a dead service had queued is not delivered any more.
    if (const Outcome state = link.health_now(); state != Outcome::ok) return ended(state);

    Lease lease(connection);
    for (bool first = true;; first = false) {
        TakenEvent event;
        Take taken;
        ipc::ClientLink::Settled settled;
        {
            const std::lock_guard lock(link.event_mutex());
            taken = take_event(connection, lease.buffer, event);
            if (taken == Take::nothing) {
                link.release();
                settled = link.settle();
            } else if (one || link.worth_releasing()) {
                link.release();
            }
        }
        if (taken == Take::dead) return ended(link.health());
        if (taken == Take::no_memory) return CS_ERR_NO_MEMORY;
        if (taken == Take::event) {
            run_callback(connection, handle, event, lease.buffer);
            if (ref.closed()) return CS_ERR_BAD_HANDLE;
            if (one) {
                leave_readable(link);
                return CS_OK;
            }
            if (lease.buffer.capacity() > kKeptBufferMax) lease.buffer.reset();
            continue;
        }
        if (settled.health != Outcome::ok) return ended(settled.health);
        if (!settled.empty) continue;
        if (!waits) return one ? CS_ERR_TRY_AGAIN : CS_OK;
        // A main loop calls ONE because the descriptor was readable. If the event of that token was taken before the
        // token came (or there was none: a restarted worker sends one to be safe), waiting would block the whole loop.
        if (flags == CS_DISPATCH_ONE && first && settled.token && connection.polled.load(std::memory_order_relaxed)) return CS_OK;
        if (const Outcome woken = link.wait_for_event(); woken != Outcome::ok) return ended(woken);
        if (ref.closed()) return CS_ERR_BAD_HANDLE;
    }
}

}  // namespace
}  // namespace motet::client::cpg

using namespace motet::client::cpg;

extern "C" cs_error_t cpg_dispatch(cpg_handle_t handle, cs_dispatch_flags_t dispatch_types) {
    const Connections::Ref ref = connections.get(handle);
    return ref ? dispatch(ref, handle, dispatch_types) : CS_ERR_BAD_HANDLE;
}
