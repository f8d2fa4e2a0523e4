#include "workers/confdb/control_part.h"

#include <array>

#include "libs/base/log.h"
#include "libs/config/changes.h"
#include "libs/feed/feed.h"
#include "libs/worker/start.h"
#include "workers/confdb/fill.h"

namespace motet::confdb {
namespace {

static_assert(static_cast<std::uint64_t>(cfg::Operation::switch_key) == feed::kOperationSwitchKey &&
              static_cast<std::uint64_t>(cfg::Operation::forget_key) == feed::kOperationForgetKey);

constexpr std::uint64_t kShutdownTimeout_ms = 5000;
constexpr std::string_view kReloading = "config.reload_in_progress", kTotemReloading = "config.totemconfig_reload_in_progress",
                           kReloadStatus = "config.reload_status";
// Below these nothing survives a reload but what the file has (Corosync's list).
constexpr std::array<std::string_view, 6> kReplaced{"logging.", "totem.", "nodelist.", "quorum.", "uidgid.config.", "nozzle."};

config::TotemSettings totem_of(const config::Snapshot& snapshot) {
    if (const auto settings = config::totem_settings(snapshot, "")) return *settings;
    return config::derive(snapshot);   // a snapshot without the local node, as tests have it
}

}  // namespace

void replace_configuration(Store& store, const config::Snapshot& before, const config::Snapshot& after) {
    ValueMap fresh = configuration_keys(after), old = configuration_keys(before);
    for (const auto& [key, value] : derived_keys(after)) fresh.emplace(key, value);
    for (const auto& [key, value] : derived_keys(before)) old.emplace(key, value);
    for (const auto& [key, value] : old)
        if (!fresh.contains(key)) store.erase(key);
    for (const std::string_view prefix : kReplaced) {
        std::string last;
        while (const Key* key = store.next(prefix, last)) {
            last = key->flat;
            if (!fresh.contains(last)) store.erase(last);
        }
    }
    for (auto& [key, value] : fresh) store.set(key, std::move(value));
}

ControlPart::ControlPart(const Shared& shared, worker::Settings& settings, Pages& pages, LiveKeys& live)
    : shared_(shared), settings_(settings), pages_(pages), live_(live),
      core_(std::make_unique<cfg::Core>(totem_of(settings.config), settings.incarnation, static_cast<const cfg::World&>(*this))) {}

void ControlPart::on_request(ConnId conn, std::uint8_t number, std::uint64_t request, ByteView payload) {
    core_->on_request(conn, static_cast<wire::cfg_client::Request>(wire::cfg_client::kTypesBegin | number), request, payload, *this);
}

bool ControlPart::is_pure_request(std::uint8_t number) const {
    using Request = wire::cfg_client::Request;
    switch (static_cast<Request>(wire::cfg_client::kTypesBegin | number)) {
        case Request::local:
        case Request::addresses:
        case Request::ring_status:
        case Request::node_status: return true;
        default: return false;
    }
}

void ControlPart::submit(ByteView message, Guarantee guarantee) { shared_.host.submit(0, {&message, 1}, guarantee, true, true); }

void ControlPart::event(ConnId conn, wire::cfg_client::Event type, std::span<const ByteView> pieces) {
    shared_.host.event(conn, static_cast<std::uint16_t>(type), pieces);
}

void ControlPart::close(ConnId conn, Close why) {
    shared_.host.close(conn, why == Close::orderly ? worker::Close::orderly : worker::Close::violation);
}

void ControlPart::operate(cfg::Operation what, std::uint64_t number, std::string_view text) {
    shared_.host.operate(static_cast<std::uint32_t>(what), number, text);
}

void ControlPart::reload_begins() {
    shared_.store.set(kReloading, Value::u8(1));
    shared_.store.set(kTotemReloading, Value::u8(1));
}

// The flags fall when every key has its new value; who waits for one of them, waits for the second.
void ControlPart::reload_ends(cfg::Code result) {
    if (fresh_ && result == cfg::Code::ok) take_configuration(std::move(*fresh_));
    fresh_.reset();
    shared_.store.set(kReloadStatus, Value::i32(static_cast<std::int32_t>(result)));
    shared_.store.set(kReloading, Value::u8(0));
    shared_.store.set(kTotemReloading, Value::u8(0));
}

void ControlPart::take_configuration(config::Snapshot fresh) {
    live_.pause();
    replace_configuration(shared_.store, settings_.config, fresh);
    live_.resume();
    settings_.config = std::move(fresh);
    core_->on_settings(totem_of(settings_.config));
}

void ControlPart::say(cfg::Say level, std::string_view text) {
    const int length = static_cast<int>(text.size());
    switch (level) {
        case cfg::Say::error: MOTET_LOG(error, "%.*s", length, text.data()); return;
        case cfg::Say::warning: MOTET_LOG(warning, "%.*s", length, text.data()); return;
        case cfg::Say::notice: MOTET_LOG(notice, "%.*s", length, text.data()); return;
    }
}

std::optional<cfg::LinkView> ControlPart::link(NodeId node, unsigned link) const {
    const std::string prefix = "stats.knet.node" + std::to_string(node) + ".link" + std::to_string(link) + ".";
    const ValueMap& all = pages_.read();
    const auto connected = all.find(prefix + "connected"), enabled = all.find(prefix + "enabled"), mtu = all.find(prefix + "mtu");
    if (connected == all.end()) return std::nullopt;
    return cfg::LinkView{.enabled = enabled == all.end() || enabled->second.integer() != 0,
                         .connected = connected->second.integer() != 0,
                         .mtu = mtu == all.end() ? 0 : static_cast<std::uint32_t>(mtu->second.integer())};
}

std::uint64_t ControlPart::shutdown_timeout_ms() const {
    const Key* key = shared_.store.find("cfg.shutdown_timeout");
    return key != nullptr && is_integer(key->value.type) ? key->value.integer() : kShutdownTimeout_ms;
}

bool ControlPart::on_told(control::Message& message) {
    switch (message.type()) {
        case control::Type::reload: core_->on_reload_wanted(*this); return true;
        case control::Type::prepared: on_prepared(message); return true;
        case control::Type::applied:
            core_->on_applied(message.header.a, message.header.b != 0, as_text(message.body), *this);
            return true;
        case control::Type::config: {
            if (message.fds.size() != 1 || message.header.c == 1) return true;   // 1: from here, and in the store already
            auto fresh = worker::read_config(message.fds[0]);
            if (fresh) fresh_ = std::move(*fresh);
            else MOTET_LOG(error, "%s", fresh.error().text.c_str());
            return true;
        }
        default: return false;
    }
}

void ControlPart::on_prepared(const control::Message& message) {
    cfg::Prepared prepared;
    prepared.good = message.header.b != 0;
    prepared.rekeyed = (message.header.c & 1) != 0;
    prepared.moved = (message.header.c & 2) != 0;
    prepared.key_check = static_cast<std::uint32_t>(message.header.d);
    prepared.text = as_text(message.body);
    if (prepared.good) {
        auto snapshot = message.fds.size() == 1 ? worker::read_config(message.fds[0]) : Result<config::Snapshot>(error("no snapshot came along"));
        if (snapshot) {
            prepared.text = config::shared_settings(*snapshot);
            for (const config::NodeSettings& node : config::derive(*snapshot).nodes) prepared.nodes.push_back(node.id);
        } else {
            prepared.good = false;
            prepared.text = snapshot.error().text;
        }
    }
    core_->on_prepared(message.header.a, prepared, *this);
}

}  // namespace motet::confdb
