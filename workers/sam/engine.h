// The core of the availability manager in the frame all workers share. It sends and receives no messages between nodes. What it
// reads from outside are two files of the kernel that were opened before the sandbox.
#pragma once
#include "libs/metrics/values.h"
#include "libs/worker/engine.h"
#include "workers/sam/core.h"
#include "workers/sam/core_monitors.h"

namespace motet::sam {

struct Files {
    int meminfo = -1, loadavg = -1;   // -1: could not be opened; its resource is then not measured
};

class SamEngine final : public worker::Engine, private Output {
public:
    SamEngine(const worker::Settings& settings, worker::Host& host, const Files& files);

    void on_sync_started() override {}
    void on_init(const feed::Init&) override {}
    void on_process(feed::Step) override {}
    void on_activate(feed::Step) override {}
    void on_abort(feed::Step) override {}
    void on_complete(const feed::Complete&) override {}
    void on_message(const feed::Message&) override {}
    void on_connect(worker::ConnId conn, std::int32_t pid, std::uint32_t uid, std::uint32_t gid) override;
    void on_request(worker::ConnId conn, std::uint16_t type, std::uint64_t request, ByteView payload) override;
    void on_disconnect(worker::ConnId conn) override { core_.on_disconnect(conn, *this); }
    Instant deadline() const override { return core_.deadline(); }
    void on_time(Instant now) override { core_.on_time(now, *this); }
    bool synchronised() const override { return true; }   // nothing here waits for the ring
    std::string status_json() override;
    void values(metrics::ValueWriter& out) const override;

    void on_told(control::Message& message) override;
    Instant outside_due() const override { return monitors_.deadline(); }
    Bytes look_outside(Instant now) override;
    void on_outside(ByteView news) override;

    bool snapshot(Bytes& out) const override;
    Status restore(ByteView state) override { return core_.restore(state); }
    bool is_pure_request(worker::ConnId conn, std::uint16_t type) const override;

private:
    void event(ConnId conn, wire::Event type, std::span<const ByteView> pieces) override;
    void reply(ConnId conn, std::uint64_t request, std::span<const ByteView> pieces) override { host_.reply(conn, request, pieces); }
    void close(ConnId conn, Close why) override;
    void note(const std::string& line) override;
    void configure(const config::Snapshot& config);
    void tell_state(Resource resource, MonitorState before) const;   // what has changed, for the log
    Verdict verdict() const;

    worker::Host& host_;
    const Files files_;
    Core core_;
    Monitors monitors_;   // no part of the snapshot: measured again at once
};

}  // namespace motet::sam
