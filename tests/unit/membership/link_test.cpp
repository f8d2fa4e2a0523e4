// A worker's link from membership's side: who may hold the node back, what is kept for a slow worker, when it is cut off.
#include "membership/link.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

#include "libs/wire/service.h"

namespace motet {
namespace {

constexpr std::uint64_t kCapacity = 1u << 20;

struct Rig {
    ring::SegmentFds delivery, submit;
    int ends[2];
    ring::Segment worker_own, worker_peer;      // as the worker maps them
    std::unique_ptr<ring::Consumer> worker;
    std::unique_ptr<Link> link;

    explicit Rig(ServiceSet services = service_set(2)) {
        delivery = *ring::create_link_segment(ring::Role::membership, 1, kCapacity, 0);
        submit = *ring::create_link_segment(ring::Role::worker, 1, kCapacity, ring::kCapacityMin);
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
        worker_own = std::move(*ring::Segment::map(submit.writable, true));
        worker_peer = std::move(*ring::Segment::map(delivery.read_only, false));
        worker = std::make_unique<ring::Consumer>(worker_own.page(), worker_peer.page(), std::uint32_t{kCapacity / 2}, kCapacity);
        link = std::make_unique<Link>(1, "worker", services, 1, ends[0], std::move(*ring::Segment::map(delivery.writable, true)),
                                      std::move(*ring::Segment::map(submit.read_only, false)));
    }
    ~Rig() {
        for (const int fd : {delivery.writable, delivery.read_only, submit.writable, submit.read_only, ends[1]}) close(fd);
    }

