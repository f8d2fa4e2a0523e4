// Connections, and the time-driven half: who is heard, who hangs, who is lost.
#include "workers/sam/core.h"

#include <algorithm>
#include <utility>

namespace motet::sam {
namespace {

constexpr Duration kOrphanMax = seconds(10);   // without a parent an application is lost after its limit and this
constexpr Duration kLate = milliseconds(500);  // we ourselves did not run for that long: perhaps nobody could,
constexpr Duration kSpared = seconds(1);       // and everybody has this long to be heard

}  // namespace

const char* name_of(Supervision supervision) {
    switch (supervision) {
    case Supervision::watched: return "watched";
    case Supervision::orphaned: return "orphaned";
    case Supervision::hung: return "hung";
    case Supervision::lost: return "lost";
    case Supervision::ended: return "ended";
    }
    return "?";
}

void Core::on_connect(ConnId conn, std::int32_t pid, std::uint32_t uid) { clients_[conn] = {.pid = pid, .uid = uid}; }

Core::App* Core::find(AppId id) {
    const auto it = apps_.find(id);
    return it == apps_.end() ? nullptr : &it->second;
}

void Core::touch(App& app) {
    if (app.heard_now) return;
    app.heard_now = true;
    touched_.push_back(app.id);
}

// The parent says how often it is to be heard; four times that is the health interval and a second, within bounds. What is left
// of it is for its standby to act.
Duration Core::limit(const App& app) const { return milliseconds(std::int64_t{7} * app.beat_ms / 2); }

void Core::on_disconnect(ConnId conn, Output& out) {
    const auto it = clients_.find(conn);
    if (it == clients_.end()) return;
    const Client client = it->second;
    clients_.erase(it);
    App* app = find(client.app);
    if (app == nullptr) return;
    if (app->standby == conn) {
        app->standby = 0;
        app->standby_pid = 0;
        if (app->parent == 0) touch(*app);
    }
    if (app->parent != conn) return;
    // It is dead, or it has lost us. Its standby or itself will be back; both know without being told.
    app->parent = 0;
    app->supervision = Supervision::orphaned;
    touch(*app);
    out.note(app->name + ": supervisor " + std::to_string(app->parent_pid) + " of application " + std::to_string(app->now.child) +
             (app->standby != 0 ? " is gone; its standby " + std::to_string(app->standby_pid) + " takes over" : " is gone"));
}

Instant Core::deadline() const {
    if (!touched_.empty()) return now_;
    Instant due = kNever;
    for (const auto& [id, app] : apps_) due = std::min(due, app.deadline);
    return due;
}

void Core::on_time(Instant now, Output& out) {
    // Whoever should have been heard while we were stopped gets another chance; one, for we may be stopped or killed again and again.
    const Instant due = deadline();
    if (now_ != Instant{} && due != kNever && touched_.empty() && now - due > kLate)
        for (auto& [id, app] : apps_)
            if (app.deadline <= now && !std::exchange(app.spared, true)) app.deadline = now + kSpared;
    now_ = now;
    const std::vector<AppId> touched = std::move(touched_);
    touched_.clear();
    for (const AppId id : touched) {
        App* app = find(id);
        if (app == nullptr) continue;
        app->heard_now = app->spared = false;
        app->heard = now;
        app->deadline = now + limit(*app) + (app->parent == 0 && app->standby == 0 ? kOrphanMax : Duration{});
        if (app->asked != 0) answer_failed(*app, now, out);
    }
    std::vector<AppId> late;
    for (const auto& [id, app] : apps_)
        if (app.deadline <= now) late.push_back(id);
    for (const AppId id : late)
        if (App* app = find(id)) watch(*app, now, out);
}

// An application whose deadline has passed.
void Core::watch(App& app, Instant now, Output& out) {
    if (app.parent == 0 && app.standby == 0) {
        out.note(app.name + ": nobody supervises application " + std::to_string(app.now.child) + " any more: supervisor " +
                 std::to_string(app.parent_pid) + " and its standby are gone. End or restart it by hand.");
        ++counters_.lost;
        return end(app.id, Supervision::lost);
    }
    app.deadline = now + limit(app);
    if (app.supervision != Supervision::hung) {
        app.supervision = Supervision::hung;
        ++counters_.hung_parents;
        out.note(app.name + ": supervisor " + std::to_string(app.parent_pid) + " has not been heard of for " + std::to_string((now - app.heard).ms()) +
                 " ms" + (app.standby != 0 ? "; its standby ends it and takes over" : " and has no standby. SIGKILL or SIGCONT it by hand."));
    }
    if (app.standby != 0) out.event(app.standby, wire::Event::take_over, {});
}

void Core::end(AppId id, Supervision how) {
    const auto it = apps_.find(id);
    if (it == apps_.end()) return;
    App& app = it->second;
    by_key_.erase(app.key);
    data_total_ -= app.data.size();
    for (const ConnId conn : {app.parent, app.standby})
        if (const auto client = clients_.find(conn); client != clients_.end()) client->second.app = 0;
    if (how == Supervision::lost || app.now.state == static_cast<std::uint32_t>(wire::State::failed)) {
        app.data = {};
        app.supervision = how;
        app.parent = app.standby = 0;
        if (ended_.size() >= kEndedMax) ended_.erase(ended_.begin());
        ended_.push_back(std::move(app));
    }
    apps_.erase(it);
}

// A bucket that leaks `burst` a window. What is in it beyond `burst` costs time, twice as much each.
void Core::answer_failed(App& app, Instant now, Output& out) {
    const double leaked = static_cast<double>((now - app.level_at).ns) / static_cast<double>(std::max<std::int64_t>(1, budget_.window.ns)) * budget_.burst;
    app.level = (app.level_at == Instant{} ? app.level : std::max(0.0, app.level - leaked)) + 1;
    app.level_at = now;
    wire::Recover answer;
    answer.number = app.asked;
    app.asked = 0;
    const double beyond = app.level - budget_.burst;
    if (beyond > 0) {
        const int doublings = static_cast<int>(std::min(beyond, 40.0) + 0.999) - 1;
        const std::int64_t delay = std::min(budget_.delay_first.ms() << std::clamp(doublings, 0, 30), budget_.delay_max.ms());
        answer.delay_ms = static_cast<std::uint32_t>(delay);
        ++counters_.delayed;
    }
    if (budget_.most != 0 && app.level > budget_.most) {
        answer.give_up = 1;
        ++counters_.given_up;
        out.note(app.name + ": " + std::to_string(static_cast<int>(app.level)) + " restarts in " + std::to_string(budget_.window.ms() / 1000) +
                 " s are more than sam.restarts_max allows; given up");
    } else {
        ++counters_.restarts;
        out.note(app.name + ": application " + std::to_string(app.now.child) + " failed; restart number " + std::to_string(app.now.restarts + 1) +
                 (answer.delay_ms != 0 ? " in " + std::to_string(answer.delay_ms) + " ms" : ""));
    }
    answer.budget_used = static_cast<std::uint32_t>(app.level);
    const ByteView pieces[] = {{reinterpret_cast<const std::uint8_t*>(&answer), sizeof answer}};
    out.event(app.parent, wire::Event::recover, pieces);
}

}  // namespace motet::sam
