// Links over a fabric in memory, on virtual time.
#include "membership/transport/rdma/link.h"

#include <gtest/gtest.h>

#include "tests/unit/membership/transport/rdma/fake_fabric.h"

namespace motet::transport::rdma {
namespace {

using Frames = std::vector<std::string>;

struct Node {
    FakeFabric* fabric = nullptr;
    std::unique_ptr<Link> link;
    Frames heard;
};

class RdmaLink : public ::testing::Test {
protected:
    static Secret secret(std::string_view key) { return std::move(*Secret::make(as_bytes(key), "c")); }
    RdmaLink() : keys_(secret("0123456789abcdef0123456789abcdef")) {}

    static std::string address(NodeId id) { return "10.0.0." + std::to_string(id); }
    LinkConfig config(NodeId self, std::size_t nodes) {
        LinkConfig c;
        c.self = self;
        c.cluster_name = "c";
        c.group = "239.192.77.1";
        c.fabric.address = address(self);
        c.fabric.receive_depth = 64;
        for (NodeId id = 1; id <= nodes; ++id)
            if (id != self) c.peers.push_back({id, address(id)});
        return c;
    }
    Node& make(LinkConfig c, const Keyring* keys, std::uint64_t incarnation = 1000) {
        auto fabric = std::make_unique<FakeFabric>(switch_);
        Node& node = nodes_[c.self];
        node.link.reset();
        node.fabric = fabric.get();
        node.link = std::make_unique<Link>(std::move(c), keys, incarnation, std::move(fabric));
        return node;
    }
    void start(std::size_t count) {
        for (NodeId id = 1; id <= count; ++id) ASSERT_TRUE(make(config(id, count), &keys_).link->open(now_));
        settle();
    }
    // Everybody works until nobody has anything to do.
    void settle() {
        for (int i = 0; i < 20; ++i)
            for (auto& [id, node] : nodes_) node.link->receive(now_, [&heard = node.heard](ByteView f) { heard.emplace_back(as_text(f)); });
    }
    void pass(Duration time) {
        for (Duration done{}; done < time; done = done + milliseconds(250)) {
            now_ = now_ + milliseconds(250);
            for (auto& [id, node] : nodes_) node.link->on_time(now_);
            settle();
        }
    }
    Link& link(NodeId id) { return *nodes_[id].link; }
    FakeFabric& fabric(NodeId id) { return *nodes_[id].fabric; }
    void say(NodeId from, std::string_view text) { link(from).multicast(as_bytes(text)), link(from).flush(), settle(); }

