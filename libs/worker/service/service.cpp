// The installed interface on the worker's frame: types are translated, messages get their header, and what an engine of somebody
// else says is bounded before it goes on.
#include <motet/service/service.h>

#include <algorithm>
#include <array>
#include <utility>

#include "libs/base/log.h"
#include "libs/wire/service.h"
#include "libs/worker/engine.h"

namespace motet::service {
namespace {

enum Function : std::uint32_t { kPlain = 0, kSync = 1 };
constexpr std::size_t kStatusMax = 16 * 1024, kKeyIndexMax = 64;

class Adapter final : public worker::Engine, private Host {
public:
    Adapter(const worker::Settings& settings, worker::Host& host, const Program& program) : host_(host) {
        mine_.self = settings.self;
        mine_.life = settings.incarnation;
        while (mine_.id < 63 && !motet::contains(settings.services, mine_.id)) ++mine_.id;
        for (std::size_t i = 0; i < kKeyIndexMax; ++i) {
            const std::string prefix = "services." + std::to_string(i) + ".";
            if (settings.config.get_or(prefix + "name", "") != program.name) continue;
            for (auto it = settings.config.entries().lower_bound(prefix + "x-"); it != settings.config.entries().end() && it->first.starts_with(prefix + "x-"); ++it)
                mine_.own[it->first.substr(prefix.size())] = it->second;
        }
        engine_ = program.make(mine_, *this);
    }

    void on_sync_started() override { synchronised_ = false; }
    void on_init(const feed::Init& init) override { init_ = init; }
    void on_process(feed::Step step) override {
        if (step.round != init_.round) return;
        syncing_ = true;
        engine_->on_sync({init_.ring.rep, init_.ring.seq}, init_.members, init_.continuing);
        syncing_ = false;
        host_.sync_done(step.service, step.round);
    }
    void on_activate(feed::Step step) override {
        if (step.round == init_.round) engine_->on_ring();
    }
    void on_abort(feed::Step) override {}
    void on_complete(const feed::Complete&) override { synchronised_ = true; }
    void on_message(const feed::Message& message) override {
        const auto header = wire::decode_service_header(message.body, message.foreign_order);
        if (!header || header->service() != mine_.id) return;
        const View body = message.body.subspan(wire::kRequestHeaderSize, header->size - wire::kRequestHeaderSize);
        if (header->function() == kPlain) engine_->on_message(message.from, body);
        else if (header->function() == kSync) engine_->on_sync_message(message.from, body);
    }
    void on_connect(worker::ConnId conn, std::int32_t pid, std::uint32_t uid, std::uint32_t gid) override { engine_->on_connect(conn, pid, uid, gid); }
    void on_request(worker::ConnId conn, std::uint16_t type, std::uint64_t request, ByteView payload) override {
        engine_->on_request(conn, type, request, payload);
    }
    void on_disconnect(worker::ConnId conn) override { engine_->on_disconnect(conn); }
    Instant deadline() const override { return Instant{engine_->deadline()}; }
    void on_time(Instant now) override { engine_->on_time(now.ns); }
    bool synchronised() const override { return synchronised_; }
    std::string status_json() override {
        const std::string text = engine_->status();
        return text.size() <= kStatusMax ? text : "{}";
    }

    // Ours in front: how far the synchronisation is, and what its round is about.
    bool snapshot(Bytes& out) const override {
        Bytes init;
        feed::encode_init(init_, init);
        std::vector<std::uint8_t> state;
        if (!engine_->save(state)) return false;
        if (state.size() > kStateMax) {
            MOTET_LOG(error, "a state of %zu bytes is longer than %zu and is not kept", state.size(), kStateMax);
            return false;
        }
        Writer to(out);
        to.u8(kSnapshotVersion);
        to.u8(synchronised_ ? 1 : 0);
        to.u32(static_cast<std::uint32_t>(init.size()));
        to.bytes(init);
        to.bytes(state);
        return true;
    }
    Status restore(ByteView bytes) override {
        Reader in(bytes);
        const std::uint8_t version = in.u8();
        synchronised_ = in.u8() != 0;
        const ByteView init = in.bytes(in.u32());
        if (!in.ok() || version != kSnapshotVersion) return error("not a state of this version");
        if (auto decoded = feed::decode_init(init)) init_ = std::move(*decoded);
        else return error("its synchronisation does not decode");
        if (!engine_->restore(in.bytes(in.remaining()))) return error("the engine does not take it");
        return Done{};
    }

private:
    static constexpr std::uint8_t kSnapshotVersion = 1;

    bool short_enough(View message, std::size_t limit, const char* what) const {
        if (message.size() <= limit) return true;
        MOTET_LOG(error, "a %s of %zu bytes is longer than %zu and is not sent", what, message.size(), limit);
        return false;
    }
    Bytes header_for(Function function, View message) const {
        Bytes header;
        wire::encode_service_header(mine_.id << 16 | function, static_cast<std::uint32_t>(wire::kRequestHeaderSize + message.size()), header);
        return header;
    }
    void multicast(View message) override {
        if (!short_enough(message, kMessageMax, "message")) return;
        const Bytes header = header_for(kPlain, message);
        const std::array<ByteView, 2> pieces{header, message};
        host_.submit(0, pieces, Guarantee::agreed, true, true);
    }
    void sync_multicast(View message) override {
        if (!syncing_) {
            MOTET_LOG(error, "sync_multicast() outside of on_sync(); nothing is sent");
            return;
        }
        if (!short_enough(message, kMessageMax, "message")) return;
        const Bytes header = header_for(kSync, message);
        const std::array<ByteView, 2> pieces{header, message};
        host_.submit_sync(init_.round, pieces);
    }
    void reply(Connection connection, std::uint64_t request, View text) override {
        const std::array<ByteView, 1> pieces{text.first(std::min(text.size(), kReplyMax))};
        host_.reply(connection, request, pieces);
    }
    void event(Connection connection, std::uint16_t type, View text) override {
        if (!short_enough(text, kEventMax, "event")) return;
        const std::array<ByteView, 1> pieces{text};
        host_.event(connection, type, pieces);
    }
    void close(Connection connection) override { host_.close(connection, worker::Close::orderly); }
    void log(Level level, std::string_view line) override {
        log::write(static_cast<log::Level>(level), "%.*s", static_cast<int>(std::min<std::size_t>(line.size(), 448)), line.data());
    }

    worker::Host& host_;
    Settings mine_;
    std::unique_ptr<service::Engine> engine_;
    feed::Init init_;
    bool syncing_ = false, synchronised_ = false;
};

}  // namespace

int run(int argc, char** argv, const Program& program) {
    return worker::run(argc, argv,
                       {.name = program.name.c_str(),
                        .user = "",
                        .make_engine = [&program](const worker::Settings& settings, worker::Host& host) -> std::unique_ptr<worker::Engine> {
                            return std::make_unique<Adapter>(settings, host, program);
                        }});
}

}  // namespace motet::service
