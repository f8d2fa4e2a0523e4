// motet-metrics: serves what all processes have published, over HTTP. Started by motet when `metrics.listen` is set, with its
// control socket as descriptor 3, never by hand. It has no link with membership and no way to write to anybody's page but its own.
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>

#include "libs/base/log.h"
#include "libs/control/control.h"
#include "libs/loop/loop.h"
#include "libs/metrics/recorder.h"
#include "libs/metrics/values.h"
#include "libs/sandbox/sandbox.h"
#include "workers/metrics/exposition.h"
#include "workers/metrics/http.h"

namespace {

using namespace motet;

constexpr std::uint64_t kControlTag = 1, kHttpTag = 2;
constexpr std::size_t kStartFds = 3;                    // configuration, page, listening socket
constexpr Duration kPublishEvery = milliseconds(500);
constexpr int kControlPerWake = 32;
constexpr std::size_t kLogLineMax = 448;
constexpr std::uint64_t kOpenFilesMax = 256, kAddressSpaceMax = 1ull << 30;   // pages of up to 64 processes, a text or two

bool say(control::Type type, std::string_view body = {}, std::uint64_t a = 0) {
    return control::send(control::kChildFd, {.type = static_cast<std::uint32_t>(type), .a = a}, as_bytes(body));
}

[[noreturn]] void fatal(const std::string& why) {
    metrics::record_text(why);
    say(control::Type::fatal, std::string_view(why).substr(0, kLogLineMax));
    std::_Exit(1);
}

bool take_options(int argc, char** argv, sandbox::Options& sandbox) {
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string_view option = argv[i];
        if (log::Level level; option == "--log-level" && log::parse_level(argv[i + 1], level)) log::set_level(level);
        else if (option == "--unprotected") sandbox.protect = std::string_view(argv[i + 1]) != "yes";
        else if (const auto who = option == "--become" ? sandbox::parse_identity(argv[i + 1]) : error("unknown option"); who) sandbox.become = *who;
        else return false;
    }
    return argc % 2 == 1;
}

class Server {
public:
    explicit Server(loop::Poller poller) : poller_(std::move(poller)) {}

    int run() {
        for (;;) {
            const Instant before = loop::monotonic_now();
            const Instant due = serving_ ? std::min(publish_due_, http_->deadline(before)) : kNever;
            bool told = false;
            for (const loop::Ready& ready : poller_.wait(due)) told |= ready.tag == kControlTag;
            const Instant now = loop::monotonic_now();
            if (told && !listen_to_supervisor(now)) return 0;
            if (!serving_) continue;   // who is connected already waits for the pages too
            http_->run(now);
            if (now >= publish_due_) publish(now);
        }
    }

private:
    // False: it is to end.
    bool listen_to_supervisor(Instant now) {
        for (int i = 0; i < kControlPerWake; ++i) {
            switch (control::receive(control::kChildFd, true, message_)) {
                case control::Received::nothing: return true;
                case control::Received::closed: std::_Exit(1);
                case control::Received::malformed: fatal("a malformed control message");
                case control::Received::message: break;
            }
            if (message_.type() == control::Type::stop) return false;
            on_message(now);
            for (const int fd : message_.fds)
                if (fd >= 0) close(fd);
            message_.fds.clear();
        }
        return true;
    }

    void on_message(Instant now) {
        switch (message_.type()) {
            case control::Type::start: return start();
            case control::Type::pages: return exposition_.take(message_);
            case control::Type::go:
                if (!http_ || serving_) fatal("GO came before START or twice");
                serving_ = true;
                if (const Status added = poller_.add(http_->fd(), kHttpTag); !added) fatal(added.error().text);
                publish(now);
                say(control::Type::ready);
                return;
            case control::Type::config:
                if (message_.header.b <= static_cast<std::uint64_t>(log::Level::debug)) log::set_level(static_cast<log::Level>(message_.header.b));
                return;
            case control::Type::dump:
                MOTET_LOG(notice, "state: %llu scrapes, %llu refused", static_cast<unsigned long long>(http_ ? http_->scrapes() : 0),
                          static_cast<unsigned long long>(http_ ? http_->refused() : 0));
                return;
            default: return;
        }
    }

    void start() {
        if (message_.fds.size() != kStartFds || http_) fatal("START came twice or without its descriptors");
        struct stat st {};
        if (fstat(message_.fds[1], &st) != 0 || st.st_size < static_cast<off_t>(metrics::kPageSize)) fatal("status page: impossible size");
        void* at = mmap(nullptr, metrics::kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED, message_.fds[1], 0);
        if (at == MAP_FAILED) fatal("status page: cannot be mapped");
        metrics::record_into(metrics::recorder_area(at));
        metrics::record("started");
        status_.emplace(at, metrics::kStatusArea);
        values_.emplace(metrics::values_area(at));
        auto http = metrics::Http::start(std::exchange(message_.fds[2], -1), [this] { return exposition_.text(loop::monotonic_now()); });
        if (!http) fatal(http.error().text);
        http_ = std::move(*http);
    }

    void publish(Instant now) {
        publish_due_ = now + kPublishEvery;
        status_->publish("{\"scrapes\":" + std::to_string(http_->scrapes()) + ",\"refused\":" + std::to_string(http_->refused()) + "}", now.ns);
        values_->begin();
        values_->u64("stats.worker.metrics.scrapes", http_->scrapes());
        values_->u64("stats.worker.metrics.refused", http_->refused());
        values_->commit(now.ns);
    }

    loop::Poller poller_;
    control::Message message_;
    metrics::Exposition exposition_;
    std::unique_ptr<metrics::Http> http_;
    std::optional<metrics::StatusWriter> status_;
    std::optional<metrics::ValueWriter> values_;
    Instant publish_due_ = kNever;
    bool serving_ = false;
};

}  // namespace

int main(int argc, char** argv) {
    sandbox::Options sandbox{.profile = sandbox::Profile::metrics, .user = "motet-metrics", .open_files_max = kOpenFilesMax, .address_space_max = kAddressSpaceMax};
    if (!take_options(argc, argv, sandbox)) {
        log::write(log::Level::error, "motet-metrics: options are --log-level error|warning|notice|info|debug and --become UID:GID; this program is started by motet");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    tzset();   // the Date of an answer; later there is no file to read it from
    Result<loop::Poller> poller = loop::Poller::create();
    if (const Status watched = poller ? poller->add(control::kChildFd, kControlTag) : Status(poller.error()); !watched) {
        log::write(log::Level::error, "motet-metrics: no supervisor on descriptor 3 (%s): this program is started by motet", watched.error().text.c_str());
        return 1;
    }
    const auto report = sandbox::enter(sandbox);   // no way back from here
    if (!report) {
        log::write(log::Level::error, "motet-metrics: sandbox: %s", report.error().text.c_str());
        return sandbox::kExitCode;
    }
    log::set_sink([](log::Level level, std::string_view text) {
        metrics::record_text(text);
        say(control::Type::log, text.substr(0, kLogLineMax), static_cast<std::uint64_t>(level));
    });
    std::string missing;
    for (const std::string& one : report->missing) missing += one + "\n";
    if (!say(control::Type::hello, missing)) return 1;
    return Server(std::move(*poller)).run();
}
