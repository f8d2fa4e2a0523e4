// The supervisor's private line to each child: one SOCK_SEQPACKET pair, descriptor 3 of the child. Descriptors flow
// only from the supervisor. A message is a 64-byte header, optionally followed by bytes (config, connection entries, text).
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "libs/base/bytes.h"
#include "libs/base/result.h"

namespace motet::control {

inline constexpr int kChildFd = 3;                // where a child finds its control socket
inline constexpr std::size_t kBodyMax = 32 * 1024;
inline constexpr std::size_t kFdsMax = 240;       // descriptors of one message

enum class Type : std::uint32_t {
    hello = 1,        // child -> : sandbox entered, ready for START; body: what could not be enforced (sandbox::Report), a line each
    start = 2,        // -> child : a incarnation, b local nodeid, c set of service ids; fds below
    conns = 3,        // -> worker: n ConnEntry in the body; fds per entry: socket, worker segment rw, client segment ro
    go = 4,           // -> child : hand-over complete
    ready = 5,        // child -> : serving (worker: recovery done; membership: first ring formed)
    drop = 6,         // worker -> : a = connection; the supervisor closes its copies
    stop = 10,        // -> child : finish and exit 0
    dump = 11,        // -> child : write your state to the log (USR1)
    link = 12,        // -> membership: a = number of the worker, b = its incarnation, c = set of its service ids, body: its name; fds: link socket, delivery
                      //                segment rw, submit segment ro;
                      //                without fds: that worker has died, its link is over
    link_broken = 13, // membership -> : a = number, b = incarnation; that worker broke the ring's rules: replace it
    key = 14,         // -> membership: the cluster's key, before `start`, or a new one before `config`; fds: key ro
    // A new configuration while the node runs, and what else the cfg service asks of the daemon (cfg::Operation).
    operation = 30,   // membership -> : a = what, b = its number, c = number of the worker that asks; body: text
    prepared = 31,    // -> worker of cfg: a = number, b = 1 the file is good, c = 1 another key or encryption, 2 another address of a
                      //                  node, or both, d = what tells one new key from another, 0: none; body: what is wrong, a line each; fds if good: what would be in force
    applied = 32,     // -> worker of cfg: a = number, b = 1 done; body: why not
    config = 33,      // -> child : a = number, b = log level, c = 1 because of `change`; fds: the configuration now in force
    config_taken = 34,  // membership -> : a = number, b = 1 done; body: why not
    change = 37,      // confdb -> : keys that a client has changed while the node runs (libs/config/live.h)
    reload = 36,      // -> worker of cfg: ask the ring to reload (SIGHUP)
    event = 60,       // membership -> : body: a change of the ring and why, up to 448 bytes; for motetctl events
    log = 16,         // child -> : a = level; body: up to 448 bytes of text
    shutdown = 20,    // confdb -> : stop the node in order; a = exit code of the daemon, body: why
    access = 21,      // confdb -> : a = 0 user, 1 group; b = its number; c = 1 may connect from now on, 0 no longer
    // Of the worker that counts votes.
    expected_votes = 40,       // -> : a = the highest expected votes seen, to be kept; and, before `go`, <- the ones kept
    cancel_wait_for_all = 41,  // confdb -> : an administrator does not want to wait for all nodes; passed on to that worker
    pages = 22,       // -> confdb, metrics: the pages of all children (libs/metrics/values.h), read-only, in the order of the plan, then
                      //            the supervisor's own; body: their names, a line each
    fatal = 17,       // child -> : body: why it cannot go on; the exit follows. a = exit code the daemon should use; b = 1 from a
                      //            worker: what it keeps for a successor is of no use
    quarantine = 23,  // -> worker: a connection, b position: its request that ends there has ended two workers; cut the client off
};
// Descriptors of `start`, in this order:
//   worker:     config snapshot ro, status page rw, link socket, submit segment rw, delivery segment ro, state rw, overflow rw
//   metrics:    config snapshot ro, status page rw, listening socket         (`pages` follow, then `go`)
//   membership: config snapshot ro, status page rw                       (links follow as `link` messages, then `go`)

struct Header {
    std::uint32_t type = 0;
    std::uint32_t n = 0;
    std::uint64_t a = 0, b = 0, c = 0, d = 0;
    std::uint8_t reserved[24] = {};
};
static_assert(sizeof(Header) == 64);

struct ConnEntry {
    std::uint64_t id = 0;
    std::int32_t pid = 0;
    std::uint32_t uid = 0, gid = 0;
    std::uint32_t flags = 0;      // none defined yet
    std::uint64_t reserved = 0;
    char process[16] = {};        // name of the program, ended by NUL
};
static_assert(sizeof(ConnEntry) == 48);

struct Message {
    Header header;
    Bytes body;
    std::vector<int> fds;         // owned by the receiver of the message
    Type type() const { return static_cast<Type>(header.type); }
};

enum class Received { message, nothing, closed, malformed };

// Non-blocking. `fds` only ever accepted by children (a supervisor passes false and stray descriptors are closed).
Received receive(int socket, bool accept_fds, Message& out);
// Non-blocking; false if the socket is full or closed (errno says which).
bool send(int socket, const Header& header, ByteView body = {}, std::span<const int> fds = {});

}  // namespace motet::control
