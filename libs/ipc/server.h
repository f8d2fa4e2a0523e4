// The worker's side of all client links: taking requests, giving events and replies, tokens, back-pressure, cutting
// off. Nothing here knows a service. A client is hostile: what it does wrong costs it its own link and one log line.
#pragma once
#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "libs/base/bytes.h"
#include "libs/base/result.h"
#include "libs/base/time.h"
#include "libs/ipc/backlog.h"
#include "libs/ipc/cause.h"
#include "libs/ipc/overflow.h"
#include "libs/loop/loop.h"
#include "libs/ring/ring.h"
#include "libs/ring/segment.h"

namespace motet::ipc {

using ConnId = std::uint64_t;

// A connection as the supervisor hands it over. The server owns the descriptors from adopt() on.
struct Connection {
    ConnId id = 0;
    std::int32_t pid = 0;  // the kernel's word at connect
    std::uint32_t uid = 0, gid = 0;
    char process[16] = {};  // name of the program, ended by NUL
    int socket = -1;
    int own_segment = -1;     // writable
    int client_segment = -1;  // read-only
};

// What is counted of one client.
struct ClientValues {
    ConnId id = 0;
    std::int32_t pid = 0;
    const char* process = "";
    std::uint64_t requests = 0, replies = 0, events = 0, lags = 0;
    std::size_t queued = 0;
    bool lagging = false;
};

struct Request {
    ConnId conn = 0;
    std::uint16_t type = 0;
    std::uint64_t number = 0;
    ByteView payload;                  // in memory that the client may write at any time: read each field once
    std::uint64_t position_after = 0;  // in the client's request ring
};

struct Limits {
    unsigned requests_per_round = 16;            // per client
    std::size_t backlog_per_client = 32u << 20;  // bytes of events beyond the ring; at the bound the client is cut off
    std::size_t backlog_total = 256u << 20;      // of all clients; at the bound the one with most is cut off
    unsigned idle_tokens_per_second = 1000;      // wake-ups without any work; beyond: not listened to for the penalty
    Duration token_penalty = milliseconds(10);
    Duration lag_watch = milliseconds(1);    // how often laggards are looked at while there are any
    Duration hold_max = milliseconds(50);    // longest pause of deliveries for the sake of a laggard
    Duration lag_moved = milliseconds(100);  // a laggard that took something within this time throttles senders
};

// The service behind the server.
class Service {
public:
    virtual ~Service() = default;
    // False: no room for what a request may cause; requests stay in the clients' rings until the next round.
    virtual bool has_room() = 0;
    // False: the request makes no sense; the client is cut off.
    virtual bool on_request(const Request& request) = 0;
    // The link is closed; its id is not used again. Called from reap() only.
    virtual void on_closed(ConnId conn) = 0;
};

class Server {
public:
    Server(loop::Poller& poller, Service& service, Limits limits = {}, Overflow overflow = Overflow::anonymous());
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    struct Adopted {
        bool used_before = false;  // an earlier incarnation of this worker served it
    };
    // Maps and registers. On failure the descriptors are closed and the client, if possible, told why.
    Result<Adopted> adopt(const Connection& connection);

    // A successor goes through its predecessor's inputs again before anything else: from the construction until resumed()
    // events and replies that the clients have got already are dropped.
    // What the predecessor has taken from this client, however it is known.
    void taken(ConnId conn, std::uint64_t position);
    // The same, when only the low half of the connection's number is known.
    void taken_by_low(std::uint32_t conn, std::uint64_t position);
    // Deliveries up to here have reached some client: they must be repeated before any request is taken.
    std::uint64_t delivered_to_anyone() const;
    std::vector<ConnId> connections() const;
    bool knows(ConnId conn) const { return by_id_.contains(conn); }
    bool open(ConnId conn) const;   // and not about to be closed
    // Everything has been repeated: all links are looked at and every client gets a token.
    void resumed();

    // The tags under which client sockets are registered with the poller.
    static constexpr std::uint64_t kTag = std::uint64_t{1} << 63;
    static bool owns(std::uint64_t tag) { return (tag & kTag) != 0; }
    void on_ready(const loop::Ready& ready, Instant now);

