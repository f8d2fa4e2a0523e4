// What a service is to the frame around it: an Engine that is told what happened, and a Host that carries out what it
// wants. Everything runs in one thread, in rounds; no call may block.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/base/time.h"
#include "libs/config/snapshot.h"
#include "libs/feed/feed.h"

namespace motet::worker {

using ConnId = std::uint64_t;

enum class Close {
    violation,  // the client broke the protocol
    orderly,    // it asked to end
    reset,      // what it needs is gone
};

class Host {
public:
    virtual ~Host() = default;
    // An application message, from its 16-byte service header on; the order of calls is the order of sending. Never fails:
    // requests are only handed to the engine while there is room for what they cause.
    virtual void submit(ConnId conn, std::span<const ByteView> pieces, Guarantee guarantee, bool unit_first,
                        bool unit_last) = 0;
    // The service is the one in the message's header; both are one of the worker's own, or membership cuts the worker off.
    virtual void submit_sync(std::uint64_t round, std::span<const ByteView> pieces) = 0;
    virtual void sync_done(std::uint32_t service, std::uint64_t round) = 0;
    // Before the reply is visible, everything submitted so far is in membership's hands.
    virtual void reply(ConnId conn, std::uint64_t request, std::span<const ByteView> pieces) = 0;
    virtual void event(ConnId conn, std::uint16_t type, std::span<const ByteView> pieces) = 0;
    // Engine::on_disconnect() follows at the end of the round.
    virtual void close(ConnId conn, Close why) = 0;
};

class Engine {
public:
    virtual ~Engine() = default;

    // From membership, in the total order. on_init() to on_abort() once for each of the worker's services (init.service,
    // step.service), the others once; a worker without services hears on_sync_started() and on_complete().
    virtual void on_sync_started() = 0;
    virtual void on_init(const feed::Init& init) = 0;
    virtual void on_process(feed::Step step) = 0;
    virtual void on_activate(feed::Step step) = 0;
    virtual void on_abort(feed::Step step) = 0;
    virtual void on_complete(const feed::Complete& complete) = 0;
    virtual void on_message(const feed::Message& message) = 0;

    // From clients. `pid`, `uid`, `gid` are the kernel's word. The payload lies in memory that the client can write at any
    // time: read each field once, then check it.
    virtual void on_connect(ConnId conn, std::int32_t pid, std::uint32_t uid, std::uint32_t gid) = 0;
    virtual void on_request(ConnId conn, std::uint16_t type, std::uint64_t request, ByteView payload) = 0;
    virtual void on_disconnect(ConnId conn) = 0;

    // Called when `deadline()` has passed, and now and then besides.
    virtual Instant deadline() const { return kNever; }
    virtual void on_time(Instant) {}

    virtual bool synchronised() const = 0;  // false: clients are told to wait before sending
    virtual std::string status_json() = 0;  // bounded; asked at most five times a second
};

struct Settings {
    NodeId self = 0;
    std::uint64_t incarnation = 0;  // of this worker, counted by the supervisor
    ServiceSet services = 0;         // ids of the messages between nodes that it sends and receives
    config::Snapshot config;
};

struct Program {
    const char* name = "";  // "cpg": for log lines
    const char* user = "";  // whom to become when started as root
    std::function<std::unique_ptr<Engine>(const Settings&, Host&)> make_engine;
};

// The life of a worker process; what main() returns. Options: --log-level LEVEL.
int run(int argc, char** argv, const Program& program);

}  // namespace motet::worker
