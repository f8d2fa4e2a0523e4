// A worker that has been taken over, in the place of a real one: it enters the sandbox like any, takes what it is given, and then
// uses its rings and its control line against everybody. Each life tries one thing, by its number, and says so before it does.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "libs/base/log.h"
#include "libs/control/control.h"
#include "libs/feed/feed.h"
#include "libs/ring/ring.h"
#include "libs/sandbox/sandbox.h"
#include "libs/wire/service.h"
#include "libs/worker/start.h"

namespace motet {
namespace {

constexpr int kLine = control::kChildFd;

void say(control::Type type, std::uint64_t a = 0, std::uint64_t b = 0, std::string_view text = {}) {
    control::send(kLine, {.type = static_cast<std::uint32_t>(type), .a = a, .b = b}, as_bytes(text));
}

void announce(const char* attempt) { say(control::Type::log, 5, 0, std::string("hostile: ") + attempt); }

control::Message wait_for(control::Type type) {
    for (int i = 0; i < 300; ++i) {
        pollfd p{kLine, POLLIN, 0};
        poll(&p, 1, 100);
        control::Message message;
        const control::Received got = control::receive(kLine, true, message);
        if (got == control::Received::closed) std::_Exit(0);
        if (got == control::Received::message && message.type() == type) return message;
    }
    std::_Exit(1);
}

// A submission of any content, as one record with correct cursors.
void submit(const worker::Started& s, feed::SubmitHeader header, std::uint32_t id, std::size_t body) {
    ring::SegmentPage* page = s.submit.page();
    auto* data = reinterpret_cast<std::uint8_t*>(page) + ring::kPage;
    const std::uint64_t head = page->head.load();
    Bytes payload(sizeof header);
    std::memcpy(payload.data(), &header, sizeof header);
    wire::encode_service_header(id, static_cast<std::uint32_t>(wire::kRequestHeaderSize + body), payload);
    payload.resize(payload.size() + body, 'x');
    const ring::RecordHeader record{static_cast<std::uint32_t>(payload.size()), static_cast<std::uint16_t>(feed::Submit::multicast), 3, 0, 1};
    std::memcpy(data + head % s.submit.capacity(), &record, sizeof record);
    std::memcpy(data + head % s.submit.capacity() + sizeof record, payload.data(), payload.size());
    page->head.store(head + ring::span_of(payload.size()));
    (void)!::send(s.link, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void attack(unsigned life, const worker::Started& s) {
    ring::SegmentPage* page = s.submit.page();
    switch (life) {
        case 1:
            announce("forges a message of another service");
            return submit(s, {}, wire::message_id(contains(s.settings.services, 2) ? wire::Service::cmap : wire::Service::cpg, 1), 64);
        case 2:
            announce("moves its own head beyond the ring");
            page->head.store(page->head.load() + (std::uint64_t{1} << 40));
            return (void)!::send(s.link, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        case 3:
            announce("says it has read what was never written, and fills its ring with rubbish");
            page->tail.store(UINT64_MAX / 2);
            std::memset(reinterpret_cast<std::uint8_t*>(page) + ring::kPage, 0xEE, 1u << 20);
            page->head.store(1u << 20);
            return (void)!::send(s.link, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        case 4:
            announce("floods: tokens, log lines that forge others, drops of connections it does not have");
            for (int i = 0; i < 20000; ++i) (void)!::send(s.link, "xxxxxxxx", 8, MSG_DONTWAIT | MSG_NOSIGNAL);
            for (int i = 0; i < 3000; ++i) say(control::Type::log, 3, 0, "flood\n2026-01-01 error motet: a forged line\x1b[2J");
            for (std::uint64_t i = 0; i < 3000; ++i) say(control::Type::drop, i * 977);
            // A malformed message at the end, as soon as the full line takes it.
            for (int i = 0; i < 3000 && ::send(kLine, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1; ++i) (void)!::poll(nullptr, 0, 1);
            return;
        case 5:
            announce("plays membership and the supervisor on its control line");
            say(control::Type::ready, 1);
            say(control::Type::link_broken, 1, 1);
            say(control::Type::event, 0, 0, "a forged view");
            say(control::Type::operation, 1, 1, "stop");
            say(control::Type::operation, 2, 1, "die");
            say(control::Type::config_taken, 1, 1);
            say(control::Type::hello);
            return say(control::Type::fatal, 1, 0, "the daemon shall end with status 1");
        default:
            announce("opens a file");
            (void)!open("/etc/shadow", O_RDONLY);
    }
}

int run(int argc, char** argv) {
    sandbox::Options options;
    for (int i = 1; i + 1 < argc; i += 2)
        if (std::string_view(argv[i]) == "--become")
            if (const auto who = sandbox::parse_identity(argv[i + 1]); who) options.become = *who;
    if (!sandbox::enter(options)) return sandbox::kExitCode;
    say(control::Type::hello);
    control::Message start = wait_for(control::Type::start);
    const Result<worker::Started> started = worker::take_start(start);
    if (!started) return 1;
    wait_for(control::Type::go);
    say(control::Type::ready);
    poll(nullptr, 0, 300);   // membership has the link by now
    attack(static_cast<unsigned>(started->settings.incarnation), *started);
    poll(nullptr, 0, 1500);  // whoever is cut off does not come here
    return 7;
}

}  // namespace
}  // namespace motet

int main(int argc, char** argv) { return motet::run(argc, argv); }
