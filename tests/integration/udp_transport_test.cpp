// Real sockets on loopback: what leaves in a burst arrives frame by frame, in order, and only from listed addresses.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "membership/transport/udp/udp.h"

namespace motet::transport {
namespace {

constexpr std::uint16_t kPort = 27405;

UdpConfig config(NodeId self, std::uint16_t port, bool v6 = false) {
    UdpConfig c;
    c.self = self;
    c.port = port;
    // IPv6 has one loopback address; there the second node is told apart by nothing but its id, so only one is opened.
    c.nodes = v6 ? std::vector<Peer>{{1, "::1"}, {2, "fe80::2"}} : std::vector<Peer>{{1, "127.0.0.1"}, {2, "127.0.0.2"}, {3, "127.0.0.3"}};
    return c;
}

std::unique_ptr<Transport> open(const UdpConfig& c) {
    auto opened = open_udp(c);
    EXPECT_TRUE(opened) << opened.error().text;
    return opened ? std::move(*opened) : nullptr;
}

// Frames that arrive until `count` are there or nothing comes for two seconds.
std::vector<Bytes> collect(Transport& t, std::size_t count) {
    std::vector<Bytes> got;
    while (got.size() < count) {
        pollfd p{t.descriptors()[0], POLLIN, 0};
        if (poll(&p, 1, 2000) <= 0) break;
        t.receive([&](ByteView frame) { got.emplace_back(frame.begin(), frame.end()); });
    }
    return got;
}

Bytes frame(std::size_t size, std::uint8_t mark) {
    Bytes b(size, mark);
    b[0] = static_cast<std::uint8_t>(mark + 1);
    return b;
}

TEST(UdpTransport, BurstsOfMixedSizesArriveFrameByFrameInOrder) {
    auto a = open(config(1, kPort)), b = open(config(2, kPort)), c = open(config(3, kPort));
    ASSERT_TRUE(a && b && c);
    std::vector<Bytes> sent;
    for (const std::size_t size : {1455, 1455, 1455, 300, 1455, 1455, 57, 1, 20000, 20000, 65507, 1455})
        sent.push_back(frame(size, static_cast<std::uint8_t>(sent.size() * 3)));
    for (const Bytes& f : sent) a->multicast(f);
    const Bytes token = frame(57, 200);
    a->unicast(2, token);
    a->flush();
    std::vector<Bytes> expected_b = sent;
    expected_b.push_back(token);
    EXPECT_EQ(collect(*b, expected_b.size()), expected_b);
    EXPECT_EQ(collect(*c, sent.size()), sent);
    EXPECT_LT(a->counters().send_calls, sent.size());
    EXPECT_EQ(a->counters().datagrams_sent, 2 * sent.size() + 1);
}

TEST(UdpTransport, ManyEqualFramesCostFewCalls) {
    auto a = open(config(1, kPort)), b = open(config(2, kPort));
    ASSERT_TRUE(a && b);
    for (int i = 0; i < 50; ++i) a->multicast(frame(1455, static_cast<std::uint8_t>(i)));
    a->flush();
    const auto got = collect(*b, 50);
    ASSERT_EQ(got.size(), 50u);
    for (int i = 0; i < 50; ++i) EXPECT_EQ(got[static_cast<std::size_t>(i)][1], i);
    EXPECT_LE(a->counters().send_calls, 4u);
}

TEST(UdpTransport, DatagramsFromUnlistedAddressesAreCountedAndDropped) {
    auto a = open(config(1, kPort));
    ASSERT_TRUE(a);
    const int stranger = socket(AF_INET, SOCK_DGRAM, 0);
    sockaddr_in from{}, to{};
    from.sin_family = to.sin_family = AF_INET;
    inet_pton(AF_INET, "127.0.0.77", &from.sin_addr);
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    to.sin_port = htons(kPort);
    ASSERT_EQ(bind(stranger, reinterpret_cast<sockaddr*>(&from), sizeof from), 0);
    ASSERT_EQ(sendto(stranger, "hello", 5, 0, reinterpret_cast<sockaddr*>(&to), sizeof to), 5);
    pollfd p{a->descriptors()[0], POLLIN, 0};
    ASSERT_EQ(poll(&p, 1, 2000), 1);
    int handed_up = 0;
    a->receive([&](ByteView) { ++handed_up; });
    EXPECT_EQ(handed_up, 0);
    EXPECT_EQ(a->counters().dropped_unlisted, 1u);
    close(stranger);
}

TEST(UdpTransport, AddressInUseAndForeignAddressAreNamedWithARemedy) {
    auto a = open(config(1, kPort));
    auto second = open_udp(config(1, kPort));
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().text.find("127.0.0.1 port 27405"), std::string::npos) << second.error().text;
    UdpConfig elsewhere = config(1, kPort);
    elsewhere.nodes[0].address = "192.0.2.1";
    auto third = open_udp(elsewhere);
    ASSERT_FALSE(third);
    EXPECT_NE(third.error().text.find("ring0_addr"), std::string::npos) << third.error().text;
}

TEST(UdpTransport, Ipv6NodeOpensAndCountsWhatItCannotSend) {
    const int probe = socket(AF_INET6, SOCK_DGRAM, 0);
    if (probe < 0) GTEST_SKIP() << "no IPv6 here";
    close(probe);
    auto a = open_udp(config(1, kPort, true));
    if (!a && a.error().text.find("assign") != std::string::npos) GTEST_SKIP() << a.error().text;
    ASSERT_TRUE(a) << a.error().text;
    (*a)->multicast(frame(100, 1));
    (*a)->flush();
    EXPECT_EQ((*a)->counters().datagrams_sent + (*a)->counters().send_errors, 1u);
}

}  // namespace
}  // namespace motet::transport
