// Which changes a running node refuses, and which wait for a restart.
#include "libs/config/reload.h"

#include <gtest/gtest.h>

namespace motet::config {
namespace {

Snapshot running() {
    Snapshot s;
    s.set("totem.version", "2");
    s.set("totem.transport", "udpu");
    s.set("nodelist.local_node_pos", "0");
    for (const char* n : {"0", "1"}) {
        const std::string prefix = std::string("nodelist.node.") + n + ".";
        s.set(prefix + "nodeid", n[0] == '0' ? "1" : "2");
        s.set(prefix + "ring0_addr", std::string("192.0.2.") + n);
    }
    return s;
}

std::string found(const Snapshot& wanted, bool warnings) {
    std::string keys;
    for (const Finding& f : reload_findings(running(), wanted)) {
        if (f.warning == warnings) keys += f.key + " ";
    }
    return keys;
}

TEST(Reload, TimersMayChangeAndNodesMayCome) {
    Snapshot s = running();
    s.set("totem.token", "5000");
    s.set("nodelist.node.2.nodeid", "3");
    s.set("nodelist.node.2.ring0_addr", "192.0.2.3");
    EXPECT_EQ(found(s, false) + found(s, true), "");
}

TEST(Reload, KeysOfARestartAreNamed) {
    Snapshot s = running();
    s.set("totem.transport", "udp");
    s.set("totem.cluster_name", "other");
    s.set("quorum.wait_for_all", "1");
    s.set("system.sched_rr", "yes");       // the default
    EXPECT_EQ(found(s, false), "");
    EXPECT_EQ(found(s, true), "quorum.wait_for_all totem.cluster_name totem.transport ");
}

TEST(Reload, AnExistingLinkKeepsItsAddress) {
    Snapshot s = running();
    s.set("nodelist.node.1.ring0_addr", "192.0.2.77");
    EXPECT_EQ(found(s, false), "nodelist.node.1.ring0_addr ");
}

TEST(Reload, AnAddressMovesWithItsNodeIdNotWithItsPosition) {
    Snapshot s;
    s.set("totem.version", "2");
    s.set("totem.transport", "udpu");
    s.set("nodelist.local_node_pos", "1");
    s.set("nodelist.node.0.nodeid", "2");
    s.set("nodelist.node.0.ring0_addr", "192.0.2.1");
    s.set("nodelist.node.1.nodeid", "1");
    s.set("nodelist.node.1.ring0_addr", "192.0.2.0");
    EXPECT_EQ(found(s, false), "");
}

TEST(Reload, TheLocalNodeStays) {
    Snapshot s = running();
    s.set("nodelist.node.0.nodeid", "9");
    EXPECT_EQ(found(s, false), "nodelist ");
    Snapshot gone = running();
    gone.set("nodelist.local_node_pos", "1");
    EXPECT_EQ(found(gone, false), "nodelist ");
}

}  // namespace
}  // namespace motet::config
