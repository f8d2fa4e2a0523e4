// What libsam and motetctl say to the sam worker over a client link, and what it answers. Requests of an application's
// parent have no reply: it never waits for the node; what the node has to say comes as an event. All integers native.
#pragma once
#include <cstdint>

namespace motet::wire::sam_client {

inline constexpr std::uint32_t kKeySize = 16;
inline constexpr std::uint32_t kNameSize = 32;            // program name, zero-padded, cut
inline constexpr std::uint32_t kDataKeptMax = 64 * 1024;  // stored data kept on the node's side; of more only the size is known
inline constexpr std::uint32_t kRequestMax = 80 * 1024;

enum class Request : std::uint16_t {
    enrol = 1,    // Enrol: the parent of an application, at registration, after a change of parents, or to a new worker
    attach = 2,   // Attach: the standby of an application
    change = 3,   // Change: state, instance, child
    beat = 4,     // Beat
    data = 5,     // Data + bytes
    failed = 6,   // Failed: asks when to restart; event `recover` answers
    leave = 7,    // Leave: the parent ends in an orderly way
    // Of administrators, with reply:
    list = 16,    // ListRequest; reply: Reply + JSON objects, one a line
    show = 17,    // TargetRequest; reply: Reply + one JSON object
    restart = 18, // TargetRequest; reply: Reply
    fail = 19,    // TargetRequest; reply: Reply
    forget = 21,  // TargetRequest, of one that has ended; reply: Reply
    data_of = 20, // TargetRequest; reply: Reply + at most 60 KiB of the data from `offset` on
};

enum class State : std::uint32_t { stopped, waiting_for_quorum, running, failed };
enum class Cause : std::uint32_t { none, died, no_heartbeat, no_quorum, marked_failed, ordered };
inline constexpr std::uint32_t kStates = 4, kCauses = 6;

inline constexpr std::uint32_t kPolicyMask = 0x1b;   // sam_recovery_policy_t: quit 1, restart 2, quorum 8, cmap 16

struct Change {
    std::uint32_t state = 0, cause = 0;
    std::uint32_t instance = 0, child = 0;
    std::uint32_t restarts = 0;
    std::int32_t exit_status = 0;         // of the last instance, as the parent reports it itself
    std::uint64_t child_since_ns = 0;     // CLOCK_REALTIME
};
struct Enrol {
    std::uint8_t key[kKeySize] = {};
    char name[kNameSize] = {};
    std::uint32_t interval_ms = 0, policy = 0;
    std::int32_t warn_signal = 0;
    std::uint32_t takeovers = 0;          // changes of parents so far
    std::uint32_t budget_used = 0;        // what the node said in Recover last
    std::uint32_t beat_ms = 0;            // how often a Beat comes
    std::uint64_t registered_ns = 0;      // CLOCK_REALTIME
    std::uint64_t data_size = 0;
    Change now;
};
// The standby knows what its parent knows: a worker that has forgotten the parent, which may hang, hears it from the standby.
struct Attach {
    Enrol enrol;
    std::uint32_t parent = 0;             // its pid
    std::uint32_t reserved = 0;
};
struct Beat {
    std::uint64_t silent_ms = 0;          // since the application's last command
};
struct Data {
    std::uint64_t total = 0;              // bytes the application stored; more than kDataKeptMax: no piece follows
    std::uint32_t offset = 0, length = 0;
};
struct Failed {
    Change now;
    std::uint32_t restarts_wanted = 0;    // 0: the policy says quit
    std::uint32_t number = 0;             // comes back in Recover
};
struct Leave {
    Change now;
};

struct ListRequest {
    std::uint64_t after = 0;              // application ids above this one
};
struct TargetRequest {
    std::uint64_t target = 0;             // application id, or a pid of its processes
    std::uint64_t offset = 0;
};
struct Reply {
    std::uint32_t error = 0;              // cs_error_t
    std::uint32_t more = 0;               // list: applications follow
};

enum class Event : std::uint16_t {
    recover = 1,     // Recover
    restart = 2,     // empty: an administrator wants a new instance
    fail = 3,        // empty: an administrator marks it failed
    take_over = 4,   // empty, to a standby: the parent does not move
    enrolled = 5,    // Enrolled
};
struct Recover {
    std::uint32_t number = 0;
    std::uint32_t delay_ms = 0;
    std::uint32_t give_up = 0;            // 1: the budget is spent, do not restart
    std::uint32_t budget_used = 0;
};
struct Enrolled {
    std::uint64_t id = 0;
    std::uint32_t want_data = 0, reserved = 0;
};

}  // namespace motet::wire::sam_client
