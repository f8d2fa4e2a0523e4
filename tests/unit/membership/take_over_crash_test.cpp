// Goal: whatever store or frame membership has just made when it ends, its worker is given each of its messages once and in order, and
// the other node no message twice. Method: two nodes in one process on virtual time, one of them behind a real link in shared memory; every run
// ends that node's membership at another crash point (all of them, and twice in a row), a successor takes the link over, and what
// worker and peer were given is checked. Then rules of the protocol are left out, one at a time: the check must see each.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libs/base/crash_point.h"
#include "libs/wire/service.h"
#include "membership/link.h"

namespace motet {
void (*crash_hook)(const char*) = nullptr;
std::string_view chosen_defect;

namespace {

struct Died {};
std::uint64_t points = 0, die_at = 0, die_again = 0;
std::map<std::string, unsigned> where_died;

void count_points(const char* where) {
    if (++points != die_at) return;
    die_at = die_again == 0 ? 0 : points + std::exchange(die_again, 0);
    ++where_died[where];
    throw Died();
}

constexpr std::uint32_t kService = 2;
constexpr std::uint64_t kCapacity = 1u << 20;
constexpr std::uint32_t kMessages = 24;                     // of each node
constexpr std::uint32_t kUnitFirst = 9, kUnitLast = 11;     // of node 1: a unit in three messages

// A service message with a number: of one fragment or several.
Bytes body_of(std::uint32_t number) {
    const std::size_t size = wire::kRequestHeaderSize + 4 + (number % 5 == 4 ? 5000 : number * 7 % 200);
    Bytes out;
    wire::encode_service_header(kService << 16 | 3, static_cast<std::uint32_t>(size), out);
    Writer(out).u32(number);
    out.resize(size, static_cast<std::uint8_t>(number));
    return out;
}
std::uint32_t number_of(ByteView body) { return Reader(body.subspan(wire::kRequestHeaderSize)).u32(); }
Guarantee guarantee_of(std::uint32_t number) { return number % 3 == 1 ? Guarantee::safe : Guarantee::agreed; }

struct Given {
    NodeId from;
    std::uint32_t number;
    friend bool operator==(const Given&, const Given&) = default;
};

// What a service makes of its messages: the parts of a unit count when all are there.
class Log {
public:
    void message(NodeId from, std::uint32_t number) {
        if (from == 1 && number >= kUnitFirst && number <= kUnitLast) {
            if (number == kUnitFirst) next_part_ = kUnitFirst;
            if (number != next_part_) return;
            ++next_part_;
            if (number != kUnitLast) return;
        }
        all.push_back({from, number});
    }
    void ring_changed() { next_part_ = 0; }
    std::vector<Given> all;

private:
    std::uint32_t next_part_ = 0;
};

struct Frame {
    NodeId to;
    Bytes bytes;
};

struct Wire final : node::Transport {
    Wire(NodeId id, std::deque<Frame>& out) : self(id), frames(out) {}
    void multicast(ByteView frame) override {
        frames.push_back({3 - self, {frame.begin(), frame.end()}});
        if (self == 1) crash_point("wire: behind a frame");
    }
    void unicast(NodeId to, ByteView frame) override { frames.push_back({to, {frame.begin(), frame.end()}}); }
    void loop_back(ByteView frame) override { unicast(self, frame); }
    bool store_ring_sequence(std::uint64_t seq) override { return disk = seq, true; }
    const NodeId self;
    std::deque<Frame>& frames;
    std::uint64_t disk = 0;
};

node::Config config_of(NodeId self, std::uint64_t life) {
    node::Config config;
    config.totem.self = self;
    config.totem.nodes = {1, 2};
    config.totem.quick_rest = true;
    config.rounds_from = life << 32;
    return config;
}

// Node 2, which stays.
struct Peer final : node::Service {
    explicit Peer(std::deque<Frame>& frames) : wire(2, frames), node(config_of(2, 1), 0, wire) { node.attach(service_set(kService), this); }
    void sync_started() override {}
    void init(std::uint32_t, sync::Round, RingId, std::span<const NodeId>, std::span<const NodeId>) override {}
    void process(std::uint32_t, sync::Round round) override { owed = round; }
    void activate(std::uint32_t, sync::Round) override {}
    void abort(std::uint32_t, sync::Round) override {}
    void complete(RingId, bool) override { log.ring_changed(); }
    void message(NodeId from, ByteView body, bool, bool) override { log.message(from, number_of(body)); }
    void turn(Instant now) {
        if (owed != 0) node.sync_done(kService, std::exchange(owed, 0), now);
        if (sent < kMessages && node.sync().complete() && node.totem().members().size() == 2 &&
            node.submit(service_set(kService), body_of(sent), guarantee_of(sent), true, true, now) == node::Submitted::taken) ++sent;
    }
    Wire wire;
    node::Node node;
    sync::Round owed = 0;
    std::uint32_t sent = 0;
    Log log;
};

// The worker of node 1: reads, answers synchronisations, submits.
struct Worker {
    Worker(ring::Segment mine, ring::Segment theirs)
        : own(std::move(mine)), peer(std::move(theirs)), delivery(own.page(), peer.page(), std::uint32_t{kCapacity / 2}, kCapacity),
          submit(own.page(), peer.page()), sync(own.second(), peer.second()) {}

