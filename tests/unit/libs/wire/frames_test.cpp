// Lies that single frames can tell, and what encoders and patchers promise. The honest cases are in
// totem_vectors_test.cpp.
#include <gtest/gtest.h>

#include <type_traits>

#include "libs/wire/commit_token.h"
#include "libs/wire/hold_cancel.h"
#include "libs/wire/join.h"
#include "libs/wire/mcast.h"
#include "libs/wire/merge_detect.h"
#include "libs/wire/token.h"

namespace motet::wire {
namespace {

template <class Frame, class Encode>
Bytes encoded(const Frame& frame, Encode encode) {
    Bytes out;
    encode(frame, out);
    return out;
}

Bytes with_u32(Bytes frame, std::size_t offset, std::uint32_t value) {
    store_at(std::span(frame), offset, value);
    return frame;
}

Token token_with_items(std::size_t items) {
    Token token;
    token.ring = {1, 13};
    for (std::uint32_t i = 0; i < items; ++i) token.retransmit.push({{1, 13}, i});
    return token;
}

Join join_of(std::uint32_t considered, std::uint32_t failed) {
    Join join;
    for (std::uint32_t i = 0; i < considered; ++i) join.proc_list.push(i + 1);
    for (std::uint32_t i = 0; i < failed; ++i) join.failed_list.push(i + 1);
    return join;
}

CommitToken commit_token_of(std::initializer_list<NodeId> nodes) {
    CommitToken token;
    for (const NodeId node : nodes) {
        CommitMember member;
        member.nodeid = node;
        token.members.push(member);
    }
    return token;
}

// Plain values without a destructor own no memory: decoding what arrives at every token visit allocates nothing.
static_assert(std::is_trivially_copyable_v<Decoded<Token>> && std::is_trivially_copyable_v<Decoded<Mcast>>);

TEST(Header, OfAnotherMagicVersionOrTypeIsRefused) {
    Bytes frame = encoded(HoldCancel{}, encode_hold_cancel);
    ASSERT_TRUE(decode_header(frame));
    const auto refusal = [&](std::size_t at, std::uint8_t value) {
        Bytes changed = frame;
        changed[at] = value;
        return decode_header(changed).why;
    };
    EXPECT_EQ(refusal(0, 0x71), Malformed::magic);
    EXPECT_EQ(refusal(1, 0xc1), Malformed::magic);
    EXPECT_EQ(refusal(2, 2), Malformed::version);
    EXPECT_EQ(refusal(2, 4), Malformed::version);
    EXPECT_EQ(refusal(3, 6), Malformed::type);
    EXPECT_EQ(refusal(3, 255), Malformed::type);
    EXPECT_EQ(decode_header({}).why, Malformed::truncated);
}

TEST(Header, OfAnotherFrameIsRefusedByEachDecoder) {
    const Bytes frame = encoded(HoldCancel{}, encode_hold_cancel);
    EXPECT_EQ(decode_token(frame).why, Malformed::type);
    EXPECT_EQ(decode_mcast(frame).why, Malformed::type);
    EXPECT_EQ(decode_join(frame).why, Malformed::type);
    EXPECT_EQ(decode_commit_token(frame).why, Malformed::type);
    EXPECT_EQ(decode_merge_detect(frame).why, Malformed::type);
    EXPECT_TRUE(decode_hold_cancel(frame));
}

TEST(Header, TargetIsPatchedInPlace) {
    MergeDetect merge;
    merge.header.nodeid = 3;
    Bytes frame = encoded(merge, encode_merge_detect);
    patch_target(frame, 0x01020304);
    EXPECT_EQ(decode_header(frame)->target, 0x01020304u);
    EXPECT_EQ(decode_header(frame)->nodeid, 3u);
}

TEST(Token, HoldsThirtyItemsAndNotOneMore) {
    const Bytes frame = encoded(token_with_items(30), encode_token);
    EXPECT_EQ(frame.size(), 537u);
    ASSERT_TRUE(decode_token(frame));
    EXPECT_EQ(decode_token(frame)->retransmit.size(), 30u);
    EXPECT_EQ(decode_token(frame)->retransmit[29], (RetransmitItem{{1, 13}, 29}));

    Bytes longer = with_u32(frame, 53, 31);
    longer.resize(longer.size() + kRetransmitItemSize);
    EXPECT_EQ(decode_token(longer).why, Malformed::count);
}

TEST(Token, WithAFalseItemCountIsRefused) {
    const Bytes frame = encoded(token_with_items(2), encode_token);
    EXPECT_EQ(decode_token(with_u32(frame, 53, 3)).why, Malformed::truncated);
    for (const std::uint32_t items : {0x80000000u, 0xffffffffu, 0x10000000u}) {
        EXPECT_EQ(decode_token(with_u32(frame, 53, items)).why, Malformed::count) << items;
    }
}

TEST(Token, IsAcceptedUpToCorosyncsFrameLimit) {
    Bytes frame = encoded(token_with_items(1), encode_token);
    frame.resize(kTokenFrameMax);
    EXPECT_TRUE(decode_token(frame));
    frame.resize(kTokenFrameMax + 1);
    EXPECT_EQ(decode_token(frame).why, Malformed::length);
}

TEST(Join, HoldsTwoFullLists) {
    const Decoded<Join> join = decode_join(encoded(join_of(kNodesMax, kNodesMax), encode_join));
    ASSERT_TRUE(join);
    EXPECT_EQ(join->proc_list[kNodesMax - 1], kNodesMax);
    EXPECT_EQ(join->failed_list[kNodesMax - 1], kNodesMax);
}

TEST(Join, WithFalseCountsIsRefused) {
    const Bytes frame = encoded(join_of(3, 1), encode_join);
    EXPECT_EQ(decode_join(with_u32(frame, 17, 4)).why, Malformed::truncated);
    EXPECT_EQ(decode_join(with_u32(frame, 21, 2)).why, Malformed::truncated);
    EXPECT_EQ(decode_join(with_u32(frame, 17, kNodesMax + 1)).why, Malformed::count);
    EXPECT_EQ(decode_join(with_u32(frame, 21, kNodesMax + 1)).why, Malformed::count);
    // Sums and products that wrap in 32 bits to what is really there.
    EXPECT_EQ(decode_join(with_u32(with_u32(frame, 17, 0xffffffffu), 21, 5)).why, Malformed::count);
    EXPECT_EQ(decode_join(with_u32(with_u32(frame, 17, 0x40000003u), 21, 1)).why, Malformed::count);
}

TEST(Join, MayRepeatAnId) {
    Join join;
    join.proc_list.push(2);
    join.proc_list.push(2);
    const Decoded<Join> decoded = decode_join(encoded(join, encode_join));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->proc_list.size(), 2u);
}

TEST(CommitToken, HoldsAFullRing) {
    CommitToken token;
    for (std::uint32_t i = 1; i <= kNodesMax; ++i) {
        CommitMember member;
        member.nodeid = i * 10;
        member.old_ring = {i, i};
        member.aru = i;
        member.received = i % 2 == 0;
        token.members.push(member);
    }
    token.memb_index = kNodesMax;
    const Bytes frame = encoded(token, encode_commit_token);
    EXPECT_EQ(frame.size(), 10793u);
    const Decoded<CommitToken> decoded = decode_commit_token(frame);
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->members[383].nodeid, 3840u);
    EXPECT_EQ(decoded->members[383].old_ring, (RingId{384, 384}));
    EXPECT_TRUE(decoded->members[383].received);
    EXPECT_FALSE(decoded->members[382].received);
}

