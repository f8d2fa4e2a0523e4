// One RDMA link of this node: its device, its peers, the multicast group or the fan-out in its place. A state machine around
// a Fabric; the caller brings the time. What goes wrong with the device closes everything, in order, and opens it again later.
#pragma once
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "membership/transport/rdma/fabric.h"
#include "membership/transport/rdma/greeting.h"
#include "membership/transport/rdma/keyring.h"
#include "membership/transport/rdma/peer.h"
#include "membership/transport/rdma/slots.h"
#include "membership/transport/transport.h"

namespace motet::transport::rdma {

enum class Multicast : std::uint8_t {
    automatic,   // the group while everybody hears it, fan-out otherwise
    required,    // nothing is sent to all without the group
    never,       // always fan-out
};

struct LinkConfig {
    NodeId self = 0;
    std::uint8_t number = 0;
    std::string cluster_name;
    std::string group;                          // numeric multicast address
    Multicast multicast = Multicast::automatic;
    FabricConfig fabric;
    struct Node {
        NodeId id;
        std::string address;
    };
    std::vector<Node> peers;                    // without this node
    Duration probe_period = seconds(1);
    Duration poll{};                            // so long after a completion the next one is looked for without sleeping
};

// Why datagrams were not delivered, and queries not answered.
enum class Drop : std::uint8_t {
    truncated, not_ours, unknown_sender, other_destination, plaintext, unknown_key, unknown_life, replayed, forged, malformed_probe, bad_query, count_
};
const char* name(Drop why);

struct LinkCounters {
    std::uint64_t sent_group = 0, sent_unicast = 0, bytes_sent = 0, posts = 0;
    std::uint64_t no_slot = 0, too_long = 0, send_failures = 0, no_target = 0;
    std::uint64_t received = 0, bytes_received = 0, own = 0;
    std::uint64_t reopens = 0, joins = 0, queries = 0;
    std::array<std::uint64_t, static_cast<std::size_t>(Drop::count_)> dropped{};
    std::uint64_t of(Drop why) const { return dropped[static_cast<std::size_t>(why)]; }
};

class Link {
public:
    static constexpr unsigned kQueriesMax = 8;                  // under way at once
    static constexpr std::size_t kBatch = 256;                  // completions in one receive()
    static constexpr std::uint32_t kSlots = 512;                // buffers for sends
    static constexpr Duration kJoinLimit = seconds(5), kRejoinFirst = seconds(2), kRejoinMax = seconds(30);
    static constexpr Duration kReopenFirst = milliseconds(500), kReopenMax = seconds(5);
    static constexpr unsigned kMissedMax = 3;                   // probe periods

    // `keys` null: plaintext. They, and nothing else, are shared with other links; each change of them is followed by a call below.
    Link(LinkConfig config, const Keyring* keys, std::uint64_t incarnation, std::unique_ptr<Fabric> fabric);
    ~Link();
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    // The first opening: an error is final. Later ones happen by themselves.
    Status open(Instant now);
    void on_time(Instant now);
    // False: it cannot leave over this link now. Sent at flush().
    bool multicast(ByteView frame);
    bool unicast(NodeId to, ByteView frame);
    void flush();
    // True: the batch was full, or it is time to look again without sleeping; no descriptor tells of what comes until it is false.
    bool receive(Instant now, const std::function<void(ByteView frame)>& handler);

    // A key has been installed in this slot: what is sealed with it is accepted. After an error it is not.
    Status add_key(unsigned slot);
    // It has gone from there.
    void drop_key(unsigned slot);
    void set_probe_period(Duration period) { config_.probe_period = period; }

