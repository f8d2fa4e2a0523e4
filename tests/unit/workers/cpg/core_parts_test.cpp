// Messages longer than one multicast, out and in.
#include "tests/unit/workers/cpg/core_fixture.h"

namespace motet::cpg::test {
namespace {

using CpgParts = CpgCore;
constexpr std::uint32_t kAtomic = client::kAtomicMax;

ByteView piece(const Bytes& bytes, std::size_t at, std::size_t size) { return ByteView(bytes).subspan(at, size); }

TEST_F(CpgParts, ALongMessageIsSentAsOneUnitWhenItsLastPartIsHere) {
    ring(4, {1}, {1});
    member(1, "alpha", 10);
    events(1);
    const Bytes message = pattern(2 * kAtomic + 777);
    const auto total = static_cast<std::uint32_t>(message.size());
    const std::size_t before = out.submitted.size();
    EXPECT_EQ(send_part(1, 1, total, piece(message, 0, 1000000)), kOk);
    EXPECT_EQ(send_part(1, 2, total, piece(message, 1000000, 1000000)), kOk);
    EXPECT_EQ(out.submitted.size(), before);
    EXPECT_EQ(send_part(1, 3, total, piece(message, 2000000, message.size() - 2000000)), kOk);
    ASSERT_EQ(out.submitted.size(), before + 3);
    std::size_t at = 0;
    for (std::size_t i = 0; i < 3; ++i) {
        const Submitted& s = out.submitted[before + i];
        const auto sent = wire::cpg::decode_partial_mcast(s.bytes, false);
        ASSERT_TRUE(sent);
        EXPECT_EQ(sent->part, i + 1);
        EXPECT_EQ(sent->total, total);
        EXPECT_LE(sent->payload.size(), kAtomic);
        EXPECT_EQ(s.first, i == 0);
        EXPECT_EQ(s.last, i == 2);
        EXPECT_LE(s.bytes.size(), wire::kMessageBodyMax);
        at += sent->payload.size();
    }
    EXPECT_EQ(at, message.size());
    deliver_own();
    EXPECT_EQ(events(1), Lines{"alpha from 1/10: " + std::to_string(total) + " bytes"});
    EXPECT_EQ(out.last_payload, message);
}

TEST_F(CpgParts, PartsThatAreNoLongMessageGoOutAsOneMulticast) {
    ring(4, {1}, {1});
    member(1, "alpha", 10);
    EXPECT_EQ(send_part(1, 1, 6, pattern(3)), kOk);
    EXPECT_EQ(send_part(1, 3, 6, pattern(3)), kOk);
    EXPECT_TRUE(wire::cpg::decode_mcast(out.submitted.back().bytes, false));
}

TEST_F(CpgParts, ClientsThatMiscountAreRefused) {
    ring(4, {1}, {1});
    member(1, "alpha", 10);
    const std::size_t before = out.submitted.size();
    EXPECT_EQ(send_part(1, 1, client::kMessageMax + 1, pattern(10)), kTooBig);
    EXPECT_EQ(send_part(1, 2, 100, pattern(10)), kInvalidParam) << "nothing was begun";
    EXPECT_EQ(send_part(1, 3, 100, pattern(10)), kInvalidParam);
    EXPECT_EQ(send_part(1, 1, 100, pattern(10)), kOk);
    EXPECT_EQ(send_part(1, 0, 100, pattern(10)), kInvalidParam);
    EXPECT_EQ(send_part(1, 4, 100, pattern(10)), kInvalidParam);
    EXPECT_EQ(send_part(1, 2, 101, pattern(10)), kInvalidParam) << "another total";
    EXPECT_EQ(send_part(1, 2, 100, pattern(10)), kInvalidParam) << "that ended it";
    EXPECT_EQ(send_part(1, 1, 100, pattern(10)), kOk);
    EXPECT_EQ(send_part(1, 2, 100, pattern(91)), kInvalidParam) << "more than announced";
    EXPECT_EQ(send_part(1, 1, 100, pattern(10)), kOk);
    EXPECT_EQ(send_part(1, 3, 100, pattern(89)), kInvalidParam) << "less than announced";
    EXPECT_EQ(send_part(1, 1, 100, pattern(101)), kInvalidParam);
    EXPECT_EQ(out.submitted.size(), before);
    EXPECT_TRUE(out.closed.empty());
}

TEST_F(CpgParts, ARingChangeInterruptsACollection) {
    ring(4, {1}, {1});
    member(1, "alpha", 10);
    const std::size_t before = out.submitted.size();
    EXPECT_EQ(send_part(1, 1, 100, pattern(10)), kOk);
    ring(8, {1}, {1});
    EXPECT_EQ(send_part(1, 2, 100, pattern(10)), kInterrupt);
    EXPECT_EQ(send_part(1, 3, 100, pattern(80)), kInvalidParam) << "told once; there is nothing to go on with";
    EXPECT_EQ(send_part(1, 1, 100, pattern(10)), kOk);
    ring(12, {1}, {1});
    EXPECT_EQ(send_part(1, 1, 20, pattern(10)), kOk) << "a new message was not interrupted";
    EXPECT_EQ(send_part(1, 3, 20, pattern(10)), kOk);
    EXPECT_EQ(out.submitted.size(), before + 1);
}

TEST_F(CpgParts, WhatClientsMayHaveCollectedIsBounded) {
    ring(4, {1}, {1});
    for (ConnId conn = 1; conn <= 17; ++conn) member(conn, "alpha", static_cast<std::uint32_t>(conn));
    for (ConnId conn = 1; conn <= 16; ++conn) EXPECT_EQ(send_part(conn, 1, client::kMessageMax, pattern(10)), kOk);
    EXPECT_EQ(send_part(17, 1, client::kMessageMax, pattern(10)), kTryAgain);
    core.on_disconnect(3, out);
    EXPECT_EQ(send_part(17, 1, client::kMessageMax, pattern(10)), kOk);
}

// B8: the place of a message in the order is that of its last part.
TEST_F(CpgParts, AProcessThatJoinsBetweenThePartsGetsTheMessage) {
    ring(4, {1, 2}, {1});
    from(2, procjoin("alpha", 20));
    const Bytes message = pattern(2500000);
    const auto total = static_cast<std::uint32_t>(message.size());
    from(2, part("alpha", 20, 1, total, piece(message, 0, 1000000)));
    member(1, "alpha", 10);
    from(2, mcast("alpha", 20, "between"));
    from(2, part("alpha", 20, 2, total, piece(message, 1000000, 1000000)));
    from(2, part("alpha", 20, 3, total, piece(message, 2000000, 500000)));
    EXPECT_EQ(events(1),
              (Lines{"alpha [1/10 2/20] joined 1/10:1", "alpha from 2/20: between", "alpha from 2/20: 2500000 bytes"}));
    EXPECT_EQ(out.last_payload, message);
}

TEST_F(CpgParts, MessagesOfSeveralSendersDoNotMix) {
    ring(4, {1, 2, 3}, {1});
    member(1, "alpha", 10);
    for (const NodeId node : {2u, 3u}) {
        from(node, procjoin("alpha", 20));
        from(node, procjoin("beta", 20));
    }
    member(2, "beta", 11);
    events(1);
    events(2);
    from(2, part("alpha", 20, 1, 4, as_bytes("ab")));
    from(3, part("alpha", 20, 1, 4, as_bytes("AB")));
    from(2, part("beta", 20, 1, 4, as_bytes("12")));
    from(3, part("alpha", 20, 3, 4, as_bytes("CD")));
    from(2, part("alpha", 20, 3, 4, as_bytes("cd")));
    from(2, part("beta", 20, 3, 4, as_bytes("34")));
    EXPECT_EQ(events(1), (Lines{"alpha from 3/20: ABCD", "alpha from 2/20: abcd"}));
    EXPECT_EQ(events(2), (Lines{"beta from 2/20: 1234"}));
}

class CpgHalves : public CpgCore {
protected:
    void SetUp() override {
        ring(4, {1, 2}, {1});
        from(2, procjoin("alpha", 20));
        member(1, "alpha", 10);
        from(2, part("alpha", 20, 1, 4, as_bytes("ab")));
        events(1);
    }
};

TEST_F(CpgHalves, ANewFirstPartReplacesThem) {
    from(2, part("alpha", 20, 1, 4, as_bytes("AB")));
    from(2, part("alpha", 20, 3, 4, as_bytes("CD")));
    EXPECT_EQ(events(1), Lines{"alpha from 2/20: ABCD"});
}
TEST_F(CpgHalves, TheDepartureOfTheSenderDropsThem) {
    from(2, procleave("alpha", 20, 5));
    from(2, procjoin("alpha", 20));
    events(1);
    from(2, part("alpha", 20, 3, 4, as_bytes("cd")));
    EXPECT_EQ(events(1), Lines{});
}
TEST_F(CpgHalves, ARingChangeThatSendersCannotRestartKeepsThem) {
    ring(8, {1, 2}, {1, 2}, {{2, joinlist({{20, "alpha"}})}}, false);
    from(2, part("alpha", 20, 3, 4, as_bytes("cd")));
    EXPECT_EQ(events(1).back(), "alpha from 2/20: abcd");
}
TEST_F(CpgHalves, ARingChangeAmongMotetNodesDropsThemForTheSenderStartsOver) {
    ring(8, {1, 2}, {1, 2}, {{2, joinlist({{20, "alpha"}})}}, true);
    events(1);
    from(2, part("alpha", 20, 3, 4, as_bytes("cd")));
    EXPECT_EQ(events(1), Lines{});
    from(2, part("alpha", 20, 1, 4, as_bytes("ab")));
    from(2, part("alpha", 20, 3, 4, as_bytes("cd")));
    EXPECT_EQ(events(1), Lines{"alpha from 2/20: abcd"});
}
TEST_F(CpgHalves, ASenderThatGoesDownAndUpStartsOver) {
    ring(8, {1, 2}, {1}, {{2, joinlist({{20, "alpha"}})}}, false);
    events(1);
    from(2, part("alpha", 20, 3, 4, as_bytes("cd")));
    EXPECT_EQ(events(1), Lines{});
}
TEST_F(CpgHalves, PartsThatContradictEachOtherAreDropped) {
    from(2, part("alpha", 20, 3, 5, as_bytes("cde")));
    from(2, part("alpha", 20, 3, 4, as_bytes("cd")));
    from(2, part("alpha", 20, 1, 4, as_bytes("ab")));
    from(2, part("alpha", 20, 2, 4, as_bytes("cde")));
    from(2, part("alpha", 20, 1, 4, as_bytes("ab")));
    from(2, part("alpha", 20, 3, 4, as_bytes("c")));
    from(2, part("alpha", 20, 1, client::kMessageMax + 1, as_bytes("ab")));
    from(2, part("alpha", 20, 3, client::kMessageMax + 1, as_bytes("cd")));
    EXPECT_EQ(events(1), Lines{});
}

TEST_F(CpgParts, WhatPeersMayLeaveHalfAssembledIsBounded) {
    ring(4, {1, 2}, {1});
    for (std::uint32_t pid = 1; pid <= 17; ++pid) {
        from(2, procjoin("alpha", pid));
        from(2, part("alpha", pid, 1, client::kMessageMax, as_bytes("x")));
    }
    EXPECT_EQ(core.dropped(), 1u);
    from(2, part("alpha", 1, 1, client::kMessageMax, as_bytes("x")));  // a new first part takes the room of the old one
    EXPECT_EQ(core.dropped(), 1u);
    from(2, procleave("alpha", 5, 5));
    from(2, part("alpha", 17, 1, client::kMessageMax, as_bytes("x")));
    EXPECT_EQ(core.dropped(), 1u);
}

TEST_F(CpgParts, TheLongestMessagePasses) {
    ring(4, {1}, {1});
    member(1, "alpha", 10);
    events(1);
    const Bytes message = pattern(client::kMessageMax);
    for (std::size_t at = 0; at < message.size();) {
        const std::size_t size = std::min<std::size_t>(kAtomic, message.size() - at);
        const std::uint32_t kind = at == 0 ? 1 : at + size == message.size() ? 3 : 2;
        ASSERT_EQ(send_part(1, kind, client::kMessageMax, piece(message, at, size)), kOk);
        at += size;
    }
    deliver_own();
    EXPECT_EQ(events(1), Lines{"alpha from 1/10: 16777216 bytes"});
    EXPECT_TRUE(out.last_payload == message);
}

}  // namespace
}  // namespace motet::cpg::test
