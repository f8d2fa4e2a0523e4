// The order in which a worker starts: what needs rights first, then the sandbox, then the first byte from anybody.
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "libs/base/log.h"
#include "libs/sandbox/sandbox.h"
#include "libs/worker/worker.h"

namespace motet::worker {
namespace {

constexpr const char* kUsage = "options are --log-level error|warning|notice|info|debug and --become UID:GID; this program is started by motet";

bool take_options(int argc, char** argv, sandbox::Options& sandbox) {
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string_view option = argv[i];
        if (log::Level level; option == "--log-level" && log::parse_level(argv[i + 1], level)) {
            log::set_level(level);
        } else if (option == "--unprotected") {
            sandbox.protect = std::string_view(argv[i + 1]) != "yes";
        } else if (const auto who = option == "--become" ? sandbox::parse_identity(argv[i + 1]) : error("unknown option"); who) {
            sandbox.become = *who;
        } else {
            return false;
        }
    }
    return argc % 2 == 1;
}

bool hello(const std::vector<std::string>& missing) {
    control::Header header;
    header.type = static_cast<std::uint32_t>(control::Type::hello);
    std::string lines;
    for (const std::string& one : missing) lines += one + "\n";
    return control::send(control::kChildFd, header, as_bytes(lines));
}

// Nothing but START may come first. The supervisor's end of the socket is its life: when it closes, so do we.
Started wait_for_start(loop::Poller& poller) {
    control::Message message;
    for (;;) {
        poller.wait(kNever);
        switch (control::receive(control::kChildFd, true, message)) {
            case control::Received::nothing: continue;
            case control::Received::closed: std::_Exit(1);
            case control::Received::malformed: fatal("a malformed control message instead of START");
            case control::Received::message: break;
        }
        if (message.type() == control::Type::stop) std::_Exit(0);
        if (message.type() != control::Type::start)
            fatal("control message " + std::to_string(message.header.type) + " before START");
        Result<Started> started = take_start(message);
        if (!started) fatal(started.error().text);
        return std::move(*started);
    }
}

}  // namespace

int run(int argc, char** argv, const Program& program) {
    sandbox::Options sandbox{.profile = sandbox::Profile::worker, .user = program.user};
    if (!take_options(argc, argv, sandbox)) {
        log::write(log::Level::error, "%s: %s", program.name, kUsage);
        return 2;
    }
    Result<loop::Poller> poller = loop::Poller::create();
    const Status watched = poller ? poller->add(control::kChildFd, Worker::kControlTag) : Status(poller.error());
    if (!watched) {
        log::write(log::Level::error, "%s: no supervisor on descriptor 3 (%s): this program is started by motet",
                   program.name, watched.error().text.c_str());
        return 1;
    }

    const auto report = sandbox::enter(sandbox);  // no way back from here
    if (!report) {
        log::write(log::Level::error, "%s: sandbox: %s", program.name, report.error().text.c_str());
        return sandbox::kExitCode;
    }
    log_to_supervisor();
    if (!report->missing.empty()) {
        std::string all;
        for (const std::string& one : report->missing) all += (all.empty() ? "" : "; ") + one;
        MOTET_LOG(warning, "%s: the sandbox is incomplete: %s", program.name, all.c_str());
    }
    if (!hello(report->missing)) return 1;
    Started started = wait_for_start(*poller);
    Worker(program, *poller, std::move(started)).run();
    return 0;
}

}  // namespace motet::worker
