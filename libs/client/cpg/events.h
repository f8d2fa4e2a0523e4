// From the event ring to the application's callbacks.
//
// An event is copied to private memory before its callback runs. The ring is mapped read-only, while applications may and
// do change a delivered message in place; and a callback may take the next event itself, finalize, or never return, none
// of which may hold the ring. Small buffers are kept with the handle, so a busy one copies but does not allocate.
#pragma once
#include "libs/client/cpg/connection.h"

namespace motet::client::cpg {

struct TakenEvent {
    wire::Event type{};
    std::size_t size = 0;   // bytes in the buffer
};
enum class Take { event, nothing, no_memory, dead };

// Removes the next whole event from the queue and copies it to `buffer`. Under event_mutex(). An event without a callback
// is removed and not copied (size 0).
Take take_event(Connection& connection, EventBuffer& buffer, TakenEvent& out);

// Calls back, if there is somebody to call.
void run_callback(const Connection& connection, cpg_handle_t handle, const TakenEvent& event, const EventBuffer& buffer);

}  // namespace motet::client::cpg
