// The cluster's key is replaced while links talk: nothing lost, nothing refused, and the old key is worth nothing afterwards.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>

#include "membership/transport/rdma/rdma.h"
#include "tests/unit/membership/transport/rdma/fake_fabric.h"

namespace motet::transport::rdma {
namespace {

constexpr NodeId kNodes = 3;

Secret secret(const std::string& key) { return std::move(*Secret::make(as_bytes(key), "c")); }
std::string key(unsigned number) { return "the key of the cluster, number " + std::to_string(number); }

struct Node {
    std::unique_ptr<Keyring> keys;
    FakeFabric* fabric = nullptr;
    std::unique_ptr<Link> link;
    std::uint64_t heard = 0;

    void install(const std::string& fresh) {
        ASSERT_TRUE(keys->install(secret(fresh)));
        ASSERT_TRUE(link->add_key(keys->other()));
    }
    void use() { ASSERT_TRUE(keys->use_installed()); }
    void forget() {
        link->drop_key(keys->other());
        keys->forget_other();
    }
};

class RdmaKeys : public ::testing::Test {
protected:
    void SetUp() override {
        for (NodeId id = 1; id <= kNodes; ++id) start(id, key(0), 1000);
        settle();
        pass(seconds(1));
    }
    static std::string address(NodeId id) { return "10.0.0." + std::to_string(id); }
    void start(NodeId id, const std::string& first, std::uint64_t incarnation, Duration poll = {}) {
        LinkConfig c;
        c.self = id;
        c.cluster_name = "c";
        c.group = "239.192.77.1";
        c.poll = poll;
        c.fabric.address = address(id);
        c.fabric.receive_depth = 64;
        for (NodeId peer = 1; peer <= kNodes; ++peer)
            if (peer != id) c.peers.push_back({peer, address(peer)});
        Node& node = nodes_[id];
        node.link.reset();
        node.keys = std::make_unique<Keyring>(secret(first));
        auto fabric = std::make_unique<FakeFabric>(switch_);
        node.fabric = fabric.get();
        node.link = std::make_unique<Link>(std::move(c), node.keys.get(), incarnation, std::move(fabric));
        ASSERT_TRUE(node.link->open(now_));
    }
    void settle() {
        for (int i = 0; i < 20; ++i)
            for (auto& [id, node] : nodes_) node.link->receive(now_, [&heard = node.heard](ByteView) { ++heard; });
    }
    void pass(Duration time) {
        for (Duration done{}; done < time; done = done + milliseconds(250)) {
            now_ = now_ + milliseconds(250);
            for (auto& [id, node] : nodes_) node.link->on_time(now_);
            settle();
        }
    }
    // A frame of each to all others and a token to the next one; true: every one has arrived.
    bool talk() {
        std::map<NodeId, std::uint64_t> wanted;
        for (auto& [id, node] : nodes_) wanted[id] = node.heard + kNodes;
        for (auto& [id, node] : nodes_) {
            node.link->multicast(as_bytes("frame"));
            node.link->unicast(id % kNodes + 1, as_bytes("token"));
            node.link->flush();
        }
        settle();
        for (auto& [id, node] : nodes_)
            if (node.heard != wanted[id]) return false;
        return true;
    }
    // A step of one node after the other; true: all heard all behind each.
    bool each(const std::function<void(Node&)>& step) {
        bool all = true;
        for (auto& [id, node] : nodes_) step(node), all &= talk();
        return all;
    }
    std::uint64_t refused() {
        std::uint64_t all = 0;
        for (auto& [id, node] : nodes_)
            for (const std::uint64_t n : node.link->counters().dropped) all += n;
        return all;
    }

