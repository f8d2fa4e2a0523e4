// What has changed between two configurations, and what of it a running node may take over.
#include <gtest/gtest.h>

#include "libs/config/changes.h"
#include "libs/config/totem_settings.h"

namespace motet::config {
namespace {

Snapshot cluster() {
    Snapshot s;
    for (const auto& [key, value] : std::initializer_list<std::pair<const char*, const char*>>{
             {"allow_unencrypted", "yes"}, {"totem.version", "2"}, {"totem.transport", "udpu"}, {"totem.cluster_name", "c"}, {"totem.token", "3000"},
             {"nodelist.node.0.nodeid", "1"}, {"nodelist.node.0.ring0_addr", "127.0.0.1"}, {"nodelist.node.1.nodeid", "2"},
             {"nodelist.node.1.ring0_addr", "127.0.0.2"}})
        s.set(key, value);
    s.set(std::string(kLocalPosition), "0");
    return s;
}
Snapshot with(std::string key, std::string value) {
    Snapshot s = cluster();
    s.set(std::move(key), std::move(value));
    return s;
}
bool refused(const Merged& merged) {
    return std::any_of(merged.findings.begin(), merged.findings.end(), [](const Finding& f) { return !f.warning; });
}

TEST(Changes, AreToldOldNewAndGone) {
    Snapshot after = with("totem.token", "5000");
    after.set("totem.merge", "300");
    after.erase("totem.cluster_name");
    const auto all = changes(cluster(), after);
    ASSERT_EQ(all.size(), 3u);
    EXPECT_EQ(describe(all[0]), "totem.cluster_name: c (gone)");
    EXPECT_EQ(describe(all[1]), "totem.merge: 300 (new)");
    EXPECT_EQ(describe(all[2]), "totem.token: 3000 -> 5000");
}

TEST(Changes, ASecretIsNotShown) {
    const auto all = changes(with("totem.key", "old-secret"), with("totem.key", "new-secret"));
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(describe(all[0]).find("secret"), std::string::npos);
    EXPECT_EQ(shared_settings(with("totem.key", "new-secret")).find("secret"), std::string::npos);
}

TEST(Merge, ALiveKeyTakesEffectAndNothingWaits) {
    const Merged merged = merge(cluster(), with("totem.token", "5000"));
    EXPECT_TRUE(merged.findings.empty());
    EXPECT_EQ(merged.snapshot.get_or("totem.token", ""), "5000");
    EXPECT_TRUE(waiting_for_restart(merged.snapshot).empty());
}

TEST(Merge, AKeyThatCannotChangeKeepsItsValueAndWaitsUntilItIsWrittenBack) {
    const Merged merged = merge(cluster(), with("totem.cluster_name", "other"));
    EXPECT_FALSE(refused(merged));
    ASSERT_EQ(merged.findings.size(), 1u);
    EXPECT_TRUE(merged.findings[0].warning);
    EXPECT_EQ(merged.snapshot.get_or("totem.cluster_name", ""), "c");
    EXPECT_EQ(waiting_for_restart(merged.snapshot), std::vector<std::string>{"totem.cluster_name"});
    // Still so at the next reload, and over when the file has the old value again.
    EXPECT_EQ(waiting_for_restart(merge(merged.snapshot, with("totem.cluster_name", "other")).snapshot), std::vector<std::string>{"totem.cluster_name"});
    EXPECT_TRUE(waiting_for_restart(merge(merged.snapshot, cluster()).snapshot).empty());
}

TEST(Merge, AKeyThatIsGoneButCannotGoStays) {
    Snapshot fresh = cluster();
    fresh.erase("totem.cluster_name");
    const Merged merged = merge(cluster(), fresh);
    EXPECT_EQ(merged.snapshot.get_or("totem.cluster_name", ""), "c");
    EXPECT_EQ(merged.snapshot.get_or("motet.restart.totem.cluster_name", "x"), "");
}

TEST(Merge, ANodeThatWouldBecomeAnotherIsRefused) {
    EXPECT_TRUE(refused(merge(cluster(), with("nodelist.node.0.nodeid", "7"))));
    Snapshot shifted = cluster();
    shifted.set(std::string(kLocalPosition), "1");
    EXPECT_TRUE(refused(merge(cluster(), shifted)));
}

TEST(Merge, ANodeMayMoveToAnotherPlaceInTheListAndOthersMayComeAndGo) {
    Snapshot fresh = cluster();
    fresh.set("nodelist.node.0.nodeid", "2");
    fresh.set("nodelist.node.0.ring0_addr", "127.0.0.2");
    fresh.set("nodelist.node.1.nodeid", "1");
    fresh.set("nodelist.node.1.ring0_addr", "127.0.0.1");
    fresh.set("nodelist.node.2.nodeid", "3");
    fresh.set("nodelist.node.2.ring0_addr", "127.0.0.3");
    fresh.set(std::string(kLocalPosition), "1");
    EXPECT_FALSE(refused(merge(cluster(), fresh)));
    EXPECT_FALSE(moved(cluster(), fresh));
}

// Over rdma only timing and the key change: every node says so in its vote, before any changes.
TEST(Merge, OverRdmaNodesAddressesAndEncryptionStay) {
    Snapshot running = cluster();
    running.set("totem.transport", "rdma");
    running.set("totem.crypto_cipher", "aes256");
    const auto changed = [&](std::string key, std::string value) {
        Snapshot s = running;
        s.set(std::move(key), std::move(value));
        return merge(running, s);
    };
    EXPECT_FALSE(refused(changed("totem.token", "5000")));
    EXPECT_FALSE(refused(changed("totem.keyfile", "/etc/motet/another")));
    EXPECT_TRUE(refused(changed("nodelist.node.1.ring0_addr", "127.0.0.3")));
    EXPECT_TRUE(refused(changed("totem.crypto_cipher", "none")));
    Snapshot third = running;
    third.set("nodelist.node.2.nodeid", "3");
    third.set("nodelist.node.2.ring0_addr", "127.0.0.3");
    EXPECT_TRUE(refused(merge(running, third)));
}

// Goal: what stays because it cannot change, and what changes beside it, are checked together.
TEST(Merge, NewValuesThatDoNotFitTheOldTransportAreRefused) {
    Snapshot fresh = cluster();
    fresh.set("totem.transport", "knet");
    fresh.set("totem.crypto_cipher", "aes256");
    fresh.set("totem.crypto_hash", "sha256");
    EXPECT_TRUE(refused(merge(cluster(), fresh)));
}

TEST(Merge, AnAddressThatHasChangedIsSeen) {
    EXPECT_TRUE(moved(cluster(), with("nodelist.node.1.ring0_addr", "127.0.0.9")));
    EXPECT_FALSE(moved(cluster(), with("totem.token", "5000")));
}

TEST(Shared, HoldsWhatMustBeAlikeAndNothingOfTheNodesOwn) {
    Snapshot s = with("totem.interface.0.bindnetaddr", "10.0.0.0");
    s.set("totem.keyfile", "/etc/a");
    s.set("logging.debug", "on");
    const std::string text = shared_settings(s);
    EXPECT_NE(text.find("totem.token=3000\n"), std::string::npos);
    EXPECT_NE(text.find("nodelist.node.1.nodeid=2\n"), std::string::npos);
    for (const char* own : {"bindnetaddr", "keyfile", "logging", "local_node_pos"}) EXPECT_EQ(text.find(own), std::string::npos) << own;
}

}  // namespace
}  // namespace motet::config
