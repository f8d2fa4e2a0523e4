// A single node with a service: which step of a synchronisation is waited for, and what happens when the service goes.
#include "membership/node/node.h"

#include <gtest/gtest.h>

#include <deque>

#include "libs/wire/service.h"

namespace motet::node {
namespace {

constexpr std::uint32_t kService = 2;

struct World final : Transport {
    std::deque<Bytes> frames;
    void multicast(ByteView) override {}
    void unicast(NodeId, ByteView frame) override { frames.emplace_back(frame.begin(), frame.end()); }
    void loop_back(ByteView frame) override { frames.emplace_back(frame.begin(), frame.end()); }
    bool store_ring_sequence(std::uint64_t) override { return true; }
};

struct Silent final : Service {
    sync::Round told = 0;
    bool completed = false;
    int completions = 0, started = 0;
    std::vector<std::uint32_t> processed;
    void sync_started() override { ++started; }
    void init(std::uint32_t, sync::Round, RingId, std::span<const NodeId>, std::span<const NodeId>) override {}
    void process(std::uint32_t service, sync::Round round) override {
        told = round;
        processed.push_back(service);
    }
    void activate(std::uint32_t, sync::Round) override {}
    void abort(std::uint32_t, sync::Round) override {}
    void complete(RingId, bool) override {
        completed = true;
        ++completions;
    }
    std::vector<bool> of_predecessors;   // of its messages
    void message(NodeId, ByteView, bool, bool of_predecessor) override { of_predecessors.push_back(of_predecessor); }
};

Config config() {
    Config c;
    c.totem.self = 1;
    c.totem.nodes = {1};
    return c;
}

struct Alone {
    World world;
    Node node{config(), 0, world};
    Silent service;
    Instant now{seconds(10).ns};

    explicit Alone(ServiceSet services = service_set(kService)) {
        node.attach(services, &service);
        node.start(now);
    }
    // Until nothing but time can change anything, then time; `done` ends it.
    template <class Done>
    bool run_until(Done done) {
        for (int i = 0; i < 20'000 && !done(); ++i) {
            if (!world.frames.empty()) {
                const Bytes frame = std::move(world.frames.front());
                world.frames.pop_front();
                node.on_frame(frame, now);
            } else {
                now = std::max(now, node.deadline());
                node.on_time(now);
            }
        }
        return done();
    }
};

TEST(Node, AwaitsAServiceUntilItIsDone) {
    Alone a;
    ASSERT_TRUE(a.run_until([&] { return a.service.told != 0; }));
    EXPECT_EQ(a.node.awaited(), (Node::Awaited{kService, a.service.told}));
    a.node.sync_done(kService, a.service.told + 1, a.now);  // of no round it was told
    EXPECT_EQ(a.node.awaited().service, kService);
    a.node.sync_done(kService, a.service.told, a.now);
    EXPECT_EQ(a.node.awaited().service, Node::kNobody);
    EXPECT_TRUE(a.run_until([&] { return a.service.completed; }));
}

TEST(Node, ASynchronisationGoesOnWithoutAServiceThatIsGone) {
    Alone a;
    ASSERT_TRUE(a.run_until([&] { return a.service.told != 0; }));
    a.node.detach(&a.service);
    EXPECT_EQ(a.node.awaited().service, Node::kNobody);
    a.node.on_time(a.now);
    EXPECT_TRUE(a.run_until([&] { return a.node.sync().complete(); }));
    EXPECT_FALSE(a.service.completed);
}

TEST(Node, OneWhoServesTwoIdsTakesAStepForEachAndHearsTheEndOnce) {
    Alone a(service_set(3) | service_set(5));
    for (const std::uint32_t id : {3u, 5u}) {
        ASSERT_TRUE(a.run_until([&] { return a.node.awaited().service == id; })) << id;
        a.node.sync_done(id, a.service.told, a.now);
    }
    EXPECT_TRUE(a.run_until([&] { return a.node.sync().complete(); }));
    EXPECT_EQ(a.service.processed, (std::vector<std::uint32_t>{3, 5}));
    EXPECT_EQ(a.service.completions, 1);
    EXPECT_EQ(a.service.started, 1);
}

TEST(Node, OneWithoutServicesHearsWhenClientsMustWaitAndMayGoOn) {
    Alone a(0);
    EXPECT_TRUE(a.run_until([&] { return a.node.sync().complete(); }));
    EXPECT_TRUE(a.service.processed.empty());
    EXPECT_EQ(a.service.completions, 1);
    EXPECT_EQ(a.service.started, 1);
}

TEST(Node, WhatAPredecessorHasSubmittedIsToldApart) {
    Alone a;
    ASSERT_TRUE(a.run_until([&] { return a.service.told != 0; }));
    a.node.sync_done(kService, a.service.told, a.now);
    ASSERT_TRUE(a.run_until([&] { return a.service.completed; }));
    Bytes message;
    wire::encode_service_header(kService << 16, wire::kRequestHeaderSize, message);
    const auto submit = [&](const Service& by) {
        EXPECT_EQ(a.node.submit(service_set(kService), message, Guarantee::agreed, true, true, a.now, &by, 1), Submitted::taken);
    };
    submit(a.service);
    ASSERT_TRUE(a.run_until([&] { return a.service.of_predecessors.size() == 1; }));
    EXPECT_FALSE(a.service.of_predecessors[0]);
    submit(a.service);
    a.node.detach(&a.service);
    Silent successor;
    a.node.attach(service_set(kService), &successor);
    submit(successor);
    ASSERT_TRUE(a.run_until([&] { return successor.of_predecessors.size() == 2; }));
    EXPECT_EQ(successor.of_predecessors, (std::vector<bool>{true, false}));
}

TEST(Node, AMessageOfAnothersServiceIsRefused) {
    Alone a(service_set(3) | service_set(5));
    Bytes message;
    wire::encode_service_header(5u << 16, wire::kRequestHeaderSize, message);
    EXPECT_EQ(a.node.submit(service_set(3) | service_set(5), message, Guarantee::agreed, true, true, a.now), Submitted::taken);
    EXPECT_EQ(a.node.submit(service_set(2), message, Guarantee::agreed, true, true, a.now), Submitted::refused);
    EXPECT_EQ(a.node.submit_sync(service_set(2), 1, message, a.now), Submitted::refused);
    EXPECT_EQ(a.node.submit(0, message, Guarantee::agreed, true, true, a.now), Submitted::refused);
    wire::encode_service_header(2u << 16 | 200u << 22, wire::kRequestHeaderSize, message);
    EXPECT_EQ(a.node.submit(~ServiceSet{0}, ByteView(message).last(wire::kRequestHeaderSize), Guarantee::agreed, true, true, a.now), Submitted::refused);
}

}  // namespace
}  // namespace motet::node
