#include "workers/sam/core_monitors.h"

#include <algorithm>

namespace motet::sam {
namespace {

// Digits with at most one point; the kernel writes nothing else.
std::optional<double> number_at(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    double value = 0, unit = 1;
    std::size_t digits = 0;
    bool fraction = false;
    for (const char c : text) {
        if (c == '.' && !fraction) {
            fraction = true;
        } else if (c >= '0' && c <= '9' && digits < 15) {
            ++digits;
            if (fraction) value += (unit /= 10) * (c - '0');
            else value = 10 * value + (c - '0');
        } else {
            break;
        }
    }
    return digits != 0 ? std::optional<double>(value) : std::nullopt;
}

std::optional<double> field_of(std::string_view text, std::string_view name) {
    const std::size_t at = text.find(name);
    return at == text.npos ? std::nullopt : number_at(text.substr(at + name.size()));
}

}  // namespace

const char* name_of(Resource resource) { return resource == Resource::memory_used ? "memory_used" : "load_15min"; }

const char* name_of(MonitorState state) {
    return state == MonitorState::stopped ? "stopped" : state == MonitorState::running ? "running" : "failed";
}

const char* name_of(Verdict verdict) {
    switch (verdict) {
    case Verdict::feed: return "feed";
    case Verdict::starve: return "starve";
    case Verdict::shutdown: return "shutdown";
    case Verdict::reboot: return "reboot";
    }
    return "starve";
}

std::optional<Recovery> parse_recovery(std::string_view text) {
    if (text == "none") return Recovery::none;
    if (text == "watchdog") return Recovery::watchdog;
    if (text == "shutdown") return Recovery::shutdown;
    if (text == "reboot") return Recovery::reboot;
    return std::nullopt;
}

void Monitors::configure(Resource resource, const MonitorSettings& settings) {
    Monitor& monitor = at(resource);
    monitor.settings = settings;
    if (monitor.updated != Instant{}) monitor.due = std::min(monitor.due, monitor.updated + settings.poll_period);
    if (!settings.max) monitor.due = {};
    judge(monitor);
}

void Monitors::judge(Monitor& monitor) {
    if (!monitor.settings.max) monitor.state = MonitorState::stopped;
    else if (monitor.updated == Instant{}) monitor.state = MonitorState::running;
    else monitor.state = monitor.current > *monitor.settings.max ? MonitorState::failed : MonitorState::running;
}

bool Monitors::due(Resource resource, Instant now) const { return at(resource).settings.max && at(resource).due <= now; }

Instant Monitors::deadline() const {
    Instant due = kNever;
    for (const Monitor& monitor : monitors_)
        if (monitor.settings.max) due = std::min(due, monitor.due);
    return due;
}

void Monitors::sample(Resource resource, std::optional<double> value, Instant now) {
    Monitor& monitor = at(resource);
    monitor.due = now + monitor.settings.poll_period;
    if (!value) return;   // the last value stands
    monitor.current = *value;
    monitor.updated = now;
    judge(monitor);
}

Verdict Monitors::verdict() const {
    Verdict verdict = Verdict::feed;
    for (const Monitor& monitor : monitors_) {
        if (monitor.state != MonitorState::failed) continue;
        switch (monitor.settings.recovery) {
        case Recovery::none: break;
        case Recovery::watchdog: verdict = std::max(verdict, Verdict::starve); break;
        case Recovery::shutdown: verdict = std::max(verdict, Verdict::shutdown); break;
        case Recovery::reboot: verdict = std::max(verdict, Verdict::reboot); break;
        }
    }
    return verdict;
}

std::optional<double> memory_used_of(std::string_view meminfo) {
    const std::optional<double> total = field_of(meminfo, "MemTotal:"), available = field_of(meminfo, "MemAvailable:");
    if (!total || !available || *total <= 0 || *available < 0 || *available > *total) return std::nullopt;
    return 100.0 * (*total - *available) / *total;
}

std::optional<double> load_15min_of(std::string_view loadavg) {
    for (int skip = 0; skip < 2; ++skip) {
        const std::size_t blank = loadavg.find(' ');
        if (blank == loadavg.npos) return std::nullopt;
        loadavg.remove_prefix(blank + 1);
    }
    const std::optional<double> value = number_at(loadavg);
    return value && *value >= 0 ? value : std::nullopt;
}

}  // namespace motet::sam
