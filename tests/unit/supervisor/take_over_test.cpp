// What one supervisor leaves to the next: it comes back whole, or not at all.
#include "supervisor/take_over.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "supervisor/fdstore.h"
#include "supervisor/plan.h"
#include "supervisor/state.h"

namespace motet::supervisor {
namespace {

struct Part {
    std::uint64_t number = 0;
    std::string text;
    bool flag = false;
    template <class A> void transfer(A& a) { a(number, text, flag); }
};
struct Whole {
    std::vector<Part> parts;
    std::optional<Part> there, absent;
    Instant at{};
    UniqueFd fd;
    template <class A> void transfer(A& a) { a(parts, there, absent, at, fd); }
};

Whole sample() {
    Whole w;
    w.parts = {{7, "seven", true}, {8, std::string("nul\0inside", 10), false}};
    w.there = Part{9, "", true};
    w.at = kNever;
    w.fd = UniqueFd(memfd_create("kept", MFD_CLOEXEC));
    return w;
}

// As exec would hand it over: the descriptors stay open, their owner forgets them.
TakeOver read_back(const TakeOver& written, Whole& owner) {
    const Result<UniqueFd> file = written.save();
    EXPECT_TRUE(file);
    owner.fd.release();
    Result<TakeOver> read = TakeOver::load(file->get());
    EXPECT_TRUE(read);
    return std::move(*read);
}

TEST(TakeOver, EverythingComesBackAndDescriptorsCloseOnExecAgain) {
    Whole before = sample(), after;
    const int fd = before.fd.get();
    TakeOver out;
    out(before);
    EXPECT_EQ(out.descriptors(), std::vector<int>{fd});
    TakeOver in = read_back(out, before);
    fcntl(fd, F_SETFD, 0);
    in(after);
    ASSERT_TRUE(in.ok());
    ASSERT_EQ(after.parts.size(), 2u);
    EXPECT_EQ(after.parts[0].text, "seven");
    EXPECT_EQ(after.parts[1].text.size(), 10u);
    ASSERT_TRUE(after.there);
    EXPECT_EQ(after.there->number, 9u);
    EXPECT_FALSE(after.absent);
    EXPECT_EQ(after.at, kNever);
    EXPECT_EQ(after.fd.get(), fd);
    EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
}

TEST(TakeOver, MoreThanWasWrittenIsNotThere) {
    Whole before = sample(), after;
    std::uint64_t more = 0;
    TakeOver out;
    out(before);
    TakeOver in = read_back(out, before);
    in(after, more);
    EXPECT_FALSE(in.ok());
    EXPECT_EQ(more, 0u);
}

TEST(TakeOver, ADescriptorThatIsClosedOrNamedTwiceEndsIt) {
    Whole before = sample(), after;
    TakeOver out;
    out(before);
    const int fd = before.fd.get();
    TakeOver in = read_back(out, before);
    close(fd);
    in(after);
    EXPECT_FALSE(in.ok());

    UniqueFd one(memfd_create("one", MFD_CLOEXEC)), two(one.get()), first, second;
    TakeOver twice;
    twice(one, two);
    two.release();
    const Result<UniqueFd> file = twice.save();
    one.release();
    Result<TakeOver> back = TakeOver::load(file->get());
    ASSERT_TRUE(back);
    (*back)(first, second);
    EXPECT_FALSE(back->ok());
    EXPECT_FALSE(second);
}

TEST(TakeOver, AnotherFormatOrRubbishIsRefused) {
    const UniqueFd file(memfd_create("rubbish", MFD_CLOEXEC));
    EXPECT_FALSE(TakeOver::load(file.get()));
    EXPECT_FALSE(TakeOver::load(-1));
    ASSERT_EQ(pwrite(file.get(), "MTTAKEOV\xff\0\0\0\0\0\0\0rest", 20, 0), 20);
    EXPECT_FALSE(TakeOver::load(file.get()));
    TakeOver written;
    const Result<UniqueFd> good = written.save();
    ASSERT_TRUE(good);
    EXPECT_TRUE(TakeOver::load(good->get()));
}

TEST(TakeOver, AnImpossibleCountEndsItWithoutMemory) {
    std::uint64_t huge = UINT64_MAX;
    TakeOver out;
    out(huge);
    const Result<UniqueFd> file = out.save();
    Result<TakeOver> in = TakeOver::load(file->get());
    ASSERT_TRUE(in);
    std::vector<Part> parts;
    (*in)(parts);
    EXPECT_FALSE(in->ok());
    EXPECT_TRUE(parts.empty());
}

TEST(TakeOver, TheStateOfChildrenGoesOnWhereItWas) {
    State before(2), after(2);
    Actions actions;
    before.start(Instant{1}, actions);
    before.on_hello(0, Instant{2}, actions);
    before.on_hello(1, Instant{3}, actions);
    before.on_ready(1, Instant{4});
    TakeOver out;
    out(before);
    const Result<UniqueFd> file = out.save();
    Result<TakeOver> in = TakeOver::load(file->get());
    (*in)(after);
    ASSERT_TRUE(in->ok());
    for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_EQ(after.phase(i), before.phase(i));
        EXPECT_EQ(after.launched_at(i), before.launched_at(i));
    }
    Actions one, other;
    before.on_exit(1, Instant{5}, one);
    after.on_exit(1, Instant{5}, other);
    EXPECT_EQ(one, other);
    EXPECT_EQ(before.deadline(), after.deadline());
}

TEST(TakeOver, ClientsKeepTheirDescriptorsAndTheirShares) {
    FdStore before, after;
    before.add({.entry = {.id = 5, .pid = 77, .uid = 1000, .gid = 100}, .socket = UniqueFd(dup(1)), .worker_segment = UniqueFd(dup(1)), .client_segment = UniqueFd(dup(1))});
    TakeOver out;
    out(before);
    const Result<UniqueFd> file = out.save();
    const std::vector<int> fds = out.descriptors();
    ASSERT_EQ(fds.size(), 3u);
    // exec: the new process has them under the same numbers
    Result<TakeOver> in = TakeOver::load(file->get());
    (*in)(after);
    ASSERT_TRUE(in->ok());
    EXPECT_EQ(after.size(), 1u);
    EXPECT_EQ(after.of_user(1000), 1u);
    EXPECT_TRUE(after.waiting());
    after.drop(5);
    EXPECT_EQ(fcntl(fds[0], F_GETFD), -1);   // closed with the connection
    for (const int fd : fds) (void)!dup2(1, fd);   // so that `before` closes what is its own
}

TEST(TakeOver, ForeignServicesStayInThePlan) {
    config::Snapshot s;
    s.set("services.0.name", "counter");
    s.set("services.0.program", "/opt/counter");
    s.set("services.0.id", "42");
    Result<Plan> before = Plan::make(s);
    ASSERT_TRUE(before);
    TakeOver out;
    out(*before);
    const Result<UniqueFd> file = out.save();
    Result<TakeOver> in = TakeOver::load(file->get());
    Plan after;
    (*in)(after);
    ASSERT_TRUE(in->ok());
    ASSERT_EQ(after.size(), before->size());
    EXPECT_EQ(std::string(after[after.size() - 1].path), "/opt/counter");
    EXPECT_EQ(after[after.size() - 1].services, service_set(42));
}

TEST(TakeOver, AFailedExecLeavesEverythingAsItWas) {
    Whole before = sample();
    TakeOver out;
    out(before);
    char* const arguments[] = {nullptr};
    const Error why = become("/nonexistent/motet", arguments, out);
    EXPECT_NE(why.text.find("/nonexistent/motet"), std::string::npos);
    EXPECT_EQ(fcntl(before.fd.get(), F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(getenv(TakeOver::kEnvironment), nullptr);
}

}  // namespace
}  // namespace motet::supervisor
