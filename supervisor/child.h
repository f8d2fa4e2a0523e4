// What the supervisor holds of one child: process, control line, status page, and a worker's link to membership.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "libs/base/log.h"
#include "libs/base/result.h"
#include "libs/base/time.h"
#include "libs/metrics/status_page.h"
#include "libs/metrics/values.h"
#include "supervisor/plan.h"
#include "supervisor/spawn.h"
#include "supervisor/unique_fd.h"

namespace motet::supervisor {

// The page a child publishes its status in; we map it read-only.
class StatusPage {
public:
    StatusPage() = default;
    static Result<StatusPage> create();
    StatusPage(StatusPage&& other) noexcept;
    StatusPage& operator=(StatusPage&& other) noexcept;
    ~StatusPage();
    int fd() const { return fd_.get(); }
    explicit operator bool() const { return at_ != nullptr; }
    UniqueFd read_only() const;   // invalid if it cannot be had
    // What the child has published last. Met in the middle of a write, its writer being slow or dead: what it was before, if we
    // have ever seen one.
    const std::optional<metrics::StatusText>& read() const;
    std::optional<metrics::Values> values() const;   // what the child has published of them
    // Its last events, "hh:mm:ss.mmm text", oldest first.
    std::vector<std::string> recorded() const;
    template <class Archive>
    void transfer(Archive& a) {
        a(fd_);
        if (a.reading()) map();
    }

private:
    bool map();
    UniqueFd fd_;
    void* at_ = nullptr;
    mutable std::optional<metrics::StatusText> last_;
};

// A worker's link: both segments in both forms and both ends of the socket. Kept until a successor's replaces it: a hang-up
// of the socket would keep membership awake in vain.
struct WorkerLink {
    UniqueFd membership_socket, worker_socket;
    UniqueFd delivery_writable, delivery_read_only, submit_writable, submit_read_only;
    static Result<WorkerLink> create(std::uint64_t link_id);
    std::uint64_t delivered() const;   // the worker's cursor of the delivery ring
    bool waiting() const;              // there is something behind it
    explicit operator bool() const { return static_cast<bool>(worker_socket); }
    template <class Archive>
    void transfer(Archive& a) { a(membership_socket, worker_socket, delivery_writable, delivery_read_only, submit_writable, submit_read_only); }
};

// A child's lines: 100 per second, 400 at once; what is beyond is counted and said once.
class LineLimit {
public:
    bool admit(Instant now);
    unsigned take_dropped(Instant now);   // to be told now, or 0

private:
    static constexpr unsigned kBurst = 400, kPerSecond = 100;
    unsigned left_ = kBurst, dropped_ = 0;
    Instant filled_{};
};

// What a worker keeps for its successor: its state and its clients' overflow. We look at the first page of the state only.
struct WorkerState {
    UniqueFd state_writable, state_read_only, overflow;
    static Result<WorkerState> create();
    template <class Archive>
    void transfer(Archive& a) { a(state_writable, state_read_only, overflow); }
    explicit operator bool() const { return static_cast<bool>(state_writable); }

    struct Look {
        bool resumable = false;                              // a snapshot is in force
        std::uint64_t kind = 0, conn = 0, position = 0;      // the input in hand: ring::Marker
        std::uint64_t heartbeat = 0;
        bool busy = false;
        std::uint64_t snapshot = 0, journal = 0;             // number of the one in force, bytes of inputs behind it
    };
    Look look() const;
};

// A fault that a worker died of: the input it had in hand.
struct Fault {
    std::uint64_t kind = 0, conn = 0, position = 0;
    template <class Archive>
    void transfer(Archive& a) { a(kind, conn, position); }
    friend bool operator==(const Fault&, const Fault&) = default;
};

struct Child {
    static constexpr std::size_t kQuarantineMax = 64;   // the oldest goes

    Process process;
    UniqueFd control;
    StatusPage page;
    WorkerLink link;
    std::uint64_t link_incarnation = 0;    // of the worker that the link was made for
    WorkerState state;
    bool broken = false;                   // its link or its state is of no use to a successor
    bool go_owed = false;                  // until all connections are handed over
    bool aborted = false;                  // by us, because it hung
    std::uint64_t heartbeat = 0;           // as last seen, and when it had moved or there was nothing to do
    Instant heartbeat_at{};
    std::uint64_t delivered_at_start = 0;  // its cursor of the delivery ring
    std::uint64_t snapshot_at_start = 0, journal_at_start = 0;   // when it was ready
    Fault last_fault;
    std::vector<Fault> quarantine;         // requests that ended two workers
    std::uint64_t incarnation = 0;
    bool started = false;                  // START was sent in this life
    std::string last_exit;                 // how the life before ended
    std::vector<std::string> unenforced;   // its own report and what the kernel says about it
    std::string error_text;                // of its stderr, up to the end of the line
    LineLimit limit;

    template <class Archive>
    void transfer(Archive& a) {
        a(process, control, page, link, link_incarnation, state, broken, go_owed, aborted, delivered_at_start, snapshot_at_start, journal_at_start, last_fault, quarantine,
          incarnation, started, last_exit, unenforced, error_text);
    }
    void log(const ChildPlan& plan, log::Level level, std::string_view text, Instant now);
    void read_errors(const ChildPlan& plan, Instant now);
};

}  // namespace motet::supervisor
