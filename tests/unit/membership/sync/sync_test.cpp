// Synchronisation of a few nodes that share one total order.
#include "membership/sync/sync.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>

#include "libs/wire/group.h"
#include "libs/wire/sync.h"
#include "tests/vectors/load.h"

namespace motet::sync {
namespace {

using Nodes = std::vector<NodeId>;

std::string list(std::span<const NodeId> nodes) {
    std::string text;
    for (const NodeId node : nodes) text += " " + std::to_string(node);
    return text;
}

// One node: writes down what it is asked for, and answers `process` at once unless told otherwise.
struct TestNode final : Output {
    TestNode(NodeId id, std::vector<std::uint32_t> services) : self(id), sync(id, services) {}

    void send_sync(ByteView message) override { sent.emplace_back(message.begin(), message.end()); }
    void service_init(std::uint32_t service, Round round, RingId ring, std::span<const NodeId> members,
                      std::span<const NodeId> continuing) override {
        last_round = round;
        continuing_of[service] = {continuing.begin(), continuing.end()};
        note(service, "init " + std::to_string(ring.seq) + " members" + list(members) + " continuing" + list(continuing));
    }
    void service_process(std::uint32_t service, Round round) override {
        EXPECT_EQ(round, last_round);
        note(service, "process");
        if (answers) sync.service_done(service, round, *this);
    }
    void service_activate(std::uint32_t service, Round round) override {
        EXPECT_EQ(round, last_round);
        note(service, "activate");
    }
    void service_abort(std::uint32_t service, Round round) override {
        EXPECT_EQ(round, last_round);
        note(service, "abort");
    }
    void sync_started() override { log.push_back("stop"); }
    void sync_complete(RingId ring, bool all) override {
        log.push_back("complete " + std::to_string(ring.seq) + (all ? " motet" : " mixed"));
    }
    void note(std::uint32_t service, const std::string& what) { log.push_back(std::to_string(service) + " " + what); }

    NodeId self;
    Sync sync;
    bool answers = true;
    Round last_round = 0;
    std::deque<Bytes> sent;
    std::map<std::uint32_t, Nodes> continuing_of;
    std::vector<std::string> log;
};

Bytes barrier(RingId ring) {
    Bytes out;
    wire::encode_sync_barrier({ring}, out);
    return out;
}
Bytes build(RingId ring, std::initializer_list<std::uint32_t> services) {
    Bytes out;
    wire::ServiceBuild b{ring, {}};
    for (const std::uint32_t s : services) b.services.push(s);
    wire::encode_service_build(b, out);
    return out;
}
ByteView body(const Bytes& message) { return ByteView(message).subspan(wire::kSyncPrefix.size()); }

struct Cluster {
    explicit Cluster(NodeId count, std::vector<std::uint32_t> services = {kCmap, kCpg, kQuorum}) {
        for (NodeId id = 1; id <= count; ++id) nodes.emplace(id, std::make_unique<TestNode>(id, services));
    }
    TestNode& operator[](NodeId id) { return *nodes.at(id); }

