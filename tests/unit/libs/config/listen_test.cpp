// Where metrics may be served: nothing but loopback and Unix sockets, and every refusal says what to write.
#include "libs/config/listen.h"

#include <gtest/gtest.h>

namespace motet::config {
namespace {

TEST(Listen, TakesUnixPathsAndLoopback) {
    const auto path = parse_listen("/run/motet/metrics.sock");
    ASSERT_TRUE(path);
    EXPECT_EQ(path->path, "/run/motet/metrics.sock");
    const auto four = parse_listen("127.0.0.1:9664");
    ASSERT_TRUE(four);
    EXPECT_TRUE(four->path.empty());
    EXPECT_FALSE(four->address.ipv6);
    EXPECT_EQ(four->port, 9664);
    EXPECT_TRUE(parse_listen("127.200.0.9:65535"));
    const auto six = parse_listen("[::1]:1");
    ASSERT_TRUE(six);
    EXPECT_TRUE(six->address.ipv6);
    EXPECT_EQ(six->port, 1);
}

TEST(Listen, RefusesWhatOthersCouldReach) {
    for (const char* text : {"0.0.0.0:80", "192.0.2.1:80", "128.0.0.1:80", "[::]:80", "[2001:db8::1]:80", "[::ffff:127.0.0.1]:80"}) {
        const auto listen = parse_listen(text);
        ASSERT_FALSE(listen) << text;
        EXPECT_NE(listen.error().text.find("not a loopback address"), std::string::npos) << listen.error().text;
    }
}

TEST(Listen, RefusesWhatIsNoPlace) {
    for (const char* text : {"", "9664", ":9664", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:x", "127.0.0.1:80 ", "localhost:80", "::1:80", "[127.0.0.1]:80",
                             "[::1]", "metrics.sock"}) {
        const auto listen = parse_listen(text);
        ASSERT_FALSE(listen) << text;
        EXPECT_NE(listen.error().text.find("127.0.0.1:9664"), std::string::npos) << listen.error().text;
    }
    EXPECT_FALSE(parse_listen("/run/"));
    EXPECT_FALSE(parse_listen("/" + std::string(107, 'x')));
    EXPECT_FALSE(parse_listen(std::string_view("/run/\0x", 7)));
}

}  // namespace
}  // namespace motet::config
