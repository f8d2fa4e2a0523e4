// Three transports of one process on the loopback: the change of a key, and of nodes and addresses, as the room itself sees it.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>

#include "libs/loop/loop.h"
#include "libs/wire/header.h"
#include "membership/transport/knet/knet.h"

namespace motet::transport {
namespace {

int key_file(unsigned number) {
    const int fd = memfd_create("key", MFD_CLOEXEC);
    Bytes bytes(128 + number % 100);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + number * 31);
    EXPECT_EQ(write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    return fd;
}

struct Ring {
    static constexpr NodeId kNodes = 3;
    std::vector<std::unique_ptr<Transport>> nodes;
    std::vector<std::uint64_t> received = std::vector<std::uint64_t>(kNodes);
    KnetConfig config;
    std::uint64_t sent = 0;

    explicit Ring(bool encrypted) {
        const auto port = static_cast<std::uint16_t>(20000 + getpid() % 20000);
        for (NodeId id = 1; id <= kNodes; ++id) {
            KnetNode node{.id = id, .addresses = {}};
            node.addresses[0] = "127.0.0." + std::to_string(id);
            config.nodes.push_back(node);
        }
        for (KnetLink& link : config.links) {
            link.port = port;
            link.ping_interval = milliseconds(50);
            link.ping_timeout = milliseconds(2000);
        }
        if (encrypted) config.crypto = {"openssl", "aes256", "sha256"};
        for (NodeId id = 1; id <= kNodes; ++id) {
            config.self = id;
            Key key;
            if (encrypted) {
                const int fd = key_file(0);
                key = std::move(*Key::read(fd));
                close(fd);
            }
            std::vector<std::string> missing;
            Result<std::unique_ptr<Transport>> opened = open_knet(config, std::move(key), missing);
            EXPECT_TRUE(opened) << opened.error().text;
            if (opened) nodes.push_back(std::move(*opened));
        }
    }

    KnetConfig of(NodeId id) const {
        KnetConfig own = config;
        own.self = id;
        return own;
    }
    void turn() {
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            while (nodes[i]->receive([&](ByteView) { ++received[i]; }) != Received::nothing) {}
            nodes[i]->on_time(loop::monotonic_now());
        }
        usleep(2000);
    }
    bool wait(const std::function<bool()>& good) {
        for (int i = 0; i < 5000; ++i) {
            if (good()) return true;
            turn();
        }
        return false;
    }
    bool up() {
        for (auto& node : nodes)
            for (const LinkState& link : node->links())
                if (!link.connected) return false;
        return true;
    }
    std::uint32_t downs() {
        turn();
        std::uint32_t all = 0;
        for (auto& node : nodes)
            for (const LinkState& link : node->links()) all += link.down_count;
        return all;
    }
    // One frame of each to all others, waited for: nothing is lost.
    bool talk() {
        Bytes frame;
        wire::encode_header({.type = wire::FrameType::mcast, .nodeid = 1}, frame);
        frame.resize(3000);
        for (auto& node : nodes) {
            node->multicast(frame);
            node->flush();
        }
        ++sent;
        return wait([&] { return received == std::vector<std::uint64_t>(kNodes, sent * (kNodes - 1)); });
    }
};

TEST(KnetRotation, KeysInARowLoseNothingAndRefuseNothing) {
    Ring ring(true);
    ASSERT_EQ(ring.nodes.size(), 3u);
    ASSERT_TRUE(ring.wait([&] { return ring.up(); }));
    const std::uint32_t downs = ring.downs();
    const unsigned rounds = std::getenv("MOTET_LONG") != nullptr ? 1000 : 25;
    for (unsigned n = 1; n <= rounds; ++n) {
        const int key = key_file(n);
        for (auto& node : ring.nodes) {
            ASSERT_TRUE(node->install_key(ring.config.crypto, key));
            ASSERT_TRUE(ring.talk());
        }
        EXPECT_FALSE(ring.nodes[0]->install_key(ring.config.crypto, key));      // one change at a time
        close(key);
        for (auto& node : ring.nodes) {
            ASSERT_TRUE(node->use_installed_key());
            ASSERT_TRUE(ring.talk());
        }
        for (auto& node : ring.nodes) ASSERT_TRUE(node->forget_old_key());
        ASSERT_TRUE(ring.talk());
    }
    EXPECT_TRUE(ring.up());
    for (auto& node : ring.nodes) EXPECT_EQ(node->rejected().unauthenticated, 0u);
    EXPECT_EQ(ring.downs(), downs);
    EXPECT_FALSE(ring.nodes[0]->use_installed_key());
}

TEST(KnetRotation, AKeyThatIsTakenBackChangesNothing) {
    Ring ring(true);
    ASSERT_TRUE(ring.wait([&] { return ring.up(); }));
    const int key = key_file(9);
    ASSERT_TRUE(ring.nodes[1]->install_key(ring.config.crypto, key));
    ASSERT_TRUE(ring.nodes[1]->forget_old_key());
    EXPECT_FALSE(ring.nodes[1]->install_key({"openssl", "rot13", "sha256"}, key));
    close(key);
    EXPECT_TRUE(ring.talk());
}

TEST(KnetReconfigure, NodesGoAndComeAndLinksThatStayAreNotTouched) {
    Ring ring(false);
    ASSERT_TRUE(ring.wait([&] { return ring.up(); }));
    ASSERT_TRUE(ring.talk());
    const std::uint32_t downs = ring.nodes[0]->links()[0].down_count;
    const KnetConfig whole = ring.config;
    ring.config.nodes.pop_back();
    ASSERT_TRUE(reconfigure_knet(*ring.nodes[0], ring.of(1), -1));
    ASSERT_EQ(ring.nodes[0]->links().size(), 1u);
    EXPECT_EQ(ring.nodes[0]->links()[0].peer, 2u);
    EXPECT_TRUE(ring.nodes[0]->links()[0].connected);
    ring.config = whole;
    ASSERT_TRUE(reconfigure_knet(*ring.nodes[0], ring.of(1), -1));
    ASSERT_TRUE(ring.wait([&] { return ring.up(); }));
    EXPECT_EQ(ring.nodes[0]->links()[0].down_count, downs);
    EXPECT_TRUE(ring.talk());
    ring.config.compression_model = "lz4";
    EXPECT_FALSE(reconfigure_knet(*ring.nodes[0], ring.of(1), -1));
}

}  // namespace
}  // namespace motet::transport
