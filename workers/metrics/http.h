// /metrics over HTTP, on libmicrohttpd: whoever can connect may read. One request a connection, and no connection for long: a
// client that says nothing, reads nothing or asks for anything else costs nobody but itself. One thread, driven by the caller's loop.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "libs/base/result.h"
#include "libs/base/time.h"

struct MHD_Daemon;
struct MHD_Connection;

namespace motet::metrics {

class Http {
public:
    static constexpr unsigned kConnectionsMax = 32;              // further ones wait in the listen queue
    static constexpr std::size_t kConnectionMemory = 16 * 1024;  // bytes of one connection: a longer request is refused
    static constexpr Duration kIdleMax = seconds(3);             // nothing sent or taken: closed
    static constexpr Duration kLifeMax = seconds(10);            // from accepting to the last byte: closed

    using Text = std::function<std::shared_ptr<const std::string>()>;
    // Takes over the listening socket.
    static Result<std::unique_ptr<Http>> start(int listening, Text text);
    ~Http();
    Http(const Http&) = delete;
    Http& operator=(const Http&) = delete;

    int fd() const { return fd_; }            // readable: there is work
    void run(Instant now);                    // does what can be done without waiting
    Instant deadline(Instant now) const;      // when run() is wanted without fd() being readable
    std::uint64_t scrapes() const { return scrapes_; }
    std::uint64_t refused() const { return refused_; }   // other paths, other methods, connections that were closed for being slow

private:
    explicit Http(Text text) : text_(std::move(text)) {}
    // What libmicrohttpd calls.
    struct Calls;
    friend struct Calls;

    Text text_;
    MHD_Daemon* daemon_ = nullptr;
    int fd_ = -1;
    Instant now_{};
    std::map<MHD_Connection*, Instant> due_;
    std::uint64_t scrapes_ = 0, refused_ = 0;
};

}  // namespace motet::metrics
