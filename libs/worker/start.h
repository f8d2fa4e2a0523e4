// How a worker comes to life: sandbox, HELLO, START, the descriptors of START mapped and checked.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "libs/base/result.h"
#include "libs/control/control.h"
#include "libs/ipc/overflow.h"
#include "libs/loop/loop.h"
#include "libs/metrics/status_page.h"
#include "libs/ring/segment.h"
#include "libs/worker/engine.h"
#include "libs/worker/journal.h"

namespace motet::worker {

struct Started {
    Settings settings;
    int link = -1;                   // membership's socket
    ring::Segment submit, delivery;  // own (writable), membership's (read-only)
    void* status = nullptr;          // mapped for the life of the process
    std::size_t status_size = 0;
    // What outlives the process. Without them nothing does: the service starts empty each time.
    std::optional<Journal> journal;
    std::optional<ipc::Overflow> overflow;
};

// Log lines go to the supervisor from here on.
void log_to_supervisor();
// What cannot go on says why, once, and exits. `state_lost`: nor can a successor go on from what is kept.
[[noreturn]] void fatal(const std::string& why, bool state_lost = false);

// A configuration snapshot, which stays the caller's descriptor.
Result<config::Snapshot> read_config(int fd);

// The supervisor's START, with its descriptors; all are closed or owned by the result.
Result<Started> take_start(control::Message& message);

}  // namespace motet::worker
