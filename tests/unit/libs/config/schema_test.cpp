// The table itself: complete, consistent, and found by the names people and cmap use.
#include "libs/config/schema.h"

#include <gtest/gtest.h>

#include <set>

namespace motet::config {
namespace {

TEST(Schema, EveryKeyIsConsistent) {
    std::set<std::string> seen;
    for (const Key& key : keys()) {
        const std::string name = std::string(key.section) + "." + std::string(key.name);
        EXPECT_TRUE(seen.insert(name).second) << name << " appears twice";
        EXPECT_NE(find_section(key.section), nullptr) << name;
        EXPECT_TRUE(key.about.ends_with('.')) << name;
        EXPECT_LE(key.min, key.max) << name;
        if (!key.fallback.empty()) {
            const auto value = normalise(key, key.fallback, false);
            ASSERT_TRUE(value) << name << ": " << value.error().text;
            EXPECT_EQ(*value, key.fallback) << name;
        }
    }
}

TEST(Schema, KeysAreFoundByTheirCmapNames) {
    const auto about = [](std::string_view name) { const Key* key = find_key(name); return key == nullptr ? std::string() : std::string(key->section) + "/" + std::string(key->name); };
    EXPECT_EQ(about("totem.token"), "totem/token");
    EXPECT_EQ(about("allow_unencrypted"), "/allow_unencrypted");
    EXPECT_EQ(about("nodelist.node.12.ring7_addr"), "nodelist.node/ring<n>_addr");
    EXPECT_EQ(about("totem.interface.0.mcastport"), "totem.interface/mcastport");
    EXPECT_EQ(about("logging.logger_subsys.QUORUM.debug"), "logging.logger_subsys/debug");
    EXPECT_EQ(about("resources.system.memory_used.recovery"), "resources.system.memory_used/recovery");
    EXPECT_EQ(about("quorum.device.heuristics.exec_ping"), "quorum.device.heuristics/exec_<name>");
    EXPECT_EQ(about("uidgid.config.uid.0"), "uidgid/uid");
    for (const char* unknown : {"", ".", "totem", "totem.", "totem.tokn", "nodelist.node.0", "nodelist.node.nodeid", "nodelist.node.0.ring8_addr",
                                "nodelist.node.0.ring_addr", "totem.interface.mcastport", "quorum.device.heuristics.exec_", "token"})
        EXPECT_EQ(about(unknown), "") << unknown;
}

TEST(Schema, NumbersAreCheckedAndWrittenOneWay) {
    const Key& token = *find_key("totem", "token");
    EXPECT_EQ(*normalise(token, "3000", true), "3000");
    EXPECT_EQ(*normalise(token, "0003000", true), "3000");
    for (const char* bad : {"", "-1", "+1", " 1", "1 ", "1e3", "0x10", "18446744073709551616", "99999999999999999999999999"}) EXPECT_FALSE(normalise(token, bad, true)) << bad;
    const Key& level = *find_key("totem", "knet_compression_level");
    EXPECT_EQ(*normalise(level, "-2147483648", true), "-2147483648");
    EXPECT_EQ(*normalise(level, "-0", true), "0");
    EXPECT_FALSE(normalise(level, "-2147483649", true));
    EXPECT_FALSE(normalise(level, "2147483648", true));
    EXPECT_FALSE(normalise(level, "-", true));
}

TEST(Schema, TrueAndFalseAreWordsOfYamlOnly) {
    const Key& yes_no = *find_key("logging", "to_syslog");
    const Key& on_off = *find_key("logging", "debug");
    EXPECT_EQ(*normalise(yes_no, "true", true), "yes");
    EXPECT_EQ(*normalise(yes_no, "false", true), "no");
    EXPECT_EQ(*normalise(on_off, "true", true), "on");
    EXPECT_FALSE(normalise(yes_no, "true", false));
    EXPECT_FALSE(normalise(*find_key("totem", "transport"), "true", true));
}

TEST(Schema, TheNearestNameIsSuggested) {
    EXPECT_EQ(suggestion("totem", "tokn"), "token");
    EXPECT_EQ(suggestion("", "totme"), "totem");
    EXPECT_EQ(suggestion("nodelist.node", "ring0_adr"), "ring0_addr");
    EXPECT_EQ(suggestion("", "token"), "totem.token");
    EXPECT_EQ(suggestion("totem", "nodeid_of_the_node_that_is_far_away"), "");
    EXPECT_EQ(suggestion("totem", std::string(100000, 'a')), "");
}

}  // namespace
}  // namespace motet::config
