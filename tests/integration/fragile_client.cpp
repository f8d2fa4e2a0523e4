// fragile_client count | abort | loop: a client of tests/integration/fragile.
// count: asks until SIGTERM; every answer and every event must be the next number. Prints the number and the longest wait.
// abort, loop: counts to three, then asks for what kills; 0 if it was cut off for it.
#include <motet/service/client.h>
#include <poll.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <string>

using motet::service::Client;

namespace {

volatile std::sig_atomic_t stopping = 0;

double now_ms() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) / 1e6;
}

std::uint64_t number_of(const std::vector<std::uint8_t>& bytes) {
    std::uint64_t n = 0;
    if (bytes.size() == sizeof n) std::memcpy(&n, bytes.data(), sizeof n);
    return n;
}

// Empty: all is well.
std::string count(Client& client, std::uint64_t& number, std::uint64_t& heard) {
    std::vector<std::uint8_t> reply;
    Client::Outcome got;
    while ((got = client.call(1, {}, reply)) == Client::Outcome::try_again) poll(nullptr, 0, 1);
    if (got != Client::Outcome::ok) return "a call ended with outcome " + std::to_string(static_cast<int>(got));
    if (number_of(reply) != ++number) return "answer " + std::to_string(number_of(reply)) + " instead of " + std::to_string(number);
    for (std::optional<Client::Event> event;;) {
        event.reset();
        if (client.next(event) != Client::Outcome::ok) return "the events have ended";
        if (!event) return {};
        if (number_of(event->payload) != ++heard) return "event " + std::to_string(number_of(event->payload)) + " instead of " + std::to_string(heard);
    }
}

}  // namespace

int main(int argc, char** argv) {
    const std::string what = argc == 2 ? argv[1] : "";
    std::signal(SIGTERM, [](int) { stopping = 1; });
    std::unique_ptr<Client> client;
    Client::Outcome got = Client::Outcome::try_again;
    for (int i = 0; i < 200 && got != Client::Outcome::ok; ++i, poll(nullptr, 0, 50)) got = Client::connect("fragile", client);
    if (got != Client::Outcome::ok) return std::fprintf(stderr, "no connection: outcome %d\n", static_cast<int>(got)), 1;
    std::uint64_t number = 0, heard = 0;
    double longest = 0;
    std::puts("connected");
    std::fflush(stdout);
    while (!stopping && (what == "count" || number < 3)) {
        const double before = now_ms();
        if (const std::string bad = count(*client, number, heard); !bad.empty()) return std::fprintf(stderr, "%s\n", bad.c_str()), 1;
        longest = std::max(longest, now_ms() - before);
        poll(nullptr, 0, 1);
    }
    if (what != "count") {
        std::vector<std::uint8_t> reply;
        got = client->call(what == "abort" ? 2 : 3, {}, reply);
        return got == Client::Outcome::gone ? 0 : (std::fprintf(stderr, "outcome %d\n", static_cast<int>(got)), 1);
    }
    std::printf("%llu %llu %.1f\n", static_cast<unsigned long long>(number), static_cast<unsigned long long>(heard), longest);
    return 0;
}
