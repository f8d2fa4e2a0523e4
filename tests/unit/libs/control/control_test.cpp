#include "libs/control/control.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace motet::control {
namespace {

struct Line : testing::Test {
    int ends[2] = {-1, -1};
    Message message;
    void SetUp() override { ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0); }
    void TearDown() override {
        for (const int fd : ends)
            if (fd >= 0) close(fd);
        for (const int fd : message.fds) close(fd);
    }
    static std::size_t open_descriptors() {
        std::size_t count = 0;
        for (int fd = 0; fd < 1024; ++fd) count += fcntl(fd, F_GETFD) != -1;
        return count;
    }
};

// Two types with one number do not compile here, a type that is missing is warned about. It has happened: the votes to be
// remembered arrived as a quarantine.
constexpr bool known(Type type) {
    switch (type) {
        case Type::hello: case Type::start: case Type::conns: case Type::go: case Type::ready: case Type::drop: case Type::stop:
        case Type::dump: case Type::link: case Type::link_broken: case Type::key: case Type::operation: case Type::prepared:
        case Type::applied: case Type::config: case Type::config_taken: case Type::reload: case Type::event:
        case Type::log: case Type::shutdown: case Type::access: case Type::expected_votes: case Type::cancel_wait_for_all:
        case Type::pages: case Type::fatal: case Type::quarantine: case Type::change: return true;
    }
    return false;
}
static_assert(known(Type::quarantine) && !known(Type{0}));

TEST_F(Line, AMessageArrivesWithBodyAndDescriptors) {
    const Header header{.type = static_cast<std::uint32_t>(Type::conns), .n = 1, .a = 7, .b = 8, .c = 9, .d = 10};
    const int fds[] = {0, 1, 2};
    ASSERT_TRUE(send(ends[0], header, as_bytes("entry"), fds));
    ASSERT_EQ(receive(ends[1], true, message), Received::message);
    EXPECT_EQ(message.type(), Type::conns);
    EXPECT_EQ(message.header.n, 1u);
    EXPECT_EQ(message.header.a + message.header.b + message.header.c + message.header.d, 34u);
    EXPECT_EQ(as_text(message.body), "entry");
    ASSERT_EQ(message.fds.size(), 3u);
    for (const int fd : message.fds) EXPECT_NE(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(Line, TheLargestMessageFits) {
    const Bytes body(kBodyMax, 0x5a);
    const std::vector<int> fds(kFdsMax, 0);
    ASSERT_TRUE(send(ends[0], {.type = 3}, body, fds));
    ASSERT_EQ(receive(ends[1], true, message), Received::message);
    EXPECT_EQ(message.body, body);
    EXPECT_EQ(message.fds.size(), kFdsMax);
}

TEST_F(Line, ALargerOneIsNotSent) {
    EXPECT_FALSE(send(ends[0], {}, Bytes(kBodyMax + 1)));
    EXPECT_EQ(errno, EMSGSIZE);
    EXPECT_FALSE(send(ends[0], {}, {}, std::vector<int>(kFdsMax + 1, 0)));
    EXPECT_EQ(receive(ends[1], true, message), Received::nothing);
}

TEST_F(Line, StrayDescriptorsVanishAndTheMessageStands) {
    const int fds[] = {0};
    ASSERT_TRUE(send(ends[0], {.type = static_cast<std::uint32_t>(Type::drop), .a = 5}, {}, fds));
    const std::size_t before = open_descriptors();
    ASSERT_EQ(receive(ends[1], false, message), Received::message);
    EXPECT_EQ(message.header.a, 5u);
    EXPECT_TRUE(message.fds.empty());
    EXPECT_EQ(open_descriptors(), before);
}

TEST_F(Line, TakenDescriptorsOutliveTheNextReceive) {
    const int fds[] = {0, 1};
    ASSERT_TRUE(send(ends[0], {.type = 2}, {}, fds));
    ASSERT_EQ(receive(ends[1], true, message), Received::message);
    const std::vector<int> taken = message.fds;
    ASSERT_TRUE(send(ends[0], {.type = 4}));
    ASSERT_EQ(receive(ends[1], true, message), Received::message);
    EXPECT_TRUE(message.fds.empty());
    for (const int fd : taken) EXPECT_EQ(close(fd), 0);
}

TEST_F(Line, NothingAndClosedAreToldApart) {
    EXPECT_EQ(receive(ends[1], true, message), Received::nothing);
    close(ends[0]);
    ends[0] = -1;
    EXPECT_EQ(receive(ends[1], true, message), Received::closed);
    EXPECT_FALSE(send(ends[1], {}));
}

TEST_F(Line, ShortAndOversizedMessagesAreMalformedAndLeakNothing) {
    ASSERT_EQ(::send(ends[0], "short", 5, 0), 5);
    EXPECT_EQ(receive(ends[1], true, message), Received::malformed);
    const std::string huge(sizeof(Header) + kBodyMax + 1, 'x');
    ASSERT_EQ(::send(ends[0], huge.data(), huge.size(), 0), static_cast<ssize_t>(huge.size()));
    EXPECT_EQ(receive(ends[1], true, message), Received::malformed);
    EXPECT_TRUE(message.body.empty());
    ASSERT_TRUE(send(ends[0], {.type = 4}));
    EXPECT_EQ(receive(ends[1], true, message), Received::message) << "the line itself is still good";
}

TEST_F(Line, AFullLineRefusesInsteadOfWaiting) {
    bool sent = true;
    int count = 0;
    for (; sent && count < 100'000; ++count) sent = send(ends[0], {.type = 16}, as_bytes("a line"));
    EXPECT_FALSE(sent);
    EXPECT_TRUE(errno == EAGAIN || errno == EWOULDBLOCK);
    ASSERT_EQ(receive(ends[1], true, message), Received::message);
    EXPECT_TRUE(send(ends[0], {.type = 16}));
}

}  // namespace
}  // namespace motet::control
