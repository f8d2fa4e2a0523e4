// A service of one's own on a Motet cluster: an Engine that is told what happens, and a Host that carries out what it wants. The
// program is started by motet (services: in motet.yaml), confines itself before it reads a byte and then serves: its clients over
// shared memory, its peers on the other nodes through the ring, in one order everywhere. See motet-service(7).
//
// Everything runs in one thread; no call may block. After the start there are no files, sockets, threads or programs: a system call
// that a worker does not need ends the process, which is then started anew.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace motet::service {

using View = std::span<const std::uint8_t>;
using Node = std::uint32_t;              // id of a node; never 0
using Connection = std::uint64_t;        // a client of this node; never used again while motet runs

struct Ring {
    Node representative = 0;
    std::uint64_t number = 0;
};

enum class Level { error = 3, warning = 4, notice = 5, info = 6, debug = 7 };

inline constexpr std::size_t kMessageMax = 1'000'000;   // bytes of one message between nodes
inline constexpr std::size_t kReplyMax = 60'000;        // bytes of one reply
inline constexpr std::size_t kEventMax = 1'000'000;     // bytes of one event
inline constexpr std::size_t kRequestMax = 1'000'000;   // bytes of one request
inline constexpr std::size_t kStateMax = std::size_t{512} << 20;   // bytes of what an engine saves

class Host {
public:
    virtual ~Host() = default;
    // To the engines of all nodes, this one's too, which all hear it at the same place of one order. Never fails; longer messages
    // than kMessageMax are not sent and logged. From within a function of the engine only.
    virtual void multicast(View message) = 0;
    // The same within on_sync(): heard by all members of the new ring before on_ring().
    virtual void sync_multicast(View message) = 0;
    // Once for each request, at any later time; everything multicast before it is on its way when the client sees it.
    virtual void reply(Connection connection, std::uint64_t request, View reply) = 0;
    virtual void event(Connection connection, std::uint16_t type, View event) = 0;
    // on_disconnect() follows.
    virtual void close(Connection connection) = 0;
    // At most 448 bytes; more than 100 lines in a second are dropped.
    virtual void log(Level level, std::string_view line) = 0;
};

class Engine {
public:
    virtual ~Engine() = default;

    // --- The ring. When its members change, every member's engine is asked to tell the others what they need to know, hears what
    // they tell, and then that all have been heard. A change may come while another is under way: on_sync() is then called anew.
    // `continuing`: nodes that have been in every ring with this one since the last that was complete, this one among them. Nodes,
    // not engines: one that died and was started anew on such a node knows nothing, so let what is told say how much it is worth.
    virtual void on_sync(Ring ring, std::span<const Node> members, std::span<const Node> continuing) = 0;
    virtual void on_sync_message(Node from, View message) = 0;
    virtual void on_ring() = 0;

    // Another engine's, or our own, multicast(). `message` is what somebody else has said: check it.
    virtual void on_message(Node from, View message) = 0;

    // --- Clients. The process's number, user and group are the kernel's word. A request lies in memory that the client can change
    // while it is read: read each byte once, then check it.
    virtual void on_connect(Connection connection, std::int32_t pid, std::uint32_t uid, std::uint32_t gid) = 0;
    virtual void on_request(Connection connection, std::uint16_t type, std::uint64_t request, View payload) = 0;
    virtual void on_disconnect(Connection connection) = 0;

    // --- Time, in nanoseconds of the monotonic clock. INT64_MAX: nothing is due.
    virtual std::int64_t deadline() const { return INT64_MAX; }
    virtual void on_time(std::int64_t now) { (void)now; }

    // One JSON object for motetctl status, at most 16 KiB; asked now and then.
    virtual std::string status() { return "{}"; }

    // --- Surviving the death of the process. Without these an engine that dies has lost its state and its clients. With them its
    // successor is made anew, restored from what save() has written last, and told once more, in the same order, whatever came after
    // that; of what it asks its Host for meanwhile, only that is done which its predecessor did not come to do. Clients notice a
    // pause. That demands of the engine that equal state and equal calls give equal calls of Host in equal order: no clock but
    // on_time()'s, no random number, no process id, no order of addresses; and that save() writes all on which later calls of Host
    // depend. Neither calls Host.
    //
    // Appends the whole state, with a version number of its own in front; at most kStateMax bytes. Called now and then, never within
    // another function. False at the start: this engine starts empty each time. False later, or too much: the process ends and the
    // service starts empty.
    virtual bool save(std::vector<std::uint8_t>& out) const {
        (void)out;
        return false;
    }
    // On a new engine, before anything else. False: not a state that this version can take; the service starts empty.
    virtual bool restore(View state) {
        (void)state;
        return false;
    }
};

struct Settings {
    Node self = 0;
    std::uint32_t id = 0;                          // of the service
    std::uint64_t life = 0;                        // 1 for the first process of this service since motet was started
    std::map<std::string, std::string> own;        // keys of its item in services: that begin with x-
};

struct Program {
    std::string name;                              // as in services:
    std::function<std::unique_ptr<Engine>(const Settings&, Host&)> make;
};

// The life of the process; what main() returns.
int run(int argc, char** argv, const Program& program);

}  // namespace motet::service
#pragma GCC visibility pop
