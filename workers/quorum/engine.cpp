// Types are translated here and nothing is decided.
#include "workers/quorum/engine.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include "libs/base/log.h"
#include "workers/quorum/settings.h"

namespace motet::quorum {
namespace {

Settings read(const config::Snapshot& config, NodeId self) {
    std::vector<std::string> remarks;
    Settings out = settings_from(config, self, remarks);
    for (const std::string& line : remarks) MOTET_LOG(warning, "quorum: %s", line.c_str());
    return out;
}

enum class Told : std::uint8_t { config = 1, expected_votes = 2, cancel_wait_for_all = 3 };

// The supervisor's file; sealed, so that what is mapped stays what it is.
Bytes whole(int file) {
    struct stat about {};
    if (fstat(file, &about) != 0 || about.st_size <= 0 || about.st_size > static_cast<off_t>(config::kSnapshotMax)) return {};
    const std::size_t size = static_cast<std::size_t>(about.st_size);
    void* at = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
    if (at == MAP_FAILED) return {};
    const auto* bytes = static_cast<const std::uint8_t*>(at);
    Bytes out(bytes, bytes + size);
    munmap(at, size);
    return out;
}

}  // namespace

QuorumEngine::QuorumEngine(const worker::Settings& settings, worker::Host& host) : host_(host), core_(read(settings.config, settings.self)) {}

void QuorumEngine::on_init(const feed::Init& init) {
    core_.on_init(init.service, init.round, init.ring, init.members, init.continuing);
}

void QuorumEngine::on_complete(const feed::Complete& complete) {
    synchronised_ = true;
    core_.on_complete(complete.ring, complete.all_motet, *this);
}

void QuorumEngine::on_message(const feed::Message& message) {
    core_.on_message(message.from, message.body, message.foreign_order, *this);
}

void QuorumEngine::on_request(worker::ConnId conn, std::uint16_t type, std::uint64_t request, ByteView payload) {
    core_.on_request(conn, static_cast<wire::quorum_client::Request>(type), request, payload, *this);
}

void QuorumEngine::on_told(control::Message& message) {
    Bytes told;
    Writer w(told);
    switch (message.type()) {
        case control::Type::config: {
            if (message.fds.empty()) return;
            Bytes file = whole(message.fds[0]);
            if (file.empty()) {
                MOTET_LOG(error, "quorum: the new configuration cannot be read; the old one stays in force here until this node restarts");
                return;
            }
            w.u8(static_cast<std::uint8_t>(Told::config));
            w.bytes(file);
            break;
        }
        case control::Type::expected_votes:
            w.u8(static_cast<std::uint8_t>(Told::expected_votes));
            w.u32(static_cast<std::uint32_t>(message.header.a));
            break;
        case control::Type::cancel_wait_for_all: w.u8(static_cast<std::uint8_t>(Told::cancel_wait_for_all)); break;
        default: return;
    }
    told_.push_back(std::move(told));
}

Bytes QuorumEngine::look_outside(Instant) {
    if (told_.empty()) return {};
    Bytes first = std::move(told_.front());
    told_.pop_front();
    return first;
}

void QuorumEngine::on_outside(ByteView bytes) {
    Reader in(bytes);
    switch (static_cast<Told>(in.u8())) {
        case Told::config: {
            const Result<config::Snapshot> config = config::Snapshot::decode(in.rest());
            if (config)
                core_.on_settings(read(*config, core_.self()), *this);
            else
                MOTET_LOG(error, "quorum: the new configuration is not one: %s", config.error().text.c_str());
            break;
        }
        case Told::expected_votes: core_.on_stored(in.u32()); break;
        case Told::cancel_wait_for_all: core_.on_cancel_wait_for_all(*this); break;
    }
}

void QuorumEngine::values(metrics::ValueWriter& out) const {
    if (core_.provider() != Provider::votequorum) return;
    const Votes& votes = core_.votes();
    out.u32("runtime.votequorum.this_node_id", core_.self());
    out.u8("runtime.votequorum.two_node", votes.settings().two_node ? 1 : 0);
    if (votes.settings().wait_for_all) out.u8("runtime.votequorum.wait_for_all_status", votes.waiting_for_all() ? 1 : 0);
    out.u32("runtime.votequorum.ev_barrier", votes.expected_floor());
    if (votes.settings().expected_votes_tracking) out.u32("runtime.votequorum.ev_tracking_barrier", votes.expected_tracked());
    out.u32("runtime.votequorum.lowest_node_id", votes.lowest());
    out.u32("runtime.votequorum.highest_node_id", votes.highest());
}

bool QuorumEngine::snapshot(Bytes& out) const {
    out.push_back(synchronised_ ? 1 : 0);
    core_.save(out);
    return true;
}

Status QuorumEngine::restore(ByteView state) {
    if (state.empty() || !core_.restore(state.subspan(1))) return error("the quorum snapshot is not one of this version");
    synchronised_ = state[0] != 0;
    return Done{};
}

bool QuorumEngine::is_pure_request(worker::ConnId, std::uint16_t type) const {
    using wire::quorum_client::Request;
    return type == static_cast<std::uint16_t>(Request::info);
}

void QuorumEngine::submit(ByteView message) {
    const ByteView pieces[] = {message};
    host_.submit(0, pieces, Guarantee::agreed, true, true);
}

void QuorumEngine::submit_sync(Round round, ByteView message) {
    const ByteView pieces[] = {message};
    host_.submit_sync(round, pieces);
}

void QuorumEngine::event(worker::ConnId conn, wire::quorum_client::Event type, std::span<const ByteView> pieces) {
    host_.event(conn, static_cast<std::uint16_t>(type), pieces);
}

void QuorumEngine::close(worker::ConnId conn, Close why) {
    host_.close(conn, why == Close::orderly ? worker::Close::orderly : worker::Close::violation);
}

void QuorumEngine::store_expected_votes(std::uint32_t votes) {
    control::Header header;
    header.type = static_cast<std::uint32_t>(control::Type::expected_votes);
    header.a = votes;
    host_.tell(header, {});
}

void QuorumEngine::note(const std::string& line) { MOTET_LOG(notice, "%s", line.c_str()); }

}  // namespace motet::quorum
