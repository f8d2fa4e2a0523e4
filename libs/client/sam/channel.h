// Packets between an application and its parent, over a pair of SOCK_SEQPACKET sockets: each is one piece, so a heartbeat from
// a signal handler may come between two pieces of a store. Commands may be repeated after a change of parents: applying one
// twice is the same as once.
#pragma once
#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace motet::client::sam {

enum class Command : std::uint32_t {
    start = 1,     // answered once supervision runs, if wanted
    stop,          // answered, if wanted
    heartbeat,
    warn_signal,   // a: number
    mark_failed,
    store,         // a: size of all, b: offset of this piece; answered with the last piece, or with the first that fails
    answer,        // to the application; a: cs_error_t
};

struct Packet {
    Command command{};
    std::uint32_t number = 0;   // of the request, to tell its answer from an older one's; 0: no answer is wanted
    std::uint64_t a = 0, b = 0;
};
inline constexpr std::size_t kPieceMax = 32 * 1024;   // bytes behind a packet

class Channel {
public:
    // Both ends close-on-exec. False: errno says why.
    static bool pair(int (&ends)[2]);

    Channel() = default;
    explicit Channel(int fd) : fd_(fd) {}
    int fd() const { return fd_; }
    void close();

    // The application's side. Waits for room; false: the parent is gone. Safe in signal handlers.
    bool send(const Packet& packet, const void* bytes = nullptr, std::size_t size = 0) const;
    // Does not wait: what is in the queue already says the same. False: the parent is gone.
    bool heartbeat() const;
    // The answer to request `number`; false: the parent is gone.
    bool wait_answer(std::uint32_t number, std::uint64_t& error) const;

    // The parent's side. The packet stays in the queue until consume(): a parent killed in between leaves it to its successor.
    enum class Got { packet, nothing, closed };
    Got peek(Packet& packet, std::uint8_t (&bytes)[kPieceMax], std::size_t& size) const;
    void consume() const;
    void answer(std::uint32_t number, std::uint64_t error) const;

private:
    int fd_ = -1;
};

}  // namespace motet::client::sam
