#include "supervisor/options.h"

#include <gtest/gtest.h>

#include <vector>

namespace motet::supervisor {
namespace {

Result<Options> parse(std::vector<const char*> words) {
    words.insert(words.begin(), "motet");
    words.push_back(nullptr);
    return parse_options(static_cast<int>(words.size() - 1), const_cast<char**>(words.data()));
}

TEST(Options, DefaultsAreTheFixedPaths) {
    const Result<Options> o = parse({});
    ASSERT_TRUE(o);
    EXPECT_EQ(o->runtime_dir, MOTET_RUNDIR);
    EXPECT_EQ(o->state_dir, MOTET_STATEDIR);
    EXPECT_TRUE(o->config.empty());
    EXPECT_FALSE(o->foreground || o->check);
    EXPECT_EQ(o->hang.ms(), 10'000);
}

TEST(Options, EveryOptionIsTaken) {
    const Result<Options> o = parse({"--config", "/c", "--runtime-dir=/r", "--state-dir", "/s", "--node", "alpha", "--foreground", "--check", "--log-level",
                                     "debug", "--hang-ms", "1000"});
    ASSERT_TRUE(o);
    EXPECT_EQ(o->config + o->runtime_dir + o->state_dir + o->node, "/c/r/salpha");
    EXPECT_TRUE(o->foreground && o->check);
    EXPECT_EQ(o->log_level, log::Level::debug);
    EXPECT_EQ(o->hang.ms(), 1000);
}

TEST(Options, RelativePathsAreMadeAbsoluteBecauseADaemonLeavesItsDirectory) {
    const Result<Options> o = parse({"--config", "motet.yaml"});
    ASSERT_TRUE(o);
    EXPECT_TRUE(o->config.starts_with("/") && o->config.ends_with("/motet.yaml"));
}

TEST(Options, NonsenseIsRefusedWithTheReason) {
    const std::vector<std::pair<std::vector<const char*>, const char*>> cases = {
        {{"--foo"}, "--foo: no such option"},          {{"extra"}, "extra: motet takes options only"},   {{"--config"}, "--config: needs a value"},
        {{"--log-level", "loud"}, "--log-level loud"}, {{"--hang-ms", "999"}, "--hang-ms 999"},          {{"--hang-ms", "12s"}, "--hang-ms 12s"},
        {{"--runtime-dir", ""}, "--runtime-dir"},
    };
    for (const auto& [words, reason] : cases) {
        const Result<Options> o = parse(words);
        ASSERT_FALSE(o) << reason;
        EXPECT_TRUE(o.error().text.starts_with(reason)) << o.error().text;
    }
}

}  // namespace
}  // namespace motet::supervisor
