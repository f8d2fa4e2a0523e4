// A worker with everything around it made by hand: the supervisor's control socket (descriptor 3), membership's ends of
// the link, clients. The engine is a script.
#pragma once
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <deque>
#include <functional>
#include <map>
#include <optional>

#include "libs/worker/worker.h"
#include "tests/unit/libs/ipc/scripted_client.h"

namespace motet::worker {

// Submits requests of type 1, answers those of type 2, refuses the rest; gives every message to every client. Runs one step
// of its script whenever the worker is about to sleep.
class ScriptEngine final : public Engine {
public:
    ScriptEngine(Host& host, std::deque<std::function<void()>>& steps) : host_(host), steps_(steps) {}

    void on_sync_started() override { synchronised_ = false, heard.push_back("sync_started"); }
    void on_init(const feed::Init& init) override {
        heard.push_back("init " + std::to_string(init.members.size()));
        const ByteView piece = as_bytes("sync message");
        host_.submit_sync(init.round, std::span(&piece, 1));
        host_.sync_done(init.service, init.round);
    }
    void on_process(feed::Step step) override { heard.push_back("process " + std::to_string(step.round)); }
    void on_activate(feed::Step step) override { heard.push_back("activate " + std::to_string(step.round)); }
    void on_abort(feed::Step step) override { heard.push_back("abort " + std::to_string(step.round)); }
    void on_complete(const feed::Complete&) override { synchronised_ = true, heard.push_back("complete"); }
    void on_message(const feed::Message& message) override {
        ++messages;
        for (const ConnId conn : clients) host_.event(conn, 1, std::span(&message.body, 1));
    }
    void on_connect(ConnId conn, std::int32_t, std::uint32_t, std::uint32_t) override { clients.push_back(conn); }
    void on_request(ConnId conn, std::uint16_t type, std::uint64_t request, ByteView payload) override {
        if (type == 1)
            host_.submit(conn, std::span(&payload, 1), Guarantee::agreed, true, true);
        else if (type == 2)
            host_.reply(conn, request, std::span(&payload, 1));
        else if (type == 3)
            host_.close(conn, Close::orderly);
        else
            host_.close(conn, Close::violation);
    }
    void on_disconnect(ConnId conn) override {
        std::erase(clients, conn);
        heard.push_back("disconnect " + std::to_string(conn));
    }
    Instant deadline() const override { return steps_.empty() ? kNever : Instant{}; }
    void on_time(Instant) override {
        if (steps_.empty()) return;
        const auto step = std::move(steps_.front());
        steps_.pop_front();
        step();
    }
    bool synchronised() const override { return synchronised_; }
    std::string status_json() override { return "{\"messages\":" + std::to_string(messages) + "}"; }

