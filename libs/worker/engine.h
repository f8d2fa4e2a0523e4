// What a service is to the frame around it: an Engine that is told what happened, and a Host that carries out what it
// wants. Everything runs in one thread, in rounds; no call may block.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/base/result.h"
#include "libs/base/time.h"
#include "libs/config/snapshot.h"
#include "libs/control/control.h"
#include "libs/feed/feed.h"
#include "libs/metrics/values.h"

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
    // requests are only handed to the engine while there is room for what they cause. The messages of a unit follow one
    // another, with none of another unit between them; a unit has at most kUnitMax bytes.
    virtual void submit(ConnId conn, std::span<const ByteView> pieces, Guarantee guarantee, bool unit_first,
                        bool unit_last) = 0;
    // The service is the one in the message's header; both are one of the worker's own, or membership cuts the worker off.
    virtual void submit_sync(std::uint64_t round, std::span<const ByteView> pieces) = 0;
    virtual void sync_done(std::uint32_t service, std::uint64_t round) = 0;
    // Before the reply is visible, everything submitted so far is in membership's hands.
    virtual void reply(ConnId conn, std::uint64_t request, std::span<const ByteView> pieces) = 0;
    virtual void event(ConnId conn, std::uint16_t type, std::span<const ByteView> pieces) = 0;
    // What only the daemon can do, in order with what is submitted and never lost; of the worker that serves cfg only
    // (cfg::Operation), others are cut off. `text`: at most feed::kOperationTextMax bytes, the rest is dropped.
    virtual void operate(std::uint32_t what, std::uint64_t number, std::string_view text) = 0;
    // Engine::on_disconnect() follows at the end of the round.
    virtual void close(ConnId conn, Close why) = 0;
    // Something has changed on which earlier replies may have depended; called before anything that it causes. A service whose
    // clients keep replies (ipc::ClientLink::epoch()) calls it with every change, others need not.
    virtual void changed() {}
    // To the supervisor, which does what this worker may ask for (libs/control/control.h) and ignores the rest. Lost when its
    // socket is full.
    virtual void tell(const control::Header& header, ByteView body) = 0;
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
    // What is shown under runtime. and stats. (libs/metrics/values.h); asked like status_json(). The frame adds its own.
    virtual void values(metrics::ValueWriter&) const {}
    // Corosync's number of the service that a client uses, where a worker has several.
    virtual std::uint32_t service_of(ConnId) const { return kFirstService; }
    static constexpr std::uint32_t kFirstService = 0xFFFFFFFF;

    // The node stops in order: the last chance to send something. Clients are closed afterwards.
    virtual void on_stopping() {}

    // A message of the supervisor that is not the frame's. The engine may take descriptors out of it (set them to -1).
    virtual void on_told(control::Message&) {}
    // What lies outside of the process and changes by itself, such as pages of other processes: when outside_due() has passed,
    // look_outside() reads it and returns bytes that on_outside(), an input like others, is called with; none: nothing new.
    virtual Instant outside_due() const { return kNever; }
    virtual Bytes look_outside(Instant) { return {}; }
    virtual void on_outside(ByteView) {}

    // --- Surviving the death of the process.
    //
    // The frame writes every input (each on_...() call above) that may change the engine's state into a journal before the
    // engine hears of it. When the process dies, its successor is made by the same make_engine(), gets the last snapshot
    // through restore() and then the journal's inputs once more, through the same functions, in the same order, with the same
    // arguments. What the engine asks of its Host meanwhile is compared with what had been done and carried out only where
    // it had not: no message, event or reply is lost or doubled. Clients and membership notice nothing.
    //
    // What that demands of an engine:
    //  * Deterministic: equal state and equal input give equal calls of Host, in equal order. No clock but on_time()'s
    //    argument, no random number, no pid, no address. The order of submissions must not follow an unordered container or
    //    pointers; the order of events to different connections may.
    //  * Complete: what any later output depends on is in the snapshot or follows from Settings. Caches need not be.
    //  * Silent between inputs: Host is called from within an on_...() function only, never from the constructor, restore(),
    //    snapshot() or status_json().
    //  * Inputs declared pure change no state that a later output depends on. A pure message causes events only; a pure
    //    request causes at most one submission and one reply, and no event; it may close its own connection for violation if
    //    on_disconnect() then does what is left. Everything is impure unless declared: that is always right and costs one copy
    //    of the input.

    // Appends the whole state in a form of its own, with a version number in front; at most kSnapshotMax bytes. False: this
    // engine cannot be resumed, its process's death disconnects its clients and makes the ring synchronise again.
    virtual bool snapshot(Bytes& out) const {
        (void)out;
        return false;
    }
    // Only ever called on a fresh engine. An error (another version, impossible content) resets the service as above.
    virtual Status restore(ByteView state) {
        (void)state;
        return error("this service keeps no snapshots");
    }
    // Asked before the input is handed over; may look at the state.
    virtual bool is_pure(const feed::Message& message) const {
        (void)message;
        return false;
    }
    virtual bool is_pure_request(ConnId conn, std::uint16_t type) const {
        (void)conn, (void)type;
        return false;
    }
};

inline constexpr std::size_t kSnapshotMax = 640u << 20;
inline constexpr std::size_t kUnitMax = 17u << 20;   // bytes of a unit of messages, headers included

struct Settings {
    NodeId self = 0;
    std::uint64_t incarnation = 0;  // of this worker, counted by the supervisor
    ServiceSet services = 0;         // ids of the messages between nodes that it sends and receives
    config::Snapshot config;
};

struct Program {
    const char* name = "";  // "cpg": for log lines
    const char* user = "";  // whom to become when started as root without --become
    std::function<std::unique_ptr<Engine>(const Settings&, Host&)> make_engine;
};

// The life of a worker process; what main() returns. Options: --log-level LEVEL.
int run(int argc, char** argv, const Program& program);

}  // namespace motet::worker
