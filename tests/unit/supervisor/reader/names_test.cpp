// Questions and answers between the sandboxed parser and the process that looks names up.
#include "supervisor/reader/names.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

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

// Questions are written first, then answered, then the answers are read: one thread, nothing to wait for.
class NamesService : public testing::Test {
protected:
    void SetUp() override { ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair_), 0); }
    void TearDown() override {
        close(pair_[0]);
        close(pair_[1]);
    }
    std::vector<std::string> answers(const std::vector<std::string>& questions, std::size_t questions_max = kQuestionsMax) {
        for (const std::string& question : questions) EXPECT_EQ(send(pair_[1], question.data(), question.size(), MSG_DONTWAIT), static_cast<ssize_t>(question.size()));
        shutdown(pair_[1], SHUT_WR);
        serve_names(pair_[0], table_, questions_max);
        shutdown(pair_[0], SHUT_WR);
        std::vector<std::string> result;
        char answer[300];
        for (ssize_t size; (size = recv(pair_[1], answer, sizeof answer, 0)) > 0;) result.emplace_back(answer, static_cast<std::size_t>(size));
        return result;
    }
    int pair_[2] = {-1, -1};
    Table table_;
};

using Lines = std::vector<std::string>;

TEST_F(NamesService, AnswersWhatIsKnown) {
    EXPECT_EQ(answers({"h0alpha", "h1alpha", "h0beta", "u0u", "u0g", "g0g"}),
              (Lines{"+192.0.2.1", "+2001:db8::1", "-", "+7", "-", "+4294967295"}));
}

TEST_F(NamesService, RefusesMalformedQuestionsAndGoesOn) {
    EXPECT_EQ(answers({"h", "h0", "h4alpha", "x0alpha", std::string("h0alp\0ha", 8), "h0" + std::string(1000, 'a'), "h0alpha"}),
              (Lines{"-", "-", "-", "-", "-", "-", "+192.0.2.1"}));
}

TEST_F(NamesService, AnswersABoundedNumberOfQuestions) {
    EXPECT_EQ(answers(Lines(5, "u0u"), 3), (Lines{"+7", "+7", "+7"}));
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
    ASSERT_EQ(send(pair[0], "+12", 3, 0), 3);
    EXPECT_EQ(names.user("u"), 12u);
    EXPECT_EQ(names.user(""), std::nullopt);
    EXPECT_EQ(names.user(std::string(kNameMax + 1, 'a')), std::nullopt);
    close(pair[0]);
    EXPECT_EQ(names.user("u"), std::nullopt);
    close(pair[1]);
}

}  // namespace
}  // namespace motet::reader
