// Where log lines go: "<timestamp> <level> <process>: text" to stderr in the foreground, to syslog as a daemon. The last
// lines are kept for motetctl.
#pragma once
#include <deque>
#include <string>
#include <string_view>

#include "libs/base/log.h"
#include "libs/base/result.h"
#include "libs/config/snapshot.h"

namespace motet::supervisor {
class TakeOver;
}

namespace motet::supervisor::logging {

inline constexpr std::size_t kKeptMax = 256;   // lines; older ones are forgotten
inline constexpr std::size_t kLineMax = 1024;  // bytes; longer lines are cut

enum class To {
    terminal,             // stderr
    log_and_complaints,   // syslog; warnings and errors also to stderr, while somebody may still be looking
    log,                  // syslog
};
// Our own lines too go here from now on.
void open(To to);
// By the section logging of a configuration: log file, system log, priorities, time stamps, and the supervisor's own level. Keys that
// are absent leave what open() has chosen, or `otherwise` for levels. An error names the log file that cannot be opened; everything else is in force all the same.
Status configure(const config::Snapshot& snapshot, log::Level otherwise);
// Of the configuration that is in force: what a process ("motet-cpg") is to say.
log::Level level_of(std::string_view program);
// Closes the log file and opens it again by its name, for log rotation.
void reopen();
// A line of a child, as it came: control characters are replaced.
void line(log::Level level, std::string_view process, std::string_view text);
const std::deque<std::string>& kept();
// For a supervisor that takes over: where lines go, and those kept.
void transfer(TakeOver& t);

}  // namespace motet::supervisor::logging
