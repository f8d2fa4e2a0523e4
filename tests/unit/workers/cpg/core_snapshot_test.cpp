// A core that is made from another's snapshot goes on exactly as that one does; damaged bytes make none.
#include <random>

#include "tests/unit/workers/cpg/core_fixture.h"

namespace motet::cpg::test {
namespace {

class CpgSnapshot : public CpgCore {
protected:
    CpgSnapshot() { ring(4, {1, 2, 3}, {1}, {{2, joinlist({{7, "alpha"}, {8, "beta"}})}, {3, joinlist({{9, "alpha"}})}}); }

    // Everybody in some state of its own.
    void fill() {
        member(11, "alpha", 101, true);
        member(12, "alpha", 102);
        member(13, "beta", 103);
        ASSERT_EQ(connect(14), kOk);
        ASSERT_EQ(join(14, "alpha", 104), kOk);          // joining
        ASSERT_EQ(leave(13, "beta"), kOk);               // leaving
        core.on_connect(15, 1015, 0, 0, out);            // not introduced
        from(2, part("alpha", 7, 1, 3'000'000, pattern(1'000'000)));
        ASSERT_EQ(send_part(12, 1, 2'000'000, pattern(1'000'000)), kOk);
        ASSERT_EQ(request(11, Request::iteration_start, record(client::IterationRequest{3, 0, {}})), kOk);
        std::memcpy(&iteration, rest.data(), sizeof iteration);
        ASSERT_EQ(request(11, Request::iteration_next, record(iteration)), kOk);
    }
    Bytes snapshot() const {
        Bytes bytes;
        core.snapshot(bytes);
        return bytes;
    }
    // The same inputs for both; what they ask for must be equal.
    void go_on(Core& with, Notebook& notes) const {
        const auto from = [&](NodeId node, const Bytes& message) { with.on_message(node, message, false, notes); };
        std::uint64_t number = 1000;
        const auto ask = [&](ConnId conn, Request type, const Bytes& payload) { with.on_request(conn, type, ++number, payload, notes); };
        for (std::size_t i = delivered; i < out.submitted.size(); ++i) from(kSelf, out.submitted[i].bytes);
        from(2, part("alpha", 7, 2, 3'000'000, pattern(1'000'000, 2)));
        from(2, part("alpha", 7, 3, 3'000'000, pattern(1'000'000, 3)));
        from(3, mcast("alpha", 9, "after the restart"));
        ask(12, Request::multicast_part, record(client::PartRequest{2, 2'000'000, 1'000'000, 3}, pattern(1'000'000, 4)));
        ask(11, Request::iteration_next, record(iteration));
        ask(11, Request::membership, record(client::NameRequest{name("alpha")}));
        ask(14, Request::multicast, record(client::MulticastRequest{2, 5}, as_bytes("hello")));
        with.on_disconnect(12, notes);
        with.on_sync_started(notes);
        with.on_init(50, {1, 8}, Nodes{1, 3}, Nodes{1, 3}, notes);
        with.on_process(50, notes);
        from(3, joinlist({{9, "alpha"}, {19, "gamma"}}));
        with.on_activate(50, notes);
        with.on_complete({1, 8}, true, notes);
        ask(15, Request::model, record(client::ModelRequest{0, 0, 1, 0}));
        ask(15, Request::join, record(client::JoinRequest{105, name("gamma")}));
    }
    static void expect_same(const Notebook& a, const Notebook& b) {
        ASSERT_EQ(a.submitted.size(), b.submitted.size());
        for (std::size_t i = 0; i < a.submitted.size(); ++i) {
            EXPECT_EQ(a.submitted[i].conn, b.submitted[i].conn);
            EXPECT_TRUE(a.submitted[i].bytes == b.submitted[i].bytes) << i;
        }
        EXPECT_EQ(a.sync, b.sync);
        EXPECT_EQ(a.done, b.done);
        EXPECT_EQ(a.events, b.events);
        EXPECT_EQ(a.closed, b.closed);
        ASSERT_EQ(a.replies.size(), b.replies.size());
        for (const auto& [key, reply] : a.replies) {
            ASSERT_TRUE(b.replies.contains(key));
            EXPECT_EQ(reply.code, b.replies.at(key).code) << key.first << " " << key.second;
            EXPECT_TRUE(reply.rest == b.replies.at(key).rest);
        }
    }
    std::uint64_t iteration = 0;
};

TEST_F(CpgSnapshot, ACoreGoesOnAsTheOneItWasMadeFrom) {
    fill();
    const Bytes bytes = snapshot();
    Core other(kSelf);
    ASSERT_TRUE(other.restore(bytes));
    Notebook first, second;
    go_on(core, first);
    go_on(other, second);
    EXPECT_GT(first.events.size(), 2u);
    EXPECT_GT(first.submitted.size(), 2u);
    expect_same(first, second);
    EXPECT_EQ(core.status_json(), other.status_json());
}

TEST_F(CpgSnapshot, InTheMiddleOfASynchronisationToo) {
    member(11, "alpha", 101);
    core.on_sync_started(out);
    begin(12, {1, 2, 3}, {1, 3});
    from(3, joinlist({{9, "alpha"}, {29, "delta"}}));
    from(2, procleave("alpha", 7, 2));
    const Bytes bytes = snapshot();
    Core other(kSelf);
    ASSERT_TRUE(other.restore(bytes));
    Notebook first, second;
    for (auto& [with, notes] : {std::pair<Core*, Notebook*>{&core, &first}, {&other, &second}}) {
        with->on_message(2, joinlist({{7, "alpha"}}), false, *notes);
        with->on_activate(round, *notes);
        with->on_complete({1, 12}, true, *notes);
    }
    EXPECT_FALSE(first.events[11].empty());
    expect_same(first, second);
}

TEST_F(CpgSnapshot, OfAnotherVersionOrNodeOrCutShortIsRefused) {
    fill();
    const Bytes bytes = snapshot();
    Bytes other = bytes;
    other[0] ^= 1;
    EXPECT_FALSE(core.restore(other));
    EXPECT_FALSE(Core(2).restore(bytes));
    Bytes longer = bytes;
    longer.push_back(0);
    EXPECT_FALSE(Core(kSelf).restore(longer));
    for (std::size_t n = 0; n < bytes.size(); n += n < 2000 ? 1 : 50'021) EXPECT_FALSE(Core(kSelf).restore(ByteView(bytes).first(n))) << n;
}

// Bytes that a checksum would have caught, if there were none: refused, or a core that still keeps its rules.
TEST_F(CpgSnapshot, DamagedBytesNeverHurt) {
    member(11, "alpha", 101);
    ASSERT_EQ(connect(14), kOk);
    ASSERT_EQ(join(14, "beta", 104), kOk);
    const Bytes bytes = snapshot();
    std::mt19937 random(7);
    unsigned accepted = 0;
    for (int i = 0; i < 3000; ++i) {
        Bytes damaged = bytes;
        for (unsigned n = 0; n <= random() % 3; ++n) damaged[random() % damaged.size()] = static_cast<std::uint8_t>(random());
        Core other(kSelf);
        if (!other.restore(damaged)) continue;
        ++accepted;
        Notebook notes;
        other.on_message(2, mcast("alpha", 7, "x"), false, notes);
        other.on_disconnect(14, notes);
        other.on_sync_started(notes);
        other.on_init(60, {1, 8}, Nodes{1}, Nodes{1}, notes);
        other.on_process(60, notes);
        other.on_activate(60, notes);
        (void)other.status_json();
    }
    EXPECT_LT(accepted, 3000u);
}

}  // namespace
}  // namespace motet::cpg::test
