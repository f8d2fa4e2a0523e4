// Feed records: what is encoded comes back, and a record that does not measure up exactly is refused.
#include "libs/feed/feed.h"

#include <gtest/gtest.h>

namespace motet::feed {
namespace {

Bytes bytes_of(const SubmitHeader& header) {
    const auto* first = reinterpret_cast<const std::uint8_t*>(&header);
    return {first, first + sizeof header};
}

// Whether any shorter or longer record than `record` is accepted by `decode`.
template <class Decode>
void expect_exact(const Bytes& record, Decode decode) {
    EXPECT_TRUE(decode(ByteView(record)));
    for (std::size_t size = 0; size < record.size(); ++size) EXPECT_FALSE(decode(ByteView(record).first(size))) << size;
    Bytes longer = record;
    longer.push_back(0);
    EXPECT_FALSE(decode(ByteView(longer)));
}

TEST(FeedInit, ComesBackAsItWas) {
    Init init;
    init.round = 77;
    init.ring = {2, 0x1122334455667788u};
    init.members = {2, 5, 9};
    init.continuing = {2, 9};
    Bytes record;
    encode_init(init, record);
    const std::optional<Init> back = decode_init(record);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->round, 77u);
    EXPECT_EQ(back->ring, init.ring);
    EXPECT_EQ(back->members, init.members);
    EXPECT_EQ(back->continuing, init.continuing);
    expect_exact(record, decode_init);
}

TEST(FeedInit, HoldsAFullMembershipAndNoMore) {
    Init init;
    init.members.assign(kNodesMax, 1);
    init.continuing.assign(kNodesMax, 2);
    Bytes record;
    encode_init(init, record);
    EXPECT_TRUE(decode_init(record));
    init.members.push_back(1);
    record.clear();
    encode_init(init, record);
    EXPECT_FALSE(decode_init(record));
}

TEST(FeedInit, CountsThatWrapToTheRightSizeAreRefused) {
    Bytes record;
    encode_init({2, 1, {1, 1}, {1, 2}, {}}, record);
    store_at(std::span(record), 20, std::uint32_t{0xffffffff});
    store_at(std::span(record), 24, std::uint32_t{3});
    EXPECT_FALSE(decode_init(record));
}

TEST(FeedRound, IsExactlyOneNumber) {
    Bytes record;
    encode_step({5, 0x1122334455667788u}, record);
    EXPECT_EQ(decode_step(record), (Step{5, 0x1122334455667788u}));
    expect_exact(record, decode_step);
}

TEST(FeedComplete, ComesBackAsItWas) {
    for (const bool all_motet : {false, true}) {
        Bytes record;
        encode_complete({{3, 4}, all_motet}, record);
        const std::optional<Complete> back = decode_complete(record);
        ASSERT_TRUE(back);
        EXPECT_EQ(back->ring, (RingId{3, 4}));
        EXPECT_EQ(back->all_motet, all_motet);
        expect_exact(record, decode_complete);
        record.back() = 2;
        EXPECT_FALSE(decode_complete(record));
    }
}

TEST(FeedMessage, HeaderAndBodyComeBack) {
    Bytes record(kMessageHeaderSize, 0xee);
    encode_message_header(0x01020304, true, true, record.data());
    EXPECT_EQ(record, (Bytes{4, 3, 2, 1, 1, 1, 0, 0}));
    record.push_back(42);
    const std::optional<Message> back = decode_message(record);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->from, 0x01020304u);
    EXPECT_TRUE(back->foreign_order);
    EXPECT_TRUE(back->of_predecessor);
    ASSERT_EQ(back->body.size(), 1u);
    EXPECT_EQ(back->body.data(), record.data() + kMessageHeaderSize);

    EXPECT_FALSE(decode_message(ByteView(record).first(kMessageHeaderSize - 1)));
    EXPECT_TRUE(decode_message(ByteView(record).first(kMessageHeaderSize)));
    for (const std::size_t at : {4u, 5u}) {
        record[at] = 2;
        EXPECT_FALSE(decode_message(record)) << at;
        record[at] = 1;
    }
}

TEST(FeedSubmit, HeaderAndBodyComeBack) {
    SubmitHeader header;
    header.conn = 5;
    header.guarantee = 1;
    header.unit_last = 0;
    header.req_after = 6;
    header.reply = 7;
    header.round = 8;
    Bytes record = bytes_of(header);
    record.push_back(42);
    const std::optional<Submitted> back = decode_submit(record);
    ASSERT_TRUE(back);
    EXPECT_EQ(bytes_of(back->header), bytes_of(header));
    EXPECT_EQ(back->body.data(), record.data() + kSubmitHeaderSize);
    EXPECT_EQ(back->body.size(), 1u);
    EXPECT_FALSE(decode_submit(ByteView(record).first(kSubmitHeaderSize - 1)));
}

TEST(FeedSubmit, WithImpossibleFlagsIsRefused) {
    const auto accepted = [](auto change) {
        SubmitHeader header;
        change(header);
        return decode_submit(bytes_of(header)).has_value();
    };
    EXPECT_TRUE(accepted([](SubmitHeader&) {}));
    EXPECT_FALSE(accepted([](SubmitHeader& h) { h.guarantee = 2; }));
    EXPECT_FALSE(accepted([](SubmitHeader& h) { h.unit_first = 2; }));
    EXPECT_FALSE(accepted([](SubmitHeader& h) { h.unit_last = 255; }));
}

}  // namespace
}  // namespace motet::feed
