// Closed process groups as a state machine: deliveries, views and client requests in; replies, client events and
// multicasts out. No clock, no I/O. Every cpg message between nodes is Corosync 3.1's (libs/wire/cpg.h); what clients
// say and hear is libs/wire/client_cpg.h.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/wire/client_cpg.h"

namespace motet::cpg {

using ConnId = std::uint64_t;
using Round = std::uint64_t;

class Output {
public:
    virtual ~Output() = default;
    // An application message: service message from its 16-byte header on. Order of calls is order of sending.
    // `conn` 0: on behalf of no connection.
    virtual void submit(ConnId conn, std::span<const ByteView> pieces, Guarantee guarantee, bool unit_first, bool unit_last) = 0;
    virtual void submit_sync(Round round, std::span<const ByteView> pieces) = 0;
    virtual void sync_done(Round round) = 0;
    virtual void reply(ConnId conn, std::uint64_t request, std::span<const ByteView> pieces) = 0;
    virtual void event(ConnId conn, wire::cpg_client::Event type, std::span<const ByteView> pieces) = 0;
    // The client broke the protocol, or its request was `finalize` (after the reply): close it. on_disconnect() follows, but
    // not from inside this call; nor may any other call of Output enter the core again.
    enum class Close { violation, orderly };
    virtual void close(ConnId conn, Close why) = 0;
};

class State;  // core.cpp

class Core {
public:
    explicit Core(NodeId self);
    ~Core();
    Core(const Core&) = delete;
    Core& operator=(const Core&) = delete;

    // From the delivery ring, in order.
    void on_sync_started(Output& out);
    void on_init(Round round, RingId ring, std::span<const NodeId> members, std::span<const NodeId> continuing, Output& out);
    void on_process(Round round, Output& out);
    void on_activate(Round round, Output& out);
    void on_abort(Round round, Output& out);
    void on_complete(RingId ring, bool all_motet, Output& out);
    // `of_predecessor`: as in feed::Message.
    void on_message(NodeId from, ByteView body, bool foreign_order, Output& out, bool of_predecessor = false);

    // From clients. A ConnId is never 0. `pid` is the kernel's word at connect; `request` numbers are the client's.
    void on_connect(ConnId conn, std::int32_t pid, std::uint32_t uid, std::uint32_t gid, Output& out);
    void on_request(ConnId conn, wire::cpg_client::Request type, std::uint64_t request, ByteView payload, Output& out);
    void on_disconnect(ConnId conn, Output& out);

    bool synchronised() const;      // clients may send
    std::string status_json() const; // groups and members, bounded; for the status page
    std::uint64_t dropped() const;  // messages from peers that made no sense

    // The whole state, for a core that goes on in another process; appended. restore() on a fresh core; false: the bytes are
    // not such a state, and the core stays fresh.
    void snapshot(Bytes& out) const;
    bool restore(ByteView bytes);
    // Inputs that leave the state as it is: such a message only causes events, such a request at most one submission and one
    // reply, or a close for violation.
    bool is_pure(ByteView message, bool foreign_order) const;
    bool is_pure(ConnId conn, wire::cpg_client::Request type) const;

private:
    std::unique_ptr<State> state_;
};

}  // namespace motet::cpg
