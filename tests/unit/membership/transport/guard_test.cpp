// The filter is tried on sockets of our own, on the loopback: it needs no privilege.
#include "membership/transport/knet/guard.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "libs/base/bytes.h"

namespace motet::transport {
namespace {

struct Socket {
    int fd = -1;
    Address own;
    explicit Socket(const char* address) {
        own = *parse_address(address, 0);
        fd = socket(own.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0);
        ok = bind(fd, own.get(), own.length) == 0 && getsockname(fd, own.get(), &own.length) == 0;
    }
    ~Socket() { close(fd); }
    Socket(const Socket&) = delete;
    bool ok = false;
    bool receives() {
        char byte[2048];
        pollfd p{fd, POLLIN, 0};
        return poll(&p, 1, 0) == 1 && recv(fd, byte, sizeof byte, 0) >= 0;
    }
    bool gives(Socket& to, const Bytes& packet) { return sendto(fd, packet.data(), packet.size(), 0, to.own.get(), to.own.length) == static_cast<ssize_t>(packet.size()); }
};

Bytes packet(std::uint8_t type, std::uint8_t fragments, std::uint8_t fragment) {
    Bytes out = {1, type, 0, 2, 0, 0, 0, 9, 0, 0, 1, fragments, fragment, 0};
    out.resize(60);
    return out;
}

void only_listed(const char* own, const char* peer, const char* stranger) {
    Socket us(own), them(peer), other(stranger);
    if (!us.ok || !them.ok || !other.ok) GTEST_SKIP() << "no address " << stranger << " here";
    const GuardedLink link{us.own, {*parse_address("192.0.2.1", 1), them.own}};
    const GuardedLink wrong_family{us.own, {them.own, *parse_address(us.own.family() == AF_INET ? "127.0.0.9" : "fd00::9", 1)}};
    const Guard guard = guard_sockets({{us.own.family() == AF_INET ? link : wrong_family}}, {.only_listed = true, .check_clear = false, .zstd = false, .buffer_bytes = 4096});
    ASSERT_TRUE(guard.complete);
    ASSERT_EQ(guard.sockets, std::vector<int>{us.fd});
    ASSERT_TRUE(them.gives(us, packet(0, 1, 0)));
    EXPECT_TRUE(us.receives());
    const std::uint64_t before = dropped_in_kernel(guard.sockets);
    ASSERT_TRUE(other.gives(us, packet(0, 1, 0)));
    EXPECT_FALSE(us.receives());
    EXPECT_EQ(dropped_in_kernel(guard.sockets), before + 1);
}

TEST(Guard, PacketsOfUnlistedAddressesAreDroppedInTheKernel) { only_listed("127.0.0.1", "127.0.0.2", "127.0.0.3"); }

TEST(Guard, ItDoesSoWithIPv6) {
    Socket us("::1"), v4("127.0.0.1");
    if (!us.ok) GTEST_SKIP() << "no IPv6 here";
    const Guard guard = guard_sockets({{GuardedLink{us.own, {*parse_address("fd00::1", 1), us.own}}}}, {.only_listed = true, .check_clear = false, .zstd = false, .buffer_bytes = 4096});
    ASSERT_TRUE(guard.complete);
    ASSERT_TRUE(us.gives(us, packet(0, 1, 0)));
    EXPECT_TRUE(us.receives());
    const Guard closed = guard_sockets({{GuardedLink{us.own, {*parse_address("fd00::1", 1), *parse_address("::2", 1)}}}}, {.only_listed = true, .check_clear = false, .zstd = false, .buffer_bytes = 4096});
    ASSERT_TRUE(closed.complete);
    ASSERT_TRUE(us.gives(us, packet(0, 1, 0)));
    EXPECT_FALSE(us.receives());
}

TEST(Guard, ImpossibleFragmentsAndCompressionsAreDroppedAndAllOthersPass) {
    Socket us("127.0.0.1"), them("127.0.0.1");
    ASSERT_TRUE(us.ok && them.ok);
    ASSERT_TRUE(guard_sockets({{GuardedLink{us.own, {them.own}}}}, {.only_listed = true, .check_clear = true, .zstd = false, .buffer_bytes = 4096}).complete);
    struct { std::uint8_t type, fragments, fragment; bool passes; } cases[] = {
        {0, 1, 0, true}, {0, 0, 9, true}, {0, 3, 1, true}, {0, 3, 3, true}, {0, 255, 255, true}, {0, 3, 0, false}, {0, 3, 4, false}, {0, 2, 255, false},
        {0x81, 3, 9, true}, {0x83, 255, 0, true}};
    for (const auto& c : cases) {
        ASSERT_TRUE(them.gives(us, packet(c.type, c.fragments, c.fragment)));
        EXPECT_EQ(us.receives(), c.passes) << int(c.type) << " " << int(c.fragments) << " " << int(c.fragment);
    }
    for (const std::uint8_t model : {0, 1, 6, 7, 8, 255}) {
        Bytes compressed = packet(0, 1, 0);
        compressed[8] = model;
        ASSERT_TRUE(them.gives(us, compressed));
        EXPECT_EQ(us.receives(), model <= 6) << int(model);
    }
    for (std::size_t size = 0; size < 14; ++size) {
        ASSERT_TRUE(them.gives(us, Bytes(size)));
        EXPECT_TRUE(us.receives()) << size;
    }
}

TEST(Guard, AMissingSocketIsNoticed) {
    EXPECT_FALSE(guard_sockets({{GuardedLink{*parse_address("127.0.0.1", 1), {*parse_address("127.0.0.2", 1)}}}}, {.only_listed = true, .check_clear = true, .zstd = false, .buffer_bytes = 4096}).complete);
}

}  // namespace
}  // namespace motet::transport
