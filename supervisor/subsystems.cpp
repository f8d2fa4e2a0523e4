#include "supervisor/subsystems.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

namespace motet::supervisor::logging {
namespace {

constexpr std::pair<std::string_view, std::string_view> kSpokenBy[] = {
    {"MAIN", "motet"}, {"SERV", "motet"}, {"QB", "motet"}, {"LOG", "motet"},
    {"TOTEM", "motet-membership"}, {"KNET", "motet-membership"}, {"SYNC", "motet-membership"},
    {"CPG", "motet-cpg"},
    {"CFG", "motet-confdb"}, {"CMAP", "motet-confdb"}, {"ICMAP", "motet-confdb"},
    {"QUORUM", "motet-quorum"}, {"VOTEQ", "motet-quorum"}, {"YKD", "motet-quorum"},
    {"MON", "motet-sam"}, {"WD", "motet-sam"}, {"SAM", "motet-sam"}};

log::Level level_by(std::string_view debug, log::Level otherwise) {
    return debug == "on" || debug == "trace" ? log::Level::debug : otherwise;
}

template <typename T> void raise(std::optional<T>& most, T value) { most = most ? std::max(*most, value) : value; }

}  // namespace

int priority_of(std::string_view word) {
    constexpr std::string_view kNames[] = {"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"};
    const auto at = std::find(std::begin(kNames), std::end(kNames), word);
    return at == std::end(kNames) ? 7 : static_cast<int>(at - std::begin(kNames));
}

Verbosity verbosity_of(const config::Snapshot& snapshot, std::string_view program, log::Level otherwise) {
    std::optional<log::Level> level;
    std::optional<int> file, syslog;
    for (const auto& [subsystem, speaker] : kSpokenBy) {
        if (speaker != program) continue;
        const std::string prefix = "logging.logger_subsys." + std::string(subsystem) + ".";
        if (const auto debug = snapshot.get(prefix + "debug")) raise(level, level_by(*debug, otherwise));
        if (const auto word = snapshot.get(prefix + "logfile_priority")) raise(file, priority_of(*word));
        if (const auto word = snapshot.get(prefix + "syslog_priority")) raise(syslog, priority_of(*word));
    }
    // Which lines there are at all is decided by the level; a priority only takes away.
    return {level.value_or(level_by(snapshot.get_or("logging.debug", "off"), otherwise)),
            file.value_or(priority_of(snapshot.get_or("logging.logfile_priority", "debug"))),
            syslog.value_or(priority_of(snapshot.get_or("logging.syslog_priority", "debug")))};
}

}  // namespace motet::supervisor::logging
