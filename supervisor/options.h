// The command line of motet, and where things lie if it does not say.
#pragma once
#include <string>

#include "libs/base/log.h"
#include "libs/base/result.h"
#include "libs/base/time.h"

namespace motet::supervisor {

// Exit codes of motet; every one but 0 is preceded by one line that says what to do.
enum ExitCode : int { kExitOk = 0, kExitConfig = 1, kExitUsage = 2, kExitStart = 3, kExitGivenUp = 4 };

struct Options {
    std::string config;                    // empty: the first of the default files that exists
    std::string runtime_dir = MOTET_RUNDIR;
    std::string state_dir = MOTET_STATEDIR;
    std::string node;                      // name or id of the local node; empty: found by name or address
    std::string can_take_over;             // a format of take_over.h: exit 0 if this program reads it
    bool unprotected = false;              // children keep every right: for measuring what their confinement costs
    bool foreground = false, check = false, version = false, help = false;
    log::Level log_level = log::Level::info;
    Duration hang = seconds(10);           // a child silent for this long is replaced
};

Result<Options> parse_options(int argc, char** argv);
extern const char kHelp[];

// The file to read: as given, else motet.yaml, else corosync.conf. An error says what was looked for.
Result<std::string> config_file(const Options& options);

// Where the children's programs lie: $MOTET_LIBEXECDIR (ignored when set-uid), beside this binary (a build tree), in
// ../libexec/motet, or where they were configured to be installed.
Result<std::string> libexec_dir();

}  // namespace motet::supervisor
