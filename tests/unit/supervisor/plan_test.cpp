// The children a node has: our own and those of its configuration.
#include "supervisor/plan.h"

#include <gtest/gtest.h>

#include <string_view>

namespace motet::supervisor {
namespace {

config::Snapshot with(std::initializer_list<std::pair<const char*, const char*>> entries) {
    config::Snapshot out;
    for (const auto& [key, value] : entries) out.set(key, value);
    return out;
}

TEST(Plan, WithoutForeignServicesItIsTheTable) {
    const Result<Plan> plan = Plan::make({});
    ASSERT_TRUE(plan);
    ASSERT_EQ(plan->size(), std::size(kChildren));
    EXPECT_EQ((*plan)[kMembership].services, 0u);
}

TEST(Plan, AForeignServiceIsOneMoreWorkerAfterOurs) {
    Result<Plan> made = Plan::make(with({{"services.0.name", "counter"}, {"services.0.program", "/opt/counter/engine"}, {"services.0.id", "42"},
                                         {"services.1.name", "beta"}, {"services.1.program", "/opt/beta"}, {"services.1.id", "63"}, {"services.1.user", "beta"}}));
    ASSERT_TRUE(made) << made.error().text;
    const Plan plan = std::move(*made);   // the texts move with it
    ASSERT_EQ(plan.size(), std::size(kChildren) + 2);
    const ChildPlan& one = plan[std::size(kChildren)];
    EXPECT_EQ(std::string_view(one.name), "counter");
    EXPECT_EQ(std::string_view(one.program), "engine");
    EXPECT_EQ(std::string_view(one.path), "/opt/counter/engine");
    EXPECT_EQ(std::string_view(one.socket), "counter.sock");
    EXPECT_EQ(std::string_view(one.user), "motet-counter");
    EXPECT_EQ(one.services, service_set(42));
    EXPECT_EQ(std::string_view(plan[std::size(kChildren) + 1].user), "beta");
}

TEST(Plan, WhatTheReaderRefusesIsRefusedHereToo) {
    const auto refused = [](const char* key, const char* value) {
        config::Snapshot s = with({{"services.0.name", "counter"}, {"services.0.program", "/opt/counter"}, {"services.0.id", "42"},
                                   {"services.1.name", "beta"}, {"services.1.program", "/opt/beta"}, {"services.1.id", "41"}});
        s.set(key, value);
        const Result<Plan> plan = Plan::make(s);
        return !plan && plan.error().text.starts_with(key);
    };
    for (const char* name : {"", "Counter", "9lives", "a/b", "..", "cpg", "membership", "control", "a-name-that-is-too-long", "beta"})
        EXPECT_TRUE(refused(std::string_view(name) == "beta" ? "services.1.name" : "services.0.name", std::string_view(name) == "beta" ? "counter" : name)) << name;
    for (const char* program : {"", "relative", "/", "/opt/", "/opt/../bin/sh", "//bin"}) EXPECT_TRUE(refused("services.0.program", program)) << program;
    for (const char* id : {"", "2", "31", "40", "64", "4294967328"}) EXPECT_TRUE(refused("services.0.id", id)) << id;
    EXPECT_TRUE(refused("services.1.id", "42"));
    for (const char* user : {"root", "", "-x", "a b", "a:b"}) EXPECT_TRUE(refused("services.0.user", user)) << user;
}

TEST(Plan, NineServicesAreOneTooMany) {
    config::Snapshot s;
    for (int i = 0; i < 9; ++i) {
        const std::string prefix = "services." + std::to_string(i) + ".";
        s.set(prefix + "name", "s" + std::to_string(i));
        s.set(prefix + "program", "/opt/s");
        s.set(prefix + "id", std::to_string(41 + i));
    }
    const Result<Plan> plan = Plan::make(s);
    ASSERT_FALSE(plan);
    EXPECT_TRUE(plan.error().text.starts_with("services.8: ")) << plan.error().text;
}

}  // namespace
}  // namespace motet::supervisor