    FakeSwitch switch_;
    std::map<NodeId, Node> nodes_;
    Instant now_ = Instant{} + seconds(100);
};

TEST_F(RdmaKeys, AHundredKeysInARowLoseNothingAndRefuseNothing) {
    ASSERT_TRUE(talk());
    const std::uint64_t before = refused();
    for (unsigned n = 1; n <= 100; ++n) {
        ASSERT_TRUE(each([&](Node& node) { node.install(key(n)); })) << n;
        ASSERT_TRUE(each([](Node& node) { node.use(); })) << n;
        ASSERT_TRUE(each([](Node& node) { node.forget(); })) << n;
        if (n % 10 == 0) pass(seconds(1));
    }
    EXPECT_EQ(refused(), before);
    for (auto& [id, node] : nodes_) {
        EXPECT_EQ(node.link->peers_heard(), kNodes - 1) << id;
        EXPECT_EQ(node.link->counters().reopens, 0u) << id;
    }
}

TEST_F(RdmaKeys, AForgottenKeyOpensNothing) {
    for (auto& [id, node] : nodes_) node.install(key(1));
    for (const NodeId id : {1, 2}) nodes_[id].use(), nodes_[id].forget();
    const std::uint64_t heard = nodes_[1].heard, unknown = nodes_[1].link->counters().of(Drop::unknown_key);
    nodes_[3].link->multicast(as_bytes("under the old key")), nodes_[3].link->flush();
    settle();
    EXPECT_EQ(nodes_[1].heard, heard);
    EXPECT_EQ(nodes_[1].link->counters().of(Drop::unknown_key), unknown + 1);
    nodes_[3].use(), nodes_[3].forget();
    EXPECT_TRUE(talk());
}

TEST_F(RdmaKeys, AKeyThatIsTakenBackWasNeverThere) {
    for (auto& [id, node] : nodes_) node.install(key(1));
    for (auto& [id, node] : nodes_) node.forget();
    EXPECT_TRUE(talk());
    nodes_[1].install(key(1)), nodes_[1].use();
    const std::uint64_t heard = nodes_[2].heard;
    nodes_[1].link->multicast(as_bytes("too early")), nodes_[1].link->flush();
    settle();
    EXPECT_EQ(nodes_[2].heard, heard);
}

TEST_F(RdmaKeys, WhatWasRecordedUnderAKeyIsOldWhenTheKeyReturns) {
    ASSERT_TRUE(talk());
    const std::vector<Bytes> recorded = nodes_[2].fabric->sent;
    for (const unsigned n : {1u, 0u}) {
        for (auto& [id, node] : nodes_) node.install(key(n));
        for (auto& [id, node] : nodes_) node.use();
        for (auto& [id, node] : nodes_) node.forget();
        ASSERT_TRUE(talk());
    }
    const std::uint64_t heard = nodes_[1].heard;
    for (const Bytes& datagram : recorded) nodes_[1].fabric->deliver(datagram, nodes_[2].fabric->queue_pair), settle();
    EXPECT_EQ(nodes_[1].heard, heard);
    EXPECT_GT(nodes_[1].link->counters().of(Drop::replayed), 0u);
    EXPECT_TRUE(talk());
}

// One in 256 pairs of keys: told apart by the tag alone.
TEST_F(RdmaKeys, TwoKeysOfOneIdAreBothAccepted) {
    unsigned twin = 1;
    while (secret(key(twin)).id() != secret(key(0)).id()) ASSERT_LT(++twin, 10'000u);
    const std::uint64_t before = refused();
    ASSERT_TRUE(each([&](Node& node) { node.install(key(twin)); }));
    ASSERT_TRUE(each([](Node& node) { node.use(); }));
    EXPECT_EQ(refused(), before);
    nodes_[1].forget();
    ASSERT_TRUE(talk());
    Bytes foreign = nodes_[2].fabric->sent.back();
    foreign.back() ^= 1, foreign[31] ^= 0x40;
    const std::uint64_t forged = nodes_[3].link->counters().of(Drop::forged);
    nodes_[3].fabric->deliver(foreign, nodes_[2].fabric->queue_pair);
    settle();
    EXPECT_EQ(nodes_[3].link->counters().of(Drop::forged), forged + 1);
}

TEST_F(RdmaKeys, ANodeThatStartsWithEitherKeyMeanwhileIsFound) {
    for (auto& [id, node] : nodes_) node.install(key(1));
    start(3, key(1), 2000);      // its file is the new one already
    pass(seconds(3));
    for (const NodeId id : {1, 2}) nodes_[id].use();
    EXPECT_TRUE(talk());
    start(3, key(0), 3000);
    pass(seconds(3));
    nodes_[3].install(key(1)), nodes_[3].use();
    EXPECT_TRUE(talk());
}

TEST_F(RdmaKeys, ALinkThatIsOpenedAgainMeanwhileHasBothKeys) {
    for (auto& [id, node] : nodes_) node.install(key(1));
    nodes_[2].fabric->conditions.push_back(Condition::broken);
    settle();
    nodes_[1].use();
    pass(seconds(6));
    EXPECT_EQ(nodes_[2].link->counters().reopens, 1u);
    EXPECT_TRUE(talk());
    for (const NodeId id : {2, 3}) nodes_[id].use();
    for (auto& [id, node] : nodes_) node.forget();
    EXPECT_TRUE(talk());
}

TEST(RdmaKeyring, HoldsTwoKeysAtMost) {
    Keyring keys(secret(key(0)));
    EXPECT_FALSE(keys.use_installed());
    ASSERT_TRUE(keys.install(secret(key(1))));
    EXPECT_FALSE(keys.install(secret(key(2))));
    ASSERT_TRUE(keys.use_installed());
    EXPECT_FALSE(keys.use_installed()) << "the other one is old now";
    EXPECT_FALSE(keys.install(secret(key(2)))) << "it is still accepted";
    keys.forget_other();
    EXPECT_TRUE(keys.install(secret(key(2))));
}

// Busy polling: after a completion the link looks again without asking to be woken, but not for ever.
TEST_F(RdmaKeys, PollsForAWhileAfterEachDatagramBeforeItSleeps) {
    start(1, key(0), 2000, microseconds(100));
    settle();
    pass(seconds(3));
    Link& link = *nodes_[1].link;
    const auto look = [&] { return link.receive(now_, [&](ByteView) { ++nodes_[1].heard; }); };
    now_ = now_ + seconds(1);
    while (look()) now_ = now_ + microseconds(10);
    const int arms = nodes_[1].fabric->arms;
    nodes_[2].link->multicast(as_bytes("first")), nodes_[2].link->flush();
    EXPECT_TRUE(look());
    now_ = now_ + microseconds(99);
    EXPECT_TRUE(look());
    EXPECT_EQ(nodes_[1].fabric->arms, arms) << "nobody asked for an event";
    const std::uint64_t heard = nodes_[1].heard;
    nodes_[2].link->multicast(as_bytes("second")), nodes_[2].link->flush();
    EXPECT_TRUE(look());
    EXPECT_EQ(nodes_[1].heard, heard + 1);
    now_ = now_ + microseconds(99);
    EXPECT_TRUE(look()) << "counted from the last one";
    EXPECT_EQ(nodes_[1].fabric->arms, arms);
    now_ = now_ + microseconds(1);
    EXPECT_FALSE(look());
    EXPECT_EQ(nodes_[1].fabric->arms, arms + 1) << "now the next one wakes it";
    EXPECT_EQ(nodes_[1].fabric->posted_receives, 64u);
}

// What the room above sees.
class RdmaTransport : public ::testing::Test {
protected:
    std::unique_ptr<Transport> make(bool encrypted) {
        config_.self = 1;
        config_.cluster_name = "c";
        config_.nodes = {{1, {"10.0.0.1"}}, {2, {"10.0.0.2"}}};
        config_.encrypted = encrypted;
        auto keys = encrypted ? std::make_unique<Keyring>(secret(key(0))) : nullptr;
        std::vector<std::unique_ptr<Link>> links;
        for (std::uint8_t n = 0; n < 2; ++n) {
            LinkConfig c{.self = 1, .number = n, .cluster_name = "c", .group = "239.192.77.1", .fabric = {}, .peers = {{2, "10.0.0.2"}}};
            c.fabric.address = "10.0." + std::to_string(n) + ".1";
            links.push_back(std::make_unique<Link>(std::move(c), keys.get(), 1000, std::make_unique<FakeFabric>(switch_)));
            EXPECT_TRUE(links.back()->open(Instant{} + seconds(1)));
        }
        return make_rdma(config_, std::move(keys), std::move(links));
    }
    static int file(std::size_t size) {
        const int fd = memfd_create("key", MFD_CLOEXEC);
        const Bytes bytes(size, 7);
        EXPECT_EQ(write(fd, bytes.data(), size), static_cast<ssize_t>(size));
        return fd;
    }
    FakeSwitch switch_;
    RdmaConfig config_;
};

TEST_F(RdmaTransport, ChangesItsKeyInThreeSteps) {
    const auto transport = make(true);
    const int good = file(256), bad = file(20);
    EXPECT_FALSE(reconfigure_rdma(*transport, config_, bad));
    EXPECT_TRUE(reconfigure_rdma(*transport, config_, -1)) << "no key: nothing to do";
    EXPECT_FALSE(transport->use_installed_key());
    EXPECT_TRUE(reconfigure_rdma(*transport, config_, good)) << "the bad one has left nothing behind";
    EXPECT_FALSE(reconfigure_rdma(*transport, config_, good)) << "one at a time";
    EXPECT_TRUE(transport->use_installed_key());
    EXPECT_TRUE(transport->forget_old_key());
    EXPECT_TRUE(transport->install_key({.cipher = "aes256"}, good));
    EXPECT_TRUE(transport->forget_old_key()) << "taken back";
    EXPECT_FALSE(transport->use_installed_key());
    close(good), close(bad);
}

TEST_F(RdmaTransport, SaysWhatCannotChangeWhileItRuns) {
    const auto transport = make(true);
    RdmaConfig moved = config_;
    moved.nodes[1].addresses[0] = "10.0.0.9";
    const Status refused = reconfigure_rdma(*transport, moved, -1);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().text.find("restart motet"), std::string::npos);
    RdmaConfig clear = config_;
    clear.encrypted = false;
    EXPECT_FALSE(reconfigure_rdma(*transport, clear, -1));
}

TEST_F(RdmaTransport, WithoutEncryptionHasNoKeyToChange) {
    const auto transport = make(false);
    const int fd = file(256);
    EXPECT_FALSE(transport->install_key({.cipher = "aes256"}, fd));
    EXPECT_FALSE(transport->use_installed_key());
    EXPECT_FALSE(transport->forget_old_key());
    EXPECT_TRUE(reconfigure_rdma(*transport, config_, -1));
    close(fd);
}

}  // namespace
}  // namespace motet::transport::rdma
