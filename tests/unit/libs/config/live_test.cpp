// Keys that clients may change while the node runs: which, what they may become, and how the changes travel.
#include "libs/config/live.h"

#include <gtest/gtest.h>

namespace motet::config {
namespace {

Snapshot running() {
    Snapshot s;
    for (const auto& [key, value] : std::initializer_list<std::pair<const char*, const char*>>{
             {"allow_unencrypted", "yes"}, {"totem.version", "2"}, {"totem.transport", "udpu"}, {"totem.token", "3000"}, {"nodelist.node.0.nodeid", "1"},
             {"nodelist.node.0.ring0_addr", "127.0.0.1"}})
        s.set(key, value);
    return s;
}

TEST(Live, TimersAndLoggingAreNodesAndLimitsAreNot) {
    for (const char* key : {"totem.token", "totem.consensus", "totem.merge", "totem.window_size", "logging.debug", "quorum.expected_votes"}) EXPECT_TRUE(is_live(key)) << key;
    for (const char* key : {"totem.transport", "totem.netmtu", "nodelist.node.0.quorum_votes", "nodelist.node.0.name", "services.0.name", "totem.config_version", "quorum.provider",
                            "quorum.device.heuristics.exec_x", "no.such.key", ""})
        EXPECT_FALSE(is_live(key)) << key;
}

TEST(Live, AChangeIsCheckedLikeAFile) {
    const auto good = with_changes(running(), {{"totem.token", "5000"}});
    ASSERT_TRUE(good) << good.error().text;
    EXPECT_EQ(good->get("totem.token"), "5000");
    const auto bad_value = with_changes(running(), {{"totem.token", "soon"}});
    ASSERT_FALSE(bad_value);
    EXPECT_TRUE(bad_value.error().text.starts_with("totem.token: ")) << bad_value.error().text;
    // The relation to another key: an agreement may not be shorter than the time between two joins.
    const auto relation = with_changes(running(), {{"totem.join", "5000"}});
    ASSERT_FALSE(relation);
    EXPECT_NE(relation.error().text.find("consensus"), std::string::npos) << relation.error().text;
    EXPECT_TRUE(with_changes(running(), {{"totem.consensus", "6000"}, {"totem.join", "5000"}}));
    EXPECT_FALSE(with_changes(running(), {{"totem.transport", "knet"}}));
}

TEST(Live, AnErasedKeyHasItsDefaultAgain) {
    const auto good = with_changes(running(), {{"totem.token", std::nullopt}});
    ASSERT_TRUE(good);
    EXPECT_FALSE(good->get("totem.token"));
}

TEST(Live, ChangesTravelAndNonsenseDoesNot) {
    const LiveChanges changes{{"logging.debug", "on"}, {"totem.token", std::nullopt}};
    const Bytes bytes = encode(changes);
    EXPECT_EQ(decode_live(bytes), changes);
    for (std::size_t n = 0; n < bytes.size(); ++n) EXPECT_FALSE(decode_live(ByteView(bytes).first(n))) << n;
    Bytes longer = bytes;
    longer.push_back(0);
    EXPECT_FALSE(decode_live(longer));
    Bytes many = bytes;
    many[1] = 0xff;
    EXPECT_FALSE(decode_live(many));
}

}  // namespace
}  // namespace motet::config
