#include "supervisor/logging.h"

#include <syslog.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>

namespace motet::supervisor::logging {
namespace {

To g_to = To::terminal;
std::deque<std::string> g_kept;

std::string timestamp() {
    timeval now{};
    gettimeofday(&now, nullptr);
    tm local{};
    localtime_r(&now.tv_sec, &local);
    char date[32], zone[8], out[64];
    std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &local);
    std::strftime(zone, sizeof zone, "%z", &local);
    std::snprintf(out, sizeof out, "%s.%03ld%s", date, static_cast<long>(now.tv_usec / 1000), zone);
    return out;
}

// A child's text is a claim: it must not forge lines or drive a terminal.
std::string printable(std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
    std::string out(text.substr(0, kLineMax));
    for (char& c : out)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    return out;
}

}  // namespace

void open(To to) {
    if (to != To::terminal && g_to == To::terminal) openlog("motet", LOG_PID | LOG_NDELAY, LOG_DAEMON);
    g_to = to;
    log::set_sink([](log::Level level, std::string_view text) { line(level, "motet", text); });
}

void line(log::Level level, std::string_view process, std::string_view text) {
    if (static_cast<int>(level) > static_cast<int>(log::level())) return;
    const std::string body = std::string(log::name(level)) + " " + std::string(process) + ": " + printable(text);
    const std::string whole = timestamp() + " " + body + "\n";
    // One write per line, so that lines of several writers to one file do not mix. A full or closed stderr is nobody's concern.
    const bool complaint = static_cast<int>(level) <= static_cast<int>(log::Level::warning);
    if (g_to == To::terminal || (g_to == To::log_and_complaints && complaint)) (void)!::write(STDERR_FILENO, whole.data(), whole.size());
    if (g_to != To::terminal) syslog(static_cast<int>(level), "%s", body.c_str());
    g_kept.push_back(whole.substr(0, whole.size() - 1));
    if (g_kept.size() > kKeptMax) g_kept.pop_front();
}

const std::deque<std::string>& kept() { return g_kept; }

}  // namespace motet::supervisor::logging
