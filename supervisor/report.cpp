// What the administrator is told: answers of the control socket, and SIGUSR1.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "libs/base/log.h"
#include "libs/config/changes.h"
#include "libs/metrics/openmetrics.h"
#include "libs/metrics/publishers.h"
#include "supervisor/json.h"
#include "supervisor/events.h"
#include "supervisor/logging.h"
#include "supervisor/supervisor.h"

namespace motet::supervisor {
namespace {

std::string section(std::string_view section_name, std::string_view body, std::int64_t age_ms) {
    return "section " + std::string(section_name) + " " + std::to_string(body.size()) + " " + std::to_string(age_ms) + "\n" + std::string(body) + "\n";
}

}  // namespace

std::string Supervisor::answer(const std::string& request) const {
    std::string out;
    if (request == "status" || request == "members" || request == "groups" || request == "quorum") {
        out = own_section();
        for (std::size_t i = 0; i < plan_.size(); ++i)
            if (request == "status" || (request == "members") == (i == kMembership)) out += child_section(i);
    } else if (request == "values") {
        out = values_section("supervisor", own_page_);
        for (std::size_t i = 0; i < plan_.size(); ++i) out += values_section(plan_[i].name, children_[i].page);
    } else if (request == "events") {
        // A line each, for what stands in a file may be damaged.
        std::string all;
        for (const std::string& event : events::kept()) all += event + "\n";
        out = section("events", all, 0);
    } else {
        return "error unknown request; known are status, members, groups, quorum, events, values\n";
    }
    return out + "end\n";
}

std::string Supervisor::own_section() const {
    Json json;
    json.open('{').key("version").text(MOTET_VERSION).key("pid").number(getpid());
    json.key("uptime_ms").number((now_ - started_at_).ms()).key("node").number(start_.node_id).key("node_name").text(start_.node_name);
    json.key("config").text(start_.config_file).key("runtime_dir").text(runtime_.path()).key("state_dir").text(start_.options.state_dir);
    json.key("stopping").flag(state_.stopping()).key("refused_clients").number(static_cast<std::int64_t>(refused_));
    json.key("unenforced").open('[');
    for (const std::string& one : unenforced_) json.text(one);
    for (std::size_t i = 0; i < plan_.size(); ++i)
        for (const std::string& one : children_[i].unenforced) json.text(std::string(plan_[i].name) + ": " + one);
    json.close(']').key("restart_needed_for").open('[');
    for (const std::string& key : config::waiting_for_restart(start_.configuration.snapshot)) json.text(key);
    json.close(']').key("reloads").number(static_cast<std::int64_t>(reloads_)).key("last_reload").text(last_reload_).key("children").open('[');
    for (std::size_t i = 0; i < plan_.size(); ++i) {
        const Child& child = children_[i];
        const bool running = state_.running(i);
        json.open('{').key("name").text(plan_[i].name).key("pid").number(running ? child.process.pid : 0);
        json.key("state").text(state_.failed(i) ? "failed" : name(state_.phase(i)));
        json.key("uptime_ms").number(running ? (now_ - state_.launched_at(i)).ms() : 0).key("restarts").number(state_.restarts(i));
        json.key("last_exit").text(child.last_exit);
        if (plan_[i].socket != nullptr) json.key("clients").number(static_cast<std::int64_t>(clients_[i].size()));
        json.close('}');
    }
    json.close(']').close('}');
    return section("supervisor", json.str(), 0);
}

// Read by motet-confdb, which shows it under these names.
void Supervisor::publish_values() {
    if (!values_) {
        if (!own_page_) {
            Result<StatusPage> page = StatusPage::create();
            if (!page) return;
            own_page_ = std::move(*page);
        }
        void* at = mmap(nullptr, metrics::kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED, own_page_.fd(), 0);
        if (at == MAP_FAILED) return;
        values_.emplace(metrics::values_area(at));   // for life
    }
    values_->begin();
    values_->u32("stats.supervisor.pid", static_cast<std::uint32_t>(getpid()));
    values_->u64("stats.supervisor.uptime", static_cast<std::uint64_t>((now_ - started_at_).ms() / 1000));
    values_->u64("stats.supervisor.refused_clients", refused_);
    for (std::size_t i = 0; i < plan_.size(); ++i) {
        const std::string base = "stats.worker." + std::string(plan_[i].name) + ".";
        values_->u64(base + "restarts", state_.restarts(i));
        values_->text(base + "state", state_.failed(i) ? "failed" : name(state_.phase(i)));
    }
    values_->commit(now_.ns);
}

// The child's own text, as it stands on its page; whoever reads it trusts it no more than we do. Age -1: nothing yet.
std::string Supervisor::child_section(std::size_t index) const {
    const std::optional<metrics::StatusText>& status = children_[index].page.read();
    if (!status || !state_.running(index)) return section(plan_[index].name, "", -1);
    return section(plan_[index].name, status->text, std::max<std::int64_t>((loop::monotonic_now() - Instant{std::max<std::int64_t>(status->written_ns, 0)}).ms(), 0));
}

// A line each: type (a number of ValueType), name, value. Also of a process that hangs or is gone: its last ones.
std::string Supervisor::values_section(const char* process, const StatusPage& page) const {
    const std::optional<metrics::Values> values = page.values();
    if (!values) return section(process, "", -1);
    std::string body;
    for (const metrics::NamedValue& value : values->all) {
        if (!metrics::may_publish(&page == &own_page_ ? "motet" : process, value.name)) continue;
        std::string shown = metrics::shown(value);
        for (char& c : shown)
            if (static_cast<unsigned char>(c) < 0x20) c = '?';
        body += std::to_string(static_cast<unsigned>(value.type)) + " " + value.name + " " + shown + "\n";
    }
    return section(process, body, std::max<std::int64_t>((loop::monotonic_now() - Instant{std::max<std::int64_t>(values->written_ns, 0)}).ms(), 0));
}

void Supervisor::dump() {
    MOTET_LOG(notice, "state: motet " MOTET_VERSION ", pid %d, node %u, up %lld s, configuration %s", static_cast<int>(getpid()), start_.node_id,
              static_cast<long long>((now_ - started_at_).ms() / 1000), start_.config_file.c_str());
    for (std::size_t i = 0; i < plan_.size(); ++i) {
        const Child& child = children_[i];
        MOTET_LOG(notice, "state: %s: %s, pid %d, %u restarts, %zu clients, last exit: %s", plan_[i].name, name(state_.phase(i)),
                  static_cast<int>(child.process.pid), state_.restarts(i), clients_[i].size(), child.last_exit.empty() ? "none" : child.last_exit.c_str());
        if (state_.has_links(i)) control::send(child.control.get(), {.type = static_cast<std::uint32_t>(control::Type::dump)});
    }
}

}  // namespace motet::supervisor
