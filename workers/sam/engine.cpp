#include "workers/sam/engine.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "libs/base/log.h"

namespace motet::sam {
namespace {

constexpr std::size_t kFileMax = 4096;   // of meminfo the first lines are enough

Budget budget_of(const config::Snapshot& config) {
    Budget budget;
    budget.burst = static_cast<std::uint32_t>(config.number_or("sam.restart_burst", budget.burst));
    budget.window = seconds(static_cast<std::int64_t>(config.number_or("sam.restart_window", 60)));
    budget.delay_max = milliseconds(static_cast<std::int64_t>(config.number_or("sam.restart_delay_max", 30'000)));
    budget.most = static_cast<std::uint32_t>(config.number_or("sam.restarts_max", budget.most));
    return budget;
}

MonitorSettings monitor_of(const config::Snapshot& config, Resource resource) {
    const std::string base = std::string("resources.system.") + name_of(resource) + ".";
    MonitorSettings settings;
    const std::string max(config.get_or(base + "max", ""));
    if (!max.empty()) {
        char* end = nullptr;
        const double value = std::strtod(max.c_str(), &end);
        if (*end == '\0' && value >= 0) settings.max = value;
        else MOTET_LOG(warning, "%smax: '%s' is not a number; the resource is not watched", base.c_str(), max.c_str());
    }
    settings.recovery = parse_recovery(config.get_or(base + "recovery", "none")).value_or(Recovery::none);
    settings.poll_period = milliseconds(static_cast<std::int64_t>(config.number_or(base + "poll_period", 3000)));
    return settings;
}

std::string read_file(int fd) {
    char text[kFileMax];
    const ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof text, 0);
    return n <= 0 ? std::string() : std::string(text, static_cast<std::size_t>(n));
}

constexpr Resource kAll[] = {Resource::memory_used, Resource::load_15min};

}  // namespace

SamEngine::SamEngine(const worker::Settings& settings, worker::Host& host, const Files& files)
    : host_(host), files_(files), core_(budget_of(settings.config)) {
    configure(settings.config);
}

void SamEngine::configure(const config::Snapshot& config) {
    for (const Resource resource : kAll) {
        const MonitorState before = monitors_.state(resource);
        monitors_.configure(resource, monitor_of(config, resource));
        tell_state(resource, before);
    }
}

void SamEngine::tell_state(Resource resource, MonitorState before) const {
    const MonitorState after = monitors_.state(resource);
    if (after == before) return;
    const double value = monitors_.current(resource);
    if (after == MonitorState::failed) MOTET_LOG(error, "resources.system.%s is %.2f, more than its max", name_of(resource), value);
    else if (before == MonitorState::failed)
        MOTET_LOG(notice, "resources.system.%s is %.2f, %s", name_of(resource), value, after == MonitorState::running ? "within its max again" : "no longer watched");
}

// A new configuration is in force. Budgets of restarts stay as they were at the start.
void SamEngine::on_told(control::Message& message) {
    if (message.type() != control::Type::config || message.fds.empty()) return;
    struct stat st {};
    if (fstat(message.fds[0], &st) != 0 || st.st_size <= 0 || static_cast<std::uint64_t>(st.st_size) > config::kSnapshotMax) return;
    const auto size = static_cast<std::size_t>(st.st_size);
    void* at = mmap(nullptr, size, PROT_READ, MAP_SHARED, message.fds[0], 0);
    if (at == MAP_FAILED) return;
    const auto config = config::Snapshot::decode({static_cast<const std::uint8_t*>(at), size});
    munmap(at, size);
    if (config) configure(*config);
}

// u8 resource, u8 whether there is a value, f64, u64 time; one record for each resource that was due.
Bytes SamEngine::look_outside(Instant now) {
    Bytes news;
    Writer out(news);
    for (const Resource resource : kAll) {
        if (!monitors_.due(resource, now)) continue;
        const auto value = resource == Resource::memory_used ? memory_used_of(read_file(files_.meminfo)) : load_15min_of(read_file(files_.loadavg));
        out.u8(static_cast<std::uint8_t>(resource));
        out.u8(value.has_value());
        out.u64(std::bit_cast<std::uint64_t>(value.value_or(0.0)));
        out.u64(static_cast<std::uint64_t>(now.ns));
    }
    return news;
}

void SamEngine::on_outside(ByteView news) {
    for (Reader in(news); in.remaining() != 0;) {
        const auto resource = static_cast<Resource>(in.u8());
        const bool known = in.u8() != 0;
        const double value = std::bit_cast<double>(in.u64());
        const Instant at{static_cast<std::int64_t>(in.u64())};
        if (!in.ok() || static_cast<std::size_t>(resource) >= kResources) return;
        const MonitorState before = monitors_.state(resource);
        monitors_.sample(resource, known ? std::optional<double>(value) : std::nullopt, at);
        tell_state(resource, before);
    }
}

Verdict SamEngine::verdict() const { return std::max(monitors_.verdict(), core_.any_failed_for_good() ? Verdict::starve : Verdict::feed); }

// The supervisor reads the first words of this text and no more (supervisor/watchdog.h).
std::string SamEngine::status_json() {
    std::string text = core_.status_json();
    text.erase(0, 1);
    return std::string("{\"watchdog\":\"") + name_of(verdict()) + "\"," + text;
}

void SamEngine::values(metrics::ValueWriter& out) const {
    core_.each([&](const Core::Shown& app) {
        const std::string base = "resources.process." + std::to_string(app.supervisor) + ".";
        if (!app.by_itself) {
            out.text(base + "recovery", app.restarts_itself ? "restart" : "quit");
            out.u64(base + "poll_period", app.interval_ms);
            // Once a second at most: each change is told to whoever tracks the key.
            out.u64(base + "last_updated", app.heard_ns / 1'000'000'000 * 1'000'000'000);
            out.text(base + "state", app.state);
        }
        out.text(base + "name", app.name);
        out.u32(base + "pid", app.child);
        out.u32(base + "instance", app.instance);
        out.u32(base + "restarts", app.restarts);
        out.text(base + "supervision", app.supervision);
        out.text(base + "last_failure", app.last_failure);
    });
    for (const Resource resource : kAll) {
        const std::string base = std::string("resources.system.") + name_of(resource) + ".";
        if (resource == Resource::memory_used) out.i32(base + "current", static_cast<std::int32_t>(monitors_.current(resource)));
        else out.f64(base + "current", monitors_.current(resource));
        out.u64(base + "last_updated", static_cast<std::uint64_t>(monitors_.last_updated(resource).ns));
        out.u64(base + "poll_period", static_cast<std::uint64_t>(monitors_.settings(resource).poll_period.ms()));
        out.text(base + "state", name_of(monitors_.state(resource)));
    }
    const Counters& count = core_.counters();
    out.u32("stats.sam.applications", static_cast<std::uint32_t>(core_.size()));
    out.u64("stats.sam.enrolled", count.enrolled);
    out.u64("stats.sam.restarts", count.restarts);
    out.u64("stats.sam.restarts_delayed", count.delayed);
    out.u64("stats.sam.given_up", count.given_up);
    out.u64("stats.sam.takeovers", count.takeovers);
    out.u64("stats.sam.hung_supervisors", count.hung_parents);
    out.u64("stats.sam.lost", count.lost);
    out.u64("stats.sam.orders", count.orders);
    constexpr const char* kCauses[] = {"", "died", "no_heartbeat", "no_quorum", "marked_failed", "ordered"};
    for (std::size_t i = 1; i < count.failures.size(); ++i) out.u64(std::string("stats.sam.failures.") + kCauses[i], count.failures[i]);
    out.text("stats.sam.watchdog", name_of(verdict()));
}

void SamEngine::on_connect(worker::ConnId conn, std::int32_t pid, std::uint32_t uid, std::uint32_t gid) {
    (void)gid;
    core_.on_connect(conn, pid, uid);
}

void SamEngine::on_request(worker::ConnId conn, std::uint16_t type, std::uint64_t request, ByteView payload) {
    core_.on_request(conn, static_cast<wire::Request>(type), request, payload, *this);
}

bool SamEngine::snapshot(Bytes& out) const {
    core_.snapshot(out);
    return true;
}

bool SamEngine::is_pure_request(worker::ConnId conn, std::uint16_t type) const {
    (void)conn;
    const auto request = static_cast<wire::Request>(type);
    return request == wire::Request::list || request == wire::Request::show || request == wire::Request::data_of;
}

void SamEngine::event(ConnId conn, wire::Event type, std::span<const ByteView> pieces) {
    host_.event(conn, static_cast<std::uint16_t>(type), pieces);
}

void SamEngine::close(ConnId conn, Close why) {
    host_.close(conn, why == Close::orderly ? worker::Close::orderly : worker::Close::violation);
}

void SamEngine::note(const std::string& line) { MOTET_LOG(notice, "%s", line.c_str()); }

}  // namespace motet::sam
