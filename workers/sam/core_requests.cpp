// What clients say, each field checked once.
#include <algorithm>
#include <cstring>

#include "workers/sam/core.h"

namespace motet::sam {
namespace {

constexpr std::uint32_t kOk = 1, kInvalid = 7, kNotExist = 12, kAccess = 11;   // cs_error_t
constexpr std::uint32_t kBeatMin = 100, kBeatMax = 10'000;                     // ms
constexpr std::size_t kReplyMax = 60 * 1024;
constexpr std::size_t kShownMax = 100;

// The payload may change while we look: one copy, then checks.
template <class T>
bool read(ByteView payload, T& out) {
    if (payload.size() < sizeof out) return false;
    std::memcpy(&out, payload.data(), sizeof out);
    return true;
}
template <class T>
ByteView bytes_of(const T& value) {
    return {reinterpret_cast<const std::uint8_t*>(&value), sizeof value};
}

bool sound(const wire::Change& change) { return change.state < wire::kStates && change.cause < wire::kCauses; }

// A name is shown to people: printable, nothing that JSON or a terminal takes for more.
std::string clean(const char (&name)[wire::kNameSize]) {
    std::string out;
    for (const char c : name) {
        if (c == '\0') break;
        out += c < 0x20 || c == 0x7f || c == '"' || c == '\\' || static_cast<unsigned char>(c) >= 0x80 ? '?' : c;
    }
    return out.empty() ? "?" : out;
}

const char* const kStateNames[] = {"stopped", "waiting for quorum", "running", "failed"};
const char* const kCauseNames[] = {"none", "died", "no heartbeat", "no quorum", "marked failed", "ordered"};

std::string policy_name(std::uint32_t policy) {
    std::string out = (policy & 8) != 0 ? "quorum-" : "";
    out += (policy & 2) != 0 ? "restart" : "quit";
    return out + ((policy & 16) != 0 ? "+cmap" : "");
}

}  // namespace

void Core::on_request(ConnId conn, wire::Request type, std::uint64_t request, ByteView payload, Output& out) {
    const auto it = clients_.find(conn);
    if (it == clients_.end()) return;
    Client& client = it->second;
    if (static_cast<std::uint16_t>(type) >= static_cast<std::uint16_t>(wire::Request::list)) return on_admin(conn, client, type, request, payload, out);
    if (type == wire::Request::enrol) return on_enrol(conn, client, payload, out);
    if (type == wire::Request::attach) return on_attach(conn, client, payload, out);

    App* app = find(client.app);
    if (app == nullptr || app->parent != conn) {
        // One that was replaced, or that we gave up: it may go on without us, or come again.
        if (client.app == 0) return out.close(conn, Close::orderly);
        return violation(conn, out);
    }
    touch(*app);
    if (app->supervision == Supervision::hung) {
        app->supervision = Supervision::watched;
        out.note(app->name + ": supervisor " + std::to_string(app->parent_pid) + " is heard of again");
    }
    switch (type) {
    case wire::Request::change: {
        wire::Change change;
        if (!read(payload, change) || !take_change(*app, change, out)) return violation(conn, out);
        break;
    }
    case wire::Request::beat: {
        wire::Beat beat;
        if (!read(payload, beat)) return violation(conn, out);
        app->silent_ms = beat.silent_ms;
        break;
    }
    case wire::Request::data: return on_data(*app, payload, out, conn);
    case wire::Request::failed: return on_failed(*app, payload, out, conn);
    case wire::Request::leave: {
        wire::Leave leave;
        if (!read(payload, leave) || !take_change(*app, leave.now, out)) return violation(conn, out);
        out.note(app->name + ": application ended, state " + kStateNames[app->now.state] + ", status " + std::to_string(app->now.exit_status));
        end(app->id, Supervision::ended);
        break;
    }
    default: return violation(conn, out);
    }
}

bool Core::take_change(App& app, const wire::Change& change, Output& out) {
    (void)out;
    if (!sound(change)) return false;
    if (change.instance != app.now.instance) app.silent_ms = 0;
    app.now = change;
    return true;
}

// The application of the key, new or known; null: the connection was closed.
Core::App* Core::admit(const Client& client, const wire::Enrol& enrol, ConnId conn, Output& out) {
    if (!sound(enrol.now) || (enrol.policy & ~wire::kPolicyMask) != 0 || client.app != 0) return violation(conn, out), nullptr;
    Key key;
    std::copy(std::begin(enrol.key), std::end(enrol.key), key.begin());
    if (const auto known = by_key_.find(key); known != by_key_.end()) {
        App* app = find(known->second);
        // The key is a secret of one application; another user who has it is up to something.
        if (app == nullptr || app->uid != client.uid) return violation(conn, out), nullptr;
        return app;
    }
    if (apps_.size() >= kAppsMax) {
        out.note(clean(enrol.name) + ": more than " + std::to_string(kAppsMax) + " applications; this one is supervised by its parent alone");
        return out.close(conn, Close::orderly), nullptr;
    }
    const AppId id = ++next_;
    App& app = apps_[id];
    app.id = id;
    app.key = key;
    app.uid = client.uid;
    app.level = std::min(enrol.budget_used, 1000u);
    app.name = clean(enrol.name);
    app.interval_ms = enrol.interval_ms;
    app.policy = enrol.policy;
    app.warn_signal = enrol.warn_signal;
    app.beat_ms = std::clamp(enrol.beat_ms, kBeatMin, kBeatMax);
    app.registered_ns = enrol.registered_ns;
    app.now = enrol.now;
    by_key_[key] = id;
    ++counters_.enrolled;
    out.note(app.name + ": application " + std::to_string(enrol.now.child) + " registered by " + std::to_string(client.pid) + ", policy " +
             policy_name(enrol.policy) + ", interval " + std::to_string(enrol.interval_ms) + " ms");
    return &app;
}

void Core::on_enrol(ConnId conn, Client& client, ByteView payload, Output& out) {
    wire::Enrol enrol;
    if (!read(payload, enrol)) return violation(conn, out);
    App* app = admit(client, enrol, conn, out);
    if (app == nullptr) return;
    if (const auto former = clients_.find(app->parent); former != clients_.end()) former->second.app = 0;
    if (app->standby != 0 && app->standby_pid == client.pid) {
        app->standby = 0;
        app->standby_pid = 0;
    }
    if (app->parent_pid != 0 && app->parent_pid != client.pid) {
        ++counters_.takeovers;
        out.note(app->name + ": " + std::to_string(client.pid) + " supervises application " + std::to_string(enrol.now.child) + " in place of " +
                 std::to_string(app->parent_pid));
    }
    app->warn_signal = enrol.warn_signal;
    app->takeovers = enrol.takeovers;
    app->now = enrol.now;
    app->parent = conn;
    app->parent_pid = client.pid;
    app->supervision = Supervision::watched;
    app->asked = 0;
    client.app = app->id;
    touch(*app);
    wire::Enrolled answer;
    answer.id = app->id;
    const ByteView pieces[] = {bytes_of(answer)};
    out.event(conn, wire::Event::enrolled, pieces);
}

// Of an application we know nothing of, the parent may come yet, or hang: it has as long as one that is silent.
void Core::on_attach(ConnId conn, Client& client, ByteView payload, Output& out) {
    wire::Attach attach;
    if (!read(payload, attach)) return violation(conn, out);
    const AppId before = next_;
    App* app = admit(client, attach.enrol, conn, out);
    if (app == nullptr) return;
    if (next_ != before) {
        app->parent_pid = static_cast<std::int32_t>(attach.parent);
        app->supervision = Supervision::orphaned;
        touch(*app);
    }
    if (const auto former = clients_.find(app->standby); former != clients_.end()) former->second.app = 0;
    app->standby = conn;
    app->standby_pid = client.pid;
    client.app = app->id;
    client.standby = true;
    wire::Enrolled answer;
    answer.id = app->id;
    const ByteView pieces[] = {bytes_of(answer)};
    out.event(conn, wire::Event::enrolled, pieces);
}

void Core::on_data(App& app, ByteView payload, Output& out, ConnId conn) {
    wire::Data head;
    if (!read(payload, head)) return violation(conn, out);
    const ByteView bytes = payload.subspan(sizeof head);
    if (head.offset != 0 || head.length > bytes.size() || head.length > wire::kDataKeptMax || (head.length != 0 && head.length != head.total))
        return violation(conn, out);
    data_total_ -= app.data.size();
    app.data.clear();
    app.data_total = head.total;
    if (data_total_ + head.length <= kDataTotalMax) app.data.assign(bytes.begin(), bytes.begin() + head.length);
    data_total_ += app.data.size();
}

void Core::on_failed(App& app, ByteView payload, Output& out, ConnId conn) {
    wire::Failed failed;
    if (!read(payload, failed) || !take_change(app, failed.now, out)) return violation(conn, out);
    ++counters_.failures[failed.now.cause];
    app.last_cause = failed.now.cause;
    if (failed.restarts_wanted != 0) app.asked = failed.number;
}

const Core::App* Core::find_target(std::uint64_t target) const {
    if (const auto it = apps_.find(target); it != apps_.end()) return &it->second;
    for (const auto& [id, app] : apps_)
        if (app.now.child == target || static_cast<std::uint32_t>(app.parent_pid) == target) return &app;
    return nullptr;
}

void Core::on_admin(ConnId conn, const Client& client, wire::Request type, std::uint64_t request, ByteView payload, Output& out) {
    const auto answer = [&](std::uint32_t error, ByteView body = {}) {
        const wire::Reply head{.error = error};
        const ByteView pieces[] = {bytes_of(head), body};
        out.reply(conn, request, pieces);
    };
    if (type == wire::Request::list) {
        wire::ListRequest wanted;
        return read(payload, wanted) ? list(conn, request, wanted.after, out) : violation(conn, out);
    }
    wire::TargetRequest wanted;
    if (!read(payload, wanted)) return violation(conn, out);
    if (type == wire::Request::forget) {
        const auto it = std::find_if(ended_.begin(), ended_.end(), [&](const App& ended) { return ended.id == wanted.target || ended.now.child == wanted.target; });
        if (it == ended_.end()) return answer(kNotExist);
        if (client.uid != 0 && client.uid != it->uid) return answer(kAccess);
        ended_.erase(it);
        return answer(kOk);
    }
    const App* app = find_target(wanted.target);
    if (app == nullptr) return answer(kNotExist);
    if (type == wire::Request::show) return answer(kOk, as_bytes(json(*app)));
    // Whoever owns it could do the same with kill(2).
    if (client.uid != 0 && client.uid != app->uid) return answer(kAccess);
    switch (type) {
    case wire::Request::restart:
    case wire::Request::fail:
        if (app->parent == 0) return answer(kNotExist);
        ++counters_.orders;
        out.event(app->parent, type == wire::Request::restart ? wire::Event::restart : wire::Event::fail, {});
        return answer(kOk);
    case wire::Request::data_of: {
        if (wanted.offset > app->data.size()) return answer(kInvalid);
        const std::size_t length = std::min(app->data.size() - wanted.offset, kReplyMax);
        return answer(kOk, ByteView(app->data).subspan(wanted.offset, length));
    }
    default: return violation(conn, out);
    }
}

void Core::list(ConnId conn, std::uint64_t request, AppId after, Output& out) {
    std::string body;
    wire::Reply head{.error = kOk};
    for (auto it = apps_.upper_bound(after); it != apps_.end(); ++it) {
        const std::string line = json(it->second) + "\n";
        if (body.size() + line.size() > kReplyMax) {
            head.more = 1;
            break;
        }
        body += line;
    }
    if (head.more == 0)
        for (const App& app : ended_) {
            const std::string line = json(app) + "\n";
            if (body.size() + line.size() > kReplyMax) break;
            body += line;
        }
    const ByteView pieces[] = {bytes_of(head), as_bytes(body)};
    out.reply(conn, request, pieces);
}

std::string Core::json(const App& app) const {
    std::string out = "{\"id\":" + std::to_string(app.id) + ",\"name\":\"" + app.name + "\",\"uid\":" + std::to_string(app.uid);
    const auto number = [&](const char* key, std::uint64_t value) { out += std::string(",\"") + key + "\":" + std::to_string(value); };
    const auto text = [&](const char* key, const std::string& value) { out += std::string(",\"") + key + "\":\"" + value + "\""; };
    text("state", kStateNames[app.now.state]);
    text("supervision", name_of(app.supervision));
    number("pid", app.now.child);
    number("supervisor", static_cast<std::uint32_t>(app.parent_pid));
    number("standby", static_cast<std::uint32_t>(app.standby_pid));
    text("policy", policy_name(app.policy));
    number("interval_ms", app.interval_ms);
    number("warn_signal", static_cast<std::uint32_t>(app.warn_signal));
    number("instance", app.now.instance);
    number("restarts", app.now.restarts);
    number("takeovers", app.takeovers);
    text("last_failure", kCauseNames[app.last_cause]);
    out += ",\"last_status\":" + std::to_string(app.now.exit_status);
    number("silent_ms", app.silent_ms);
    number("registered_ns", app.registered_ns);
    number("started_ns", app.now.child_since_ns);
    number("budget_used", static_cast<std::uint64_t>(app.level));
    number("data_size", app.data_total);
    number("data_kept", app.data.size());
    return out + "}";
}

void Core::each(const std::function<void(const Shown&)>& show) const {
    const auto one = [&](const App& app) {
        Shown out;
        out.id = app.id;
        out.supervisor = app.parent_pid;
        out.child = app.now.child;
        out.instance = app.now.instance;
        out.restarts = app.now.restarts;
        out.interval_ms = app.interval_ms;
        out.by_itself = (app.policy & 16) != 0;
        out.restarts_itself = (app.policy & 2) != 0;
        const std::uint64_t heard = static_cast<std::uint64_t>(app.heard.ns), silent = app.silent_ms * 1'000'000;
        out.heard_ns = heard > silent ? heard - silent : 0;
        out.state = kStateNames[app.now.state];
        out.supervision = name_of(app.supervision);
        out.last_failure = kCauseNames[app.last_cause];
        out.name = app.name;
        show(out);
    };
    for (const auto& [id, app] : apps_) one(app);
    for (const App& app : ended_) one(app);
}

bool Core::any_failed_for_good() const {
    return std::any_of(ended_.begin(), ended_.end(), [](const App& app) {
        return (app.policy & 16) != 0 && app.supervision == Supervision::ended && app.now.state == static_cast<std::uint32_t>(wire::State::failed);
    });
}

std::string Core::status_json() const {
    std::string out = "{\"application_count\":" + std::to_string(apps_.size());
    const auto number = [&](const std::string& key, std::uint64_t value) { out += ",\"" + key + "\":" + std::to_string(value); };
    number("enrolled", counters_.enrolled);
    number("restarts", counters_.restarts);
    number("restarts_delayed", counters_.delayed);
    number("given_up", counters_.given_up);
    number("takeovers", counters_.takeovers);
    number("hung_supervisors", counters_.hung_parents);
    number("lost", counters_.lost);
    number("orders", counters_.orders);
    out += ",\"failures\":{";
    for (std::size_t i = 1; i < wire::kCauses; ++i)
        out += std::string(i == 1 ? "\"" : ",\"") + kCauseNames[i] + "\":" + std::to_string(counters_.failures[i]);
    out += "},\"applications\":[";
    std::size_t shown = 0;
    for (const auto& [id, app] : apps_) {
        if (shown == kShownMax) break;
        out += (shown++ == 0 ? "" : ",") + json(app);
    }
    return out + "]}";
}

}  // namespace motet::sam