    void turn() {
        ring::Record record;
        while (delivery.next(record) == ring::Pull::record) take(static_cast<feed::Delivery>(record.type), record.payload);
        delivery.release();
        // Spread over the turns, so that most travel alone; some while membership is dead or the ring forms.
        // Slow with a synchronisation: the ring of one that a successor forms gives way to one with the peer before it may send.
        if (++turns % 29 == 0 && owed != 0) push(sync, feed::Submit::sync_done, {.service = kService, .round = std::exchange(owed, 0)}, {});
        if (turns % 7 != 0 || (sent == 0 && (syncing || members < 2))) return publish();
        for (int i = 0; i < 2 && sent < kMessages; ++i) {
            feed::SubmitHeader header;
            header.guarantee = static_cast<std::uint8_t>(guarantee_of(sent));
            header.unit_first = sent <= kUnitFirst || sent > kUnitLast;
            header.unit_last = sent < kUnitFirst || sent >= kUnitLast;
            push(submit, feed::Submit::multicast, header, body_of(sent));
            ++sent;
        }
        publish();
    }
    void publish() {
        submit.publish();
        sync.publish();
    }
    void take(feed::Delivery type, ByteView payload) {
        const auto told = [&](const char* what, bool good) {
            if (!good) wrong += std::string(what) + "; ";
        };
        switch (type) {
            case feed::Delivery::message: {
                const auto message = feed::decode_message(payload);
                log.message(message->from, number_of(message->body));
                break;
            }
            case feed::Delivery::sync_started:
                told("two sync_started in a row", !syncing);
                syncing = true;
                break;
            case feed::Delivery::init: {
                const auto init = feed::decode_init(payload);
                told("init inside of a round", pending == 0);
                told("init without sync_started", syncing);
                told("a round that is not new", init->round > last_round);
                pending = last_round = init->round;
                members = init->members.size();
                continuing = init->continuing.size();
                break;
            }
            case feed::Delivery::process: {
                const auto step = feed::decode_step(payload);
                told("process of another round", step->round == pending);
                owed = step->round;
                break;
            }
            case feed::Delivery::activate:
                told("activate of another round", feed::decode_step(payload)->round == pending);
                pending = 0;
                break;
            case feed::Delivery::abort:
                told("abort of another round", feed::decode_step(payload)->round == pending);
                pending = 0;
                break;
            case feed::Delivery::complete:
                told("complete in a round", pending == 0 && syncing);
                syncing = false;
                log.ring_changed();
                break;
        }
    }
    static void push(ring::Producer& to, feed::Submit type, const feed::SubmitHeader& header, ByteView body) {
        const ByteView pieces[] = {{reinterpret_cast<const std::uint8_t*>(&header), sizeof header}, body};
        EXPECT_EQ(to.push(static_cast<std::uint16_t>(type), 0, pieces), ring::Push::ok);
    }

