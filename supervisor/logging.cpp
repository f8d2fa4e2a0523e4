#include "supervisor/logging.h"

#include <fcntl.h>
#include <syslog.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <map>
#include <utility>

#include "supervisor/events.h"
#include "supervisor/subsystems.h"
#include "supervisor/take_over.h"
#include "supervisor/unique_fd.h"

namespace motet::supervisor::logging {
namespace {

enum class Stamp { none, seconds, milliseconds };

// The section logging, as far as it is written in the file.
struct Wishes {
    bool terminal = true;                 // to_stderr
    bool syslog_given = false, syslog = true;
    std::string file;                     // empty: none
    int facility = LOG_DAEMON;
    Stamp stamp = Stamp::milliseconds;
};

To g_to = To::terminal;
Wishes g_wishes;
UniqueFd g_file;
std::deque<std::string> g_kept;
std::map<std::string, Verbosity, std::less<>> g_verbosity;     // of each process, as soon as there is a configuration

int facility_of(std::string_view word) {
    constexpr std::pair<std::string_view, int> kNames[] = {
        {"daemon", LOG_DAEMON}, {"local0", LOG_LOCAL0}, {"local1", LOG_LOCAL1}, {"local2", LOG_LOCAL2}, {"local3", LOG_LOCAL3},
        {"local4", LOG_LOCAL4}, {"local5", LOG_LOCAL5}, {"local6", LOG_LOCAL6}, {"local7", LOG_LOCAL7}, {"auth", LOG_AUTH},
        {"authpriv", LOG_AUTHPRIV}, {"cron", LOG_CRON}, {"ftp", LOG_FTP}, {"kern", LOG_KERN}, {"lpr", LOG_LPR}, {"mail", LOG_MAIL},
        {"news", LOG_NEWS}, {"syslog", LOG_SYSLOG}, {"user", LOG_USER}, {"uucp", LOG_UUCP}};
    for (const auto& [name, number] : kNames)
        if (name == word) return number;
    return LOG_DAEMON;
}

Status open_file() {
    g_file.reset();
    if (g_wishes.file.empty()) return Done{};
    g_file = UniqueFd(::open(g_wishes.file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640));
    if (g_file) return Done{};
    return error("logging.logfile: %s cannot be opened: %s; make its directory or correct its permissions", g_wishes.file.c_str(), std::strerror(errno));
}

void open_syslog() { openlog("motet", LOG_PID | LOG_NDELAY, g_wishes.facility); }

std::string timestamp() {
    if (g_wishes.stamp == Stamp::none) return {};
    timeval now{};
    gettimeofday(&now, nullptr);
    tm local{};
    localtime_r(&now.tv_sec, &local);
    char date[32], zone[8], out[64];
    std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &local);
    std::strftime(zone, sizeof zone, "%z", &local);
    if (g_wishes.stamp == Stamp::seconds) std::snprintf(out, sizeof out, "%s%s ", date, zone);
    else std::snprintf(out, sizeof out, "%s.%03ld%s ", date, static_cast<long>(now.tv_usec / 1000), zone);
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

// A service of third parties is no subsystem of Corosync's.
Verbosity verbosity(std::string_view program) {
    auto found = g_verbosity.find(program);
    if (found == g_verbosity.end()) found = g_verbosity.find("*");
    return found != g_verbosity.end() ? found->second : Verbosity{.level = log::level()};
}

}  // namespace

void open(To to) {
    if (to != To::terminal && g_to == To::terminal) open_syslog();
    g_to = to;
    log::set_sink([](log::Level level, std::string_view text) { line(level, "motet", text); });
}

void line(log::Level level, std::string_view process, std::string_view text) {
    const Verbosity wanted = verbosity(process);
    if (static_cast<int>(level) > static_cast<int>(wanted.level)) return;
    const std::string body = std::string(log::name(level)) + " " + std::string(process) + ": " + printable(text);
    const std::string whole = timestamp() + body + "\n";
    // One write per line, so that lines of several writers to one file do not mix. A full or closed stderr is nobody's concern.
    const bool complaint = static_cast<int>(level) <= static_cast<int>(log::Level::warning);
    const int priority = static_cast<int>(level);
    if ((g_to == To::terminal && g_wishes.terminal) || (g_to == To::log_and_complaints && complaint))
        (void)!::write(STDERR_FILENO, whole.data(), whole.size());
    // In the foreground standard error is the log; the system log comes in addition only where the file says so.
    const bool to_syslog = g_wishes.syslog_given ? g_wishes.syslog : g_to != To::terminal;
    if (to_syslog && priority <= wanted.syslog_priority) syslog(priority, "%s", body.c_str());
    if (g_file && priority <= wanted.file_priority) (void)!::write(g_file.get(), whole.data(), whole.size());
    events::note_line(level, process, text);
    g_kept.push_back(whole.substr(0, whole.size() - 1));
    if (g_kept.size() > kKeptMax) g_kept.pop_front();
}

Status configure(const config::Snapshot& snapshot, log::Level otherwise) {
    g_verbosity.clear();
    for (const std::string_view program : {"motet", "motet-membership", "motet-cpg", "motet-confdb", "motet-quorum", "motet-sam", "*"})
        g_verbosity.emplace(program, verbosity_of(snapshot, program, otherwise));
    log::set_level(level_of("motet"));
    Wishes wishes;
    wishes.terminal = snapshot.flag("logging.to_stderr", true);
    wishes.syslog_given = snapshot.get("logging.to_syslog").has_value();
    wishes.syslog = snapshot.flag("logging.to_syslog", true);
    if (snapshot.flag("logging.to_logfile", false)) wishes.file = snapshot.get_or("logging.logfile", "");
    wishes.facility = facility_of(snapshot.get_or("logging.syslog_facility", "daemon"));
    const std::string_view stamp = snapshot.get_or("logging.timestamp", "hires");
    wishes.stamp = stamp == "off" ? Stamp::none : stamp == "on" ? Stamp::seconds : Stamp::milliseconds;
    const bool other_file = wishes.file != g_wishes.file || !g_file;
    g_wishes = std::move(wishes);
    if (g_to != To::terminal || (g_wishes.syslog_given && g_wishes.syslog)) open_syslog();
    return other_file ? open_file() : Status(Done{});
}

log::Level level_of(std::string_view program) { return verbosity(program).level; }

void reopen() {
    if (const Status opened = open_file(); !opened) MOTET_LOG(error, "%s", opened.error().text.c_str());
}

const std::deque<std::string>& kept() { return g_kept; }

void transfer(TakeOver& t) {
    To to = g_to;
    t(to, g_kept);
    if (t.reading() && to != g_to) open(to);
}

}  // namespace motet::supervisor::logging
