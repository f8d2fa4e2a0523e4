// A new configuration for the whole ring. In a ring of Motet nodes (libs/wire/cfg_reload.h): everybody reads its file and
// says what it found; all switch at the delivery of the last vote, or nobody does. With Corosync nodes in the ring: every
// node reloads for itself at the delivery of Corosync's own message.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "libs/base/time.h"
#include "libs/wire/cfg_reload.h"
#include "workers/confdb/cfg_output.h"

namespace motet::cfg {

// What the daemon found in the file.
struct Prepared {
    bool good = false;
    bool rekeyed = false;            // key or encryption has changed
    bool moved = false;              // a node of before has another address
    std::uint32_t key_check = 0;     // the same on nodes with the same new key; 0: not known
    std::string text;                // good: the settings that must be equal everywhere, else why not
    std::vector<NodeId> nodes;       // of the new node list
};

class Reload {
public:
    static constexpr Duration kStepMax = seconds(15);   // for every node to read its file, and again to carry it out
    static constexpr unsigned kTriesMax = 3;            // when the ring changes meanwhile

    Reload(NodeId self, std::uint64_t incarnation) : self_(self), number_(incarnation << 32) {}

    // A client's request; the reply follows. 0: of nobody (SIGHUP).
    void ask(ConnId conn, std::uint64_t request, Output& out);
    void on_disconnect(ConnId conn);

    void on_ring(std::span<const NodeId> members, Output& out);
    void on_complete(bool all_motet, Output& out);
    void on_step(NodeId from, const wire::cfg::ReloadMessage& message, Output& out);
    void on_corosync_reload(NodeId from, Output& out);
    void on_crypto(NodeId from, std::uint32_t phase, Output& out);

    void on_prepared(std::uint64_t number, const Prepared& prepared, Output& out);
    void on_applied(std::uint64_t number, bool good, std::string_view why, Output& out);

    Instant deadline() const { return started_ ? Instant{} : due_; }
    void on_time(Instant now, Output& out);
    void save(Writer& out) const;
    bool restore(Reader& in);
    const char* stage() const;        // one word for the status page

private:
    enum class Stage : std::uint8_t { preparing, applying, switching };
    struct Vote {
        bool good = false, rekeyed = false;
        std::uint32_t key_check = 0;
        std::string text;
    };
    struct Question {
        NodeId asker = 0;
        std::uint64_t number = 0;
        bool agreed = false;              // by votes; otherwise for this node alone
        Stage stage = Stage::preparing;
        std::set<NodeId> members;         // that have to answer
        std::map<NodeId, Vote> votes;
        std::set<NodeId> done;            // of the present stage
        std::uint64_t ticket = 0;         // number of our own operation
        Prepared own;
        bool rekeyed = false, applied_here = false;
    };
    struct Waiter {
        ConnId conn;
        std::uint64_t request;
    };

    void begin(Output& out);
    void open(NodeId asker, std::uint64_t number, bool agreed, Output& out);
    bool matches(NodeId from, const wire::cfg::ReloadMessage& message) const;
    void vote(Output& out);
    void decide(Output& out);
    std::string objection() const;
    std::string keys_differ() const;
    void commit(Output& out);
    void refuse(const std::string& why, Output& out);
    void stage_done(Output& out);
    void finish(Output& out);
    void close(Output& out);
    void answer_all(Code code, Output& out);
    void send(wire::cfg::ReloadStep step, bool good, std::string_view text, Output& out);
    void start_clock() { started_ = true; }

    NodeId self_;
    std::uint64_t number_, tickets_ = 0;
    std::set<NodeId> members_;
    bool all_motet_ = false, complete_ = false;
    bool asked_ = false;                  // our question is on its way
    bool wanted_ = false;                 // ask when it becomes possible
    bool again_ = false;                  // Corosync's message came while one was under way
    bool cancelled_ = false;              // we have asked for the end of the present question
    unsigned tries_ = 0;
    std::optional<Question> question_;
    std::vector<Waiter> waiters_;
    bool started_ = false;
    Instant due_ = kNever;
};

// The first setting in which two texts of votes differ: "totem.token is 3000 on node 1 and 5000 on node 2"; "" if none.
std::string difference(NodeId a, std::string_view text_a, NodeId b, std::string_view text_b);

}  // namespace motet::cfg
