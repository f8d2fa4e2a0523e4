// A client link made by hand: the segments and the socket pair that the supervisor would make, and the client's end of
// them.
#pragma once
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "libs/base/log.h"
#include "libs/ipc/server.h"

namespace motet::ipc {

inline constexpr std::uint64_t kRing = ring::kCapacityMin;
inline constexpr std::size_t kMailbox = 4096;

class ScriptedClient {
public:
    explicit ScriptedClient(ConnId id) : id_(id) {
        auto w = ring::create_segment(ring::Role::worker, id, kRing, kMailbox);
        auto c = ring::create_segment(ring::Role::client, id, kRing, 0);
        int sockets[2];
        EXPECT_TRUE(w && c && socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets) == 0);
        socket_ = sockets[0];
        server_end_ = {.id = id,
                       .pid = 100 + static_cast<std::int32_t>(id),
                       .uid = 0,
                       .gid = 0,
                       .socket = sockets[1],
                       .own_segment = w->writable,
                       .client_segment = c->read_only};
        // The supervisor's duplicate: a link is over when the worker says so, not when it closes its descriptor.
        supervisors_socket_ = dup(sockets[1]);
        supervisors_worker_fd_ = dup(w->writable);
        supervisors_client_fd_ = dup(c->read_only);
        worker_ = std::move(*ring::Segment::map(w->read_only, false));
        own_ = std::move(*ring::Segment::map(c->writable, true));
        close(w->read_only);
        close(c->writable);
        requests.emplace(own_.page(), worker_.page());
        events.emplace(own_.page(), worker_.page(), static_cast<std::uint32_t>(kRing / 2), kRing);
    }
    ~ScriptedClient() {
        hang_up();
        for (const int fd : {supervisors_socket_, supervisors_worker_fd_, supervisors_client_fd_}) close(fd);
    }
    ScriptedClient(const ScriptedClient&) = delete;

    // What the supervisor hands to the first worker, and what it would hand to a successor.
    const Connection& connection() const { return server_end_; }
    Connection connection_again() const {
        Connection again = server_end_;
        again.socket = dup(supervisors_socket_);
        again.own_segment = dup(supervisors_worker_fd_);
        again.client_segment = dup(supervisors_client_fd_);
        return again;
    }

    void post(std::uint16_t type, ByteView payload = {}) {
        ASSERT_EQ(requests->push(type, ++number_, std::span(&payload, 1)), ring::Push::ok);
        publish();
    }
    void publish() {
        if (requests->publish()) token('w'), requests->served();
    }
    void token(char kind) { (void)send(socket_, &kind, 1, MSG_DONTWAIT | MSG_NOSIGNAL); }
    std::size_t tokens() {  // takes them
        char bytes[1024];
        const ssize_t n = recv(socket_, bytes, sizeof bytes, MSG_DONTWAIT);
        return n < 0 ? 0 : static_cast<std::size_t>(n);
    }
    bool hung() const {
        pollfd looked{.fd = socket_, .events = POLLRDHUP, .revents = 0};
        return poll(&looked, 1, 0) > 0 && (looked.revents & (POLLHUP | POLLRDHUP)) != 0;
    }
    void hang_up() {
        if (socket_ >= 0) close(socket_);
        socket_ = -1;
    }
    // Ids (causes) of all events there are; gives their space back.
    std::vector<std::uint64_t> read_events(std::size_t limit = SIZE_MAX) {
        std::vector<std::uint64_t> ids;
        ring::Record record;
        while (ids.size() < limit && events->next(record) == ring::Pull::record) ids.push_back(record.id);
        if (events->release()) token('s'), events->space_served();
        return ids;
    }
    const ring::SegmentPage& worker_page() const { return *worker_.page(); }
    ring::SegmentPage& page() { return *own_.page(); }
    std::uint8_t* request_bytes() { return reinterpret_cast<std::uint8_t*>(own_.page()) + ring::kPage; }
    ByteView mailbox() const { return {worker_.mailbox(), kMailbox}; }
    ring::CutReason reason() const { return static_cast<ring::CutReason>(worker_page().reason.load()); }
    bool cut() const { return worker_page().state.load() == 3; }
    ConnId id() const { return id_; }
    int socket() const { return socket_; }

    std::optional<ring::Producer> requests;
    std::optional<ring::Consumer> events;

private:
    ConnId id_;
    std::uint64_t number_ = 0;
    int socket_ = -1, supervisors_socket_ = -1, supervisors_worker_fd_ = -1, supervisors_client_fd_ = -1;
    Connection server_end_;
    ring::Segment worker_, own_;
};

struct RecordingService final : Service {
    struct Taken {
        ConnId conn;
        std::uint16_t type;
        std::uint64_t number;
        std::string payload;
    };
    bool has_room() override { return room; }
    bool on_request(const Request& request) override {
        taken.push_back({request.conn, request.type, request.number, std::string(as_text(request.payload))});
        return request.type < 100;
    }
    void on_closed(ConnId conn) override { closed.push_back(conn); }

    bool room = true;
    std::vector<Taken> taken;
    std::vector<ConnId> closed;
};

// A worker's rounds without its other half. Log lines are kept.
class ServerTest : public ::testing::Test {
protected:
    ServerTest() {
        log::set_sink([this](log::Level, std::string_view line) { lines.emplace_back(line); });
    }
    ~ServerTest() override { log::set_sink({}); }

    void start(Limits limits = {}) { server.emplace(poller, service, limits); }
    void adopt(ScriptedClient& client) {
        if (!server) start();
        const auto adopted = server->adopt(client.connection());
        ASSERT_TRUE(adopted) << adopted.error().text;
        EXPECT_FALSE(adopted->used_before);
    }
    void look() {
        for (const loop::Ready& ready : poller.look()) {
            if (Server::owns(ready.tag)) server->on_ready(ready, now);
        }
        server->on_time(now);
    }
    std::size_t round() {
        look();
        const std::size_t taken = server->serve();
        server->publish();
        server->reap();
        return taken;
    }
    // As a worker does before it sleeps: rounds until there is nothing to do and every ring is armed.
    void settle() {
        for (int i = 0; i < 1000; ++i) {
            if (round() == 0 && server->prepare_sleep(false)) return;
        }
        FAIL() << "the server never comes to rest";
    }
    bool would_wake() { return !poller.look().empty(); }
    void event(ConnId conn, std::uint64_t cause, std::size_t length = 8) {
        const Bytes bytes(length, static_cast<std::uint8_t>(cause));
        const ByteView piece = bytes;
        server->event(conn, 1, cause, std::span(&piece, 1));
    }

    loop::Poller poller = std::move(*loop::Poller::create());
    RecordingService service;
    std::optional<Server> server;
    std::vector<std::string> lines;
    Instant now = Instant{} + seconds(1000);
};

}  // namespace motet::ipc
