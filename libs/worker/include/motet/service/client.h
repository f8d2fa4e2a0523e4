// The client's side of a service made with motet/service/service.h. Link with motet-service-client. An object is used by one
// thread at a time.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace motet::service {

class Client {
public:
    enum class Outcome {
        ok,
        try_again,      // the service is not ready, its queue is full, or the ring is changing
        access,         // this user may not connect; see uidgid in motet.yaml(5)
        no_resources,   // too many connections
        gone,           // the service or motet is not there any more, or has cut this client off: connect again
    };

    // To NAME.sock in $MOTET_RUNTIME_DIR, else /run/motet. Waits at most five seconds.
    static Outcome connect(const std::string& name, std::unique_ptr<Client>& out);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    // Readable while events wait; hangs up when the service is gone.
    int fd() const;
    // A request without a reply. Never blocks.
    Outcome send(std::uint16_t type, std::span<const std::uint8_t> payload);
    // A request and its reply, which may be cut to 60 000 bytes. Waits until it comes or the service is gone.
    Outcome call(std::uint16_t type, std::span<const std::uint8_t> payload, std::vector<std::uint8_t>& reply);

    struct Event {
        std::uint16_t type = 0;
        std::vector<std::uint8_t> payload;
    };
    // The next event that waits; ok and no value: none does.
    Outcome next(std::optional<Event>& out);

private:
    struct Inside;
    explicit Client(std::unique_ptr<Inside> inside);
    std::unique_ptr<Inside> inside_;
};

}  // namespace motet::service
#pragma GCC visibility pop
