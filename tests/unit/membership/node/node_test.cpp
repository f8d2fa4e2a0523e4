// A single node with a service: which step of a synchronisation is waited for, and what happens when the service goes.
#include "membership/node/node.h"

#include <gtest/gtest.h>

#include <deque>

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
    void sync_started() override {}
    void init(sync::Round, RingId, std::span<const NodeId>, std::span<const NodeId>) override {}
    void process(sync::Round round) override { told = round; }
    void activate(sync::Round) override {}
    void abort(sync::Round) override {}
    void complete(RingId, bool) override { completed = true; }
    void message(NodeId, ByteView, bool) override {}
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

    Alone() {
        node.attach(kService, &service);
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
    a.node.attach(kService, nullptr);
    EXPECT_EQ(a.node.awaited().service, Node::kNobody);
    a.node.on_time(a.now);
    EXPECT_TRUE(a.run_until([&] { return a.node.sync().complete(); }));
    EXPECT_FALSE(a.service.completed);
}

}  // namespace
}  // namespace motet::node
