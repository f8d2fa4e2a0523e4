// What a client makes of the supervisor's hello, good or bad, and of silence.
#include "libs/ipc/client_link.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include "tests/unit/libs/client/fake_daemon.h"

namespace motet::test {
namespace {

using ipc::ClientLink;
using ipc::Outcome;

Outcome connect(int timeout_ms = ClientLink::kHelloTimeoutMs, const char* service = "cpg") {
    std::unique_ptr<ClientLink> link;
    const Outcome result = ClientLink::connect(service, 1000, link, timeout_ms);
    EXPECT_EQ(result == Outcome::ok, link != nullptr);
    return result;
}

int open_descriptors() {
    int n = 0;
    for (int fd = 0; fd < 256; ++fd) n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

TEST(ClientLink, ConnectsAndClosesTheSegmentDescriptors) {
    FakeDaemon daemon;
    std::unique_ptr<ClientLink> link;
    ASSERT_EQ(ClientLink::connect("cpg", 1000, link), Outcome::ok);
    EXPECT_EQ(link->health_now(), Outcome::ok);
    EXPECT_EQ(link->flow(), 0u);
    link.reset();
    daemon.wait_closed();
}

TEST(ClientLink, SilenceIsTryAgainAfterTheLimit) {
    FakeDaemon daemon;
    daemon.set_tweak([](ipc::Hello&, std::vector<int>&, std::size_t& length) { length = 0; });
    EXPECT_EQ(connect(20), Outcome::try_again);
}

TEST(ClientLink, UnknownServiceIsLibrary) {
    FakeDaemon daemon;
    EXPECT_EQ(connect(1000, "nosuch"), Outcome::library);
}

// Goal: no variation of the welcome crashes, hangs or leaks a descriptor.
TEST(ClientLink, BadHellosAreRefused) {
    struct Case {
        const char* what;
        Outcome expected;
        FakeDaemon::Tweak tweak;
    };
    const Case cases[] = {
        {"magic", Outcome::library, [](ipc::Hello& h, auto&, auto&) { h.magic = 1; }},
        {"major version", Outcome::version, [](ipc::Hello& h, auto&, auto&) { h.major = 2; }},
        {"minor version may differ", Outcome::ok, [](ipc::Hello& h, auto&, auto&) { h.minor = 9; }},
        {"status access", Outcome::access, [](ipc::Hello& h, auto& fds, auto&) { h.status = 11; fds.clear(); }},
        {"status with descriptors", Outcome::try_again, [](ipc::Hello& h, auto&, auto&) { h.status = 6; }},
        {"status that means ok", Outcome::library, [](ipc::Hello& h, auto&, auto&) { h.status = 1; }},
        {"status out of range", Outcome::library, [](ipc::Hello& h, auto&, auto&) { h.status = 4000; }},
        {"no descriptors", Outcome::library, [](ipc::Hello&, auto& fds, auto&) { fds.clear(); }},
        {"one descriptor", Outcome::library, [](ipc::Hello&, auto& fds, auto&) { fds.pop_back(); }},
        {"four descriptors", Outcome::library, [](ipc::Hello&, auto& fds, auto&) { fds = {fds[0], fds[1], fds[0], fds[1]}; }},
        {"swapped descriptors", Outcome::library, [](ipc::Hello&, auto& fds, auto&) { std::swap(fds[0], fds[1]); }},
        {"link id", Outcome::library, [](ipc::Hello& h, auto&, auto&) { ++h.link_id; }},
        {"request capacity", Outcome::library, [](ipc::Hello& h, auto&, auto&) { h.request_capacity *= 2; }},
        {"event capacity", Outcome::library, [](ipc::Hello& h, auto&, auto&) { h.event_capacity = 0; }},
        {"mailbox", Outcome::library, [](ipc::Hello& h, auto&, auto&) { h.mailbox_capacity = 0; }},
        {"own segment read-only", Outcome::library, [](ipc::Hello&, auto& fds, auto&) { fds[1] = fds[0]; }},
    };
    for (const Case& c : cases) {
        FakeDaemon daemon;
        daemon.set_tweak(c.tweak);
        const int before = open_descriptors();
        EXPECT_EQ(connect(), c.expected) << c.what;
        daemon.stop();
        EXPECT_LT(open_descriptors(), before) << c.what;   // the daemon's two are closed, none of ours is left
    }
}

TEST(ClientLink, TruncatedHelloFollowedByTheEndIsLibrary) {
    FakeDaemon daemon;
    daemon.set_tweak([](ipc::Hello&, std::vector<int>&, std::size_t& length) { length = 40; });
    EXPECT_EQ(connect(), Outcome::library);
}

TEST(ClientLink, UnsealedMemoryIsRefused) {
    FakeDaemon daemon;
    const int plain = memfd_create("plain", MFD_CLOEXEC);
    ASSERT_EQ(ftruncate(plain, 4096 + (2 << 20) + 65536), 0);
    daemon.set_tweak([plain](ipc::Hello&, std::vector<int>& fds, std::size_t&) { fds[0] = plain; });
    EXPECT_EQ(connect(), Outcome::library);
    close(plain);
}

TEST(ClientLink, RingTooSmallForTheLargestRequestIsRefused) {
    FakeDaemon daemon({.request_capacity = 256 * 1024, .event_capacity = 256 * 1024, .mailbox = 4096});
    std::unique_ptr<ClientLink> link;
    EXPECT_EQ(ClientLink::connect("cpg", 128 * 1024, link), Outcome::library);
    EXPECT_EQ(ClientLink::connect("cpg", 128 * 1024 - 16, link), Outcome::ok);
}

TEST(ClientLink, RequestThatCannotFitIsTooBig) {
    FakeDaemon daemon;
    std::unique_ptr<ClientLink> link;
    ASSERT_EQ(ClientLink::connect("cpg", 1000, link), Outcome::ok);
    const Bytes large(1u << 20);
    const ByteView pieces[] = {large};
    std::size_t got = 0;
    EXPECT_EQ(link->call(1, pieces, {}, got), Outcome::too_big);
}

}  // namespace
}  // namespace motet::test
