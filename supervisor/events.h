// What has happened on this node, for motetctl: starts, deaths and their causes, views, reloads, warnings. The last ones are kept in
// memory and, one JSON object a line, in the state directory, so that they outlive children, this process and the machine.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "libs/base/log.h"

namespace motet::supervisor {

class TakeOver;

struct Event {
    std::string_view process;        // "motet", or a child's name
    pid_t pid = 0;                   // 0: none in particular
    std::string_view kind;           // stands in docs/motetctl-json.md
    log::Level level = log::Level::notice;
    std::string text = {};
    // Of a death; -1: does not apply or is not known.
    int exit_code = -1, signal = -1, system_call = -1;
    std::string system_call_name = {};
    std::vector<std::string> last = {};   // what its flight recorder held, oldest first
};

namespace events {

inline constexpr std::size_t kKeptMax = 512;                // events in memory and in motetctl's answer
inline constexpr std::size_t kFileMax = 512 * 1024;         // bytes; then the file becomes events.log.old, and that one is lost
inline constexpr std::size_t kTextMax = 1024, kLastMax = 20;

// Reads what the files hold and goes on writing. Without a usable directory events are kept in memory only.
void open(const std::string& state_dir);
void note(const Event& event);
// A line of the log, of whatever process; only warnings and errors become events.
void note_line(log::Level level, std::string_view process, std::string_view text);
// While one is alive lines are not noted: an event of its own says the same and more.
struct Quiet {
    Quiet();
    ~Quiet();
};
// JSON objects, oldest first.
const std::deque<std::string>& kept();
void transfer(TakeOver& t);

}  // namespace events
}  // namespace motet::supervisor