    std::vector<std::string> heard;
    std::vector<ConnId> clients;
    std::uint64_t messages = 0;

private:
    Host& host_;
    std::deque<std::function<void()>>& steps_;
    bool synchronised_ = false;
};

class WorkerTest : public ::testing::Test {
protected:
    explicit WorkerTest(std::uint64_t submit_capacity = ring::kCapacityMin,
                        std::uint64_t delivery_capacity = ring::kCapacityMin) {
        int pair[2];
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
        supervisor = fcntl(pair[0], F_DUPFD, 10);
        saved_ = fcntl(control::kChildFd, F_DUPFD, 10);  // whatever the test program has there
        const int child = fcntl(pair[1], F_DUPFD, 10);
        close(pair[0]);
        close(pair[1]);
        dup2(child, control::kChildFd);
        close(child);

        auto m = ring::create_link_segment(ring::Role::membership, 1, delivery_capacity, 0);
        auto w = ring::create_link_segment(ring::Role::worker, 1, submit_capacity, ring::kCapacityMin);
        membership_own = std::move(*ring::Segment::map(m->writable, true));
        worker_own = std::move(*ring::Segment::map(w->read_only, false));
        delivery.emplace(membership_own.page(), worker_own.page());
        submits.emplace(membership_own.page(), worker_own.page(), static_cast<std::uint32_t>(submit_capacity),
                        submit_capacity);
        sync_submits.emplace(membership_own.second(), worker_own.second(), std::uint32_t{ring::kCapacityMin}, ring::kCapacityMin);

        int link[2];
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, link), 0);
        membership_socket = link[0];
        config::Snapshot config;
        config.set("workers.spin_us", "5");
        const int fds[] = {memfd_of(config.encode()), memfd_of(Bytes(metrics::kPageSize)), link[1], w->writable,
                           m->read_only};
        status_fd = dup(fds[1]);
        for (const int fd : fds) kept_.push_back(dup(fd));
        control::Header start;
        start.type = static_cast<std::uint32_t>(control::Type::start);
        start.a = 4;
        start.b = 1;
        start.c = service_set(2);
        EXPECT_TRUE(control::send(supervisor, start, {}, fds));
        for (const int fd : fds) close(fd);
        close(m->writable);
        close(w->read_only);
    }
    ~WorkerTest() override {
        log::set_sink({});
        close(control::kChildFd);
        if (saved_ >= 0) dup2(saved_, control::kChildFd), close(saved_);
        for (const int fd : {supervisor, membership_socket, status_fd}) close(fd);
        for (const int fd : kept_) close(fd);
    }
    static int memfd_of(ByteView bytes) {
        const int fd = memfd_create("test", MFD_CLOEXEC);
        EXPECT_EQ(write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
        return fd;
    }

    // Instead of the START that the constructor has sent, one with memory that outlives the worker; and again for each successor.
    void start_with_state() {
        control::Message message;
        if (kept_.size() == 5) {
            ASSERT_EQ(control::receive(control::kChildFd, true, message), control::Received::message);
            for (const int fd : message.fds) close(fd);
            const auto state = ring::create_memory(ring::kStateSize);
            const auto overflow = ring::create_memory(ipc::Overflow::kSize);
            ASSERT_TRUE(state && overflow);
            kept_.push_back(state->writable);
            kept_.push_back(overflow->writable);
            close(state->read_only);
            close(overflow->read_only);
        }
        control::Header start;
        start.type = static_cast<std::uint32_t>(control::Type::start);
        start.a = ++incarnation_;
        start.b = 1;
        start.c = service_set(2);
        ASSERT_TRUE(control::send(supervisor, start, {}, kept_));
    }

    void tell(control::Type type) {
        control::Header header;
        header.type = static_cast<std::uint32_t>(type);
        ASSERT_TRUE(control::send(supervisor, header));
    }
    void connect(const ipc::ScriptedClient& client, bool again = false) {
        const ipc::Connection c = again ? client.connection_again() : client.connection();
        control::Header header;
        header.type = static_cast<std::uint32_t>(control::Type::conns);
        header.n = 1;
        const control::ConnEntry entry{.id = c.id, .pid = c.pid};
        const int fds[] = {c.socket, c.own_segment, c.client_segment};
        ASSERT_TRUE(control::send(supervisor, header, {reinterpret_cast<const std::uint8_t*>(&entry), sizeof entry}, fds));
        for (const int fd : fds) close(fd);
    }
    // What the supervisor has heard: types, `drop`s with their connection.
    std::vector<std::string> heard_by_supervisor() {
        std::vector<std::string> heard;
        control::Message message;
        while (control::receive(supervisor, false, message) == control::Received::message) {
            switch (message.type()) {
                case control::Type::ready: heard.push_back("ready"); break;
                case control::Type::drop: heard.push_back("drop " + std::to_string(message.header.a)); break;
                case control::Type::log: heard.push_back("log " + std::string(as_text(message.body))); break;
                case control::Type::fatal: heard.push_back("fatal " + std::string(as_text(message.body))); break;
                default: heard.push_back("?");
            }
        }
        return heard;
    }
    void deliver(feed::Delivery type, ByteView payload = {}) {
        ASSERT_EQ(delivery->push(static_cast<std::uint16_t>(type), 0, std::span(&payload, 1)), ring::Push::ok);
        publish();
    }
    void publish() {
        if (delivery->publish()) (void)send(membership_socket, "w", 1, MSG_DONTWAIT | MSG_NOSIGNAL), delivery->served();
    }
    void deliver_message(ByteView body) {
        std::uint8_t header[feed::kMessageHeaderSize];
        feed::encode_message_header(1, false, false, header);
        const ByteView pieces[] = {header, body};
        ASSERT_EQ(delivery->push(static_cast<std::uint16_t>(feed::Delivery::message), 0, pieces), ring::Push::ok);
        publish();
    }
    void deliver_round(feed::Delivery type, std::uint64_t round) {
        Bytes bytes;
        feed::encode_step({2, round}, bytes);
        deliver(type, bytes);
    }
    void deliver_complete() {
        Bytes bytes;
        feed::encode_complete({.ring = {1, 4}, .all_motet = true}, bytes);
        deliver(feed::Delivery::complete, bytes);
    }
    struct Submitted {
        feed::Submit kind;
        feed::SubmitHeader header;
        std::string body;
    };
    // Of synchronisations first, then the others.
    std::vector<Submitted> take_submits(std::size_t limit = SIZE_MAX) {
        std::vector<Submitted> all;
        take_from(*sync_submits, limit, all);
        take_from(*submits, limit, all);
        return all;
    }
    void take_from(ring::Consumer& from, std::size_t limit, std::vector<Submitted>& all) {
        ring::Record record;
        while (all.size() < limit && from.next(record) == ring::Pull::record) {
            const auto decoded = feed::decode_submit(record.payload);
            EXPECT_TRUE(decoded);
            if (!decoded) break;
            all.push_back({static_cast<feed::Submit>(record.type), decoded->header, std::string(as_text(decoded->body))});
        }
        if (from.release()) (void)send(membership_socket, "s", 1, MSG_DONTWAIT | MSG_NOSIGNAL), from.space_served();
    }

    // Runs the worker until a step, or somebody else, tells it to stop.
    void run() {
        auto poller = loop::Poller::create();
        ASSERT_TRUE(poller);
        ASSERT_TRUE(poller->add(control::kChildFd, Worker::kControlTag));
        control::Message message;
        ASSERT_EQ(control::receive(control::kChildFd, true, message), control::Received::message);
        auto started = take_start(message);
        ASSERT_TRUE(started) << started.error().text;
        log_to_supervisor();
        const Program program{.name = "test", .user = "", .make_engine = [this](const Settings& given, Host& host) -> std::unique_ptr<Engine> {
                                  settings = given;
                                  if (make_engine) return make_engine(host);
                                  auto made = std::make_unique<ScriptEngine>(host, steps);
                                  engine = made.get();
                                  return std::unique_ptr<Engine>(std::move(made));
                              }};
        Worker worker(program, *poller, std::move(*started));
        worker.run();
        if (engine != nullptr) engine_heard = engine->heard;
    }
    void then(std::function<void()> step) { steps.push_back(std::move(step)); }
    void then_stop() {
        then([this] { tell(control::Type::stop); });
    }

    int supervisor = -1, membership_socket = -1, status_fd = -1;
    ring::Segment membership_own, worker_own;
    std::optional<ring::Producer> delivery;
    std::optional<ring::Consumer> submits, sync_submits;
    std::deque<std::function<void()>> steps;
    ScriptEngine* engine = nullptr;
    std::vector<std::string> engine_heard;
    std::function<std::unique_ptr<Engine>(Host&)> make_engine;
    Settings settings;

private:
    int saved_ = -1;
    std::vector<int> kept_;
    std::uint64_t incarnation_ = 4;
};

}  // namespace motet::worker
