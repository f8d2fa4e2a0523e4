// The whole state as bytes, for the successor of a worker that died. Written by ourselves, read like a stranger's.
#include <cstring>
#include <utility>

#include "workers/sam/core.h"

namespace motet::sam {
namespace {

constexpr std::uint32_t kVersion = 2;

template <class T>
void put(Bytes& out, const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    Writer(out).bytes({reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
}
template <class T>
bool get(Reader& in, T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    const ByteView bytes = in.bytes(sizeof value);
    if (!in.ok()) return false;
    std::memcpy(&value, bytes.data(), sizeof value);
    return true;
}

}  // namespace

void Core::write_app(const App& app, Bytes& out) {
    Writer to(out);
    to.u64(app.id);
    to.bytes(app.key);
    to.u32(static_cast<std::uint32_t>(app.name.size()));
    to.bytes(as_bytes(app.name));
    to.u32(app.uid);
    to.u32(app.interval_ms);
    to.u32(app.policy);
    to.u32(app.beat_ms);
    to.u32(app.takeovers);
    to.i32(app.warn_signal);
    to.u64(app.registered_ns);
    put(out, app.now);
    to.u32(app.last_cause);
    to.u32(static_cast<std::uint32_t>(app.supervision));
    to.u64(app.parent);
    to.u64(app.standby);
    to.i32(app.parent_pid);
    to.i32(app.standby_pid);
    to.u64(app.silent_ms);
    to.u64(static_cast<std::uint64_t>(app.heard.ns));
    to.u8(app.heard_now);
    to.u8(app.spared);
    to.u64(static_cast<std::uint64_t>(app.deadline.ns));
    to.u32(app.asked);
    put(out, app.level);
    to.u64(static_cast<std::uint64_t>(app.level_at.ns));
    to.u64(app.data_total);
    to.u32(static_cast<std::uint32_t>(app.data.size()));
    to.bytes(app.data);
}

bool Core::read_app(Reader& in, App& app) {
    app.id = in.u64();
    const ByteView key = in.bytes(app.key.size());
    if (!in.ok()) return false;
    std::memcpy(app.key.data(), key.data(), app.key.size());
    app.name = as_text(in.bytes(in.u32()));
    app.uid = in.u32();
    app.interval_ms = in.u32();
    app.policy = in.u32();
    app.beat_ms = in.u32();
    app.takeovers = in.u32();
    app.warn_signal = in.i32();
    app.registered_ns = in.u64();
    if (!get(in, app.now)) return false;
    app.last_cause = in.u32();
    const std::uint32_t supervision = in.u32();
    app.supervision = static_cast<Supervision>(supervision);
    app.parent = in.u64();
    app.standby = in.u64();
    app.parent_pid = in.i32();
    app.standby_pid = in.i32();
    app.silent_ms = in.u64();
    app.heard = {static_cast<std::int64_t>(in.u64())};
    app.heard_now = in.u8() != 0;
    app.spared = in.u8() != 0;
    app.deadline = {static_cast<std::int64_t>(in.u64())};
    app.asked = in.u32();
    if (!get(in, app.level)) return false;
    app.level_at = {static_cast<std::int64_t>(in.u64())};
    app.data_total = in.u64();
    const ByteView data = in.bytes(in.u32());
    app.data.assign(data.begin(), data.end());
    return in.ok() && app.now.state < wire::kStates && app.now.cause < wire::kCauses && app.last_cause < wire::kCauses &&
           supervision <= static_cast<std::uint32_t>(Supervision::ended) && app.name.size() <= wire::kNameSize && app.data.size() <= wire::kDataKeptMax;
}

void Core::snapshot(Bytes& out) const {
    Writer to(out);
    to.u32(kVersion);
    to.u64(next_);
    to.u64(static_cast<std::uint64_t>(now_.ns));
    put(out, counters_);
    to.u32(static_cast<std::uint32_t>(clients_.size()));
    for (const auto& [conn, client] : clients_) {
        to.u64(conn);
        to.i32(client.pid);
        to.u32(client.uid);
        to.u64(client.app);
        to.u8(client.standby);
    }
    to.u32(static_cast<std::uint32_t>(apps_.size()));
    for (const auto& [id, app] : apps_) write_app(app, out);
    to.u32(static_cast<std::uint32_t>(ended_.size()));
    for (const App& app : ended_) write_app(app, out);
    to.u32(static_cast<std::uint32_t>(touched_.size()));
    for (const AppId id : touched_) to.u64(id);
}

Status Core::restore(ByteView state) {
    const Error broken = error("the sam worker's snapshot does not decode");
    Reader in(state);
    if (in.u32() != kVersion) return error("the sam worker's snapshot is of another version");
    next_ = in.u64();
    now_ = {static_cast<std::int64_t>(in.u64())};
    if (!get(in, counters_)) return broken;
    for (std::uint32_t left = in.u32(); left != 0 && in.ok(); --left) {
        const ConnId conn = in.u64();
        Client client;
        client.pid = in.i32();
        client.uid = in.u32();
        client.app = in.u64();
        client.standby = in.u8() != 0;
        clients_[conn] = client;
    }
    for (std::uint32_t left = in.u32(); left != 0 && in.ok(); --left) {
        App app;
        if (!read_app(in, app) || apps_.size() >= kAppsMax) return broken;
        data_total_ += app.data.size();
        by_key_[app.key] = app.id;
        const AppId id = app.id;
        apps_.emplace(id, std::move(app));
    }
    for (std::uint32_t left = in.u32(); left != 0 && in.ok(); --left) {
        App app;
        if (!read_app(in, app) || ended_.size() >= kEndedMax) return broken;
        ended_.push_back(std::move(app));
    }
    for (std::uint32_t left = in.u32(); left != 0 && in.ok(); --left) touched_.push_back(in.u64());
    if (!in.ok() || in.remaining() != 0) return broken;
    return Done{};
}

}  // namespace motet::sam