    Keyring keys_;
    FakeSwitch switch_;
    std::map<NodeId, Node> nodes_;
    Instant now_ = Instant{} + seconds(100);
};

TEST_F(RdmaLink, ThreeNodesFindEachOtherAndTalk) {
    start(3);
    EXPECT_TRUE(link(1).uses_group());
    say(1, "to all");
    EXPECT_EQ(nodes_[2].heard, Frames{"to all"});
    EXPECT_EQ(nodes_[3].heard, Frames{"to all"});
    EXPECT_TRUE(nodes_[1].heard.empty()) << "the own copy comes back from the fabric and is dropped";
    EXPECT_GT(link(1).counters().own, 0u);
    EXPECT_TRUE(link(2).unicast(3, as_bytes("token")));
    link(2).flush();
    settle();
    EXPECT_EQ(nodes_[3].heard.back(), "token");
    EXPECT_EQ(nodes_[1].heard.size(), 0u);
    pass(seconds(1));
    EXPECT_EQ(link(1).peers_heard(), 2u);
    for (NodeId id = 1; id <= 3; ++id) {
        EXPECT_EQ(fabric(id).live_tickets.size(), 0u);
        EXPECT_EQ(fabric(id).live_askers.size(), 0u);
        EXPECT_EQ(fabric(id).live_handles.size(), 3u) << "two peers and the group";
        EXPECT_EQ(fabric(id).posted_receives, 64u);
    }
}

TEST_F(RdmaLink, NothingOnTheFabricShowsAFrame) {
    start(2);
    say(1, "a secret that is easy to find");
    for (const Bytes& datagram : fabric(1).sent) EXPECT_EQ(as_text(datagram).find("secret"), std::string_view::npos);
}

TEST_F(RdmaLink, WithoutAGroupEachNodeIsSentTo) {
    switch_.groups = false;
    start(3);
    EXPECT_FALSE(link(1).uses_group());
    say(1, "fanned out");
    EXPECT_EQ(nodes_[2].heard, Frames{"fanned out"});
    EXPECT_EQ(nodes_[3].heard, Frames{"fanned out"});
    EXPECT_EQ(fabric(1).joins, 1);
    pass(seconds(3));
    EXPECT_EQ(fabric(1).joins, 2) << "tried again after two seconds";
    switch_.groups = true;
    pass(seconds(5));
    EXPECT_TRUE(link(1).uses_group());
    EXPECT_EQ(fabric(1).live_tickets.size(), 0u);
}

TEST_F(RdmaLink, WhoseMulticastIsNotHeardFansOutUntilItIs) {
    start(3);
    pass(seconds(2));
    switch_.deaf_to_group.insert(address(3));
    pass(seconds(8));
    EXPECT_FALSE(link(1).uses_group());
    say(1, "still");
    EXPECT_EQ(nodes_[3].heard, Frames{"still"});
    switch_.deaf_to_group.clear();
    pass(seconds(3));
    EXPECT_TRUE(link(1).uses_group());
}

TEST_F(RdmaLink, RequiredMeansNothingWithoutTheGroup) {
    switch_.groups = false;
    for (NodeId id = 1; id <= 2; ++id) {
        LinkConfig c = config(id, 2);
        c.multicast = Multicast::required;
        ASSERT_TRUE(make(std::move(c), &keys_).link->open(now_));
    }
    settle();
    EXPECT_FALSE(link(1).multicast(as_bytes("x")));
    EXPECT_TRUE(link(1).unicast(2, as_bytes("token")));
    switch_.groups = true;
    pass(seconds(3));
    EXPECT_TRUE(link(1).multicast(as_bytes("x")));
}

TEST_F(RdmaLink, NeverMeansNever) {
    for (NodeId id = 1; id <= 2; ++id) {
        LinkConfig c = config(id, 2);
        c.multicast = Multicast::never;
        ASSERT_TRUE(make(std::move(c), &keys_).link->open(now_));
    }
    settle();
    pass(seconds(40));
    EXPECT_EQ(fabric(1).joins, 0);
    say(1, "x");
    EXPECT_EQ(nodes_[2].heard, Frames{"x"});
}

TEST_F(RdmaLink, ARestartedPeerIsFoundAgainAndItsOldDatagramsAreNot) {
    start(2);
    say(2, "before");
    const std::vector<Bytes> recorded = fabric(2).sent;
    make(config(2, 2), &keys_, 2000);
    ASSERT_TRUE(link(2).open(now_));
    pass(seconds(3));
    say(2, "after");
    EXPECT_EQ(nodes_[1].heard, (Frames{"before", "after"}));
    EXPECT_TRUE(link(1).unicast(2, as_bytes("token")));
    link(1).flush();
    settle();
    EXPECT_EQ(nodes_[2].heard, Frames{"token"});
    const std::uint64_t refused = link(1).counters().of(Drop::unknown_life);
    for (const Bytes& datagram : recorded) fabric(1).deliver(datagram, 4711);
    settle();
    EXPECT_EQ(nodes_[1].heard.size(), 2u);
    EXPECT_EQ(link(1).counters().of(Drop::unknown_life), refused + recorded.size());
    EXPECT_EQ(fabric(1).live_handles.size(), 2u);
}

TEST_F(RdmaLink, AReopenedPeerInTheSameLifeIsFoundByItsNewQueuePair) {
    start(2);
    pass(seconds(2));
    fabric(2).conditions.push_back(Condition::broken);
    settle();
    EXPECT_EQ(link(2).counters().reopens, 1u);
    pass(seconds(4));
    EXPECT_TRUE(link(2).up());
    EXPECT_TRUE(link(1).unicast(2, as_bytes("token")));
    link(1).flush();
    settle();
    EXPECT_EQ(nodes_[2].heard, Frames{"token"});
    say(2, "again");
    EXPECT_EQ(nodes_[1].heard, Frames{"again"});
}

// What a forger says about lives must not cost a node its way to a peer.
TEST_F(RdmaLink, AForgedLifeDoesNotLoseThePeer) {
    start(2);
    pass(seconds(2));
    std::array<std::uint8_t, kEnvelopeSize> forged;
    encode({.from = 2, .to = 1, .incarnation = 7, .counter = 1}, forged);
    Bytes datagram(forged.begin(), forged.end());
    datagram.resize(100);
    for (int i = 0; i < 50; ++i) {
        fabric(1).deliver(datagram, 666);
        link(1).receive(now_, [](ByteView) {});
        EXPECT_TRUE(link(1).unicast(2, as_bytes("token")));
    }
    link(1).flush();
    settle();
    EXPECT_EQ(nodes_[2].heard.size(), 50u);
    EXPECT_TRUE(link(1).hears(2));
}

TEST_F(RdmaLink, ReplayedDatagramsAreDroppedAndCounted) {
    start(2);
    say(1, "once");
    for (const Bytes& datagram : fabric(1).sent) fabric(2).deliver(datagram, fabric(1).queue_pair);
    settle();
    EXPECT_EQ(nodes_[2].heard, Frames{"once"});
    EXPECT_GT(link(2).counters().of(Drop::replayed), 0u);
}

// Two dozen kinds of bad datagrams: each is counted under its reason, none delivered, nothing changed by them.
TEST_F(RdmaLink, BadDatagramsOfEveryKindAreDroppedAndCounted) {
    start(3);
    say(1, "good");
    const Bytes good = fabric(1).sent.back();
    struct Bad {
        const char* what;
        Drop why;
        std::function<void(Bytes&)> spoil;
    };
    const auto at = [](std::size_t i, std::uint8_t mask) { return [=](Bytes& b) { b[i] ^= mask; }; };
    const auto cut = [](std::size_t size) { return [=](Bytes& b) { b.resize(size); }; };
    const std::vector<Bad> all = {
        {"empty", Drop::truncated, cut(0)},
        {"one byte", Drop::truncated, cut(1)},
        {"half an envelope", Drop::truncated, cut(16)},
        {"an envelope alone", Drop::truncated, cut(32)},
        {"without its whole tag", Drop::truncated, cut(47)},
        {"another protocol", Drop::not_ours, at(0, 1)},
        {"another magic", Drop::not_ours, at(3, 1)},
        {"another version", Drop::not_ours, at(4, 3)},
        {"class 0", Drop::not_ours, [](Bytes& b) { b[5] = 0; }},
        {"class 4", Drop::not_ours, [](Bytes& b) { b[5] = 4; }},
        {"an unknown flag", Drop::not_ours, at(7, 2)},
        {"another key id", Drop::unknown_key, at(6, 1)},
        {"claims to be plaintext", Drop::plaintext, at(7, 1)},
        {"a sender that is no node", Drop::unknown_sender, at(8, 1)},
        {"sender 0", Drop::unknown_sender, [](Bytes& b) { b[11] = 0; }},
        {"for another node", Drop::other_destination, [](Bytes& b) { b[15] = 3; }},
        {"an older life", Drop::unknown_life, at(23, 1)},
        {"life 0", Drop::unknown_life, [](Bytes& b) { std::fill(b.begin() + 16, b.begin() + 24, std::uint8_t{0}); }},
        {"seen before", Drop::replayed, [](Bytes&) {}},
        {"a counter of its own", Drop::forged, at(24, 1)},
        {"another payload", Drop::forged, [](Bytes& b) { b[32] ^= 1, b[29] ^= 1; }},
        {"another tag", Drop::forged, [](Bytes& b) { b.back() ^= 1, b[29] ^= 2; }},
        {"a truncated payload", Drop::forged, [](Bytes& b) { b.resize(49), b[29] ^= 4; }},
        {"another class, so another window", Drop::forged, [](Bytes& b) { b[5] = 2; }},
        {"from another node's key", Drop::forged, [](Bytes& b) { b[11] = 3; }},
    };
    for (const Bad& bad : all) {
        Bytes datagram = good;
        bad.spoil(datagram);
        const std::uint64_t before = link(2).counters().of(bad.why);
        fabric(2).deliver(datagram, fabric(1).queue_pair);
        settle();
        EXPECT_EQ(link(2).counters().of(bad.why), before + 1) << bad.what;
    }
    EXPECT_EQ(nodes_[2].heard, Frames{"good"});
    say(1, "goes on");
    EXPECT_EQ(nodes_[2].heard, (Frames{"good", "goes on"}));
    EXPECT_EQ(fabric(2).posted_receives, 64u);
}

TEST_F(RdmaLink, AnotherKeyAnotherClusterAndPlaintextStayOutside) {
    start(2);
    const Keyring other(secret("some other key, long enough to be one"));
    LinkConfig wrong_key = config(3, 3);
    ASSERT_TRUE(make(std::move(wrong_key), &other).link->open(now_));
    pass(seconds(3));
    EXPECT_FALSE(link(3).hears(1));
    EXPECT_GT(link(1).counters().of(Drop::bad_query) + link(1).counters().of(Drop::unknown_sender), 0u);
    ASSERT_TRUE(make(config(3, 3), nullptr).link->open(now_));
    pass(seconds(7));
    EXPECT_FALSE(link(3).hears(1));
    LinkConfig foreign = config(3, 3);
    foreign.cluster_name = "another";
    ASSERT_TRUE(make(std::move(foreign), &keys_).link->open(now_));
    pass(seconds(7));
    EXPECT_FALSE(link(3).hears(1));
    say(1, "among us");
    EXPECT_EQ(nodes_[2].heard, Frames{"among us"});
    EXPECT_TRUE(nodes_[3].heard.empty());
}

TEST_F(RdmaLink, PlaintextWorksWhereBothSidesWantIt) {
    for (NodeId id = 1; id <= 2; ++id) ASSERT_TRUE(make(config(id, 2), nullptr).link->open(now_));
    settle();
    say(1, "readable");
    EXPECT_EQ(nodes_[2].heard, Frames{"readable"});
    EXPECT_EQ(link(1).frame_max(), 1024 - kEnvelopeSize);
}

TEST_F(RdmaLink, ASilentPeerIsDownAfterThreePeriodsAndUpAgainWhenHeard) {
    start(2);
    pass(seconds(2));
    ASSERT_TRUE(link(1).hears(2));
    switch_.cut.insert({address(2), address(1)});
    pass(seconds(4));
    EXPECT_FALSE(link(1).hears(2));
    EXPECT_TRUE(link(2).hears(1)) << "one direction only";
    EXPECT_EQ(link(1).states()[0].cause, "silent");
    switch_.cut.clear();
    pass(seconds(2));
    EXPECT_TRUE(link(1).hears(2));
}

TEST_F(RdmaLink, QueriesThatNobodyAnswersEndAndLeaveNothing) {
    ASSERT_TRUE(make(config(1, 9), &keys_).link->open(now_));
    fabric(1).asks_answered = false;
    pass(seconds(60));
    EXPECT_LE(fabric(1).live_tickets.size(), Link::kQueriesMax);
    EXPECT_GT(link(1).counters().queries, 50u);
    fabric(1).resolve_works = false;
    pass(seconds(20));
    EXPECT_EQ(fabric(1).live_tickets.size(), 0u);
    EXPECT_FALSE(link(1).unicast(2, as_bytes("nowhere")));
    EXPECT_GT(link(1).counters().no_target, 0u);
}

TEST_F(RdmaLink, TheSmallestMtuOfAllCounts) {
    for (NodeId id = 1; id <= 3; ++id) {
        make(config(id, 3), &keys_);
        fabric(id).mtu = id == 2 ? 1024 : 4096;
        ASSERT_TRUE(link(id).open(now_));
    }
    settle();
    pass(seconds(2));
    for (NodeId id = 1; id <= 3; ++id) EXPECT_EQ(link(id).frame_max(), 1024 - kOverhead) << id;
    EXPECT_FALSE(link(2).multicast(Bytes(1024 - kOverhead + 1)));
    EXPECT_EQ(link(2).counters().too_long, 1u);
    EXPECT_TRUE(link(2).multicast(Bytes(1024 - kOverhead)));
}

TEST_F(RdmaLink, APeerWithoutRoomForTheSmallestFrameDoesNotLimitTheOthers) {
    for (NodeId id = 1; id <= 2; ++id) {
        make(config(id, 2), &keys_);
        fabric(id).mtu = id == 2 ? 200 : 1024;
        ASSERT_TRUE(link(id).open(now_));
    }
    settle();
    pass(seconds(2));
    EXPECT_GT(link(1).counters().of(Drop::malformed_probe), 0u);
    EXPECT_EQ(link(1).frame_max(), 1024 - kOverhead);
}

TEST_F(RdmaLink, AnMtuTooSmallForTheCommitTokenIsRefusedAtTheStart) {
    Node& node = make(config(1, 40), &keys_);
    node.fabric->mtu = 1024;
    const Status opened = node.link->open(now_);
    ASSERT_FALSE(opened);
    EXPECT_NE(opened.error().text.find("carries 976 bytes in a datagram, a ring of 40 nodes needs 1161"), std::string::npos) << opened.error().text;
    EXPECT_EQ(node.fabric->closes, 1);
}

TEST_F(RdmaLink, WhatTheDeviceCannotDoAtTheStartIsSaid) {
    Node& node = make(config(1, 2), &keys_);
    node.fabric->open_error = "10.0.0.1 is not the address of an RDMA device";
    const Status opened = node.link->open(now_);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().text, "10.0.0.1 is not the address of an RDMA device");
}

TEST_F(RdmaLink, ARemovedDeviceIsLetGoOfAndTakenUpAgain) {
    start(2);
    fabric(1).events.push_back({.kind = Event::Kind::device_removed});
    fabric(1).open_error = "no device";
    settle();
    EXPECT_TRUE(fabric(1).last_close_removed);
    EXPECT_FALSE(link(1).up());
    EXPECT_FALSE(link(1).multicast(as_bytes("lost")));
    pass(seconds(20));
    EXPECT_LE(fabric(1).opens, 10) << "it backs off";
    fabric(1).open_error.clear();
    pass(seconds(8));
    EXPECT_TRUE(link(1).up());
    say(1, "back");
    EXPECT_EQ(nodes_[2].heard, Frames{"back"});
}

TEST_F(RdmaLink, EveryFaultOfTheDeviceReopensTheLink) {
    start(2);
    using Fault = std::function<void(FakeFabric&)>;
    const std::vector<std::pair<const char*, Fault>> faults = {
        {"a send completes with an error", [](FakeFabric& f) { f.completions.push_back({.send = true, .ok = false, .error = "local QP operation error"}); }},
        {"a receive is flushed", [](FakeFabric& f) { f.completions.push_back({.send = false, .ok = false, .error = "Work Request Flushed Error"}); }},
        {"a completion of no send", [](FakeFabric& f) { f.completions.push_back({.send = true, .ok = true, .slot = 77}); }},
        {"a slot that does not exist", [](FakeFabric& f) { f.completions.push_back({.send = true, .ok = true, .slot = 100'000}); }},
        {"a fatal error", [](FakeFabric& f) { f.conditions.push_back(Condition::broken); }},
        {"the address moved", [](FakeFabric& f) { f.events.push_back({.kind = Event::Kind::address_changed}); }},
        {"receives cannot be posted", [](FakeFabric& f) { f.repost_works = false, f.deliver(Bytes(60), 1); }},
        {"completions cannot be waited for", [](FakeFabric& f) { f.arm_works = false; }},
        {"sends are refused", [](FakeFabric& f) { f.post_result = Posted::broken; }},
        {"the queue is full", [](FakeFabric& f) { f.post_result = Posted::full; }},
        {"credentials changed", [](FakeFabric& f) { f.post_result = Posted::denied; }},
    };
    std::uint64_t reopens = 0;
    for (const auto& [what, fault] : faults) {
        fault(fabric(1));
        link(1).multicast(as_bytes("x")), link(1).flush();
        settle();
        fabric(1).post_result = Posted::ok, fabric(1).repost_works = fabric(1).arm_works = true;
        EXPECT_EQ(link(1).counters().reopens, ++reopens) << what;
        pass(seconds(8));
        EXPECT_TRUE(link(1).up()) << what;
        EXPECT_EQ(fabric(1).posted_receives, 64u) << what;
        nodes_[2].heard.clear();
        say(1, what);
        EXPECT_EQ(nodes_[2].heard, Frames{what});
    }
}

TEST_F(RdmaLink, SendsThatNeverCompleteAreBoundedAndDoNotBlock) {
    start(2);
    fabric(1).complete_sends = false;
    int taken = 0;
    for (int i = 0; i < 2000; ++i) taken += link(1).multicast(as_bytes("flood")) ? 1 : 0;
    EXPECT_LE(taken, static_cast<int>(Link::kSlots));
    EXPECT_GT(link(1).counters().no_slot, 1400u);
}

// What Totem may send at one visit has room, to each node by its own address too, although nothing has completed yet.
TEST_F(RdmaLink, TheWidestVisitOfTheTokenFansOutWithoutLoss) {
    switch_.groups = false;
    start(3);
    fabric(1).complete_sends = false;
    for (int i = 0; i < 8 * 17 + 30; ++i) ASSERT_TRUE(link(1).multicast(as_bytes("frame"))) << i;
    EXPECT_TRUE(link(1).unicast(2, as_bytes("token")));
    EXPECT_EQ(link(1).counters().no_slot, 0u);
}

TEST_F(RdmaLink, ALargeBatchIsDoneInPiecesAndNothingIsStranded) {
    start(2);
    for (int round = 0; round < 30; ++round) {
        for (int i = 0; i < 60; ++i) link(1).multicast(as_bytes(std::to_string(round * 60 + i)));
        link(1).flush();
        while (link(2).receive(now_, [&](ByteView f) { nodes_[2].heard.emplace_back(as_text(f)); })) {}
        settle();
    }
    ASSERT_EQ(nodes_[2].heard.size(), 1800u);
    for (int i = 0; i < 1800; ++i) EXPECT_EQ(nodes_[2].heard[static_cast<std::size_t>(i)], std::to_string(i));
}

TEST_F(RdmaLink, ALostCarrierStopsSendingAndItsReturnStartsIt) {
    start(2);
    pass(seconds(1));
    fabric(1).conditions.push_back(Condition::port_down);
    settle();
    EXPECT_FALSE(link(1).up());
    EXPECT_FALSE(link(1).multicast(as_bytes("x")));
    pass(seconds(1));
    EXPECT_FALSE(link(1).hears(2));
    EXPECT_EQ(link(1).states()[0].cause, "own port down");
    fabric(1).conditions.push_back(Condition::port_up);
    settle();
    pass(seconds(1));
    EXPECT_EQ(fabric(1).joins, 2);
    say(1, "again");
    EXPECT_EQ(nodes_[2].heard, Frames{"again"});
    EXPECT_EQ(link(1).counters().reopens, 0u);
}

TEST_F(RdmaLink, ChangedFabricAddressesAreAskedForAgain) {
    start(3);
    pass(seconds(2));
    const std::uint64_t before = link(1).counters().queries;
    fabric(1).conditions.push_back(Condition::addresses_changed);
    settle();
    pass(seconds(1));
    EXPECT_EQ(link(1).counters().queries, before + 2);
    EXPECT_EQ(fabric(1).live_handles.size(), 3u);
    say(1, "on");
    EXPECT_EQ(nodes_[3].heard, Frames{"on"});
}

TEST_F(RdmaLink, AnswersThatProveNothingAreNotBelieved) {
    start(1);
    make(config(1, 2), &keys_);
    ASSERT_TRUE(link(1).open(now_));
    nodes_.erase(2);
    FakeFabric liar(switch_);
    ASSERT_TRUE(liar.open({.address = address(2), .receive_depth = 8, .send_depth = 8}));
    const auto answers = {0, 1, 2, 3};
    for (const int kind : answers) {
        pass(seconds(7));
        Event asked;
        while (liar.next(asked)) {
            Bytes answer = asked.data;
            if (kind == 1) answer[3] = 'A';                                  // the request, called an answer
            if (kind == 2) answer.clear();
            if (kind == 3) {                                                 // authentic, but of another query
                const auto old = encode({.answer = true, .cluster = hash_of("c"), .from = 2, .incarnation = 5, .nonce = {9}},
                                        {.to = 1, .link = 0, .queue_pair = liar.queue_pair}, keys_.at(0));
                answer.assign(old->begin(), old->end());
            }
            liar.accept(asked.asker, answer);
        }
        settle();
        EXPECT_FALSE(link(1).unicast(2, as_bytes("x"))) << kind;
        EXPECT_LE(fabric(1).live_handles.size(), 1u) << "the group's at most";
    }
    EXPECT_GE(link(1).counters().of(Drop::bad_query), 4u);
}

}  // namespace
}  // namespace motet::transport::rdma
