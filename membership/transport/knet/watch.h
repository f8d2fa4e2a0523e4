// What is known of each link, from samples of libknet's counters: state, cause, loss, one-way reachability, and the lines
// that tell an administrator. Pure: no clock, no library.
#pragma once
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "libs/base/log.h"
#include "libs/base/time.h"
#include "membership/transport/transport.h"

namespace motet::transport {

struct LinkSample {
    bool enabled = false, connected = false;
    std::uint64_t pings_sent = 0, pings_received = 0, pongs_received = 0;
    std::uint64_t send_errors = 0;
    int send_errno = 0;                   // of the last one, 0 if not known
    std::uint64_t unauthenticated = 0;    // packets from the peer's address that did not authenticate
};

class LinkWatch {
public:
    struct Line {
        log::Level level;
        std::string text;
    };

    LinkWatch(NodeId peer, unsigned link, std::string address, Duration ping_interval);

    // Updates the state; what is worth a line of the log is returned.
    std::optional<Line> on_sample(const LinkSample& sample, Instant now);
    LinkState& state() { return state_; }
    const LinkState& state() const { return state_; }

private:
    enum class Cause : std::uint8_t { never_up, answered, silent, one_way, send_errors, unauthenticated, disabled };

    Cause cause_now(const LinkSample& sample, Instant now) const;
    std::string describe(Cause cause, Instant now) const;
    void measure_loss(const LinkSample& sample, Instant now);

    LinkState state_;
    Duration ping_interval_;
    LinkSample last_{};
    Cause cause_ = Cause::never_up;
    Cause told_ = Cause::answered;        // what the log knows; of the causes of a link that is down
    bool started_ = false;
    Instant started_at_, heard_{}, heard_since_{}, ponged_{}, refused_{}, failed_{}, told_at_{};
    bool heard_ever_ = false;

    struct Pings { std::uint64_t sent, answered; };
    static constexpr std::size_t kLossSlots = 12;
    static constexpr Duration kLossSlot = seconds(5);
    std::array<Pings, kLossSlots> history_{};
    std::size_t slots_ = 0, next_slot_ = 0;
    Instant slot_due_{};
};

// Sends that failed, per peer; one line a minute for those that have new ones.
class SendErrors {
public:
    void note(NodeId peer, std::uint64_t total, int why);
    std::vector<std::string> due(Instant now);

private:
    struct Peer {
        NodeId id;
        std::uint64_t total = 0, told = 0;
        int why = 0;
    };
    std::vector<Peer> peers_;
    Instant next_{};
    bool started_ = false;
};

}  // namespace motet::transport
