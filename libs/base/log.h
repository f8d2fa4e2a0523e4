// One line per state change or decision. Programs choose once where lines go; no line is written on the
// path of a message.
#pragma once
#include <functional>
#include <string_view>

namespace motet::log {

enum class Level : int { error = 3, warning = 4, notice = 5, info = 6, debug = 7 };  // syslog's numbers

using Sink = std::function<void(Level, std::string_view line)>;

// Lines go to stderr until a sink is set. Lines above `level` (less important) are dropped.
void set_sink(Sink sink);
void set_level(Level level);
Level level();
// "error", "warning", "notice", "info", "debug" (any prefix of at least three letters); false if unknown.
bool parse_level(std::string_view name, Level& out);
const char* name(Level level);

[[gnu::format(printf, 2, 3)]] void write(Level level, const char* format, ...);

}  // namespace motet::log

#define MOTET_LOG(level_, ...)                                                                          \
    do {                                                                                                \
        if (static_cast<int>(::motet::log::Level::level_) <= static_cast<int>(::motet::log::level()))  \
            ::motet::log::write(::motet::log::Level::level_, __VA_ARGS__);                              \
    } while (false)