    // One round: every active client in turn, at most requests_per_round each. Number of requests taken.
    std::size_t serve();
    // Makes this round's events visible and gives back consumed request space; tokens go to sleepers only. Requests are
    // given back here so that what they caused can be published first.
    void publish();
    // Closes what was cut off or hung up, and tells the service. False: there was nothing to do.
    bool reap();
    // A client that takes its events is so far behind that no more should be taken in for it: its senders may sit on other
    // nodes, which only a ring that fills up slows down. Never longer than `hold_max` at a time: one batch, then again.
    bool holds_deliveries() const { return holding_; }
    bool far_behind() const { return far_behind_; }
    // Then on_time() is wanted every round: a millisecond of deliveries is megabytes.
    bool anyone_lags() const { return !lagging_.empty(); }
    void batch_delivered() {
        if (far_behind_) holding_ = true, held_since_ = {};
        one_batch_ = false;
    }
    // Lagging clients and penalties; cheap when there are none. Call when deadline() has passed.
    void on_time(Instant now);
    Instant deadline() const;

    // Before sleeping: arms every active ring and looks once more. False: somebody has sent something.
    // `ignore_requests`: the service has no room, requests are left where they are.
    bool prepare_sleep(bool ignore_requests);
    // Any request waiting? Looks without arming, for a loop that spins.
    bool anything_waiting();

    // Events of one client keep their order; causes never go back. An unknown or closing connection is ignored.
    void event(ConnId conn, std::uint16_t type, const Cause& cause, std::span<const ByteView> pieces);
    // The answer to request `number`; the client sleeps on it or spins for it.
    void reply(ConnId conn, std::uint64_t number, std::span<const ByteView> pieces);
    // What clients keep of earlier replies is void: raises the epoch of all that got one since the last call, or may have got
    // one from a predecessor.
    void raise_epochs();
    // Sets or clears a bit of the flow-control word of all clients; clearing sends each a token.
    void set_flow(ring::FlowBits bit, bool on);
    // Takes effect at the next reap(); the client hears nothing more.
    void cut_off(ConnId conn, ring::CutReason reason);
    void cut_off_all(ring::CutReason reason);
    // Everybody's events that are ready become visible; requests stay taken and not given back.
    void publish_events();

    void describe(const std::function<void(const ClientValues&)>& each) const;   // every client, in any order
    std::size_t clients() const { return by_id_.size(); }
    std::size_t backlog_bytes() const { return backlog_total_; }

private:
    struct Client;

    Client* find(ConnId conn);
    void activate(Client& client);
    void take_requests(Client& client, std::size_t& taken);
    void violation(Client& client, const char* what);
    void cut(Client& client, ring::CutReason reason);
    void close_link(Client& client);
    void token(Client& client, char kind);
    void drain_tokens(Client& client, Instant now);
    void append_backlog(Client& client, std::uint16_t type, std::span<const ByteView> pieces, std::size_t length);
    void wake_caller(Client& client);
    void give_up(Client& client);
    void move_backlog(Client& client);
    void publish_link(Client& client);
    void touch(Client& client);
    void watch_laggards(Instant now);

    loop::Poller& poller_;
    Service& service_;
    const Limits limits_;
    Overflow overflow_;
    bool resuming_ = true;
    std::unordered_map<ConnId, std::unique_ptr<Client>> by_id_;
    std::array<Client*, 1024> recent_{};  // by low bits of the id: the way from an id to its client without hashing
    std::vector<Client*> slots_;          // by epoll tag
    std::vector<std::uint32_t> free_slots_;
    std::vector<Client*> active_;   // may have requests
    std::vector<Client*> touched_;  // have unpublished events or unreleased requests
    std::vector<Client*> lagging_;  // have a backlog
    bool far_behind_ = false, holding_ = false, one_batch_ = false;
    Instant held_since_{};
    std::vector<Client*> replied_;  // since raise_epochs()
    std::vector<Client*> closing_;
    std::vector<Client*> penalised_;
    std::size_t backlog_total_ = 0;
    std::uint64_t flow_ = 0;
    Instant next_watch_ = kNever;
};

}  // namespace motet::ipc
