// The cpg core in the frame all workers share: every call of one side is one call of the other.
#pragma once
#include "libs/wire/service.h"
#include "libs/worker/engine.h"
#include "workers/cpg/core.h"

namespace motet::cpg {

class CpgEngine final : public worker::Engine, private Output {
public:
    CpgEngine(NodeId self, worker::Host& host) : host_(host), core_(self) {}

    void on_sync_started() override { core_.on_sync_started(*this); }
    void on_init(const feed::Init& init) override;
    void on_process(feed::Step step) override { core_.on_process(step.round, *this); }
    void on_activate(feed::Step step) override { core_.on_activate(step.round, *this); }
    void on_abort(feed::Step step) override { core_.on_abort(step.round, *this); }
    void on_complete(const feed::Complete& complete) override {
        core_.on_complete(complete.ring, complete.all_motet, *this);
    }
    void on_message(const feed::Message& message) override;
    void on_connect(ConnId conn, std::int32_t pid, std::uint32_t uid, std::uint32_t gid) override;
    void on_request(ConnId conn, std::uint16_t type, std::uint64_t request, ByteView payload) override;
    void on_disconnect(ConnId conn) override { core_.on_disconnect(conn, *this); }
    bool synchronised() const override { return core_.synchronised(); }
    std::string status_json() override { return core_.status_json(); }
    bool snapshot(Bytes& out) const override { return core_.snapshot(out), true; }
    Status restore(ByteView state) override;
    bool is_pure(const feed::Message& message) const override { return core_.is_pure(message.body, message.foreign_order); }
    bool is_pure_request(ConnId conn, std::uint16_t type) const override {
        return core_.is_pure(conn, static_cast<wire::cpg_client::Request>(type));
    }

private:
    void submit(ConnId conn, std::span<const ByteView> pieces, Guarantee guarantee, bool unit_first,
                bool unit_last) override;
    void submit_sync(Round round, std::span<const ByteView> pieces) override { host_.submit_sync(round, pieces); }
    void sync_done(Round round) override { host_.sync_done(static_cast<std::uint32_t>(wire::Service::cpg), round); }
    void reply(ConnId conn, std::uint64_t request, std::span<const ByteView> pieces) override {
        host_.reply(conn, request, pieces);
    }
    void event(ConnId conn, wire::cpg_client::Event type, std::span<const ByteView> pieces) override;
    void close(ConnId conn, Close why) override;

    worker::Host& host_;
    Core core_;
};

}  // namespace motet::cpg
