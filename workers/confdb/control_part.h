// cfg as a part of the worker: its clients, its messages between nodes, what the daemon answers, and the keys that follow a
// new configuration.
#pragma once
#include <memory>
#include <optional>

#include "workers/confdb/cfg.h"
#include "workers/confdb/live_keys.h"
#include "workers/confdb/pages.h"
#include "workers/confdb/part.h"

namespace motet::confdb {

class ControlPart final : public Part, private cfg::Output, private cfg::World {
public:
    // `settings`: the worker's, whose configuration is replaced when a new one comes into force.
    ControlPart(const Shared& shared, worker::Settings& settings, Pages& pages, LiveKeys& live);

    wire::confdb_client::Part number() const override { return wire::confdb_client::Part::cfg; }
    std::optional<std::uint32_t> service() const override { return 1; }
    void on_sync_started() override { core_->on_sync_started(); }
    void on_ring(const feed::Init& init) override { core_->on_ring(init.members, *this); }
    void on_process(feed::Step step) override { shared_.host.sync_done(step.service, step.round); }
    void on_complete(const feed::Complete& complete) override { core_->on_complete(complete.all_motet, *this); }
    void on_message(const feed::Message& message) override { core_->on_message(message.from, message.body, message.foreign_order, *this); }
    void on_connect(ConnId conn, std::int32_t, std::uint32_t, std::uint32_t) override { core_->on_connect(conn); }
    void on_request(ConnId conn, std::uint8_t number, std::uint64_t request, ByteView payload) override;
    void on_disconnect(ConnId conn) override { core_->on_disconnect(conn, *this); }
    bool is_pure_request(std::uint8_t number) const override;
    Instant deadline() const override { return core_->deadline(); }
    void on_time(Instant now) override { core_->on_time(now, *this); }
    bool on_told(control::Message& message) override;
    void save(Writer& out) const override { core_->save(out); }
    bool restore(Reader& in) override { return core_->restore(in); }

private:
    // cfg::Output
    void submit(ByteView message, Guarantee guarantee) override;
    void reply(ConnId conn, std::uint64_t request, std::span<const ByteView> pieces) override { shared_.host.reply(conn, request, pieces); }
    void event(ConnId conn, wire::cfg_client::Event type, std::span<const ByteView> pieces) override;
    void close(ConnId conn, Close why) override;
    void operate(cfg::Operation what, std::uint64_t number, std::string_view text) override;
    void reload_begins() override;
    void reload_ends(cfg::Code result) override;
    void say(cfg::Say level, std::string_view text) override;
    // cfg::World
    std::optional<cfg::LinkView> link(NodeId node, unsigned link) const override;
    std::uint64_t shutdown_timeout_ms() const override;

    void on_prepared(const control::Message& message);
    void take_configuration(config::Snapshot fresh);

    const Shared shared_;
    worker::Settings& settings_;
    Pages& pages_;
    LiveKeys& live_;
    std::unique_ptr<cfg::Core> core_;
    std::optional<config::Snapshot> fresh_;   // in force in the daemon, its keys not yet in the store
};

// The store after a change of configuration: keys of the new one set, keys of the sections that a reload replaces erased
// when it does not have them, whoever had written them.
void replace_configuration(Store& store, const config::Snapshot& before, const config::Snapshot& after);

}  // namespace motet::confdb
