// Three transports of one process on the loopback: the change of a key, and of nodes and addresses, as the room itself sees it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
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

// The key's bytes, computed anew each time so that they stand nowhere in memory because of the test.
std::uint8_t byte_of(unsigned number, std::size_t at) { return static_cast<std::uint8_t>((at * 167 + number * 59 + at * at * 13) ^ 0x6d); }

int quiet_key_file(unsigned number) {
    const int fd = memfd_create("key", MFD_CLOEXEC);
    for (std::size_t i = 0; i < 256; ++i) {
        const std::uint8_t byte = byte_of(number, i);
        EXPECT_EQ(write(fd, &byte, 1), 1);
    }
    return fd;
}

// How often sixteen bytes from the middle of the key stand in this process's writable memory.
unsigned found_in_memory(unsigned number) {
    unsigned found = 0;
    std::ifstream maps("/proc/self/maps");
    const int memory = ::open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    for (std::string line; std::getline(maps, line);) {
        unsigned long from = 0, to = 0;
        char rights[8] = {};
        if (std::sscanf(line.c_str(), "%lx-%lx %7s", &from, &to, rights) != 3 || rights[1] != 'w') continue;
        if (line.find("[stack]") != line.npos) continue;     // our own frames
        std::vector<std::uint8_t> piece(1 << 16);
        for (unsigned long at = from; at < to; at += piece.size() - 16) {
            const ssize_t size = pread(memory, piece.data(), std::min<unsigned long>(piece.size(), to - at), static_cast<off_t>(at));
            for (ssize_t i = 0; i + 16 <= size; ++i) {
                std::size_t same = 0;
                while (same < 16 && piece[static_cast<std::size_t>(i) + same] == byte_of(number, 100 + same)) ++same;
                found += same == 16;
            }
        }
    }
    close(memory);
    return found;
}

// Goal: a key that has been replaced is nowhere in memory any more; libknet 1.25 itself would leave it in what it frees.
TEST(KnetRotation, AKeyThatWasReplacedIsGoneFromMemory) {
    for (const char* model : {"openssl", "nss"}) {
        KnetConfig config;
        config.self = 1;
        config.nodes = {{.id = 1, .addresses = {"127.0.0.1"}}, {.id = 2, .addresses = {"127.0.0.2"}}};
        config.links[0].port = static_cast<std::uint16_t>(20000 + getpid() % 20000);
        config.crypto = {model, "aes256", "sha256"};
        const int first = quiet_key_file(1), second = quiet_key_file(2);
        std::vector<std::string> missing;
        Result<std::unique_ptr<Transport>> opened = open_knet(config, std::move(*Key::read(first)), missing);
        ASSERT_TRUE(opened) << opened.error().text;
        EXPECT_GT(found_in_memory(1), 0u);      // it is in use
        ASSERT_TRUE((*opened)->install_key(config.crypto, second));
        ASSERT_TRUE((*opened)->use_installed_key());
        ASSERT_TRUE((*opened)->forget_old_key());
        EXPECT_EQ(found_in_memory(1), 0u) << model;
        opened->reset();
        EXPECT_EQ(found_in_memory(2), 0u) << model;
        close(first);
        close(second);
    }
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
