// What was seen during one run: every event of every process, every ring of every node. Checkers read it; nothing in
// it comes from the cores' own opinion of themselves except where it says so.
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "libs/base/ids.h"
#include "libs/base/time.h"

namespace motet::sim {

inline constexpr std::uint32_t kNone = 0xffffffff;   // of lives and messages
inline constexpr std::uint32_t kGone = 0xfffffffe;   // life of a handle that its client has closed: nobody looks

struct Address {
    NodeId node = 0;
    std::uint32_t pid = 0, reason = 0;
    std::pair<NodeId, std::uint32_t> key() const { return {node, pid}; }
};
using Key = std::pair<NodeId, std::uint32_t>;

struct RingOrder {   // for maps; says nothing about time
    bool operator()(const RingId& a, const RingId& b) const { return a.seq != b.seq ? a.seq < b.seq : a.rep < b.rep; }
};

struct View {
    std::vector<Address> members, left, joined;
};

struct Entry {
    enum class Kind : std::uint8_t { deliver, view, ring } kind = Kind::deliver;
    bool in_change = false;       // while the worker announced a ring
    bool transitional = false;    // after the transitional configuration reached the worker (white box)
    std::uint32_t index = 0;      // message, view or ring record
    RingId ring;                  // announced to this node's processes before the event
    Instant time;
};

struct Message {
    std::uint32_t id = 0, life = 0, seq = 0;   // seq: position among the accepted messages of its life
    std::uint32_t length = 0;
    bool safe = false, refused = false, marker = false;
    std::uint8_t tag = 0;                      // first byte of a message too short to describe itself
    RingId send_ring;
    std::uint32_t last_delivered = kNone;      // by the sender, before the send
    Instant time;
    // For the white-box check of SAFE: the frame that carried the beginning.
    RingId frame_ring;
    std::uint32_t frame_seq = 0;
};

// How one process passed from one announced ring to the next.
struct Change {
    RingId from, to;
    std::set<Key> before, left, after;
    std::size_t entry = 0;        // of the ring event in the log
};

// One process in the sense of the properties: one stay of one handle in one group.
struct Life {
    enum class End : std::uint8_t { alive, left, failed } end = End::alive;
    std::uint32_t id = 0;
    NodeId node = 0;
    std::uint32_t pid = 0, group = 0;
    bool announced = false;                    // own join view seen
    bool leave_accepted = false;
    std::vector<std::uint32_t> sent;           // accepted, by seq
    std::uint32_t sent_before_leave = 0;
    std::vector<Entry> log;
    std::set<Key> view;                        // now
    std::vector<Change> changes;
    std::set<std::uint32_t> delivered;
    std::map<std::uint32_t, std::uint32_t> next_seq;    // sender life -> lowest seq that may come next (O6)
    std::set<std::uint32_t> closed;                     // sender lives whose departure was announced (V11)
    std::map<Key, std::uint32_t> last_life;             // the life whose message was last delivered, per address
};

struct RingRecord {
    RingId ring;
    std::vector<NodeId> members;
};

// One ring as formed at a node by Totem (white box).
struct Formed {
    RingId ring;
    std::vector<NodeId> transitional, members;
    bool synchronised = false;
};

struct NodeHistory {
    std::vector<Formed> formed;                // of the present incarnation
    std::vector<NodeId> pending_transitional;
    std::size_t announced = 0;                 // formed[0..announced) have been announced or superseded
    RingId last_announced;
    std::set<NodeId> last_members;             // of last_announced
    std::uint64_t highest_seq = 0, highest_client_seq = 0;
};

struct Violation {
    std::string property, text;
};

struct Figures {
    std::uint64_t events = 0, frames = 0, sent = 0, deliveries = 0, views = 0, rings = 0, superseded = 0;
    std::uint64_t safe_regular = 0, safe_transitional = 0, transitional_deliveries = 0, holes = 0, straddled = 0;
    std::uint64_t parts = 0, refused = 0, lives = 0, nodedown = 0, nodeup = 0, procdown = 0, left = 0, rejoins = 0;
    std::uint64_t fail_to_receive = 0, retransmits = 0, overflow = 0, virtual_ms = 0, sync_interrupted = 0, big = 0;
    std::uint64_t one_way = 0, merges = 0;
};

struct History {
    std::vector<Life> lives;
    std::vector<Message> messages;
    std::vector<View> views;
    std::vector<RingRecord> rings;
    std::vector<std::string> groups;
    std::map<NodeId, NodeHistory> nodes;
    std::map<RingId, std::vector<NodeId>, RingOrder> ring_members;
    // Who came along when a node passed from one announced ring to the next: its transitional configuration (white box).
    std::map<std::pair<NodeId, std::uint64_t>, std::set<NodeId>> came_along;   // node, sequence of the ring left behind
    // Joins under way or done, by address and group: several stays of one address cannot be told apart by those who see them.
    std::map<std::pair<Key, std::string>, unsigned> stays;
    bool ambiguous(const Life& life) const {
        const auto found = stays.find({{life.node, life.pid}, groups[life.group]});
        return found != stays.end() && found->second > 1;
    }
    std::vector<Violation> violations;
    Figures figures;

    static constexpr std::size_t kViolationsMax = 40;
    [[gnu::format(printf, 3, 4)]] void violate(const char* property, const char* format, ...);
};

std::string text(RingId ring);
std::string text(const History& history, std::uint32_t life);

}  // namespace motet::sim
