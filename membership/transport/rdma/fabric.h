// What a link needs of an RDMA device, and no more: one queue pair for datagrams, the connection manager's queries and the
// multicast group, completions. verbs.cpp does it with librdmacm and libibverbs; tests with a fabric of their own.
// Nothing here blocks.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "libs/base/bytes.h"
#include "libs/base/result.h"

namespace motet::transport::rdma {

struct FabricConfig {
    std::string address;                // numeric, of this node: decides device and port
    std::uint16_t port = 5405;          // of the connection manager's service
    std::uint32_t receive_depth = 1024;
    std::uint32_t send_depth = 512, send_slots = 512;   // requests that may be under way; buffers they may refer to
    std::uint32_t mtu_max = 0;          // bytes; 0: the device's
};

struct Opened {
    std::string device;
    unsigned port = 0;
    std::uint32_t mtu = 0;              // largest datagram, bytes
    std::uint32_t queue_pair = 0;
    std::uint32_t inline_max = 0;       // bytes a send may carry without a buffer of its own
};

using Ticket = std::uint64_t;           // a query of ours; never 0
using Asker = std::uint64_t;            // somebody else's query that waits for accept() or reject()
using Handle = std::uint32_t;           // an address handle
inline constexpr Handle kNoHandle = UINT32_MAX;

struct Target {
    Handle handle = kNoHandle;
    std::uint32_t queue_pair = 0;
};

// Of the connection manager.
struct Event {
    enum class Kind : std::uint8_t {
        address_resolved, route_resolved,   // `ticket`
        answered,                           // `ticket`, `data`, `target`: the caller owns the handle
        failed,                             // `ticket`, `status`; `refused`: the peer said no
        asked,                              // `asker`, `data`
        joined,                             // `target`: the group; the caller owns the handle
        join_failed,
        device_removed, address_changed,
        other,
    } kind = Kind::other;
    Ticket ticket = 0;
    Asker asker = 0;
    int status = 0;
    bool refused = false;
    Target target{};
    Bytes data{};
};

// Of the device.
enum class Condition : std::uint8_t { port_down, port_up, addresses_changed, broken, other };

struct Completion {
    bool send = false, ok = false;
    std::uint32_t slot = 0;
    std::uint32_t length = 0;           // received: bytes behind the 40 of the route header
    std::uint32_t source = 0;           // received: queue pair of the sender
    const char* error = "";             // !ok
};

struct Send {
    std::uint32_t slot = 0, length = 0;
    Target target{};
    bool signalled = false;
};

enum class Posted : std::uint8_t {
    ok,
    full,       // the device has no room: drop
    denied,     // the process changed its credentials since it opened the device: nothing will ever be sent
    broken,     // reopen
};

class Fabric {
public:
    virtual ~Fabric() = default;

    // All objects of one link, all receives posted. Errors name the address, the reason and the remedy; afterwards everything is closed.
    virtual Result<Opened> open(const FabricConfig& config) = 0;
    // In the one order that works. `removed`: the device is going away and must be let go of.
    virtual void close(bool removed) = 0;
    // To wait on for reading: connection manager, completions, device.
    virtual std::span<const int> descriptors() const = 0;

    virtual bool next(Event& event) = 0;
    virtual bool next(Condition& condition) = 0;

    // False: at once impossible.
    virtual bool resolve_address(Ticket ticket, const std::string& peer) = 0;
    virtual bool resolve_route(Ticket ticket) = 0;
    virtual bool ask(Ticket ticket, ByteView data) = 0;
    virtual void abandon(Ticket ticket) = 0;        // also after `answered`
    virtual void accept(Asker asker, ByteView data) = 0;
    virtual void reject(Asker asker) = 0;
    virtual void forget(Handle handle) = 0;
    virtual bool join(const std::string& group) = 0;
    virtual void leave() = 0;

    virtual std::span<std::uint8_t> send_buffer(std::uint32_t slot) = 0;        // of the MTU's size
    virtual ByteView received(std::uint32_t slot, std::uint32_t length) = 0;    // behind the route header
    virtual Posted post(std::span<const Send> sends) = 0;
    virtual bool repost(std::span<const std::uint32_t> slots) = 0;
    // Up to out.size() completions; how many.
    virtual std::size_t poll(std::span<Completion> out) = 0;
    // Before sleeping: the next completion shall wake us. False: broken.
    virtual bool arm() = 0;
};

std::unique_ptr<Fabric> make_verbs();
// The drivers' objects are loaded when devices are listed first: do it while there is a file system.
void load_drivers();

}  // namespace motet::transport::rdma
