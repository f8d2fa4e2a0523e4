// Everything is passed to the part it belongs to; nothing is decided here.
#include "workers/confdb/engine.h"

#include <algorithm>
#include <string>

#include "libs/wire/service.h"
#include "workers/confdb/cmap_part.h"
#include "workers/confdb/control_part.h"
#include "workers/confdb/fill.h"
#include "workers/confdb/objects_part.h"

namespace motet::confdb {
namespace {

constexpr std::uint32_t kSnapshotVersion = 2;
constexpr std::size_t kClientsMax = 4096;

}  // namespace

Engine::Engine(const worker::Settings& settings, worker::Host& host) : host_(host), settings_(settings), store_(changes_), live_({host_, settings_, store_, changes_}) {
    // Before anybody listens: what a new node starts with is no change.
    fill(store_, settings_.config, settings_.self);
    const Shared shared{host_, settings_, store_, changes_};
    parts_.push_back(std::make_unique<CmapPart>(shared, pages_, live_));
    parts_.push_back(std::make_unique<ControlPart>(shared, settings_, pages_, live_));
    parts_.push_back(std::make_unique<ObjectsPart>(shared, live_));
    live_.resume();
}

Part* Engine::serving(std::uint32_t service) const {
    for (const auto& part : parts_)
        if (part->service() == service) return part.get();
    return nullptr;
}

Part* Engine::numbered(wire::confdb_client::Part number) const {
    for (const auto& part : parts_)
        if (part->number() == number) return part.get();
    return nullptr;
}

void Engine::settle() {
    for (const auto& part : parts_) part->settle();
    live_.settle();
}

void Engine::on_sync_started() {
    synchronised_ = false;
    for (const auto& part : parts_) part->on_sync_started();
    settle();
}

void Engine::on_init(const feed::Init& init) {
    // cmap takes part in every synchronisation.
    if (init.service == static_cast<std::uint32_t>(wire::Service::cmap))
        for (const auto& part : parts_) part->on_ring(init);
    if (Part* part = serving(init.service)) part->on_init(init);
    settle();
}

void Engine::on_process(feed::Step step) {
    if (Part* part = serving(step.service)) part->on_process(step);
    else host_.sync_done(step.service, step.round);
    settle();
}

void Engine::on_activate(feed::Step step) {
    if (Part* part = serving(step.service)) part->on_activate(step);
    settle();
}

void Engine::on_abort(feed::Step step) {
    if (Part* part = serving(step.service)) part->on_abort(step);
    settle();
}

void Engine::on_complete(const feed::Complete& complete) {
    synchronised_ = true;
    for (const auto& part : parts_) part->on_complete(complete);
    settle();
}

void Engine::on_message(const feed::Message& message) {
    const auto header = wire::decode_service_header(message.body, message.foreign_order);
    if (!header) return;
    if (Part* part = serving(header->service())) part->on_message(message);
    settle();
}

void Engine::on_connect(ConnId conn, std::int32_t pid, std::uint32_t uid, std::uint32_t gid) {
    if (clients_.size() >= kClientsMax) return host_.close(conn, worker::Close::reset);
    clients_[conn] = {pid, uid, gid, nullptr};
}

void Engine::on_request(ConnId conn, std::uint16_t type, std::uint64_t request, ByteView payload) {
    const auto client = clients_.find(conn);
    if (client == clients_.end()) return;
    Part* part = numbered(wire::confdb_client::part_of(type));
    if (part == nullptr || (client->second.part != nullptr && client->second.part != part)) return host_.close(conn, worker::Close::violation);
    if (client->second.part == nullptr) {
        client->second.part = part;
        part->on_connect(conn, client->second.pid, client->second.uid, client->second.gid);
    }
    part->on_request(conn, wire::confdb_client::number_of(type), request, payload);
    settle();
}

void Engine::on_disconnect(ConnId conn) {
    const auto client = clients_.find(conn);
    if (client == clients_.end()) return;
    Part* part = client->second.part;
    clients_.erase(client);
    if (part != nullptr) part->on_disconnect(conn);
    settle();
}

bool Engine::is_pure_request(ConnId conn, std::uint16_t type) const {
    const auto client = clients_.find(conn);
    if (client == clients_.end() || client->second.part == nullptr) return false;
    const Part* part = numbered(wire::confdb_client::part_of(type));
    return part == client->second.part && part->is_pure_request(wire::confdb_client::number_of(type));
}

Instant Engine::deadline() const {
    Instant due = live_.deadline();
    for (const auto& part : parts_) due = std::min(due, part->deadline());
    return due;
}

void Engine::on_time(Instant now) {
    for (const auto& part : parts_)
        if (part->deadline() <= now) part->on_time(now);
    live_.on_time(now);
    settle();
}

std::uint32_t Engine::service_of(ConnId conn) const {
    const auto client = clients_.find(conn);
    if (client == clients_.end() || client->second.part == nullptr) return 0;
    return client->second.part->service().value_or(0);
}

void Engine::on_told(control::Message& message) {
    if (message.type() == control::Type::pages) return pages_.take(message);
    for (const auto& part : parts_)
        if (part->on_told(message)) break;
    settle();
}

std::string Engine::status_json() {
    return "{\"synchronised\":" + std::string(synchronised_ ? "true" : "false") + ",\"clients\":" + std::to_string(clients_.size()) +
           ",\"objects\":" + std::to_string(store_.objects()) + ",\"keys\":" + std::to_string(store_.keys()) +
           ",\"bytes\":" + std::to_string(store_.bytes()) + ",\"changes\":" + std::to_string(store_.version()) + "}";
}

Instant Engine::outside_due() const { return pages_.due(); }

Bytes Engine::look_outside(Instant now) {
    const auto* cmap = static_cast<const CmapPart*>(numbered(wire::confdb_client::Part::cmap));
    return pages_.look(now, cmap->wants_statistics());
}

void Engine::on_outside(ByteView news) {
    auto* cmap = static_cast<CmapPart*>(numbered(wire::confdb_client::Part::cmap));
    live_.pause();
    cmap->on_outside(news);
    live_.resume();
    settle();
}

bool Engine::snapshot(Bytes& out) const {
    Writer to(out);
    to.u32(kSnapshotVersion);
    to.u8(synchronised_);
    const Bytes store = store_.save();
    to.u32(static_cast<std::uint32_t>(store.size()));
    to.bytes(store);
    to.u32(static_cast<std::uint32_t>(clients_.size()));
    for (const auto& [conn, client] : clients_) {
        to.u64(conn);
        to.i32(client.pid);
        to.u32(client.uid);
        to.u32(client.gid);
        to.u8(client.part != nullptr ? static_cast<std::uint8_t>(client.part->number()) : 0);
    }
    for (const auto& part : parts_) part->save(to);
    live_.save(to);
    return true;
}

Status Engine::restore(ByteView state) {
    Reader in(state);
    if (in.u32() != kSnapshotVersion) return error("confdb: a snapshot of another version");
    synchronised_ = in.u8() != 0;
    if (!store_.restore(in.bytes(in.u32())) || !in.ok()) return error("confdb: the snapshot's store does not decode");
    const std::uint32_t clients = in.u32();
    if (clients > kClientsMax) return error("confdb: a snapshot with %u clients, at most %zu", clients, kClientsMax);
    for (std::uint32_t i = 0; i < clients && in.ok(); ++i) {
        Client& client = clients_[in.u64()];
        client.pid = in.i32();
        client.uid = in.u32();
        client.gid = in.u32();
        client.part = numbered(static_cast<wire::confdb_client::Part>(in.u8()));
    }
    for (const auto& part : parts_)
        if (!part->restore(in)) return error("confdb: a part of the snapshot does not decode");
    if (!live_.restore(in)) return error("confdb: the keys that clients have changed do not decode");
    if (!in.ok() || in.remaining() != 0) return error("confdb: the snapshot does not end where it should");
    return Done{};
}

}  // namespace motet::confdb
