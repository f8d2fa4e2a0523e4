#include "supervisor/subsystems.h"

#include <gtest/gtest.h>

namespace motet::supervisor::logging {
namespace {

config::Snapshot of(std::initializer_list<std::pair<const char*, const char*>> entries) {
    config::Snapshot snapshot;
    for (const auto& [key, value] : entries) snapshot.set(key, value);
    return snapshot;
}

TEST(Subsystems, AProcessFollowsItsOwnSectionElseTheCommonOne) {
    const config::Snapshot snapshot = of({{"logging.debug", "on"}, {"logging.syslog_priority", "warning"},
                                          {"logging.logger_subsys.CPG.debug", "off"}, {"logging.logger_subsys.CPG.syslog_priority", "info"},
                                          {"logging.logger_subsys.CPG.logfile_priority", "err"}});
    const Verbosity cpg = verbosity_of(snapshot, "motet-cpg", log::Level::notice);
    EXPECT_EQ(cpg.level, log::Level::notice);
    EXPECT_EQ(cpg.syslog_priority, 6);
    EXPECT_EQ(cpg.file_priority, 3);
    const Verbosity quorum = verbosity_of(snapshot, "motet-quorum", log::Level::notice);
    EXPECT_EQ(quorum.level, log::Level::debug);
    EXPECT_EQ(quorum.syslog_priority, 4);
    EXPECT_EQ(quorum.file_priority, 7);
}

TEST(Subsystems, OneSubsystemsDebugIsNobodyElses) {
    const config::Snapshot snapshot = of({{"logging.logger_subsys.TOTEM.debug", "trace"}});
    EXPECT_EQ(verbosity_of(snapshot, "motet-membership", log::Level::info).level, log::Level::debug);
    for (const char* other : {"motet", "motet-cpg", "motet-confdb", "motet-quorum", "motet-sam", "a-service"})
        EXPECT_EQ(verbosity_of(snapshot, other, log::Level::info).level, log::Level::info) << other;
}

TEST(Subsystems, TheMostTalkativeOfAProcessWins) {
    const config::Snapshot snapshot = of({{"logging.logger_subsys.QUORUM.debug", "off"}, {"logging.logger_subsys.VOTEQ.debug", "on"},
                                          {"logging.logger_subsys.QUORUM.syslog_priority", "debug"}, {"logging.logger_subsys.VOTEQ.syslog_priority", "err"}});
    const Verbosity quorum = verbosity_of(snapshot, "motet-quorum", log::Level::info);
    EXPECT_EQ(quorum.level, log::Level::debug);
    EXPECT_EQ(quorum.syslog_priority, 7);
}

}  // namespace
}  // namespace motet::supervisor::logging
