// Supervisor and cpg worker in one thread of the test, over a real socket in a temporary directory. It answers requests
// as a test tells it to, notes what it was asked, and can misbehave in every way a broken-in worker could.
#pragma once
#include <gtest/gtest.h>
#include <linux/futex.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "libs/base/bytes.h"
#include "libs/ipc/hello.h"
#include "libs/ring/ring.h"
#include "libs/ring/segment.h"
#include "libs/wire/client_cpg.h"

namespace motet::test {

namespace wire = motet::wire::cpg_client;

struct Seen {
    std::uint16_t type = 0;
    std::uint64_t number = 0;
    Bytes payload;
    template <class T>
    T as() const {
        T value{};
        std::memcpy(&value, payload.data(), std::min(sizeof value, payload.size()));
        return value;
    }
};

template <class T>
void append(Bytes& to, const T& value) {
    const std::size_t at = to.size();
    to.resize(at + sizeof value);
    std::memcpy(to.data() + at, &value, sizeof value);
}
inline Bytes reply_of(std::uint32_t error) {
    Bytes bytes;
    append(bytes, wire::Reply{error, 0});
    return bytes;
}
template <class... More>
Bytes reply_of(std::uint32_t error, const More&... more) {
    Bytes bytes = reply_of(error);
    (append(bytes, more), ...);
    return bytes;
}
inline wire::Name name_of(std::string_view text) {
    wire::Name name;
    name.length = static_cast<std::uint32_t>(text.size());
    std::memcpy(name.value, text.data(), text.size());
    return name;
}

class FakeDaemon {
public:
    struct Options {
        std::uint64_t request_capacity = 2u << 20, event_capacity = 2u << 20;
        std::uint32_t mailbox = 64 * 1024;
        const char* service = "cpg";
        std::uint16_t finalize = static_cast<std::uint16_t>(wire::Request::finalize);
    };
    // What is sent instead of a proper welcome; `fds` are closed afterwards.
    using Tweak = std::function<void(ipc::Hello&, std::vector<int>& fds, std::size_t& length)>;
    using Answer = std::function<std::optional<Bytes>(const Seen&)>;   // nullopt: default, empty: none

    FakeDaemon() : FakeDaemon(Options{}) {}
    explicit FakeDaemon(Options options) : options_(options) {
        char pattern[] = "/tmp/motet-client-XXXXXX";
        directory_ = mkdtemp(pattern);
        setenv("MOTET_RUNTIME_DIR", directory_.c_str(), 1);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::snprintf(address.sun_path, sizeof address.sun_path, "%s/%s.sock", directory_.c_str(), options_.service);
        path_ = address.sun_path;
        listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(listen(listener_, 16), 0);
        wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        thread_ = std::thread([this] { loop(); });
    }
    ~FakeDaemon() {
        stop();
        unlink(path_.c_str());
        rmdir(directory_.c_str());
        unsetenv("MOTET_RUNTIME_DIR");
    }

    // Dies as by SIGKILL: every descriptor closes, nothing is written any more.
    void stop() {
        if (!thread_.joinable()) return;
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        poke();
        thread_.join();
        conns_.clear();
        close(listener_);
        close(wake_);
    }

    void set_tweak(Tweak tweak) {
        const std::lock_guard lock(mutex_);
        tweak_ = std::move(tweak);
    }
    void set_answer(Answer answer) {
        const std::lock_guard lock(mutex_);
        answer_ = std::move(answer);
    }
    // Requests stay in the ring, tokens in the socket.
    void pause(bool on) {
        {
            const std::lock_guard lock(mutex_);
            paused_ = on;
        }
        poke();
    }

