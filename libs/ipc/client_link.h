// The client's side of one link: connecting, requests and their replies, events, and the socket whose readability tells
// an application that events are queued. Knows no service. The worker is hostile: what it does wrong ends the link, never
// the process we live in. Never blocks signals, never installs handlers, survives fork() without exec.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>

#include "libs/base/bytes.h"
#include "libs/ipc/hello.h"
#include "libs/ring/ring.h"
#include "libs/ring/segment.h"

namespace motet::ipc {

class ClientLink {
public:
    static constexpr int kHelloTimeoutMs = 5000;   // connect and hello together; then try_again

    // Connects to `<runtime directory>/<service>.sock`; the directory is $MOTET_RUNTIME_DIR (not in set-uid programs) or
    // /run/motet. `request_max`: the largest request payload the caller will ever send; a link with less is refused.
    static Outcome connect(const char* service, std::uint32_t request_max, std::unique_ptr<ClientLink>& out,
                           int timeout_ms = kHelloTimeoutMs);
    ~ClientLink();
    ClientLink(const ClientLink&) = delete;
    ClientLink& operator=(const ClientLink&) = delete;

    int fd() const { return fd_; }

    // ok, or why the link is dead. The first looks at shared words only; the second asks the kernel.
    Outcome health();
    Outcome health_now();
    // What a reply says is still true while this is what it was before the request; only where the service says so
    // (worker::Host::changed()).
    std::uint64_t epoch() const { return worker_.page()->epoch.load(std::memory_order_acquire); }
    // FlowBits of the worker.
    std::uint64_t flow() const { return worker_.page()->flow_control.load(std::memory_order_relaxed); }

    // A request without a reply, built in place: `fill` writes exactly `length` bytes. try_again when the ring is full; no
    // system call unless the worker sleeps.
    template <class Fill>
    Outcome post(std::uint16_t type, std::uint32_t length, Fill fill) {
        const std::lock_guard lock(send_mutex_);
        ring::Push why;
        std::uint8_t* to = requests_.begin(length, why);
        if (to == nullptr) return refused(why);
        fill(to);
        requests_.finish(length, type, ++request_number_);
        return announce();
    }

    // A request and its reply: waits for room and for the reply, without time limit, until the link dies. Copies at most
    // reply.size() bytes of the reply; `got` is how many.
    Outcome call(std::uint16_t type, std::span<const ByteView> pieces, std::span<std::uint8_t> reply, std::size_t& got);

    // Events. All of these under event_mutex(); the queue's readable socket is theirs too.
    std::mutex& event_mutex() { return event_mutex_; }
    // The first event, which stays first until pop(). Its bytes are shared memory that may change while we look.
    ring::Pull peek(ring::Record& out);
    void pop() { peeked_ = false; }
    bool queue_empty() { return !peeked_ && events_.empty(); }
    bool worth_releasing() const { return events_.worth_releasing(); }
    void release();                  // gives back the space of popped events
    // The queue was found empty: makes the socket unreadable and asks for a token with the next event.
    struct Settled {
        Outcome health = Outcome::ok;
        bool empty = false;          // still; else there is an event after all, and perhaps no token for it
        bool token = false;          // the socket was readable
    };
    Settled settle();
    void kick();                     // after a settle() that found an event, when the caller is not going to take it

    // Waits until the socket is readable or hung up. Not under event_mutex().
    Outcome wait_for_event();

    // Declares the link dead; the socket hangs up, its number stays ours until destruction.
    void fail(Outcome why);

private:
    ClientLink(int fd, const Hello& hello, ring::Segment worker, ring::Segment own);

    Outcome refused(ring::Push why);
    Outcome announce();
    void token(char kind);
    Outcome push_when_room(std::uint16_t type, std::span<const ByteView> pieces, std::uint64_t& number);
    Outcome wait_for_reply(std::uint64_t number);
    Outcome cut_reason() const;

    static constexpr std::uint32_t kAskKernelEvery = 64;   // requests between two looks at the socket while no token is due

    const int fd_;
    const Hello hello_;
    ring::Segment worker_, own_;
    std::atomic<std::uint32_t> dead_{0};   // an Outcome

    std::mutex call_mutex_;                // one outstanding call; taken before send_mutex_
    std::mutex send_mutex_;
    ring::Producer requests_;
    std::uint64_t request_number_ = 0;
    std::uint32_t unannounced_ = 0;

    std::mutex event_mutex_;
    ring::Consumer events_;
    ring::Record peeked_record_;
    bool peeked_ = false;
};

}  // namespace motet::ipc