TEST(CommitToken, WithFalseCountsIsRefused) {
    const Bytes frame = encoded(commit_token_of({1, 2, 3}), encode_commit_token);
    ASSERT_TRUE(decode_commit_token(frame));
    EXPECT_EQ(decode_commit_token(with_u32(frame, 37, 4)).why, Malformed::truncated);
    EXPECT_EQ(decode_commit_token(with_u32(frame, 37, 0)).why, Malformed::count);
    EXPECT_EQ(decode_commit_token(with_u32(frame, 37, kNodesMax + 1)).why, Malformed::count);
    EXPECT_EQ(decode_commit_token(with_u32(frame, 37, 0xffffffffu)).why, Malformed::count);
    EXPECT_TRUE(decode_commit_token(with_u32(frame, 33, 3)));
    EXPECT_EQ(decode_commit_token(with_u32(frame, 33, 4)).why, Malformed::count);
    EXPECT_EQ(decode_commit_token(with_u32(frame, 33, 0xffffffffu)).why, Malformed::count);
}

TEST(CommitToken, OutOfRingOrderIsRefused) {
    for (const auto& nodes : {commit_token_of({1, 1}), commit_token_of({2, 1}), commit_token_of({0, 1})}) {
        EXPECT_EQ(decode_commit_token(encoded(nodes, encode_commit_token)).why, Malformed::value);
    }
}

TEST(McastFrame, OfAnUnknownEncapsulationIsRefused) {
    for (const std::uint8_t encapsulated : {0, 3, 255}) {
        Mcast mcast;
        mcast.header.encapsulated = encapsulated;
        EXPECT_EQ(decode_mcast(encoded(mcast, encode_mcast)).why, Malformed::value);
    }
}

TEST(McastFrame, IsAcceptedUpToWhatCorosyncSurvives) {
    const Bytes body(kFrameMax - kMcastHeaderSize + 1);
    Mcast mcast;
    mcast.body = ByteView(body).first(body.size() - 1);
    EXPECT_TRUE(decode_mcast(encoded(mcast, encode_mcast)));
    mcast.body = body;
    EXPECT_EQ(decode_mcast(encoded(mcast, encode_mcast)).why, Malformed::length);
}

TEST(McastFrame, GetsItsNumbersWhenTheTokenComes) {
    const Bytes body = {1, 2, 3};
    Mcast mcast;
    mcast.header.nodeid = mcast.system_from = 7;
    mcast.guarantee = 1;
    mcast.body = body;
    Bytes frame = encoded(mcast, encode_mcast);
    patch_mcast_seq(frame, 0xfffffff0u);
    patch_mcast_this_seqno(frame, 99);
    patch_mcast_ring(frame, {3, 0x1122334455667788u});

    const Decoded<Mcast> decoded = decode_mcast(frame);
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->seq, 0xfffffff0u);
    EXPECT_EQ(decoded->this_seqno, 99u);
    EXPECT_EQ(decoded->ring, (RingId{3, 0x1122334455667788u}));
    EXPECT_EQ(decoded->system_from, 7u);
    EXPECT_EQ(decoded->guarantee, 1u);
    EXPECT_EQ(Bytes(decoded->body.begin(), decoded->body.end()), body);
}

TEST(Patching, BytesThatAreTooShortChangesNothingBeyondThem) {
    Bytes frame(20, 0xaa);
    patch_mcast_seq(std::span(frame).first(18), 1);
    patch_mcast_ring(std::span(frame).first(18), {1, 1});
    patch_target(std::span(frame).first(10), 1);
    EXPECT_EQ(frame, Bytes(20, 0xaa));
}

}  // namespace
}  // namespace motet::wire