    ring::Segment own, peer;
    ring::Consumer delivery;
    ring::Producer submit, sync;
    std::uint32_t sent = 0, turns = 0;
    bool syncing = false;
    std::uint64_t pending = 0, last_round = 0, owed = 0;
    std::size_t members = 0, continuing = 0;
    std::string wrong;
    Log log;
};

class Area {
public:
    Area()
        : delivery_(*ring::create_link_segment(ring::Role::membership, 1, kCapacity, 0)),
          submit_(*ring::create_link_segment(ring::Role::worker, 1, kCapacity, ring::kCapacityMin)),
          worker(std::move(*ring::Segment::map(submit_.writable, true)), std::move(*ring::Segment::map(delivery_.read_only, false))),
          wire_(1, frames_), peer(frames_) {
        peer.node.start(now_);
    }
    ~Area() {
        for (const int fd : {delivery_.writable, delivery_.read_only, submit_.writable, submit_.read_only}) close(fd);
    }

    // Until both have everything; false: it does not come to that.
    bool run() {
        for (unsigned turns = 0; turns < 40000; ++turns) {
            crash_hook = count_points;
            try {
                if (!node_) start();
                membership_turn();
            } catch (const Died&) {
                node_.reset();
                link_.reset();
                ++deaths;
            }
            crash_hook = nullptr;
            if (link_ && link_->broken() != nullptr) return worker.wrong += link_->broken(), false;
            worker.turn();
            peer.turn(now_);
            if (!frames_.empty()) {
                const Frame frame = std::move(frames_.front());
                frames_.pop_front();
                if (frame.to == 2) peer.node.on_frame(frame.bytes, now_);
                else inbox_.push_back(frame.bytes);
            } else if (inbox_.empty()) {
                if (done()) return true;
                // Nothing moves but time.
                const Instant next = std::min(peer.node.deadline(), node_ ? node_->deadline() : now_);
                now_ = std::max(now_ + microseconds(50), std::min(next, now_ + milliseconds(20)));
                peer.node.on_time(now_);
            }
        }
        return false;
    }
    unsigned deaths = 0;

private:
    void start() {
        int ends[2];
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
        close(ends[1]);
        link_.emplace(1, "worker", service_set(kService), 1, ends[0], std::move(*ring::Segment::map(delivery_.writable, true)),
                      std::move(*ring::Segment::map(submit_.read_only, false)));
        if (link_->inherited()) link_->take_over(1);
        node_ = std::make_unique<node::Node>(config_of(1, ++lives_), wire_.disk, wire_);
        node_->attach(service_set(kService), &*link_);
        node_->start(now_);
        inbox_.clear();
    }
    // As in the process: submissions, frames, time, then everything becomes visible.
    void membership_turn() {
        link_->drain(*node_, now_, 4);
        if (!inbox_.empty()) {
            const Bytes frame = std::move(inbox_.front());
            inbox_.pop_front();
            node_->on_frame(frame, now_);
        }
        if (node_->deadline() <= now_) node_->on_time(now_);
        link_->publish();
    }
    bool done() const {
        const auto own = std::count_if(worker.log.all.begin(), worker.log.all.end(), [](const Given& g) { return g.from == 1; });
        return node_ && own >= kMessages - (kUnitLast - kUnitFirst) && peer.sent == kMessages && peer.node.sync().complete() && node_->sync().complete() &&
               node_->totem().members().size() == 2 && std::count(peer.log.all.begin(), peer.log.all.end(), Given{2, kMessages - 1}) > 0;
    }

