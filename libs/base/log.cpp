#include "libs/base/log.h"

#include <cstdarg>
#include <cstdio>
#include <string>

namespace motet::log {
namespace {
Sink g_sink;
Level g_level = Level::notice;
constexpr std::size_t kLineMax = 2048;  // longer lines are cut
}  // namespace

void set_sink(Sink sink) { g_sink = std::move(sink); }
void set_level(Level level) { g_level = level; }
Level level() { return g_level; }

const char* name(Level level) {
    switch (level) {
        case Level::error: return "error";
        case Level::warning: return "warning";
        case Level::notice: return "notice";
        case Level::info: return "info";
        case Level::debug: return "debug";
    }
    return "notice";
}

bool parse_level(std::string_view text, Level& out) {
    if (text.size() < 3) return false;
    for (const Level level : {Level::error, Level::warning, Level::notice, Level::info, Level::debug}) {
        if (std::string_view(name(level)).starts_with(text)) {
            out = level;
            return true;
        }
    }
    return false;
}

void write(Level level, const char* format, ...) {
    char line[kLineMax];
    va_list args;
    va_start(args, format);
    std::vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (g_sink) return g_sink(level, line);
    std::fprintf(stderr, "%-7s %s\n", name(level), line);
}

}  // namespace motet::log