    // What was asked, from the first request that `match` accepts on; waits for it.
    Seen wait_for(wire::Request type) {
        std::unique_lock lock(mutex_);
        std::size_t at = 0;
        const auto arrived = [&] {
            for (at = 0; at < seen_.size(); ++at)
                if (seen_[at].type == static_cast<std::uint16_t>(type)) return true;
            return false;
        };
        if (!changed_.wait_for(lock, std::chrono::seconds(20), arrived)) {
            ADD_FAILURE() << "request " << static_cast<int>(type) << " never came";
            return {};
        }
        Seen found = seen_[at];
        seen_.erase(seen_.begin() + static_cast<std::ptrdiff_t>(at));
        return found;
    }
    std::size_t count(wire::Request type) {
        const std::lock_guard lock(mutex_);
        std::size_t n = 0;
        for (const Seen& s : seen_) n += s.type == static_cast<std::uint16_t>(type);
        return n;
    }
    void wait_closed() {
        std::unique_lock lock(mutex_);
        EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(20), [&] { return conns_.empty(); }));
    }

    // Events of the newest connection.
    void event(wire::Event type, const Bytes& payload, bool with_token = true) {
        raw_event(static_cast<std::uint16_t>(type), payload, with_token);
    }
    void raw_event(std::uint16_t type, const Bytes& payload, bool with_token = true) {
        const std::lock_guard lock(mutex_);
        Conn& c = *conns_.back();
        const ByteView pieces[] = {payload};
        ASSERT_EQ(c.events->push(type, ++c.delivered, pieces), ring::Push::ok);
        if (c.events->publish() && with_token) {
            token(c, 'w');
            c.events->served();
        }
    }
    void deliver(std::string_view group, std::uint32_t nodeid, std::uint32_t pid, std::string_view text) {
        Bytes bytes;
        append(bytes, wire::DeliverEvent{name_of(group), nodeid, pid, static_cast<std::uint32_t>(text.size())});
        bytes.insert(bytes.end(), text.begin(), text.end());
        event(wire::Event::deliver, bytes);
    }
    void spurious_token() {
        const std::lock_guard lock(mutex_);
        token(*conns_.back(), 'r');
    }
    void set_flow(std::uint64_t bits) { page().flow_control = bits; }
    void cut(ring::CutReason reason) {
        const std::lock_guard lock(mutex_);
        Conn& c = *conns_.back();
        c.own.page()->reason = static_cast<std::uint64_t>(reason);
        c.own.page()->state = 3;
        shutdown(c.socket, SHUT_RDWR);
    }
    void hang_up() {
        const std::lock_guard lock(mutex_);
        shutdown(conns_.back()->socket, SHUT_RDWR);
    }
    ring::SegmentPage& page() {
        const std::lock_guard lock(mutex_);
        return *conns_.back()->own.page();
    }
    // The worker's ring as bytes, for scribbling.
    std::uint8_t* ring_data() { return reinterpret_cast<std::uint8_t*>(&page()) + ring::kPage; }
    std::uint64_t head() {
        const std::lock_guard lock(mutex_);
        return conns_.back()->events->head();
    }
    std::uint64_t client_tail() {
        const std::lock_guard lock(mutex_);
        return conns_.back()->peer.page()->tail;
    }
    const std::string& directory() const { return directory_; }

