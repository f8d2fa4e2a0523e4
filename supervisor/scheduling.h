// How the processes on the path of a message are scheduled: the settings, and the few system calls.
#pragma once
#include <sys/types.h>

#include <optional>

#include "libs/config/snapshot.h"
#include "supervisor/urgency.h"

namespace motet::supervisor {

struct Scheduling {
    enum class RealTime { as_needed, always, never };
    RealTime real_time = RealTime::as_needed;
    int priority = 0;               // of SCHED_RR, 1 to 99
    int nice = 0;                   // of membership while it is not real-time
    int worker_nice = 0;
};
// system.sched_rr and system.priority.
Scheduling scheduling_of(const config::Snapshot& snapshot);

// Tried on ourselves, so that the answer is known before a child is started.
bool realtime_permitted(int priority);

// None where the kernel does not count, or the process is gone.
std::optional<Urgency::Waits> waits_of(pid_t process);

// This process alone: it does little, and must be able to do it on a machine where membership waits. What it starts is ordinary.
void be_realtime(int priority);

// All its threads, and so those that they start; 0: ordinary, with the nice value it has.
void set_realtime(pid_t process, int priority);

}  // namespace motet::supervisor
