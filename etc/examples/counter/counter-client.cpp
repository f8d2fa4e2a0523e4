// counter-client add NAME N | read NAME | watch SECONDS
#include <motet/service/client.h>
#include <poll.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

using motet::service::Client;

namespace {

constexpr int kTries = 100, kTryEvery_ms = 50;

int fail(Client::Outcome why) {
    const char* const names[] = {"ok", "try again", "not allowed to connect", "no resources", "the service is not there"};
    std::fprintf(stderr, "counter-client: %s\n", names[static_cast<int>(why)]);
    return 1;
}

// While the ring changes a request may have to wait.
template <class F>
Client::Outcome patiently(F call) {
    Client::Outcome got = call();
    for (int i = 0; i < kTries && got == Client::Outcome::try_again; ++i) {
        poll(nullptr, 0, kTryEvery_ms);
        got = call();
    }
    return got;
}

int watch(Client& client, int seconds) {
    const std::time_t end = std::time(nullptr) + seconds;
    std::puts("watching");
    std::fflush(stdout);
    while (std::time(nullptr) < end) {
        std::optional<Client::Event> event;
        if (const Client::Outcome got = client.next(event); got != Client::Outcome::ok) return fail(got);
        if (event && event->payload.size() > 8) {
            std::int64_t value = 0;
            std::memcpy(&value, event->payload.data(), sizeof value);
            std::printf("%.*s %lld\n", static_cast<int>(event->payload.size() - 8), reinterpret_cast<const char*>(event->payload.data()) + 8, static_cast<long long>(value));
            std::fflush(stdout);
        } else {
            pollfd p{client.fd(), POLLIN, 0};
            poll(&p, 1, 100);
        }
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string command = argc > 2 ? argv[1] : "";
    const std::string name = argc > 2 ? argv[2] : "";
    if ((command != "add" || argc != 4) && (command != "read" || argc != 3) && (command != "watch" || argc != 3)) {
        std::fprintf(stderr, "usage: counter-client add NAME N | read NAME | watch SECONDS\n");
        return 2;
    }
    std::unique_ptr<Client> client;
    if (const Client::Outcome got = patiently([&] { return Client::connect("counter", client); }); got != Client::Outcome::ok) return fail(got);
    if (command == "watch") return watch(*client, std::atoi(argv[2]));
    std::vector<std::uint8_t> reply;
    if (command == "add") {
        const std::int64_t delta = std::strtoll(argv[3], nullptr, 10);
        std::vector<std::uint8_t> request(sizeof delta);
        std::memcpy(request.data(), &delta, sizeof delta);
        request.insert(request.end(), name.begin(), name.end());
        if (const Client::Outcome got = patiently([&] { return client->send(1, request); }); got != Client::Outcome::ok) return fail(got);
    }
    // A reply comes after everything this client has sent before is on its way.
    const std::vector<std::uint8_t> question(name.begin(), name.end());
    if (const Client::Outcome got = patiently([&] { return client->call(2, question, reply); }); got != Client::Outcome::ok) return fail(got);
    std::int64_t value = 0;
    if (reply.size() >= sizeof value) std::memcpy(&value, reply.data(), sizeof value);
    if (command == "read") std::printf("%lld\n", static_cast<long long>(value));
    return 0;
}
