// Packing and reassembly at their edges, without a ring.
#include "membership/totem/packing.h"

#include "libs/wire/packing.h"
#include "membership/totem/assembly.h"
#include "tests/unit/membership/totem/net.h"

namespace motet::totem::test {
namespace {

constexpr std::size_t kBody = 1410;  // M at netmtu 1500

struct Receiver final : Output {
    Assembly assembly;
    Counters counters;
    std::vector<std::string> got;
    Verdict answer = Verdict::none;

    Verdict take(ByteView body) {
        auto packed = wire::decode_packed(body, false);
        EXPECT_TRUE(bool(packed));
        return assembly.take(*packed, 1, false, *this, counters);
    }
    void multicast(ByteView) override {}
    void unicast(NodeId, ByteView) override {}
    void loop_back(ByteView) override {}
    Verdict deliver(NodeId, ByteView message, bool) override {
        got.push_back(text_of(message));
        return answer;
    }
    void transitional(RingId, std::span<const NodeId>, std::span<const NodeId>) override {}
    void regular(RingId, std::span<const NodeId>, std::span<const NodeId>) override {}
    bool store_ring_sequence(std::uint64_t) override { return true; }
};

bool push(SendQueue& queue, const std::string& text, Guarantee guarantee = Guarantee::agreed, bool first = true, bool last = true) {
    const ByteView piece = as_bytes(text);
    return queue.push({{&piece, 1}, Stream::normal, guarantee, first, last}, 64u << 20);
}
struct Body {
    Bytes bytes;
    bool safe;
};
Body cut(SendQueue& queue) {
    Bytes body(kBody);
    const SendQueue::Cut cut = queue.cut(body);
    body.resize(cut.size);
    return {body, cut.safe};
}
std::vector<Body> cut_all(SendQueue& queue) {
    std::vector<Body> all;
    while (!queue.empty()) all.push_back(cut(queue));
    return all;
}
Bytes frame(std::uint8_t continuation, std::uint8_t fragmented, const std::vector<std::string>& entries) {
    std::vector<std::uint16_t> lengths;
    for (const std::string& entry : entries) lengths.push_back(static_cast<std::uint16_t>(entry.size()));
    Bytes body(wire::packing_overhead(entries.size()));
    wire::write_packing_header(fragmented, continuation, lengths, body);
    for (const std::string& entry : entries) body.insert(body.end(), entry.begin(), entry.end());
    return body;
}
using Texts = std::vector<std::string>;

TEST(Packing, EverySizeAroundAFrameArrivesWholeAndFramesAreFull) {
    for (const std::size_t size : {std::size_t{1}, std::size_t{2}, kBody - 13, kBody - 12, kBody - 11, kBody - 10, kBody - 9, kBody - 8,
                                   kBody - 1, kBody, kBody + 1, 2 * (kBody - 10) - 1, 2 * (kBody - 10), 2 * (kBody - 10) + 1,
                                   std::size_t{65536}, kMessageMax}) {
        SendQueue queue(kBody);
        Receiver receiver;
        const Texts sent = {"before", numbered(1, 7, size), "after"};
        for (const std::string& text : sent) ASSERT_TRUE(push(queue, text));
        const std::uint32_t backlog = queue.backlog();
        const auto bodies = cut_all(queue);
        for (std::size_t i = 0; i + 1 < bodies.size(); ++i) EXPECT_GE(bodies[i].bytes.size(), kBody - 2) << size;
        EXPECT_NEAR(static_cast<double>(bodies.size()), backlog, 1.0 + static_cast<double>(backlog) / 500) << size;
        for (const Body& body : bodies) receiver.take(body.bytes);
        EXPECT_EQ(receiver.got, sent) << size;
        EXPECT_EQ(queue.used(), 0u);
    }
}

TEST(Packing, AFrameFilledExactlyByTheEndOfAMessageIsNotFragmented) {
    SendQueue queue(kBody);
    ASSERT_TRUE(push(queue, std::string(kBody - 10, 'x')));
    ASSERT_TRUE(push(queue, "next"));
    const Body first = cut(queue);
    EXPECT_EQ(first.bytes.size(), kBody);
    EXPECT_EQ(wire::decode_packed(first.bytes, false)->fragmented(), 0);
    EXPECT_EQ(wire::decode_packed(cut(queue).bytes, false)->continuation(), 0);
}

TEST(Packing, FragmentNumbersGoFromOneTo255AndSkipZero) {
    SendQueue queue(kBody);
    ASSERT_TRUE(push(queue, std::string(600 * kBody, 'x')));
    std::uint8_t last = 0;
    std::size_t frames = 0;
    for (const Body& body : cut_all(queue)) {
        const auto packed = wire::decode_packed(body.bytes, false);
        EXPECT_EQ(packed->continuation(), last);
        if (packed->fragmented() != 0) {
            EXPECT_EQ(packed->fragmented(), 1 + last % 255);
        }
        last = packed->fragmented();
        ++frames;
    }
    EXPECT_GT(frames, 600u);
    EXPECT_EQ(last, 0);
}

TEST(Packing, ASafeMessageEndsItsFrameAndOnlyTheFrameOfItsLastByteIsSafe) {
    SendQueue queue(kBody);
    ASSERT_TRUE(push(queue, "a"));
    ASSERT_TRUE(push(queue, std::string(2000, 's'), Guarantee::safe));
    ASSERT_TRUE(push(queue, "b"));
    const auto bodies = cut_all(queue);
    ASSERT_EQ(bodies.size(), 3u);
    EXPECT_FALSE(bodies[0].safe);
    EXPECT_TRUE(bodies[1].safe);
    EXPECT_FALSE(bodies[2].safe);
    EXPECT_EQ(wire::decode_packed(bodies[1].bytes, false)->count(), 1u);
}

TEST(Packing, RandomMessagesSurviveRandomCutting) {
    std::uint32_t draw = 12345;
    const auto next = [&draw](std::uint32_t below) {
        draw = draw * 1664525 + 1013904223;
        return (draw >> 8) % below;
    };
    SendQueue queue(kBody);
    Receiver receiver;
    Texts sent;
    for (int round = 0; round < 2000; ++round) {
        for (std::uint32_t n = next(4); n > 0; --n) {
            sent.push_back(numbered(1, static_cast<int>(sent.size()), 1 + next(next(10) == 0 ? 9000 : 300)));
            ASSERT_TRUE(push(queue, sent.back(), next(9) == 0 ? Guarantee::safe : Guarantee::agreed));
        }
        for (std::uint32_t n = next(3); n > 0 && !queue.empty(); --n) receiver.take(cut(queue).bytes);
    }
    for (const Body& body : cut_all(queue)) receiver.take(body.bytes);
    EXPECT_EQ(receiver.got, sent);
    EXPECT_EQ(receiver.counters.fragments_dropped, 0u);
}

TEST(Packing, AfterARingChangeTheTailOfACutMessageTravelsAlone) {
    SendQueue queue(kBody);
    Receiver old_member, newcomer;
    ASSERT_TRUE(push(queue, std::string(2000, 'x')));
    ASSERT_TRUE(push(queue, "behind"));
    old_member.take(cut(queue).bytes);
    queue.ring_changed();
    const auto bodies = cut_all(queue);
    ASSERT_EQ(bodies.size(), 2u);
    EXPECT_EQ(wire::decode_packed(bodies[0].bytes, false)->count(), 1u);
    for (const Body& body : bodies) {
        old_member.take(body.bytes);
        newcomer.take(body.bytes);
    }
    EXPECT_EQ(old_member.got, (Texts{std::string(2000, 'x'), "behind"}));
    EXPECT_EQ(newcomer.got, Texts{"behind"});
}

TEST(Packing, ARestartSendsTheCutMessageFromItsFirstByte) {
    SendQueue queue(kBody);
    Receiver receiver;
    ASSERT_TRUE(push(queue, "done"));
    ASSERT_TRUE(push(queue, std::string(5000, 'x')));
    ASSERT_TRUE(push(queue, "behind"));
    receiver.take(cut(queue).bytes);
    receiver.take(cut(queue).bytes);
    queue.ring_changed();
    queue.restart();
    receiver.assembly.reset();
    const std::uint32_t backlog = queue.backlog();
    const auto bodies = cut_all(queue);
    EXPECT_EQ(bodies.size(), backlog);
    for (const Body& body : bodies) receiver.take(body.bytes);
    EXPECT_EQ(receiver.got, (Texts{"done", std::string(5000, 'x'), "behind"}));
}

TEST(Packing, ARestartWithNothingCutChangesNothing) {
    SendQueue queue(kBody);
    ASSERT_TRUE(push(queue, "one"));
    cut(queue);
    ASSERT_TRUE(push(queue, "two"));
    queue.restart();
    Receiver receiver;
    for (const Body& body : cut_all(queue)) receiver.take(body.bytes);
    EXPECT_EQ(receiver.got, Texts{"two"});
}

TEST(Packing, AUnitOfSeveralMessagesRestartsFromItsFirstButOthersWithinItDoNot) {
    SendQueue queue(kBody);
    Receiver receiver;
    ASSERT_TRUE(push(queue, "u1", Guarantee::safe, true, false));  // safe only to end its frame
    ASSERT_TRUE(push(queue, "other service", Guarantee::safe));
    ASSERT_TRUE(push(queue, "u2", Guarantee::safe, false, false));
    for (int i = 0; i < 3; ++i) receiver.take(cut(queue).bytes);
    EXPECT_EQ(receiver.got, (Texts{"u1", "other service", "u2"}));
    queue.ring_changed();
    queue.restart();
    EXPECT_GT(queue.backlog(), 0u);
    ASSERT_TRUE(push(queue, "u3", Guarantee::agreed, false, true));
    ASSERT_TRUE(push(queue, "behind"));
    receiver.got.clear();
    for (const Body& body : cut_all(queue)) receiver.take(body.bytes);
    EXPECT_EQ(receiver.got, (Texts{"u1", "u2", "u3", "behind"}));
    queue.restart();
    EXPECT_TRUE(queue.empty());
    EXPECT_EQ(queue.used(), 0u);
}

TEST(Packing, AUnitLostByItsSenderIsForgottenWhenTheNextBegins) {
    SendQueue queue(kBody);
    ASSERT_TRUE(push(queue, "lost", Guarantee::agreed, true, false));
    cut(queue);
    ASSERT_TRUE(push(queue, "new", Guarantee::agreed, true, false));
    cut(queue);
    queue.restart();
    Receiver receiver;
    for (const Body& body : cut_all(queue)) receiver.take(body.bytes);
    EXPECT_EQ(receiver.got, Texts{"new"});
}

TEST(Packing, StaleMessagesAreDroppedButABegunOneStays) {
    SendQueue queue(kBody);
    Receiver receiver;
    ASSERT_TRUE(push(queue, std::string(2000, 'x')));
    ASSERT_TRUE(push(queue, "stale"));
    receiver.take(cut(queue).bytes);
    queue.drop_not_begun();
    queue.ring_changed();
    ASSERT_TRUE(push(queue, "fresh"));
    for (const Body& body : cut_all(queue)) receiver.take(body.bytes);
    EXPECT_EQ(receiver.got, (Texts{std::string(2000, 'x'), "fresh"}));
    ASSERT_TRUE(push(queue, "stale"));
    queue.drop_not_begun();
    EXPECT_TRUE(queue.empty());
    EXPECT_EQ(queue.backlog(), 0u);
}

TEST(Packing, TheLimitIsKeptAndTheQueueGivesItsMemoryBack) {
    SendQueue queue(kBody);
    const std::string text(1000, 'x');
    const ByteView piece = as_bytes(text);
    const Submission message{{&piece, 1}};
    std::size_t taken = 0;
    while (queue.push(message, 1u << 20)) ++taken;
    EXPECT_EQ(taken, (1u << 20) / 1024);
    EXPECT_LT(queue.room(1u << 20), 1000u);
    cut_all(queue);
    EXPECT_EQ(queue.room(1u << 20), (1u << 20) - 16u);
    EXPECT_TRUE(queue.push(message, 1u << 20));
}

TEST(Assembly, ATailWithoutItsHeadIsDroppedAloneAndWhatFollowsIsDelivered) {
    Receiver receiver;
    receiver.take(frame(3, 0, {"tail", "good"}));
    EXPECT_EQ(receiver.got, Texts{"good"});
    EXPECT_EQ(receiver.counters.fragments_dropped, 1u);
}

TEST(Assembly, MiddleFragmentsWithoutAHeadAreDroppedToTheirEnd) {
    Receiver receiver;
    receiver.take(frame(3, 4, {"middle"}));
    receiver.take(frame(4, 5, {"middle"}));
    receiver.take(frame(5, 1, {"tail", "good", "head "}));
    receiver.take(frame(1, 0, {"and tail"}));
    EXPECT_EQ(receiver.got, (Texts{"good", "head and tail"}));
}

TEST(Assembly, AHeadThatIsNeverContinuedIsDropped) {
    Receiver receiver;
    receiver.take(frame(0, 1, {"head"}));
    receiver.take(frame(0, 0, {"whole"}));
    receiver.take(frame(0, 1, {"head"}));
    receiver.take(frame(2, 0, {"tail of another", "whole"}));
    EXPECT_EQ(receiver.got, (Texts{"whole", "whole"}));
}

TEST(Assembly, AnEntryOfLengthZeroCondemnsItsFrame) {
    Receiver receiver;
    receiver.take(frame(0, 0, {"a", "", "b"}));
    EXPECT_TRUE(receiver.got.empty());
    EXPECT_EQ(receiver.counters.dropped_malformed, 1u);
    receiver.take(frame(0, 0, {"c"}));
    EXPECT_EQ(receiver.got, Texts{"c"});
}

TEST(Assembly, AMessageBeyondTheMaximumIsDroppedAndTheNextIsDelivered) {
    Receiver receiver;
    const std::string piece(60'000, 'x');
    std::uint8_t last = 0;
    for (std::size_t size = 0; size < kMessageMax + 400'000; size += piece.size()) {
        receiver.take(frame(last, wire::next_fragment(last), {piece}));
        last = wire::next_fragment(last);
    }
    receiver.take(frame(last, 0, {"tail", "next"}));
    EXPECT_EQ(receiver.got, Texts{"next"});
}

TEST(Assembly, TheVerdictOnAnyMessageOfAFrameIsReported) {
    Receiver receiver;
    receiver.answer = Verdict::synchronised;
    EXPECT_EQ(receiver.take(frame(0, 0, {"a", "b"})), Verdict::synchronised);
}

}  // namespace
}  // namespace motet::totem::test
