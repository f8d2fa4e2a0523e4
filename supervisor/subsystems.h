// logging.logger_subsys: what Corosync's subsystems say is said by a process of Motet each, so their keys are that process's.
#pragma once
#include <string_view>

#include "libs/base/log.h"
#include "libs/config/snapshot.h"

namespace motet::supervisor::logging {

// How much of one process's lines there is, and how much of it is kept; priorities are syslog's numbers.
struct Verbosity {
    log::Level level = log::Level::info;
    int file_priority = 7, syslog_priority = 7;
};

// syslog's number of a priority's name; 7, the least important, of any other word.
int priority_of(std::string_view word);

// Of the process `program` ("motet" for the supervisor): by the section of a subsystem that is this process's, else by the section
// logging, else `otherwise`. Where several subsystems are one process, the most talkative wins. Subsystems that Motet does not have, and
// QDEVICE, which corosync-qdevice reads itself, are nobody's.
Verbosity verbosity_of(const config::Snapshot& snapshot, std::string_view program, log::Level otherwise);

}  // namespace motet::supervisor::logging