    bool up() const { return open_ && !port_down_; }
    // Changes when the link is closed and opened: descriptors() are new ones then.
    unsigned generation() const { return generation_; }
    std::span<const int> descriptors() const;
    // Something authentic was heard from the peer in the last three probe periods.
    bool hears(NodeId peer) const;
    // Every peer that this link hears, by number of peers.
    std::size_t peers_heard() const;
    // Largest frame that every peer known so far can take, bytes.
    std::size_t frame_max() const;
    bool uses_group() const { return group_.handle != kNoHandle && !fanning_out_; }
    const LinkCounters& counters() const { return counters_; }
    std::vector<LinkState> states() const;
    std::string describe() const;

private:
    using Seals = std::array<std::optional<Seal>, Keyring::kSlots>;   // by the slot of the key
    struct Peer {
        NodeId id;
        std::string address;
        Query query;
        Ticket ticket = 0;
        Nonce nonce{};
        Target target{};                        // the last one known: replaced when a newer one is proved
        std::uint64_t incarnation = 0;          // 0: none proved yet
        Seals seals{};
        std::array<ReplayWindow, 3> windows{};  // by class
        Instant heard{}, heard_group{}, probed{}, changed{};
        bool alive = false, heard_ever = false, group_ever = false;
        bool hears_group = false;               // its last probe listed us
        unsigned misses = 0;                    // its probes in a row that did not
        std::uint32_t mtu = 0;                  // announced; 0: not yet
        bool refusal_said = false, ask_with_other = false;
        std::string cause = "never heard";
        std::uint32_t ups = 0, downs = 0;
    };

    void act(Peer& peer, Query::Do what, Instant now);
    void on_event(const Event& event, Instant now);
    void on_answered(Peer& peer, const Event& event, Instant now);
    void on_asked(const Event& event, Instant now);
    void on_condition(Condition condition, Instant now);
    void start_join(Instant now);
    void lose_group();
    void lose_targets(Instant now);
    void fail(const std::string& why, bool removed, Instant now);
    void shut(bool removed);
    void send_probes(Instant now);
    void watch(Instant now);
    void decide_mode();
    void on_datagram(ByteView datagram, std::uint32_t source, Instant now, const std::function<void(ByteView)>& handler);
    void on_probe(Peer& peer, const Envelope& envelope, ByteView payload, Instant now);
    bool send(Class kind, NodeId to, std::span<const Target> targets, ByteView payload);
    void collect_sends();
    void break_link(const char* why);
    void repost();
    bool drop(Drop why) { ++counters_.dropped[static_cast<std::size_t>(why)]; return false; }
    bool plaintext() const { return keys_ == nullptr; }
    // Under any key that is accepted; `slot`: which.
    std::optional<Greeting> read(ByteView greeting, const Context& context, unsigned& slot) const;
    const Secret* secret(unsigned slot) const { return plaintext() ? nullptr : keys_->at(slot); }
    unsigned sending() const { return plaintext() ? 0 : keys_->sending(); }
    Status seal(Seals& seals, unsigned slot, NodeId node, std::uint64_t incarnation) const;
    bool accepts(std::uint8_t key_id) const;
    bool open(Peer& peer, const Envelope& envelope, ByteView datagram);
    std::size_t overhead() const { return plaintext() ? kEnvelopeSize : kOverhead; }
    Peer* find(NodeId id);
    const Peer* find(NodeId id) const { return const_cast<Link*>(this)->find(id); }
    Peer* holder(Ticket ticket);

    LinkConfig config_;
    const Keyring* keys_;
    const std::uint64_t incarnation_, cluster_;
    std::unique_ptr<Fabric> fabric_;
    Seals seals_;                               // of what we send
    std::uint64_t counter_ = 0;                 // never starts again within an incarnation
    std::vector<Peer> peers_;
    Opened opened_;
    bool open_ = false, port_down_ = false, broken_ = false, denied_said_ = false;
    std::string broken_why_;
    unsigned generation_ = 0;
    Target group_;
    bool joining_ = false, fanning_out_ = false, join_said_ = false;
    Instant join_due_{}, join_deadline_ = kNever, reopen_due_{}, probe_due_{}, completed_{};
    Duration rejoin_ = kRejoinFirst, reopen_ = kReopenFirst;
    Ticket tickets_ = 0;
    SendSlots slots_;
    std::vector<Send> staged_;
    std::vector<Target> targets_;
    std::vector<std::uint32_t> reposts_;
    std::vector<Completion> completions_, pending_, polled_;   // of this batch, of the next, just polled
    Bytes plain_, probe_;
    LinkCounters counters_;
};

}  // namespace motet::transport::rdma
