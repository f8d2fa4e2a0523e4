// The version of the configuration between nodes: who stops, and what is worth a line.
#include "workers/confdb/core/config_version.h"

#include <gtest/gtest.h>

namespace motet::confdb {
namespace {

Bytes sync_of(NodeId node, std::uint64_t version) {
    ConfigVersion sender(node);
    sender.on_init(0, version);
    Bytes out;
    sender.encode_sync(out);
    return out;
}

TEST(ConfigVersion, TheNodeBehindStopsOnceItHasBeenInARing) {
    ConfigVersion ours(1);
    ours.on_init(0, 3);
    ASSERT_TRUE(ours.on_message(2, sync_of(2, 4), false));
    EXPECT_FALSE(ours.on_activate()) << "the first ring of this process";
    ours.on_init(1, 3);
    ours.on_message(1, sync_of(1, 3), false);
    ours.on_message(2, sync_of(2, 4), false);
    EXPECT_TRUE(ours.on_activate());
    EXPECT_EQ(ours.highest(), 4u);
    EXPECT_FALSE(ours.on_activate()) << "it is asked once";
}

TEST(ConfigVersion, WhoIsAheadOrHasNoneStays) {
    for (const auto& [mine, other] : {std::pair<std::uint64_t, std::uint64_t>{4, 3}, {4, 4}, {0, 4}, {4, 0}}) {
        ConfigVersion ours(1);
        ours.on_init(1, mine);
        ours.on_message(2, sync_of(2, other), false);
        EXPECT_FALSE(ours.on_activate()) << mine << " beside " << other;
    }
}

TEST(ConfigVersion, ADifferenceIsSaidOnceOnBothSides) {
    ConfigVersion behind(1), ahead(2);
    behind.on_init(1, 3), ahead.on_init(1, 4);
    EXPECT_TRUE(behind.on_message(2, sync_of(2, 4), false)->worth_saying);
    EXPECT_TRUE(ahead.on_message(1, sync_of(1, 3), false)->worth_saying);
    EXPECT_FALSE(behind.on_message(2, sync_of(2, 4), false)->worth_saying);
    EXPECT_TRUE(behind.on_message(2, sync_of(2, 5), false)->worth_saying) << "a new one";
    EXPECT_TRUE(behind.on_message(3, sync_of(3, 4), false)->worth_saying) << "another node";
    EXPECT_FALSE(behind.on_message(4, sync_of(4, 3), false)->worth_saying) << "the same as ours";
    EXPECT_FALSE(behind.on_message(5, sync_of(5, 0), false)->worth_saying) << "it has none";
    Bytes change;
    ahead.encode_change(6, change);
    const auto heard = behind.on_message(2, change, false);
    ASSERT_TRUE(heard);
    EXPECT_EQ(heard->version, 6u);
    EXPECT_FALSE(heard->worth_saying) << "a reload is under way";
    EXPECT_FALSE(behind.on_message(2, ByteView(change).first(20), false));
    EXPECT_EQ(behind.dropped(), 1u);
}

}  // namespace
}  // namespace motet::confdb