    void deliver(std::size_t messages) {
        const std::vector<std::uint8_t> body(4096, 7);
        for (std::size_t i = 0; i < messages; ++i) link->message(1, body, false, false);
        link->publish();
    }
    std::size_t take(std::size_t messages) {
        ring::Record record;
        std::size_t taken = 0;
        while (taken < messages && worker->next(record) == ring::Pull::record) ++taken;
        worker->release();
        return taken;
    }
};

// A transport that carries nothing, for a node that is never started.
struct Nowhere final : node::Transport {
    void multicast(ByteView) override {}
    void unicast(NodeId, ByteView) override {}
    void loop_back(ByteView) override {}
    bool store_ring_sequence(std::uint64_t) override { return true; }
};

node::Config lone() {
    node::Config config;
    config.totem.self = 1;
    config.totem.nodes = {1};
    return config;
}

void ask(Rig& rig, ring::Producer& worker, std::uint64_t what, std::string_view text) {
    feed::SubmitHeader header;
    header.reply = what;
    header.round = 7;
    const ByteView pieces[] = {{reinterpret_cast<const std::uint8_t*>(&header), sizeof header}, as_bytes(text)};
    ASSERT_EQ(worker.push(static_cast<std::uint16_t>(feed::Submit::operation), 0, pieces), ring::Push::ok);
    worker.publish();
    Nowhere nowhere;
    node::Node node(lone(), 0, nowhere);
    rig.link->drain(node, Instant{1}, 100);
}

TEST(Link, TheWorkerOfCfgMayAskForOperations) {
    Rig rig(service_set(0) | service_set(1));
    ring::Producer worker(rig.worker_own.page(), rig.worker_peer.page());
    ask(rig, worker, 2, "because");
    EXPECT_EQ(rig.link->broken(), nullptr);
    ASSERT_EQ(rig.link->operations().size(), 1u);
    EXPECT_EQ(rig.link->operations()[0].what, 2u);
    EXPECT_EQ(rig.link->operations()[0].number, 7u);
    EXPECT_EQ(rig.link->operations()[0].text, "because");
}

// What follows an operation may say that it is done.
TEST(Link, NothingIsTakenFromBehindAnOperationBeforeTheNextRound) {
    Rig rig(service_set(1));
    ring::Producer worker(rig.worker_own.page(), rig.worker_peer.page());
    feed::SubmitHeader header;
    header.reply = feed::kOperationForgetKey;
    const ByteView pieces[] = {{reinterpret_cast<const std::uint8_t*>(&header), sizeof header}};
    ASSERT_EQ(worker.push(static_cast<std::uint16_t>(feed::Submit::operation), 0, pieces), ring::Push::ok);
    ask(rig, worker, feed::kOperationSwitchKey, "");
    ASSERT_EQ(rig.link->operations().size(), 1u);
    EXPECT_EQ(rig.link->operations()[0].what, feed::kOperationForgetKey);
}

TEST(Link, AnyOtherWorkerThatAsksForOneIsCutOff) {
    Rig rig(service_set(2));
    ring::Producer worker(rig.worker_own.page(), rig.worker_peer.page());
    ask(rig, worker, 2, "because");
    EXPECT_NE(rig.link->broken(), nullptr);
    EXPECT_TRUE(rig.link->operations().empty());
}

TEST(Link, AWorkerThatIsAtWorkHoldsTheNodeBackOneThatIsNotDoesNot) {
    Rig rig;
    Instant now{seconds(100).ns};
    EXPECT_FALSE(rig.link->congested(now));
    rig.deliver(300);   // more than the ring takes
    ASSERT_GT(rig.link->backlog(), 0u);
    rig.take(100);
    EXPECT_TRUE(rig.link->congested(now));
    // It stops: after a moment nobody waits for it any more.
    now = now + milliseconds(300);
    EXPECT_FALSE(rig.link->congested(now));
    rig.take(1);        // and creeping along is not working
    EXPECT_FALSE(rig.link->congested(now));
    rig.take(100);
    EXPECT_TRUE(rig.link->congested(now));
}

TEST(Link, HoldingTheNodeBackEndsHoweverBusyTheWorkerLooks) {
    Rig rig;
    Instant now{seconds(100).ns};
    EXPECT_FALSE(rig.link->congested(now));
    rig.deliver(3000);
    bool held = true;
    int seconds_held = 0;
    for (; held && seconds_held < 120; ++seconds_held) {
        rig.take(4);
        rig.link->publish();
        now = now + seconds(1);
        held = rig.link->congested(now);
    }
    EXPECT_GT(seconds_held, 30);
    EXPECT_LT(seconds_held, 90);
}

TEST(Link, DeliveriesAreVisibleBeforeASleepingWorkerIsWokenOnce) {
    Rig rig;
    const auto tokens = [&] {
        char bytes[16];
        return recv(rig.ends[1], bytes, sizeof bytes, MSG_DONTWAIT);
    };
    rig.deliver(1);
    EXPECT_EQ(rig.take(2), 1u);
    EXPECT_EQ(tokens(), -1);
    rig.link->wake();
    rig.link->wake();
    EXPECT_EQ(tokens(), 1);
    // Awake, it needs no token; asleep again, the next delivery brings one.
    rig.deliver(1);
    rig.link->wake();
    EXPECT_EQ(tokens(), -1);
    EXPECT_EQ(rig.take(2), 1u);
    ASSERT_TRUE(rig.worker->arm());
    rig.deliver(1);
    rig.deliver(1);
    rig.link->wake();
    EXPECT_EQ(tokens(), 1);
}

// Its room must come back without another message: a worker whose ring is full sends none.
TEST(Link, ALongOwnMessageThatIsPublishedAsItComesGivesItsRoomBack) {
    Rig rig(service_set(2));
    ring::Producer worker(rig.worker_own.page(), rig.worker_peer.page());
    Bytes message;
    constexpr std::uint32_t kSize = 200'000;
    wire::encode_service_header(2u << 16 | 3, kSize, message);
    message.resize(kSize);
    feed::SubmitHeader header;
    header.unit_first = header.unit_last = 1;
    const ByteView pieces[] = {{reinterpret_cast<const std::uint8_t*>(&header), sizeof header}, message};
    ASSERT_EQ(worker.push(static_cast<std::uint16_t>(feed::Submit::multicast), 0, pieces), ring::Push::ok);
    worker.publish();
    Nowhere nowhere;
    node::Node node(lone(), 0, nowhere);
    ASSERT_TRUE(rig.link->drain(node, Instant{1}, 100));
    ASSERT_EQ(rig.link->broken(), nullptr);
    EXPECT_EQ(worker.used_bytes(), worker.head());
    rig.link->own_next(worker.head());
    rig.link->message(1, message, false, false);
    EXPECT_FALSE(rig.link->unpublished());      // at once
    rig.link->publish();
    EXPECT_EQ(worker.used_bytes(), 0u);
}

TEST(Link, WhatDoesNotFitWaitsInOrder) {
    Rig rig;
    rig.deliver(600);
    std::size_t taken = 0;
    for (int i = 0; i < 10; ++i) {
        taken += rig.take(1000);
        rig.link->publish();
    }
    EXPECT_EQ(taken, 600u);
    EXPECT_EQ(rig.link->backlog(), 0u);
    EXPECT_EQ(rig.link->delivered(), 600u);
    EXPECT_EQ(rig.link->broken(), nullptr);
}

TEST(Link, AWorkerThatTakesNothingIsCutOffAtTheLimit) {
    Rig rig;
    rig.deliver(Link::kBacklogMax / 4096 + kCapacity / 4096 + 2);
    EXPECT_NE(rig.link->broken(), nullptr);
    EXPECT_LE(rig.link->backlog(), Link::kBacklogMax + 8192);
}

TEST(Link, AnImpossibleCursorIsSeen) {
    Rig rig;
    rig.deliver(10);
    rig.worker_own.page()->tail.store(std::uint64_t{1} << 40);
    rig.deliver(300);
    EXPECT_NE(rig.link->broken(), nullptr);
}

}  // namespace
}  // namespace motet
