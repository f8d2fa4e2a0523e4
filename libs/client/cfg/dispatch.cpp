// corosync_cfg_dispatch: how many events, and when to wait. The only event says that somebody wants to stop this node.
#pragma GCC visibility push(default)
#include <corosync/cfg.h>
#pragma GCC visibility pop

#include "libs/client/cfg/connection.h"

namespace motet::client::cfg {
namespace {

enum class Take { event, nothing, dead };

// Removes the next event. Under event_mutex(). The worker is not trusted: an event of another shape ends the link.
Take take(ipc::ClientLink& link, std::uint32_t& flags) {
    ring::Record record;
    switch (link.peek(record)) {
    case ring::Pull::empty: return Take::nothing;
    case ring::Pull::violation: return Take::dead;
    case ring::Pull::record: break;
    }
    const bool sound = record.type == static_cast<std::uint16_t>(wire::Event::shutdown) && record.payload.size() == sizeof flags;
    if (sound) std::memcpy(&flags, record.payload.data(), sizeof flags);
    link.pop();
    if (sound && flags <= COROSYNC_CFG_SHUTDOWN_FLAG_IMMEDIATE) return Take::event;
    link.fail(Outcome::library);
    return Take::dead;
}

// After the single event of a ONE: either the token stays in the socket for what is left, or the socket is made
// unreadable. An event that slips in between may have been published without a token: the kick makes the worker look.
void leave_readable(ipc::ClientLink& link) {
    const std::lock_guard lock(link.event_mutex());
    if (!link.queue_empty()) return;
    const ipc::ClientLink::Settled settled = link.settle();
    if (settled.health == Outcome::ok && !settled.empty) link.kick();
}

cs_error_t dispatch(const Connections::Ref& ref, corosync_cfg_handle_t handle, cs_dispatch_flags_t flags) {
    ipc::ClientLink& link = *ref->link;
    const bool one = flags == CS_DISPATCH_ONE || flags == CS_DISPATCH_ONE_NONBLOCKING;
    const bool waits = flags != CS_DISPATCH_ALL && flags != CS_DISPATCH_ONE_NONBLOCKING;
    const auto ended = [&](Outcome why) { return ref.closed() ? CS_ERR_BAD_HANDLE : to_cs(why); };
    // What a dead service had queued is not delivered any more.
    if (const Outcome state = link.health_now(); state != Outcome::ok) return ended(state);

    for (bool first = true;; first = false) {
        std::uint32_t event = 0;
        Take taken;
        ipc::ClientLink::Settled settled;
        {
            const std::lock_guard lock(link.event_mutex());
            taken = take(link, event);
            link.release();
            if (taken == Take::nothing) settled = link.settle();
        }
        if (taken == Take::dead) return ended(link.health());
        if (taken == Take::event) {
            if (const auto callback = ref->callbacks.corosync_cfg_shutdown_callback; callback != nullptr)
                callback(handle, static_cast<corosync_cfg_shutdown_flags_t>(event));
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

}  // namespace
}  // namespace motet::client::cfg

using namespace motet::client::cfg;

extern "C" cs_error_t corosync_cfg_dispatch(corosync_cfg_handle_t cfg_handle, cs_dispatch_flags_t dispatch_flags) {
    const Connections::Ref ref = connections.get(cfg_handle);
    return ref ? dispatch(ref, cfg_handle, dispatch_flags) : CS_ERR_BAD_HANDLE;
}
