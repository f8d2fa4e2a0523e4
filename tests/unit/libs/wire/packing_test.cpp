// Packed bodies and group prefixes whose lengths do not add up, and the helpers that write them.
#include "libs/wire/packing.h"

#include <gtest/gtest.h>

#include "libs/wire/group.h"

namespace motet::wire {
namespace {

Bytes packed(std::initializer_list<std::uint16_t> lengths, std::size_t entry_bytes) {
    Bytes body(packing_overhead(lengths.size()) + entry_bytes);
    write_packing_header(0, 0, std::vector<std::uint16_t>(lengths), body);
    for (std::size_t i = 0; i < entry_bytes; ++i) body[packing_overhead(lengths.size()) + i] = static_cast<std::uint8_t>(i);
    return body;
}

Bytes bytes(std::string_view text) {
    const ByteView view = as_bytes(text);
    return {view.begin(), view.end()};
}

TEST(PackedBody, YieldsItsEntriesInAnyOrder) {
    const Bytes body = packed({2, 1, 3}, 6);
    Decoded<PackedBody> decoded = decode_packed(body, false);
    ASSERT_TRUE(decoded);
    ASSERT_EQ(decoded->count(), 3u);
    const auto entry = [&](std::size_t i) {
        const ByteView view = decoded->entry(i);
        return Bytes(view.begin(), view.end());
    };
    EXPECT_EQ(entry(0), (Bytes{0, 1}));
    EXPECT_EQ(entry(1), (Bytes{2}));
    EXPECT_EQ(entry(2), (Bytes{3, 4, 5}));
    EXPECT_EQ(entry(0), (Bytes{0, 1}));
    EXPECT_EQ(entry(2), (Bytes{3, 4, 5}));
    EXPECT_EQ(entry(2), (Bytes{3, 4, 5}));
    EXPECT_EQ(entry(1), (Bytes{2}));
}

TEST(PackedBody, IsRefusedUnlessTheLengthsAddUpExactly) {
    EXPECT_EQ(decode_packed(packed({2, 1}, 4), false).why, Malformed::length);
    EXPECT_EQ(decode_packed(packed({2, 1}, 2), false).why, Malformed::length);
    EXPECT_EQ(decode_packed(packed({0xffff, 0xffff}, 2), false).why, Malformed::length);
    EXPECT_TRUE(decode_packed(packed({2, 0, 1}, 3), false));
}

TEST(PackedBody, IsRefusedWithoutEntriesOrWithMoreThanFit) {
    Bytes body = packed({1}, 1);
    store_at(std::span(body), 6, std::uint16_t{0});
    EXPECT_EQ(decode_packed(body, false).why, Malformed::count);
    store_at(std::span(body), 6, std::uint16_t{0xffff});
    EXPECT_EQ(decode_packed(body, false).why, Malformed::truncated);
    EXPECT_EQ(decode_packed(ByteView(body).first(7), false).why, Malformed::truncated);
    EXPECT_EQ(decode_packed({}, false).why, Malformed::truncated);
}

TEST(PackedBody, WithManyTinyEntriesIsReadInOnePass) {
    const std::vector<std::uint16_t> lengths(0xffff, 1);
    Bytes body(packing_overhead(lengths.size()) + lengths.size(), 7);
    write_packing_header(3, 2, lengths, body);
    Decoded<PackedBody> decoded = decode_packed(body, false);
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->fragmented(), 3);
    EXPECT_EQ(decoded->continuation(), 2);
    std::size_t sum = 0;
    for (std::size_t i = 0; i < decoded->count(); ++i) sum += decoded->entry(i).size();
    EXPECT_EQ(sum, 0xffffu);
}

TEST(FragmentNumbers, RunFrom1To255AndNeverPass0) {
    EXPECT_EQ(next_fragment(0), 1);
    EXPECT_EQ(next_fragment(1), 2);
    EXPECT_EQ(next_fragment(254), 255);
    EXPECT_EQ(next_fragment(255), 1);
}

TEST(GroupPrefix, OfOurTwoGroupsLeadsToThePayload) {
    Bytes message(kServicePrefix.begin(), kServicePrefix.end());
    message.push_back(42);
    Decoded<Grouped> grouped = decode_grouped(message, false);
    ASSERT_TRUE(grouped);
    EXPECT_TRUE(grouped->service);
    EXPECT_FALSE(grouped->sync);
    ASSERT_EQ(grouped->payload.size(), 1u);
    EXPECT_EQ(grouped->payload[0], 42);

    grouped = decode_grouped(kSyncPrefix, false);
    ASSERT_TRUE(grouped);
    EXPECT_TRUE(grouped->sync);
    EXPECT_FALSE(grouped->service);
    EXPECT_TRUE(grouped->payload.empty());
}

TEST(GroupPrefix, MayNameSeveralGroups) {
    const Bytes message = bytes(std::string_view("\3\0\1\0\4\0\1\0bsynca!", 15));
    const Decoded<Grouped> grouped = decode_grouped(message, false);
    ASSERT_TRUE(grouped);
    EXPECT_TRUE(grouped->service);
    EXPECT_TRUE(grouped->sync);
    EXPECT_EQ(as_text(grouped->first_name), "b");
    EXPECT_EQ(as_text(grouped->payload), "!");
}

TEST(GroupPrefix, OfASimilarNameIsNotOurs) {
    EXPECT_FALSE(decode_grouped(bytes(std::string_view("\1\0\2\0aa", 6)), false)->ours());
    EXPECT_FALSE(decode_grouped(bytes(std::string_view("\1\0\0\0a", 5)), false)->ours());
    EXPECT_FALSE(decode_grouped(bytes(std::string_view("\0\0a", 3)), false)->ours());
}

TEST(GroupPrefix, ThatRunsPastTheMessageIsRefused) {
    EXPECT_EQ(decode_grouped({}, false).why, Malformed::truncated);
    EXPECT_EQ(decode_grouped(bytes(std::string_view("\1", 1)), false).why, Malformed::truncated);
    EXPECT_EQ(decode_grouped(bytes(std::string_view("\1\0\2\0a", 5)), false).why, Malformed::truncated);
    EXPECT_EQ(decode_grouped(bytes(std::string_view("\2\0\1\0a", 5)), false).why, Malformed::truncated);
    EXPECT_EQ(decode_grouped(bytes(std::string_view("\1\0\377\377a", 5)), false).why, Malformed::truncated);
}

TEST(GroupPrefix, WithMoreThan32GroupsIsRefused) {
    Bytes message(2 + 2 * 33);
    message[0] = 33;
    EXPECT_EQ(decode_grouped(message, false).why, Malformed::count);
    message[0] = 32;
    EXPECT_TRUE(decode_grouped(message, false));
}

}  // namespace
}  // namespace motet::wire
