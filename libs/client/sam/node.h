// The line of a parent or its standby to the sam worker of this node. Everything works without it; it is looked for again and
// again. Nothing here waits for the node longer than kConnectMs.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <span>

#include "libs/base/bytes.h"
#include "libs/base/time.h"
#include "libs/client/sam/shared.h"
#include "libs/ipc/client_link.h"
#include "libs/wire/client_sam.h"

namespace motet::client::sam {

namespace wire = motet::wire::sam_client;

class Node {
public:
    enum class Role { parent, standby };
    struct About {
        std::uint32_t interval_ms = 0, policy = 0;
        std::uint64_t registered_ns = 0;
        char name[wire::kNameSize] = {};
    };
    struct Heard {
        bool restart = false, fail = false, take_over = false;
        bool recover = false;   // and what was said:
        wire::Recover how;
    };

    Node(Role role, const About& about, Block& block) : role_(role), about_(about), block_(&block) {}

    bool up() const { return link_ != nullptr; }
    int fd() const { return link_ ? link_->fd() : -1; }
    // Connects when it is time to, and says what is due: enrolment, beats, new data.
    void on_time(Instant now);
    Instant deadline() const;
    // How often a parent shows that it moves: a quarter of the time in which it must be noticed that it hangs, which is the health
    // interval and a second, within bounds.
    Duration beat_period() const;
    // When fd() is readable, or at any time: what has come in.
    Heard listen(Instant now);

    void change(std::int32_t exit_status);
    // False: there is no node; decide alone.
    bool failed(bool restarts_wanted, std::uint32_t number, std::int32_t exit_status);
    void leave(std::int32_t exit_status);
    void data_changed() { data_due_ = true; }
    // After a fork: the connection is the other process's.
    void forget() { link_.reset(); }
    void become(Role role) {
        role_ = role;
        forget();
        retry_at_ = {};
        pause_ = kPauseMin;
    }

private:
    static constexpr int kConnectMs = 200;
    static constexpr Duration kPauseMin = milliseconds(50), kPauseMax = seconds(5);

    void connect(Instant now);
    void introduce(Instant now);
    void send_data();
    void lost(Instant now);
    wire::Enrol enrolment() const;
    wire::Change state(std::int32_t exit_status) const;
    template <class T>
    bool post(wire::Request type, const T& record, std::span<const std::uint8_t> more = {});

    Role role_;
    About about_;
    Block* block_;
    std::unique_ptr<ipc::ClientLink> link_;
    Instant retry_at_{}, beat_at_ = kNever;
    Duration pause_ = kPauseMin;
    bool data_due_ = false, broken_ = false;
};

}  // namespace motet::client::sam