    std::deque<Frame> frames_;
    std::deque<Bytes> inbox_;
    ring::SegmentFds delivery_, submit_;
    Instant now_{seconds(100).ns};

public:
    Worker worker;      // behind the segments

private:
    Wire wire_;
    std::optional<Link> link_;
    std::unique_ptr<node::Node> node_;      // after the link: it goes first
    std::uint64_t lives_ = 0;

public:
    Peer peer;
};

std::vector<std::uint32_t> from(const std::vector<Given>& all, NodeId node) {
    std::vector<std::uint32_t> numbers;
    for (const Given& g : all)
        if (g.from == node) numbers.push_back(g.number);
    return numbers;
}

bool ascending(const std::vector<std::uint32_t>& numbers) {
    return std::adjacent_find(numbers.begin(), numbers.end(), std::greater_equal<>()) == numbers.end();
}

// Empty, or what is wrong.
std::string judge(Area& area) {
    const bool came_to_its_end = area.run();
    std::string wrong = area.worker.wrong;
    std::vector<std::uint32_t> expected;
    for (std::uint32_t i = 0; i < kMessages; ++i)
        if (i < kUnitFirst || i >= kUnitLast) expected.push_back(i);
    if (from(area.worker.log.all, 1) != expected) wrong += "the sender is not given each of its messages once and in order; ";
    if (!ascending(from(area.worker.log.all, 2))) wrong += "the peer's messages come twice or not in order; ";
    if (!ascending(from(area.peer.log.all, 1))) wrong += "the peer is given messages twice or not in order; ";
    std::vector<Given> common;
    for (const Given& g : area.worker.log.all)
        if (std::count(area.peer.log.all.begin(), area.peer.log.all.end(), g) > 0) common.push_back(g);
    std::size_t at = 0;
    for (const Given& g : area.peer.log.all)
        if (at < common.size() && g == common[at]) ++at;
    if (at != common.size()) wrong += "common messages come in different orders; ";
    if (!came_to_its_end) wrong += "it does not come to an end; ";
    return wrong;
}

// Runs with a death at every point from the first on, as long as there is one; what is wrong with any, the point in front.
std::string everywhere(std::uint64_t again, std::uint64_t step = 1) {
    for (std::uint64_t at = 1; at < 100'000; at += step) {
        points = 0;
        die_at = at;
        die_again = again;
        Area area;
        const std::string wrong = judge(area);
        if (!wrong.empty()) return "point " + std::to_string(at) + ": " + wrong;
        if (area.deaths == 0) return {};
    }
    return "there is no end of points";
}

TEST(TakeOver, WithoutADeathEverythingArrivesEverywhere) {
    chosen_defect = {};
    points = die_at = die_again = 0;
    Area area;
    EXPECT_EQ(judge(area), "");
    EXPECT_EQ(from(area.peer.log.all, 1), from(area.worker.log.all, 1));
    EXPECT_EQ(from(area.worker.log.all, 2).size(), kMessages);
    EXPECT_EQ(area.worker.continuing, 1u);
    EXPECT_GT(points, 100u);
}

TEST(TakeOver, ADeathAtAnyPointCostsTheSenderNothingAndNobodyIsGivenAnythingTwice) {
    chosen_defect = {};
    where_died.clear();
    EXPECT_EQ(everywhere(0), "");
    for (const char* where : {"ring: behind a commit slot", "ring: behind a head", "ring: behind a tail", "link: before a number", "link: behind a number",
                              "wire: behind a frame"})
        EXPECT_GT(where_died[where], 0u) << where;
}

TEST(TakeOver, NorDoTwoInARow) {
    chosen_defect = {};
    where_died.clear();
    for (const std::uint64_t again : {1, 2, 3, 5, 8, 30}) EXPECT_EQ(everywhere(again), "") << again;
    EXPECT_GT(where_died["link: behind a message that is given again"], 0u);
}

TEST(TakeOver, EachRuleIsMissed) {
    for (const char* defect : {"number not stored", "own position not stored", "tail at reading", "own messages not given", "round not ended"}) {
        chosen_defect = defect;
        EXPECT_NE(everywhere(0), "") << defect;
    }
    chosen_defect = {};
}

}  // namespace
}  // namespace motet
