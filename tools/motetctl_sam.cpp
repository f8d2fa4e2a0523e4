#include "tools/motetctl_sam.h"

#include <getopt.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "libs/ipc/client_link.h"
#include "libs/wire/client_sam.h"
#include "tools/motetctl_sam_run.h"

namespace motet::ctl {
namespace {

namespace wire = motet::wire::sam_client;
using Json = nlohmann::ordered_json;

constexpr int kOk = 0, kNoAnswer = 1, kUsage = 2;
constexpr std::size_t kReplyMax = 64 * 1024;
constexpr std::size_t kPagesMax = 1000;   // of a list; far more than the worker keeps

constexpr const char* kHelp =
    "Usage: motetctl sam [OPTION]... COMMAND\n"
    "  list                        the applications under supervision on this node\n"
    "  show ID|PID                 all that is known of one\n"
    "  restart ID|PID              warn it, end it after its interval, start a new instance\n"
    "  fail ID|PID                 end it at once and do not restart it\n"
    "  forget ID|PID               no longer list one that has ended\n"
    "  data ID|PID                 what it stored, as it is, to standard output\n"
    "  run [RUN-OPTION]... -- PROGRAM [ARGUMENT]...\n"
    "                              put a program under supervision; motet need not run\n"
    "Options:\n"
    "  --json                      the same as JSON (schema: docs/motetctl-json.md)\n"
    "  --runtime-dir DIR           of the daemon (default: $MOTET_RUNTIME_DIR, else " MOTET_RUNDIR ")\n"
    "  --help\n"
    "Options of run:\n"
    "  --policy restart|quit       what follows a failure (default: restart)\n"
    "  --always                    restart after exit status 0 too\n"
    "  --health COMMAND            asked once per interval, by /bin/sh; status 0 is healthy\n"
    "  --interval SECONDS          of health checks (default: 5 with --health)\n"
    "  --warn-signal NUMBER        sent to the program before it is killed (default: 15)\n"
    "  --quorum                    run it in a quorate partition only\n"
    "  --publish                   keys resources.process.PID.* in cmap\n"
    "Exit codes: 0 done, 1 no answer or nothing there, 2 bad usage; of run: the program's, or 128 and the signal that ended it.\n";

struct Line {
    bool json = false;
    std::string runtime_dir;
    std::vector<std::string> words;
    RunOptions run;
    bool interval_given = false;
};

int usage(const std::string& why) {
    std::fprintf(stderr, "motetctl: %s; see motetctl sam --help\n", why.c_str());
    return kUsage;
}

// The daemon's directory is found by the client library in the environment.
std::unique_ptr<ipc::ClientLink> connect(const Line& line) {
    if (!line.runtime_dir.empty()) setenv("MOTET_RUNTIME_DIR", line.runtime_dir.c_str(), 1);
    std::unique_ptr<ipc::ClientLink> link;
    const ipc::Outcome outcome = ipc::ClientLink::connect("sam", sizeof(wire::TargetRequest), link);
    const char* directory = std::getenv("MOTET_RUNTIME_DIR");
    const std::string where = std::string(directory != nullptr ? directory : MOTET_RUNDIR) + "/sam.sock";
    if (outcome == ipc::Outcome::access)
        std::fprintf(stderr, "motetctl: %s: not permitted. Run motetctl as root or as a user listed under uidgid.\n", where.c_str());
    else if (outcome != ipc::Outcome::ok)
        std::fprintf(stderr, "motetctl: %s: the sam service does not answer (error %u). Is motet running here? See motetctl status.\n", where.c_str(),
                     static_cast<unsigned>(outcome));
    return link;
}

template <class T>
bool ask(ipc::ClientLink& link, wire::Request type, const T& request, wire::Reply& head, std::string& body) {
    std::vector<std::uint8_t> reply(kReplyMax);
    std::size_t got = 0;
    const ByteView pieces[] = {{reinterpret_cast<const std::uint8_t*>(&request), sizeof request}};
    if (link.call(static_cast<std::uint16_t>(type), pieces, reply, got) != ipc::Outcome::ok || got < sizeof head) {
        std::fprintf(stderr, "motetctl: the sam service went away while answering\n");
        return false;
    }
    std::memcpy(&head, reply.data(), sizeof head);
    body.assign(reinterpret_cast<const char*>(reply.data()) + sizeof head, got - sizeof head);
    return true;
}

std::string text_of(const Json& app, const char* key) {
    if (!app.contains(key)) return "-";
    return app[key].is_string() ? app[key].get<std::string>() : app[key].dump();
}

std::string age_of(const Json& app, const char* key) {
    const std::uint64_t since = app.value(key, std::uint64_t{0});
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    const std::uint64_t at = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
    if (since == 0 || since > at) return "-";
    const std::uint64_t s = (at - since) / 1'000'000'000;
    if (s < 120) return std::to_string(s) + " s";
    if (s < 7200) return std::to_string(s / 60) + " min";
    return s < 172'800 ? std::to_string(s / 3600) + " h" : std::to_string(s / 86'400) + " d";
}

int list(const Line& line) {
    const auto link = connect(line);
    if (!link) return kNoAnswer;
    Json apps = Json::array();
    wire::ListRequest wanted;
    for (std::size_t page = 0; page < kPagesMax; ++page) {
        wire::Reply head;
        std::string body;
        if (!ask(*link, wire::Request::list, wanted, head, body)) return kNoAnswer;
        for (std::size_t from = 0, end; (end = body.find('\n', from)) != body.npos; from = end + 1) {
            Json app = Json::parse(body.substr(from, end - from), nullptr, false);
            if (!app.is_object()) continue;
            wanted.after = std::max(wanted.after, app.value("id", std::uint64_t{0}));
            apps.push_back(std::move(app));
        }
        if (head.more == 0) break;
    }
    if (line.json) {
        std::printf("%s\n", Json{{"schema", 1}, {"applications", apps}}.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
        return kOk;
    }
    if (apps.empty()) return std::puts("no applications") < 0 ? kNoAnswer : kOk;
    std::printf("%-5s %-16s %-8s %-10s %-19s %-17s %-9s %-8s %-9s %s\n", "ID", "NAME", "PID", "SUPERVISOR", "STATE", "POLICY", "INTERVAL", "INSTANCE", "RESTARTS", "UP");
    for (const Json& app : apps) {
        const std::string supervision = text_of(app, "supervision");
        const std::string state = text_of(app, "state") + (supervision == "watched" ? "" : ", " + supervision);
        std::printf("%-5s %-16s %-8s %-10s %-19s %-17s %-9s %-8s %-9s %s\n", text_of(app, "id").c_str(), text_of(app, "name").c_str(), text_of(app, "pid").c_str(),
                    text_of(app, "supervisor").c_str(), state.c_str(), text_of(app, "policy").c_str(), (text_of(app, "interval_ms") + " ms").c_str(),
                    text_of(app, "instance").c_str(), text_of(app, "restarts").c_str(), age_of(app, "started_ns").c_str());
    }
    return kOk;
}

bool target_of(const std::string& word, wire::TargetRequest& out) {
    char* end = nullptr;
    errno = 0;
    out.target = std::strtoull(word.c_str(), &end, 10);
    return errno == 0 && !word.empty() && *end == '\0' && word[0] != '-';
}

int about_one(const Line& line, wire::Request type) {
    wire::TargetRequest wanted;
    if (line.words.size() != 2 || !target_of(line.words[1], wanted)) return usage("sam " + line.words[0] + " wants one id or pid");
    const auto link = connect(line);
    if (!link) return kNoAnswer;
    wire::Reply head;
    std::string body;
    do {
        if (!ask(*link, type, wanted, head, body)) return kNoAnswer;
        if (head.error == 12) return std::fprintf(stderr, "motetctl: no application has the id or pid %s, or nobody supervises it; see motetctl sam list\n", line.words[1].c_str()), kNoAnswer;
        if (head.error == 11) return std::fprintf(stderr, "motetctl: application %s belongs to another user. Run motetctl as root.\n", line.words[1].c_str()), kNoAnswer;
        if (head.error != 1) return std::fprintf(stderr, "motetctl: the sam service answers with error %u\n", head.error), kNoAnswer;
        if (type == wire::Request::data_of) std::fwrite(body.data(), 1, body.size(), stdout);
        wanted.offset += body.size();
    } while (type == wire::Request::data_of && !body.empty());
    if (type == wire::Request::show) {
        const Json app = Json::parse(body, nullptr, false);
        if (!app.is_object()) return kNoAnswer;
        if (line.json) {
            Json out{{"schema", 1}, {"application", app}};
            std::printf("%s\n", out.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
        } else {
            for (const auto& [key, value] : app.items()) std::printf("%-15s %s\n", key.c_str(), text_of(app, key.c_str()).c_str());
        }
    } else if (type != wire::Request::data_of) {
        std::puts(line.json ? "{\"schema\": 1, \"ordered\": true}" : "ordered");
    }
    return std::fflush(stdout) == 0 ? kOk : kNoAnswer;
}

int start(Line& line, char** program) {
    if (line.words.size() != 1 || program == nullptr || program[0] == nullptr) return usage("sam run wants -- and a program");
    if (!line.run.health.empty() && !line.interval_given) line.run.interval_ms = 5000;
    if (!line.runtime_dir.empty()) setenv("MOTET_RUNTIME_DIR", line.runtime_dir.c_str(), 1);
    line.run.command = program;
    return run(line.run);
}

}  // namespace

bool is_sam_command(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        if (word == "--") return false;
        if (word == "--runtime-dir" || word == "--timeout") ++i;
        else if (word[0] != '-') return word == "sam";
    }
    return false;
}

int sam_command(int argc, char** argv) {
    static const option known[] = {{"json", no_argument, nullptr, 'j'},         {"runtime-dir", required_argument, nullptr, 'r'},
                                   {"timeout", required_argument, nullptr, 't'}, {"help", no_argument, nullptr, 'h'},
                                   {"policy", required_argument, nullptr, 'p'},  {"always", no_argument, nullptr, 'a'},
                                   {"health", required_argument, nullptr, 'c'},  {"interval", required_argument, nullptr, 'i'},
                                   {"warn-signal", required_argument, nullptr, 's'}, {"quorum", no_argument, nullptr, 'q'},
                                   {"publish", no_argument, nullptr, 'P'},       {nullptr, 0, nullptr, 0}};
    Line line;
    char** program = nullptr;
    for (int c; (c = getopt_long(argc, argv, "-h", known, nullptr)) != -1;) {
        switch (c) {
        case 1: line.words.emplace_back(optarg); break;
        case 'j': line.json = true; break;
        case 'r': line.runtime_dir = optarg; break;
        case 't': break;
        case 'h': return std::fputs(kHelp, stdout) < 0 ? kNoAnswer : kOk;
        case 'p':
            if (std::strcmp(optarg, "restart") != 0 && std::strcmp(optarg, "quit") != 0) return usage(std::string("--policy ") + optarg + ": restart or quit");
            line.run.restart = optarg[0] == 'r';
            break;
        case 'a': line.run.always = true; break;
        case 'c': line.run.health = optarg; break;
        case 'i': {
            char* end = nullptr;
            const double seconds = std::strtod(optarg, &end);
            if (*optarg == '\0' || *end != '\0' || !(seconds >= 0.01 && seconds <= 86400)) return usage(std::string("--interval ") + optarg + ": 0.01 to 86400 seconds");
            line.run.interval_ms = static_cast<int>(seconds * 1000);
            line.interval_given = true;
            break;
        }
        case 's':
            line.run.warn_signal = std::atoi(optarg);
            if (line.run.warn_signal < 1 || line.run.warn_signal > 64) return usage(std::string("--warn-signal ") + optarg + ": a signal number from 1 to 64");
            break;
        case 'q': line.run.quorum = true; break;
        case 'P': line.run.publish = true; break;
        default: return kUsage;
        }
        // The program's own options are not ours, with or without "--".
        if (c == 1 && line.words.size() == 3 && line.words[1] == "run") {
            line.words.pop_back();
            program = argv + optind - 1;
            break;
        }
    }
    if (program == nullptr && optind < argc) program = argv + optind;
    if (line.words.empty()) return usage("sam is missing");
    line.words.erase(line.words.begin());
    if (line.words.empty()) return std::fputs(kHelp, stderr), kUsage;
    const std::string& word = line.words[0];
    if (word == "list") return list(line);
    if (word == "show") return about_one(line, wire::Request::show);
    if (word == "restart") return about_one(line, wire::Request::restart);
    if (word == "fail") return about_one(line, wire::Request::fail);
    if (word == "forget") return about_one(line, wire::Request::forget);
    if (word == "data") return about_one(line, wire::Request::data_of);
    if (word == "run") return start(line, program);
    return usage("sam " + word + ": no such command");
}

}  // namespace motet::ctl
