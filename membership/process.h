// The membership process: drain, step, apply. Everything it decides is decided in membership/node; here are the sockets,
// rings, clock and files around it.
#pragma once
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "libs/control/control.h"
#include "libs/loop/loop.h"
#include "libs/loop/spin.h"
#include "libs/metrics/status_page.h"
#include "libs/metrics/values.h"
#include "libs/sandbox/identity.h"
#include "membership/heard.h"
#include "membership/link.h"
#include "membership/ring_file.h"
#include "membership/settings.h"
#include "membership/status.h"
#include "membership/status_values.h"

namespace motet {

// Tags of the process's poller; a link has kTagLink + the number of its worker.
inline constexpr std::uint64_t kTagControl = 1, kTagTransport = 2, kTagLink = 16;
Result<config::Snapshot> read_snapshot(int fd);

class Process final : public node::Transport {
public:
    struct Options {
        std::string state_dir;
        std::string node;           // name or id of the local node, empty: found by name or address
        std::optional<sandbox::Identity> become;   // the user to become once the network is open; none: stay
        bool protect = true;        // false: keep every right, for measuring
    };
    // The exit status, and for errors the line that says why.
    struct Ended {
        int status = 0;
        std::string why;
    };

    explicit Process(Options options) : options_(std::move(options)) {}
    Ended run();

private:
    void multicast(ByteView frame) override { transport_->multicast(frame); }
    void unicast(NodeId to, ByteView frame) override;
    void loop_back(ByteView frame) override { looped_.emplace_back(frame.begin(), frame.end()); }
    bool store_ring_sequence(std::uint64_t seq) override;

    Ended start(control::Message& message);
    Status prepare_devices();
    Status open_transport();
    void take_key(control::Message& message);
    Ended wait_for_start();
    bool round();
    void send_the_rest();
    bool publish();
    bool unpublished() const;
    transport::Received receive();
    void handle(std::span<const loop::Ready> ready);
    bool throttled();
    void sleep();
    void note_late_wakeup();
    void listen(bool on);
    bool read_control();
    void take_link(control::Message& message);
    void lose_link(std::uint32_t number, std::uint64_t incarnation);
    Link* serving(std::uint32_t service);
    void watch_synchronisation();
    bool report_broken_links();
    bool forward_operations();
    void take_config(control::Message& message);
    Status reconfigure(const config::Snapshot& snapshot);
    Status reconfigure_transport(const config::TotemSettings& settings);
    void change_keys();
    void answer_config(std::uint64_t number, const Status& done);
    void tell(const control::Header& header);
    void tell_owed();
    void tell_event(const std::string& text);
    void log_events();
    void publish_status();
    void dump();

    Options options_;
    std::unique_ptr<loop::Poller> poller_;
    config::TotemSettings settings_;
    std::unique_ptr<transport::Transport> transport_;
    std::unique_ptr<RingFile> ring_file_;
    std::unique_ptr<node::Node> node_;
    std::map<std::uint32_t, std::unique_ptr<Link>> links_;     // by the supervisor's number of the worker
    std::deque<Bytes> looped_;              // own copies of own frames, in sending order
    std::unique_ptr<metrics::StatusWriter> status_;
    std::uint64_t rdma_incarnation_ = 0;
    std::optional<metrics::ValueWriter> values_;
    StatusValues status_values_;
    LateWakeups late_;
    Instant expected_{};                  // when the loop was to turn again at the latest
    MemberLog members_;
    totem::State told_state_{};         // in a debug line
    Heard heard_;
    std::vector<std::string> unenforced_;
    int key_ = -1;                          // the cluster's key, until the transport has it
    // What the supervisor must hear although its socket was full. At most one of a kind and worker.
    std::deque<control::Header> owed_;
    Instant now_, status_due_, owed_due_{}, throttled_since_{}, watched_at_{};
    node::Node::Awaited watched_;           // the step of a synchronisation that is waited for, and how long already
    Duration watched_for_{}, watched_idle_{};
    std::uint64_t watched_cursor_ = 0;
    bool throttling_ = false, listening_ = true, socket_ready_ = true, ready_sent_ = false, go_ = false, stop_ = false,
         store_failed_ = false;
    unsigned rounds_ = 0;
    loop::Spin spin_{Duration{}};
};

}  // namespace motet