    // Ring `seq` of `members`; `old` are the sets that come from one ring together.
    void form(std::uint64_t seq, const Nodes& members, const std::vector<Nodes>& old) {
        for (const Nodes& together : old) {
            for (const NodeId id : together) {
                nodes.at(id)->sync.transitional({together.front(), 0}, together, *nodes.at(id));
            }
        }
        install(seq, members);
    }
    void install(std::uint64_t seq, const Nodes& members) {
        for (const NodeId id : members) {
            nodes.at(id)->sent.clear();
            nodes.at(id)->sync.regular({members.front(), seq}, members, *nodes.at(id));
        }
    }
    // Delivers up to `limit` messages in one order, to `to` (default: to all members); false if none was left.
    std::size_t run(const Nodes& members, std::size_t limit = 1000) {
        std::size_t count = 0;
        for (bool more = true; more && count < limit;) {
            more = false;
            for (const NodeId from : members) {
                if (nodes.at(from)->sent.empty() || count == limit) continue;
                const Bytes message = nodes.at(from)->sent.front();
                nodes.at(from)->sent.pop_front();
                for (const NodeId to : members) nodes.at(to)->sync.deliver(from, body(message), false, *nodes.at(to));
                more = true;
                ++count;
            }
        }
        return count;
    }
    std::map<NodeId, std::unique_ptr<TestNode>> nodes;
};

TEST(Sync, ANodeAloneGoesThroughItsServicesInAscendingOrder) {
    Cluster cluster(1);
    cluster.form(4, {1}, {});
    EXPECT_FALSE(cluster[1].sync.complete());
    EXPECT_EQ(cluster[1].sync.describe(), "waiting for service builds of nodes 1");
    EXPECT_EQ(cluster.run({1}), 5u);  // one build, barriers for 0, 2, 3 and 40
    const std::vector<std::string> expected = {"stop",
                                               "0 init 4 members 1 continuing 1",
                                               "2 init 4 members 1 continuing 1",
                                               "3 init 4 members 1 continuing 1",
                                               "0 process",
                                               "0 activate",
                                               "2 process",
                                               "2 activate",
                                               "3 process",
                                               "3 activate",
                                               "complete 4 motet"};
    EXPECT_EQ(cluster[1].log, expected);
    EXPECT_TRUE(cluster[1].sync.complete());
    EXPECT_EQ(cluster[1].sync.describe(), "complete");
}

TEST(Sync, TheServiceBuildIsByteForByteTheRecordedOneWithOurIdAdded) {
    TestNode node(1, {kCmap, kCpg, kQuorum, kVotequorum});
    const Nodes members = {1};
    node.sync.regular({1, 5}, members, node);
    Bytes recorded = test::load_hex("services/01-sync-service-build-4.hex");
    ASSERT_EQ(recorded.size(), 560u);
    const auto theirs = wire::decode_service_build(body(recorded), false);
    ASSERT_TRUE(theirs);
    Bytes expected(recorded.begin(), recorded.begin() + 8);
    wire::ServiceBuild build = *theirs;
    build.ring = {1, 5};
    build.services.push(kMotet);
    wire::encode_service_build(build, expected);
    ASSERT_EQ(node.sent.size(), 1u);
    EXPECT_EQ(node.sent.front(), expected);
}

TEST(Sync, AllMembersActivateEachStepAtTheSamePlace) {
    Cluster cluster(3);
    cluster.form(4, {1, 2, 3}, {});
    EXPECT_EQ(cluster.run({1, 2, 3}), 15u);
    for (NodeId id = 1; id <= 3; ++id) {
        EXPECT_EQ(cluster[id].log.back(), "complete 4 motet");
        EXPECT_EQ(cluster[id].sync.dropped(), 0u);
    }
}

// A peer may have services we lack and lack services we have: the merged list counts, for everybody.
TEST(Sync, StepsOfServicesNobodyServesHereGetABarrierAtOnce) {
    TestNode node(1, {kCmap, kCpg});
    const Nodes members = {1, 2};
    const RingId ring{1, 8};
    node.sync.regular(ring, members, node);
    node.sync.deliver(1, body(node.sent[0]), false, node);
    node.sync.deliver(2, build(ring, {0, 2, 3, 5}), false, node);
    for (const std::uint32_t service : {0u, 2u, 3u, 5u, 40u}) {
        ASSERT_EQ(node.sync.describe(), "waiting in step " + std::to_string(service) + " (barrier) for nodes 1 2");
        node.sync.deliver(1, barrier(ring), false, node);
        node.sync.deliver(2, barrier(ring), false, node);
    }
    EXPECT_EQ(node.sent.size(), 6u);
    EXPECT_EQ(node.log.back(), "complete 8 mixed");
    EXPECT_FALSE(node.sync.all_motet());
}

TEST(Sync, ABarrierWaitsForTheServiceAndIgnoresLateAnswers) {
    TestNode node(1, {kCpg});
    node.answers = false;
    const Nodes members = {1};
    node.sync.regular({1, 4}, members, node);
    node.sync.deliver(1, body(node.sent[0]), false, node);
    const Round first = node.last_round;
    EXPECT_NE(first, 0u);
    EXPECT_EQ(node.sync.describe(), "waiting in step 2 (process) for nodes 1");
    node.sync.service_done(kQuorum, first, node);
    EXPECT_EQ(node.sent.size(), 1u);

    node.sync.transitional({1, 4}, members, node);
    node.sync.service_done(kCpg, first, node);  // what is sent now cannot be part of the old ring
    EXPECT_EQ(node.sent.size(), 1u);
    node.sync.regular({1, 8}, members, node);
    node.sync.deliver(1, body(node.sent[1]), false, node);
    node.sync.service_done(kCpg, first, node);
    EXPECT_EQ(node.sent.size(), 2u);
    node.sync.service_done(kCpg, node.last_round, node);
    ASSERT_EQ(node.sent.size(), 3u);
    EXPECT_EQ(body(node.sent[2]).size(), wire::kSyncBarrierSize);
    node.sync.service_done(kCpg, node.last_round, node);
    EXPECT_EQ(node.sent.size(), 3u);
}

TEST(Sync, WhatIsStaleForeignMalformedOrNotFromAMemberIsDropped) {
    TestNode node(1, {kCpg});
    const Nodes members = {1, 2};
    const RingId ring{1, 8};
    node.sync.regular(ring, members, node);
    const auto dropped = [&](NodeId from, const Bytes& bytes, bool foreign) {
        const std::uint64_t before = node.sync.dropped();
        node.sync.deliver(from, bytes, foreign, node);
        return node.sync.dropped() == before + 1;
    };
    EXPECT_TRUE(dropped(2, build({1, 4}, {2}), false));  // another ring
    EXPECT_TRUE(dropped(2, build({2, 8}, {2}), false));  // the same sequence of another representative
    EXPECT_TRUE(dropped(3, build(ring, {2}), false));    // no member
    EXPECT_TRUE(dropped(2, build(ring, {2}), true));     // foreign byte order
    EXPECT_TRUE(dropped(2, barrier(ring), false));       // there is no step yet
    EXPECT_TRUE(dropped(2, {}, false));
    EXPECT_TRUE(dropped(2, Bytes(16, 0xff), false));
    Bytes cut = build(ring, {2});
    cut.resize(cut.size() - 1);
    EXPECT_TRUE(dropped(2, cut, false));
    Bytes many = build(ring, {2});
    store_at<std::uint32_t>(many, 32, 129);
    EXPECT_TRUE(dropped(2, many, false));
    Bytes wild = build(ring, {2});
    store_at<std::uint32_t>(wild, 40, 64);
    EXPECT_TRUE(dropped(2, wild, false));

    node.sync.deliver(1, build(ring, {2, 40}), false, node);
    node.sync.deliver(1, build(ring, {2, 40}), false, node);  // a duplicate does no harm
    EXPECT_EQ(node.sync.describe(), "waiting for service builds of nodes 2");
    node.sync.deliver(2, build(ring, {2, 40}), false, node);
    EXPECT_TRUE(dropped(2, build(ring, {2, 7}), false));  // too late: the list is merged
    node.sync.deliver(2, barrier(ring), false, node);
    node.sync.deliver(2, barrier(ring), false, node);
    EXPECT_EQ(node.sync.describe(), "waiting in step 2 (barrier) for nodes 1");
}

TEST(Sync, ANewRingAbortsTheUnfinishedRoundAndClientsStayStopped) {
    Cluster cluster(2);
    cluster.form(4, {1, 2}, {});
    cluster.run({1, 2}, 4);  // builds and the barriers of cmap
    cluster.form(8, {1, 2}, {{1, 2}});
    const std::vector<std::string> expected = {"stop",
                                               "0 init 4 members 1 2 continuing 1",
                                               "2 init 4 members 1 2 continuing 1",
                                               "3 init 4 members 1 2 continuing 1",
                                               "0 process",
                                               "0 activate",
                                               "2 process",
                                               "2 abort",
                                               "3 abort",
                                               "0 init 8 members 1 2 continuing 1 2",
                                               "2 init 8 members 1 2 continuing 1",
                                               "3 init 8 members 1 2 continuing 1"};
    EXPECT_EQ(cluster[1].log, expected);
    cluster.run({1, 2});
    EXPECT_EQ(cluster[1].log.back(), "complete 8 motet");
    EXPECT_EQ(std::count(cluster[1].log.begin(), cluster[1].log.end(), "stop"), 1);
}

// C5: node 2 was away in a ring that was replaced before anything was activated for it. It is back, but it did not
// come along.
TEST(Sync, DeparturesOfSupersededRingsAreNotForgotten) {
    Cluster cluster(3);
    cluster.form(4, {1, 2, 3}, {});
    cluster.run({1, 2, 3});
    cluster.form(8, {1, 3}, {{1, 3}, {2}});
    cluster.form(12, {1, 2, 3}, {{1, 3}, {2}});
    EXPECT_EQ(cluster[1].continuing_of[kCpg], (Nodes{1, 3}));
    EXPECT_EQ(cluster[3].continuing_of[kCpg], (Nodes{1, 3}));
    EXPECT_EQ(cluster[2].continuing_of[kCpg], (Nodes{2}));
}

// V10, C5: the last barrier of a step reaches node 1 in the regular part of the ring and node 2 only in the
// transitional part. Both must have announced the ring.
TEST(Sync, BarriersOfTheTransitionalPartStillCount) {
    Cluster cluster(3, {kCpg});
    cluster.form(4, {1, 2, 3}, {});
    TestNode &one = cluster[1], &two = cluster[2];
    const RingId ring{1, 4};
    for (TestNode* node : {&one, &two}) {
        for (NodeId from = 1; from <= 3; ++from) node->sync.deliver(from, build(ring, {2, 40}), false, *node);
        node->sync.deliver(1, barrier(ring), false, *node);
        node->sync.deliver(3, barrier(ring), false, *node);
    }
    const Nodes together = {1, 2};
    one.sync.deliver(2, barrier(ring), false, one);
    one.sync.transitional(ring, together, one);
    two.sync.transitional(ring, together, two);
    const std::size_t sent = two.sent.size();
    two.sync.deliver(2, barrier(ring), false, two);
    EXPECT_EQ(two.log.back(), "2 activate");
    EXPECT_EQ(two.sent.size(), sent);  // nothing can be added to a ring that is being left
    cluster.install(8, {1, 2, 3});  // node 3 is back, but it did not come along
    EXPECT_EQ(one.continuing_of[kCpg], together);
    EXPECT_EQ(two.continuing_of[kCpg], together);
}

// The last barrier of all in the transitional part: complete at the same place as elsewhere, then stopped again.
TEST(Sync, ARingCompletedInItsTransitionalPartStopsClientsAtOnce) {
    Cluster cluster(2, {kCpg});
    cluster.form(4, {1, 2}, {});
    const std::size_t all = cluster.run({1, 2}, 5);
    ASSERT_EQ(all, 5u);  // the barrier of node 2 in the last step is missing
    const Nodes together = {1, 2};
    cluster[1].sync.transitional({1, 4}, together, cluster[1]);
    cluster[1].sync.deliver(2, barrier({1, 4}), false, cluster[1]);
    const std::vector<std::string> tail(cluster[1].log.end() - 2, cluster[1].log.end());
    EXPECT_EQ(tail, (std::vector<std::string>{"complete 4 motet", "stop"}));
    EXPECT_FALSE(cluster[1].sync.complete());
    EXPECT_EQ(cluster[1].sync.describe(), "waiting for the next ring");
}

TEST(Sync, RestartIsAskedForOnlyIfEveryMemberListsIt) {
    Cluster cluster(2, {kCpg});
    cluster.form(4, {1, 2}, {});
    cluster.run({1, 2});
    EXPECT_TRUE(cluster[1].sync.all_motet());
    TestNode& node = cluster[1];
    const Nodes members = {1, 2};
    const RingId ring{1, 8};
    node.sync.transitional({1, 4}, members, node);
    node.sync.regular(ring, members, node);
    EXPECT_FALSE(node.sync.all_motet());
    node.sync.deliver(1, build(ring, {2, 40}), false, node);
    node.sync.deliver(2, build(ring, {2}), false, node);
    for (int step = 0; step < 2; ++step) {
        node.sync.deliver(1, barrier(ring), false, node);
        node.sync.deliver(2, barrier(ring), false, node);
    }
    EXPECT_EQ(node.log.back(), "complete 8 mixed");
}

}  // namespace
}  // namespace motet::sync
