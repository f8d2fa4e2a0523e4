// Event-driven health checks: a thread of the application that asks its callback and sends the heartbeats.
#pragma once
#include <corosync/sam.h>

namespace motet::client::sam {

// A null callback stops the checks; the first one may not be null.
cs_error_t health_register(sam_hc_callback_t callback);
// False: the thread could not be made.
bool health_started(int interval_ms);
void health_stopped();

cs_error_t heartbeat();

}  // namespace motet::client::sam
