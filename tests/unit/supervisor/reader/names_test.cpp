// Questions and answers between the sandboxed parser and the process that looks names up.
#include "supervisor/reader/names.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

namespace motet::reader {
namespace {

class Table final : public Names {
public:
    std::optional<std::string> address(std::string_view host, config::IpVersion version) override {
        if (host == "alpha") return version == config::IpVersion::ipv6 ? "2001:db8::1" : "192.0.2.1";
        return std::nullopt;
    }
    std::optional<std::uint32_t> user(std::string_view name) override { return name == "u" ? std::optional<std::uint32_t>(7) : std::nullopt; }
    std::optional<std::uint32_t> group(std::string_view name) override { return name == "g" ? std::optional<std::uint32_t>(4294967295u) : std::nullopt; }
};

class NamesService : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair_), 0);
        server_ = std::thread([this] { serve_names(pair_[0], table_); close(pair_[0]); });
    }
    void TearDown() override {
        if (pair_[1] >= 0) close(pair_[1]);
        server_.join();
    }
    std::string raw(const std::string& question) {
        char answer[300];
        if (send(pair_[1], question.data(), question.size(), MSG_NOSIGNAL) < 0) return "(closed)";
        const ssize_t size = recv(pair_[1], answer, sizeof answer, 0);
        return size <= 0 ? "(closed)" : std::string(answer, static_cast<std::size_t>(size));
    }
    int pair_[2] = {-1, -1};
    Table table_;
    std::thread server_;
};

TEST_F(NamesService, AnswersWhatIsKnown) {
    RemoteNames names(pair_[1]);
    EXPECT_EQ(names.address("alpha", config::IpVersion::ipv4), "192.0.2.1");
    EXPECT_EQ(names.address("alpha", config::IpVersion::ipv6), "2001:db8::1");
    EXPECT_EQ(names.address("beta", config::IpVersion::ipv4), std::nullopt);
    EXPECT_EQ(names.user("u"), 7u);
    EXPECT_EQ(names.user("g"), std::nullopt);
    EXPECT_EQ(names.group("g"), 4294967295u);
    EXPECT_EQ(names.address("", config::IpVersion::ipv4), std::nullopt);
    EXPECT_EQ(names.address(std::string(kNameMax + 1, 'a'), config::IpVersion::ipv4), std::nullopt);
}

TEST_F(NamesService, RefusesMalformedQuestionsAndGoesOn) {
    for (const std::string& question : {std::string("h"), std::string("h0"), std::string("h4alpha"), std::string("x0alpha"), std::string("h0alp\0ha", 8),
                                        "h0" + std::string(1000, 'a')})
        EXPECT_EQ(raw(question), "-") << question;
    EXPECT_EQ(raw("h0alpha"), "+192.0.2.1");
}

TEST_F(NamesService, AnswersABoundedNumberOfQuestions) {
    std::string last;
    for (std::size_t i = 0; i < kQuestionsMax; ++i) last = raw("u0u");
    EXPECT_EQ(last, "+7");
    EXPECT_EQ(raw("u0u"), "(closed)");
}

// An answering side that is gone or says nonsense is "not known", never a wait without end.
TEST(RemoteNames, SurvivesABrokenService) {
    int pair[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    RemoteNames names(pair[1]);
    for (const std::string_view answer : {"+12x", "7", "+", "+99999999999"}) {
        ASSERT_EQ(send(pair[0], answer.data(), answer.size(), 0), static_cast<ssize_t>(answer.size()));
        EXPECT_EQ(names.user("u"), std::nullopt) << answer;
    }
    close(pair[0]);
    EXPECT_EQ(names.user("u"), std::nullopt);
    close(pair[1]);
}

}  // namespace
}  // namespace motet::reader
