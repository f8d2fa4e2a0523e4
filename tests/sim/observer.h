// Sees what processes and nodes are told, writes it into the history and checks at once what needs no comparison:
// creation, duplicates, view deltas, reasons, blocks of a ring change (B1-B3, B7, O6, C1-C5, V1-V4, V7, V8, V11).
#pragma once
#include <map>
#include <span>
#include <string>
#include <vector>

#include "libs/base/bytes.h"
#include "libs/base/time.h"
#include "membership/node/node.h"
#include "tests/sim/history.h"

namespace motet::sim {

// One event at one handle, decoded from the client record; mutations work on these.
struct Seen {
    Entry::Kind kind = Entry::Kind::deliver;
    NodeId node = 0;
    std::uint32_t conn = 0;      // of the run, never used again
    std::uint32_t life = kNone;  // of the handle now
    Key sender{};                // deliver
    Bytes bytes;
    std::string group;           // deliver, view
    View view;
    RingRecord ring;
    bool transitional = false;
    Instant time;
};

class Observer {
public:
    explicit Observer(History& history) : h_(history) {}

    void node_reset(NodeId node);     // a new incarnation
    void worker_reset(NodeId node);   // of its cpg worker only
    void node_event(NodeId node, const node::Event& event);
    // The worker begins, ends to announce this ring: what clients hear between belongs to the ring change.
    void change_begins(NodeId node, RingId ring);
    void change_ends(NodeId node, RingId ring);

    std::uint32_t life_begins(NodeId node, std::uint32_t pid, const std::string& group);
    void life_ends(std::uint32_t life);              // failed: crash, disconnect, finalize
    std::uint32_t message_created(std::uint32_t life, std::uint32_t length, bool safe, bool refused, bool marker, Instant now);
    void message_refused(std::uint32_t id);
    void leave_accepted(std::uint32_t life);
    std::uint8_t tag(std::uint32_t message) const { return h_.messages[message].tag; }
    void seen(const Seen& event);

    RingId announced(NodeId node) { return h_.nodes[node].last_announced; }
    bool in_change(NodeId node) const { return changing_.count(node) != 0; }

private:
    struct Block {
        RingId ring;
        std::map<std::uint32_t, Change> changes;       // life -> what it saw
        std::map<std::uint32_t, int> phase;            // 1 departures, 2 arrivals, 3 removals, 4 ring
    };
    void on_deliver(Life& life, const Seen& event);
    void on_view(Life& life, const Seen& event);
    void on_ring(const Seen& event);
    std::uint32_t resolve_short(Life& life, const Seen& event);
    void check_ring(RingId ring, const std::vector<NodeId>& members, const char* where);
    Entry entry(const Life& life, const Seen& event) const;

    History& h_;
    std::map<NodeId, Block> changing_;
    std::map<Key, std::uint32_t> tags_;
    std::map<std::pair<Key, std::uint32_t>, std::vector<std::uint32_t>> lives_of_;   // address and group -> lives
};

}  // namespace motet::sim
