// The quorum core in the frame all workers share: every call of one side is one call of the other.
#pragma once
#include <deque>

#include "libs/control/control.h"
#include "libs/metrics/values.h"
#include "libs/worker/engine.h"
#include "workers/quorum/core.h"

namespace motet::quorum {

class QuorumEngine final : public worker::Engine, private Output {
public:
    QuorumEngine(const worker::Settings& settings, worker::Host& host);

    void on_sync_started() override { synchronised_ = false; }
    void on_init(const feed::Init& init) override;
    void on_process(feed::Step step) override { core_.on_process(step.service, step.round, *this); }
    void on_activate(feed::Step step) override { core_.on_activate(step.service, step.round, *this); }
    void on_abort(feed::Step step) override { core_.on_abort(step.service, step.round); }
    void on_complete(const feed::Complete& complete) override;
    void on_message(const feed::Message& message) override;
    void on_connect(worker::ConnId conn, std::int32_t, std::uint32_t, std::uint32_t) override { core_.on_connect(conn); }
    void on_request(worker::ConnId conn, std::uint16_t type, std::uint64_t request, ByteView payload) override;
    void on_disconnect(worker::ConnId conn) override { core_.on_disconnect(conn); }
    Instant deadline() const override { return core_.deadline(); }
    void on_time(Instant now) override { core_.on_time(now, *this); }
    // Requests of quorum clients are answered at any time, also while a synchronisation runs: a device has to poll then.
    bool synchronised() const override { return synchronised_; }
    std::string status_json() override { return core_.status_json(); }
    void on_stopping() override { core_.on_leave(*this); }
    void values(metrics::ValueWriter& out) const override;
    std::uint32_t service_of(worker::ConnId conn) const override { return core_.service_of(conn); }

    // What the supervisor says is kept, and becomes an input like others when the frame asks for it.
    void on_told(control::Message& message) override;
    Instant outside_due() const override { return told_.empty() ? kNever : Instant{}; }
    Bytes look_outside(Instant) override;
    void on_outside(ByteView bytes) override;

    bool snapshot(Bytes& out) const override;
    Status restore(ByteView state) override;
    bool is_pure_request(worker::ConnId conn, std::uint16_t type) const override;

private:
    void submit(ByteView message) override;
    void submit_sync(Round round, ByteView message) override;
    void sync_done(std::uint32_t service, Round round) override { host_.sync_done(service, round); }
    void reply(worker::ConnId conn, std::uint64_t request, std::span<const ByteView> pieces) override {
        host_.reply(conn, request, pieces);
    }
    void event(worker::ConnId conn, wire::quorum_client::Event type, std::span<const ByteView> pieces) override;
    void close(worker::ConnId conn, Close why) override;
    void store_expected_votes(std::uint32_t votes) override;
    void note(const std::string& line) override;

    worker::Host& host_;
    Core core_;
    bool synchronised_ = false;
    std::deque<Bytes> told_;   // Told, then what belongs to it
};

}  // namespace motet::quorum