private:
    struct Conn {
        int socket = -1;
        ring::Segment own, peer;
        std::optional<ring::Producer> events;
        std::optional<ring::Consumer> requests;
        std::uint64_t delivered = 0;
        ~Conn() { close(socket); }
    };

    void poke() {
        const std::uint64_t one = 1;
        EXPECT_EQ(write(wake_, &one, sizeof one), static_cast<ssize_t>(sizeof one));
    }
    static void token(const Conn& c, char kind) { (void)!send(c.socket, &kind, 1, MSG_DONTWAIT | MSG_NOSIGNAL); }

    void loop() {
        for (;;) {
            std::vector<pollfd> fds{{listener_, POLLIN, 0}, {wake_, POLLIN, 0}};
            {
                const std::lock_guard lock(mutex_);
                if (stopping_) return;
                if (!paused_)
                    for (const auto& c : conns_) fds.push_back({c->socket, POLLIN, 0});
            }
            poll(fds.data(), fds.size(), -1);
            std::uint64_t ignored;
            (void)!read(wake_, &ignored, sizeof ignored);
            if ((fds[0].revents & POLLIN) != 0) welcome();
            const std::lock_guard lock(mutex_);
            if (stopping_) return;
            if (!paused_) serve();
        }
    }

    void welcome() {
        const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) return;
        const std::lock_guard lock(mutex_);
        const std::uint64_t id = ++link_id_;
        const auto worker = ring::create_segment(ring::Role::worker, id, options_.event_capacity, options_.mailbox);
        const auto client = ring::create_segment(ring::Role::client, id, options_.request_capacity, 0);
        ASSERT_TRUE(worker) << worker.error().text;
        ASSERT_TRUE(client) << client.error().text;
        auto conn = std::make_unique<Conn>();
        conn->socket = fd;
        conn->own = std::move(*ring::Segment::map(worker->writable, true));
        conn->peer = std::move(*ring::Segment::map(client->read_only, false));
        conn->events.emplace(conn->own.page(), conn->peer.page());
        conn->requests.emplace(conn->own.page(), conn->peer.page(), static_cast<std::uint32_t>(options_.request_capacity / 2),
                               conn->peer.capacity());
        ipc::Hello hello;
        hello.link_id = id;
        hello.request_capacity = options_.request_capacity;
        hello.event_capacity = options_.event_capacity;
        hello.mailbox_capacity = options_.mailbox;
        hello.node_id = 1;
        std::vector<int> sent{worker->read_only, client->writable};
        std::size_t length = sizeof hello;
        if (tweak_) tweak_(hello, sent, length);
        if (length != 0) send_hello(fd, hello, length, sent);
        for (const int s : {worker->writable, worker->read_only, client->writable, client->read_only}) close(s);
        if (hello.status == 0 && length == sizeof hello) conns_.push_back(std::move(conn));
        else if (length == 0) silent_.push_back(std::move(conn));
        changed_.notify_all();
    }

    static void send_hello(int fd, const ipc::Hello& hello, std::size_t length, const std::vector<int>& fds) {
        iovec part{const_cast<ipc::Hello*>(&hello), std::min(length, sizeof hello)};
        alignas(cmsghdr) char control[CMSG_SPACE(16 * sizeof(int))] = {};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        if (!fds.empty()) {
            message.msg_control = control;
            message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
            cmsghdr* c = CMSG_FIRSTHDR(&message);
            c->cmsg_level = SOL_SOCKET;
            c->cmsg_type = SCM_RIGHTS;
            c->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
            std::memcpy(CMSG_DATA(c), fds.data(), fds.size() * sizeof(int));
        }
        (void)!sendmsg(fd, &message, MSG_NOSIGNAL);
    }

    // As a worker does: drain, take everything, arm, look again.
    void serve() {
        for (std::size_t i = 0; i < conns_.size();) {
            Conn& c = *conns_[i];
            char tokens[64];
            ssize_t n = recv(c.socket, tokens, sizeof tokens, 0);
            const bool gone = n == 0 || (n < 0 && errno != EAGAIN);
            do {
                ring::Record r;
                while (c.requests->next(r) == ring::Pull::record) take(c, r);
                c.requests->release();
            } while (!c.requests->arm());
            if (c.events->consumer_waits()) {
                token(c, 'w');
                c.events->served();
            }
            if (gone) conns_.erase(conns_.begin() + static_cast<std::ptrdiff_t>(i));
            else ++i;
        }
        changed_.notify_all();
    }

    void take(Conn& c, const ring::Record& r) {
        Seen seen{r.type, r.id, Bytes(r.payload.begin(), r.payload.end())};
        std::optional<Bytes> answer;
        if (answer_) answer = answer_(seen);
        if (!answer) answer = usual_answer(seen);
        if (!answer->empty()) reply(c, r.id, *answer);
        seen_.push_back(std::move(seen));
        if (r.type == options_.finalize && !answer->empty()) shutdown(c.socket, SHUT_RDWR);
    }

    static Bytes usual_answer(const Seen& seen) {
        switch (static_cast<wire::Request>(seen.type)) {
        case wire::Request::multicast: return {};
        case wire::Request::local: return reply_of(1, std::uint32_t{7});
        case wire::Request::iteration_start: return reply_of(1, std::uint64_t{42});
        default: return reply_of(1);
        }
    }

    static void reply(Conn& c, std::uint64_t number, const Bytes& bytes) {
        std::memcpy(c.own.mailbox(), bytes.data(), bytes.size());
        ring::SegmentPage* page = c.own.page();
        page->reply_len = static_cast<std::uint32_t>(bytes.size());
        page->reply_seq.store(number, std::memory_order_release);
        page->reply_futex.store(static_cast<std::uint32_t>(number), std::memory_order_release);
        std::atomic_thread_fence(std::memory_order_seq_cst);
        if (c.peer.page()->reply_wait == static_cast<std::uint32_t>(number))
            syscall(SYS_futex, &page->reply_futex, FUTEX_WAKE, 1, nullptr, nullptr, 0);
    }

    const Options options_;
    std::string directory_, path_;
    int listener_ = -1, wake_ = -1;
    std::thread thread_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopping_ = false, paused_ = false;
    std::uint64_t link_id_ = 0;
    Tweak tweak_;
    Answer answer_;
    std::vector<Seen> seen_;
    std::vector<std::unique_ptr<Conn>> conns_, silent_;
};

}  // namespace motet::test
