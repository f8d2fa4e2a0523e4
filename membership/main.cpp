// motet-membership: started by the supervisor, with its control socket as descriptor 3.
//   motet-membership --state-dir DIR [--node NAME-or-ID] [--become UID:GID] [--log-level LEVEL]
#include <getopt.h>

#include <algorithm>
#include <cstdio>

#include "libs/base/log.h"
#include "libs/control/control.h"
#include "libs/metrics/recorder.h"
#include "libs/sandbox/sandbox.h"
#include "membership/process.h"

namespace {

void log_to_supervisor(motet::log::Level level, std::string_view line) {
    constexpr std::size_t kLineMax = 448;
    motet::metrics::record_text(line);
    const motet::control::Header header{.type = static_cast<std::uint32_t>(motet::control::Type::log),
                                        .a = static_cast<std::uint64_t>(level)};
    motet::control::send(motet::control::kChildFd, header, motet::as_bytes(line.substr(0, kLineMax)));
}

}  // namespace

int main(int argc, char** argv) {
    motet::Process::Options options{.state_dir = MOTET_STATEDIR, .node = {}, .become = {}};
    const option known[] = {{"state-dir", required_argument, nullptr, 's'},
                            {"node", required_argument, nullptr, 'n'},
                            {"become", required_argument, nullptr, 'b'},
                            {"unprotected", required_argument, nullptr, 'u'},
                            {"log-level", required_argument, nullptr, 'l'},
                            {nullptr, 0, nullptr, 0}};
    for (int c; (c = getopt_long(argc, argv, "", known, nullptr)) != -1;) {
        motet::log::Level level;
        if (c == 's') options.state_dir = optarg;
        else if (c == 'n') options.node = optarg;
        else if (c == 'u') options.protect = std::string_view(optarg) != "yes";
        else if (c == 'l' && motet::log::parse_level(optarg, level)) motet::log::set_level(level);
        else if (const auto who = c == 'b' ? motet::sandbox::parse_identity(optarg) : motet::error("unknown option"); who) options.become = *who;
        else return 2;
    }
    motet::log::set_sink(log_to_supervisor);
    motet::Process process(options);
    const motet::Process::Ended ended = process.run();
    if (ended.status > 0) {
        const motet::control::Header fatal{.type = static_cast<std::uint32_t>(motet::control::Type::fatal),
                                           .a = static_cast<std::uint64_t>(ended.status)};
        // Without a supervisor somebody started this program by hand.
        if (!motet::control::send(motet::control::kChildFd, fatal, motet::as_bytes(ended.why)))
            std::fprintf(stderr, "motet-membership: %s\n", ended.why.c_str());
    }
    return ended.status;
}
