// The administrator's socket. One request line ("status", "members", "groups", "events"), one answer, made from status
// pages, so that it comes even while every child hangs:
//   section NAME LENGTH AGE_MS\n LENGTH bytes \n ...  end\n      or      error TEXT\n
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "libs/base/time.h"
#include "libs/loop/loop.h"
#include "supervisor/unique_fd.h"

namespace motet::supervisor {

class ControlServer {
public:
    static constexpr std::size_t kRequestMax = 4096;       // bytes; more is an error
    static constexpr std::size_t kClientsMax = 64;         // more are closed at once
    static constexpr Duration kIdleMax = seconds(3);       // without a byte moving: closed

    using Answer = std::function<std::string(const std::string& request)>;
    // Client sockets are registered under tags from `first_tag` on.
    ControlServer(loop::Poller& poller, std::uint64_t first_tag, Answer answer)
        : poller_(poller), first_tag_(first_tag), answer_(std::move(answer)) {}

    // False: out of descriptors or memory, and the queue would report itself for ever.
    bool accept(int listening, Instant now);
    void on_ready(const loop::Ready& ready, Instant now);
    void on_time(Instant now);
    Instant deadline() const;

private:
    struct Client {
        UniqueFd socket;
        std::string request, answer;
        std::size_t sent = 0;
        bool answering = false;
        Instant due{};
    };
    void close(std::uint64_t tag);
    bool take(Client& client);
    bool give(Client& client);

    loop::Poller& poller_;
    std::uint64_t first_tag_, next_ = 0;
    Answer answer_;
    std::map<std::uint64_t, Client> clients_;
};

}  // namespace motet::supervisor
