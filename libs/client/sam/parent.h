// The supervising process: the one that called sam_register() and does not come back from there, or the standby that took
// its place. It makes instances by fork, watches them, and ends with them.
//
// The standby is a second fork of the parent, made only where the node's sam worker knows the application. It sleeps until the
// parent is gone, or until the worker says that the parent hangs (then it ends it); so there is never more than one parent.
// Whatever is done to the application is done with the rights of the process that registered it.
#pragma once
#include <corosync/sam.h>
#include <sys/types.h>

#include <csignal>
#include <cstdint>

#include "libs/client/sam/channel.h"
#include "libs/client/sam/family.h"
#include "libs/client/sam/node.h"
#include "libs/client/sam/published.h"
#include "libs/client/sam/quorum.h"
#include "libs/client/sam/shared.h"

namespace motet::client::sam {

// What initialization left to registration.
struct Settings {
    int interval_ms = 0;
    std::uint32_t policy = 0;   // sam_recovery_policy_t
    int warn_signal = SIGTERM;
    const void* data = nullptr;
    std::size_t data_size = 0;

    bool restarts() const { return (policy & 3) == SAM_RECOVERY_POLICY_RESTART; }
    bool quorum() const { return (policy & SAM_RECOVERY_POLICY_QUORUM) != 0; }
    bool cmap() const { return (policy & SAM_RECOVERY_POLICY_CMAP) != 0; }
};

// What an instance begins with.
struct Instance {
    unsigned number = 0;
    Channel channel;
    void* data = nullptr;       // malloc; null if nothing is stored
    std::size_t data_size = 0;
};

class Parent {
public:
    // `quorum` is open if the policy wants it.
    Parent(const Settings& settings, Quorum& quorum);

    // Returns CS_OK in every instance. In the calling process it returns only if the first instance could not be made, with
    // everything as before.
    cs_error_t run(Instance& instance);

private:
    enum class Spawned { parent, child, failed, again };

    cs_error_t prepare();
    void undo();
    Spawned spawn(Instance& instance);
    void begin_child(Instance& instance, int parent_end, int child_end);
    cs_error_t restore_data(Instance& instance);
    void supervise();
    bool take_commands();   // false: there may be more
    void start(std::uint32_t number, bool runs);
    void apply(const Packet& packet, const std::uint8_t* bytes, std::size_t size);
    void take_from_node(Instant now);
    void act(Instant now);
    void take_quorum(Instant now);
    void publish_changes();
    void sleep(Instant now);
    Instant deadline(Instant now) const;
    bool child_dead();
    void reap_child();
    bool recover();
    [[noreturn]] void finish();

    // For whoever has to know that we do not hang: the standby, and the node.
    void show_life(Instant now);
    void keep_standby(Instant now);
    // True in the standby, once it has become the parent.
    bool make_standby();
    void stand_by();
    void become_parent(pid_t former);
    void end_standby();
    void signal_child(int signal) const;

    Settings settings_;
    Block block_;
    Node node_;
    Quorum& quorum_;
    Published keys_;
    Family family_;
    Channel channel_;
    int child_end_ = -1;         // between making it and giving it to the child
    struct sigaction sigchld_ {};
    pid_t child_ = 0;
    int child_fd_ = -1;          // pidfd; -1 where the kernel has none
    bool child_ours_ = true;     // not after a change of parents
    bool hung_up_ = false;       // no process holds the application's end any more
    int exit_status_ = 0;        // of the last instance, as a shell counts
    bool successor_ = false;
    bool known_ = false;         // a node knew us once: there is a standby from then on
    pid_t standby_ = 0;
    int standby_fd_ = -1;
    int parent_fd_ = -1;         // in a standby: what it stands by for
    Instant standby_due_{}, look_due_{}, reap_due_{};
    wire::Recover recover_;
    bool recover_heard_ = false;
    std::uint32_t failures_ = 0;
    Watch::State published_ = Watch::State::stopped;
    pid_t published_child_ = 0;
};

}  // namespace motet::client::sam
