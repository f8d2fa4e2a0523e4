// The main loop of every worker: rounds of deliveries, requests and publishing; sleep only when nobody has anything.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "libs/control/control.h"
#include "libs/ipc/server.h"
#include "libs/loop/loop.h"
#include "libs/metrics/status_page.h"
#include "libs/metrics/values.h"
#include "libs/ring/ring.h"
#include "libs/worker/engine.h"
#include "libs/loop/spin.h"
#include "libs/worker/start.h"
#include "libs/worker/traffic.h"
#include "libs/worker/uplink.h"

namespace motet::worker {

class Worker final : private Host, private ipc::Service {
public:
    Worker(const Program& program, loop::Poller& poller, Started started);
    ~Worker() override;

    // Until the supervisor says stop or vanishes. The control socket is registered with the poller under kControlTag.
    void run();
    static constexpr std::uint64_t kControlTag = 1, kLinkTag = 2;

private:
    // Host: what the engine asks for.
    void submit(ConnId conn, std::span<const ByteView> pieces, Guarantee guarantee, bool unit_first,
                bool unit_last) override;
    void submit_sync(std::uint64_t round, std::span<const ByteView> pieces) override;
    void sync_done(std::uint32_t service, std::uint64_t round) override;
    void reply(ConnId conn, std::uint64_t request, std::span<const ByteView> pieces) override;
    void event(ConnId conn, std::uint16_t type, std::span<const ByteView> pieces) override;
    void operate(std::uint32_t what, std::uint64_t number, std::string_view text) override { uplink_.operation(what, number, text); }
    void close(ConnId conn, Close why) override;
    void changed() override;
    void tell(const control::Header& header, ByteView body) override;

    // ipc::Service: what the server asks.
    bool has_room() override;
    bool on_request(const ipc::Request& request) override;
    void on_closed(ConnId conn) override;

    // What outlives the process: resume.cpp.
    bool resumable() const { return started_.journal.has_value(); }
    void resume();
    Status take_up(const Journal::Kept& kept);
    void repeat(const Journal::Entry& entry);
    ByteView write_down(Journal::Entry entry);
    void snapshot();
    void connect(const control::ConnEntry& client);
    void disconnect(ConnId conn);
    void tell_time(Instant now);
    void tell_news(ByteView news);
    void pass_on(control::Message& message);
    void answer_request(const Journal::Entry& request);
    bool cut_off_if_quarantined(ConnId conn, std::uint64_t position);
    void publish_outputs();

    bool round();
    std::size_t deliver();
    void deliver_one(const ring::Record& record);
    void apply(std::uint16_t type, ByteView payload);
    void publish();
    void publish_submits();
    void sleep();
    void handle(std::span<const loop::Ready> ready);
    bool on_time(Instant now);  // true: the engine was called

    void on_control();
    void adopt_clients(control::Message& message);
    void send_drops();
    void dump();
    void publish_status(Instant now);
    void publish_values(Instant now);

    loop::Poller& poller_;
    const std::string name_;
    Started started_;
    ring::Consumer delivery_;
    Uplink uplink_;
    ipc::Server clients_;
    std::unique_ptr<Engine> engine_;
    loop::Spin spin_;
    loop::Spin::For awaited_ = loop::Spin::For::requests;
    control::Message message_;

    // The request being handled, for the submissions it causes.
    ConnId request_conn_ = 0;
    std::uint64_t request_after_ = 0;
    // An input that the engine called pure may not do everything.
    enum class Promise : std::uint8_t { none, message, request } promise_ = Promise::none;
    unsigned promised_submits_ = 0;

    ipc::Cause cause_;                        // the input being handled
    std::unordered_set<ConnId> known_;        // to the engine
    std::vector<control::ConnEntry> handed_;  // by the supervisor, before everything is as the predecessor left it
    struct Quarantine {
        ConnId conn = 0;
        std::uint64_t position = 0;
    };
    std::vector<Quarantine> quarantine_;
    std::vector<control::Message> told_early_;
    Bytes frame_bytes_, engine_bytes_;
    bool serving_ = false, repeating_ = false;

    bool stopping_ = false;
    bool status_dirty_ = true;
    std::string status_text_;
    Instant status_due_{};
    metrics::ValueWriter values_;
    std::vector<metrics::ConnectionValues> connections_;
    std::uint64_t closed_ = 0;                  // clients that have gone
    Traffic traffic_;
    std::vector<ConnId> drops_;                 // still to be told to the supervisor
};

}  // namespace motet::worker
