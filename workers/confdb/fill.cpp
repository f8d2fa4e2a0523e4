#include "workers/confdb/fill.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <string_view>

#include "libs/config/schema.h"
#include "libs/config/totem_settings.h"

namespace motet::confdb {
namespace {

// Services in Corosync's order of numbers; mon and wd are told of, as scripts read the list.
constexpr std::array<std::string_view, 8> kServices{"cmap", "cfg", "cpg", "quorum", "pload", "votequorum", "mon", "wd"};

template <class T>
bool parse(std::string_view text, T& out) {
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), out);
    return problem == std::errc{} && end == text.data() + text.size();
}

template <class T>
Value number_or_text(Type type, std::string_view text) {
    T number{};
    return parse(text, number) ? Value::number(type, number) : Value::text(text);
}

bool is_published(std::string_view key) {
    return is_flat_name(key) && key != "totem.key" && !key.starts_with("motet.");
}

std::uint32_t ms(Duration duration) { return static_cast<std::uint32_t>(duration.ms()); }

}  // namespace

Value typed(std::string_view key, std::string_view text) {
    if (key.starts_with("uidgid.config.")) return number_or_text<std::uint8_t>(Type::u8, text);
    if (key == config::kLocalPosition) return number_or_text<std::uint32_t>(Type::u32, text);
    const config::Key* known = config::find_key(key);
    if (known == nullptr) return Value::text(text);
    switch (known->type) {
        case config::Type::u8: return number_or_text<std::uint8_t>(Type::u8, text);
        case config::Type::u16: return number_or_text<std::uint16_t>(Type::u16, text);
        case config::Type::u32: return number_or_text<std::uint32_t>(Type::u32, text);
        case config::Type::u64: return number_or_text<std::uint64_t>(Type::u64, text);
        case config::Type::i32: return number_or_text<std::int32_t>(Type::i32, text);
        case config::Type::text: case config::Type::word: break;
    }
    return Value::text(text);
}

ValueMap configuration_keys(const config::Snapshot& snapshot) {
    ValueMap keys;
    for (const auto& [key, value] : snapshot.entries())
        if (is_published(key)) keys.emplace(key, typed(key, value));
    return keys;
}

ValueMap derived_keys(const config::Snapshot& snapshot) {
    ValueMap keys;
    const config::TotemSettings totem = config::derive(snapshot);
    const auto effective = [&](const std::string& name, std::uint32_t value) { keys["runtime.config.totem." + name] = Value::u32(value); };
    effective("token", ms(totem.token));
    effective("token_retransmit", ms(totem.token_retransmit));
    effective("token_warning", totem.token_warning);
    effective("token_retransmits_before_loss_const", totem.token_retransmits_before_loss_const);
    effective("hold", ms(totem.hold));
    effective("join", ms(totem.join));
    effective("send_join", ms(totem.send_join));
    effective("consensus", ms(totem.consensus));
    effective("merge", ms(totem.merge));
    effective("downcheck", ms(totem.downcheck));
    effective("fail_recv_const", totem.fail_recv_const);
    effective("seqno_unchanged_const", totem.seqno_unchanged_const);
    effective("heartbeat_failures_allowed", totem.heartbeat_failures_allowed);
    effective("max_network_delay", ms(totem.max_network_delay));
    effective("window_size", totem.window_size);
    effective("max_messages", totem.max_messages);
    effective("miss_count_const", totem.miss_count_const);
    effective("block_unlisted_ips", totem.block_unlisted_ips ? 1 : 0);
    effective("cancel_token_hold_on_retransmit", totem.cancel_token_hold_on_retransmit ? 1 : 0);
    effective("knet_compression_threshold", static_cast<std::uint32_t>(snapshot.number_or("totem.knet_compression_threshold", 0)));
    effective("knet_mtu", static_cast<std::uint32_t>(snapshot.number_or("totem.knet_mtu", 0)));
    const auto interval = static_cast<std::uint32_t>(snapshot.number_or("totem.knet_pmtud_interval", 0));
    effective("knet_pmtud_interval", interval != 0 ? interval : 30);
    keys["runtime.config.totem.knet_compression_level"] = Value::i32(static_cast<std::int32_t>(snapshot.number_or("totem.knet_compression_level", 0)));
    keys["runtime.config.totem.knet_compression_model"] = Value::text(snapshot.get_or("totem.knet_compression_model", "none"));

    const std::uint64_t local = snapshot.number_or(config::kLocalPosition, UINT64_MAX);
    if (local >= totem.nodes.size()) return keys;
    const config::NodeSettings& self = totem.nodes[static_cast<std::size_t>(local)];
    for (std::size_t link = 0; link < self.addresses.size(); ++link) {
        if (self.addresses[link].empty()) continue;
        const std::string base = "totem.interface." + std::to_string(link) + ".";
        keys[base + "bindnetaddr"] = Value::text(self.addresses[link]);
        // Corosync's defaults: a link is pinged twice within pong_count, and answers are waited for as long as a token.
        const auto pongs = static_cast<std::uint32_t>(snapshot.number_or(base + "knet_pong_count", 0));
        const std::uint32_t count = pongs != 0 ? pongs : 2;
        const auto given_interval = static_cast<std::uint32_t>(snapshot.number_or(base + "knet_ping_interval", 0));
        const auto given_timeout = static_cast<std::uint32_t>(snapshot.number_or(base + "knet_ping_timeout", 0));
        effective("interface." + std::to_string(link) + ".knet_ping_interval", given_interval != 0 ? given_interval : ms(totem.token) / (count * 2));
        effective("interface." + std::to_string(link) + ".knet_ping_timeout", given_timeout != 0 ? given_timeout : ms(totem.token) / count);
    }
    return keys;
}

void fill(Store& store, const config::Snapshot& snapshot, NodeId self) {
    for (auto& [key, value] : configuration_keys(snapshot)) store.set(key, value);
    for (auto& [key, value] : derived_keys(snapshot)) store.set(key, value);
    for (std::size_t i = 0; i < kServices.size(); ++i) {
        const std::string base = "internal_configuration.service." + std::to_string(i) + ".";
        store.set(base + "name", Value::text("corosync_" + std::string(kServices[i])));
        store.set(base + "ver", Value::u32(0));
        store.set("runtime.services." + std::string(kServices[i]) + ".service_id", Value::u16(static_cast<std::uint16_t>(i)));
    }
    // The load generator of Corosync's is not here, its counters are read by scripts that sum them up.
    for (const char* counter : {"0.rx", "0.tx", "1.rx", "1.tx"}) store.set(std::string("runtime.services.pload.") + counter, Value::u64(0));
    for (const char* trigger : {"runtime.blackbox.dump_flight_data", "runtime.blackbox.dump_state", "runtime.force_gather"})
        store.set(trigger, Value::text("no"));
    for (const char* monitor : {"load_15min", "memory_used"}) {
        const std::string base = std::string("resources.system.") + monitor + ".";
        const auto period = snapshot.number_or(base + "poll_period", 3000);
        store.set(base + "current", std::string_view(monitor) == "load_15min" ? Value::f64(0) : Value::i32(0));
        store.set(base + "last_updated", Value::u64(0));
        store.set(base + "poll_period", Value::u64(period));
        store.set(base + "state", Value::text("stopped"));
    }
    if (store.find("resources.watchdog_timeout") == nullptr) store.set("resources.watchdog_timeout", Value::u32(6));
    (void)self;
}

}  // namespace motet::confdb
