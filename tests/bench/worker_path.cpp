// How fast a message goes client -> motet-cpg -> membership -> motet-cpg -> client, with the real worker in its sandbox and
// a membership that only echoes. Prints messages per second, CPU per message and round-trip times. Usage: worker_path
// MOTET-CPG [spin_us]
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "libs/config/snapshot.h"
#include "libs/control/control.h"
#include "libs/feed/feed.h"
#include "libs/loop/loop.h"
#include "libs/metrics/status_page.h"
#include "libs/ring/ring.h"
#include "libs/ring/segment.h"
#include "libs/wire/client_cpg.h"

namespace {
using namespace motet;
namespace client = wire::cpg_client;

[[noreturn]] void die(const char* what) {
    std::perror(what);
    std::exit(1);
}
ring::Segment mapped(int fd, bool writable) {
    auto segment = ring::Segment::map(fd, writable);
    if (!segment) die(segment.error().text.c_str());
    return std::move(*segment);
}
ring::SegmentFds made(ring::Role role, std::uint64_t id, std::uint64_t capacity, std::uint64_t mailbox = 0) {
    auto fds = ring::create_segment(role, id, capacity, mailbox);
    if (!fds) die(fds.error().text.c_str());
    return *fds;
}
ring::SegmentFds made_for_link(ring::Role role, std::uint64_t capacity, std::uint64_t second_capacity) {
    auto fds = ring::create_link_segment(role, 1, capacity, second_capacity);
    if (!fds) die(fds.error().text.c_str());
    return *fds;
}
int memfd_of(ByteView bytes) {
    const int fd = memfd_create("bench", MFD_CLOEXEC);
    if (write(fd, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) die("write");
    return fd;
}
void token(int socket, char kind) { (void)!send(socket, &kind, 1, MSG_DONTWAIT | MSG_NOSIGNAL); }
void drain(int socket) {
    char bytes[256];
    (void)!recv(socket, bytes, sizeof bytes, MSG_DONTWAIT);
}
void wait_token(int socket) {
    pollfd waiting{.fd = socket, .events = POLLIN, .revents = 0};
    if (poll(&waiting, 1, 5000) <= 0) {
        std::fprintf(stderr, "process %d waited 5 s\n", getpid());
        std::exit(1);
    }
}

// Echoes multicasts, runs the first synchronisation, sleeps like a real one.
[[noreturn]] void membership(ring::Segment own, ring::Segment peer, int socket) {
    ring::Producer out(own.page(), peer.page());
    ring::Consumer in(own.page(), peer.page(), static_cast<std::uint32_t>(peer.capacity() / 2), peer.capacity());
    ring::Consumer sync(own.second(), peer.second(), static_cast<std::uint32_t>(peer.second_capacity() / 2), peer.second_capacity());
    const auto publish = [&] {
        if (out.publish()) token(socket, 'w'), out.served();
    };
    const auto give = [&](feed::Delivery type, std::span<const ByteView> pieces) {
        while (out.push(static_cast<std::uint16_t>(type), 0, pieces) == ring::Push::full) {
            publish();
            if (out.want_space()) wait_token(socket), drain(socket);
        }
        if (out.worth_publishing()) publish();
    };
    Bytes init, round, complete;
    feed::encode_init({.service = 2, .round = 1, .ring = {1, 4}, .members = {1}, .continuing = {1}}, init);
    feed::encode_step({2, 1}, round);
    feed::encode_complete({.ring = {1, 4}, .all_motet = true}, complete);
    const auto give_one = [&](feed::Delivery type, ByteView payload) { give(type, std::span(&payload, 1)); };
    give_one(feed::Delivery::sync_started, {});
    give_one(feed::Delivery::init, init);
    give_one(feed::Delivery::process, round);
    publish();
    for (;;) {
        ring::Record record;
        unsigned n = 0;
        while (sync.next(record) == ring::Pull::record) {
            if (static_cast<feed::Submit>(record.type) != feed::Submit::sync_done) continue;
            give_one(feed::Delivery::activate, round);
            give_one(feed::Delivery::complete, complete);
        }
        (void)sync.release();
        for (; n < 64 && in.next(record) == ring::Pull::record; ++n) {
            std::uint8_t header[feed::kMessageHeaderSize];
            feed::encode_message_header(1, false, false, header);
            const ByteView pieces[] = {header, record.payload.subspan(feed::kSubmitHeaderSize)};
            give(feed::Delivery::message, pieces);
        }
        publish();
        if (in.release()) token(socket, 's'), in.space_served();
        if (n != 0) continue;
        drain(socket);
        if (const bool sync_quiet = sync.arm(); in.arm() && sync_quiet) wait_token(socket);
    }
}

double cpu_of(pid_t pid) {
    char path[64];
    std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE* file = std::fopen(path, "r");
    unsigned long user = 0, system = 0;
    if (file == nullptr ||
        std::fscanf(file, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        die("stat");
    std::fclose(file);
    return static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}
double own_cpu() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](timeval t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6; };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

struct Client {
    int socket;
    ring::Segment own, worker;
    ring::Producer requests;
    ring::Consumer events;
    std::uint64_t number = 0;

    Client(int s, ring::Segment o, ring::Segment w)
        : socket(s),
          own(std::move(o)),
          worker(std::move(w)),
          requests(own.page(), worker.page()),
          events(own.page(), worker.page(), static_cast<std::uint32_t>(worker.capacity() / 2), worker.capacity()) {}

    bool post(client::Request type, std::span<const ByteView> pieces) {
        const ring::Push pushed = requests.push(static_cast<std::uint16_t>(type), number + 1, pieces);
        if (pushed == ring::Push::violation) die("request ring");
        if (pushed == ring::Push::ok) ++number;
        if (requests.publish()) token(socket, 'w'), requests.served();
        return pushed == ring::Push::ok;
    }
    template <class T>
    std::uint32_t call(client::Request type, const T& body) {
        const ByteView piece{reinterpret_cast<const std::uint8_t*>(&body), sizeof body};
        if (!post(type, std::span(&piece, 1))) die("no room");
        for (int i = 0; worker.page()->reply_seq.load() != number; ++i) {
            if (i > 2000) die("no reply");
            usleep(1000);
        }
        client::Reply reply;
        std::memcpy(&reply, worker.mailbox(), sizeof reply);
        return reply.error;
    }
    bool multicast(ByteView payload) {
        if ((worker.page()->flow_control.load(std::memory_order_relaxed) & ~std::uint64_t{ring::kFlowNoQuorum}) != 0)
            return false;
        const client::MulticastRequest head{.guarantee = 2, .length = static_cast<std::uint32_t>(payload.size())};
        const ByteView pieces[] = {{reinterpret_cast<const std::uint8_t*>(&head), sizeof head}, payload};
        return post(client::Request::multicast, pieces);
    }
    unsigned take(unsigned limit) {
        unsigned delivered = 0, n = 0;
        ring::Record record;
        for (; n < limit && events.next(record) == ring::Pull::record; ++n)
            delivered += record.type == static_cast<std::uint16_t>(client::Event::deliver);
        if (events.release()) token(socket, 's'), events.space_served();
        return delivered;
    }
    void sleep() {
        drain(socket);
        if (events.arm()) wait_token(socket);
    }
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) return std::fprintf(stderr, "usage: worker_path MOTET-CPG [spin_us]\n"), 2;
    int control[2], link[2], connection[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) != 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link) != 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, connection) != 0)
        die("socketpair");
    const ring::SegmentFds m = made_for_link(ring::Role::membership, 16u << 20, 0), w = made_for_link(ring::Role::worker, 32u << 20, 8u << 20);
    const ring::SegmentFds cw = made(ring::Role::worker, 7, 2u << 20, 65536), cc = made(ring::Role::client, 7, 2u << 20);

    const pid_t worker = fork();
    if (worker == 0) {
        dup2(control[1], control::kChildFd);
        fcntl(control::kChildFd, F_SETFD, 0);
        execl(argv[1], "motet-cpg", nullptr);
        die(argv[1]);
    }
    const pid_t member = fork();
    if (member == 0) membership(mapped(m.writable, true), mapped(w.read_only, false), link[0]);

    const auto heard = [&](control::Type type) {
        control::Message message;
        for (int i = 0; i < 5000; ++i) {
            switch (control::receive(control[0], false, message)) {
                case control::Received::message:
                    if (message.type() == type) return;
                    std::fprintf(stderr, "%.*s\n", static_cast<int>(message.body.size()),
                                 reinterpret_cast<const char*>(message.body.data()));
                    break;
                case control::Received::nothing: usleep(1000); break;
                default: die("worker is gone");
            }
        }
        die("no answer from the worker");
    };
    const auto tell = [&](control::Type type, std::uint32_t n, ByteView body, std::span<const int> fds) {
        control::Header header;
        header.type = static_cast<std::uint32_t>(type);
        header.n = n;
        header.a = header.b = 1;
        header.c = service_set(2);
        if (!control::send(control[0], header, body, fds)) die("control");
    };
    heard(control::Type::hello);
    config::Snapshot config;
    if (argc > 2) config.set("workers.spin_us", argv[2]);
    const int start[] = {memfd_of(config.encode()), memfd_of(Bytes(metrics::kPageSize)), link[1], w.writable,
                         m.read_only};
    tell(control::Type::start, 0, {}, start);
    const control::ConnEntry entry{.id = 7, .pid = getpid()};
    const int conn[] = {connection[1], cw.writable, cc.read_only};
    tell(control::Type::conns, 1, {reinterpret_cast<const std::uint8_t*>(&entry), sizeof entry}, conn);
    tell(control::Type::go, 0, {}, {});
    heard(control::Type::ready);

    Client self(connection[0], mapped(cc.writable, true), mapped(cw.read_only, false));
    while ((self.worker.page()->flow_control.load() & ring::kFlowSync) != 0) usleep(1000);
    client::JoinRequest join;
    join.pid = static_cast<std::uint32_t>(getpid());
    join.name.length = 5;
    std::memcpy(join.name.value, "bench", 5);
    const std::uint32_t modelled = self.call(client::Request::model, client::ModelRequest{.pid = join.pid});
    const std::uint32_t joined = self.call(client::Request::join, join);
    if (modelled != 1 || joined != 1) return std::fprintf(stderr, "model %u, join %u\n", modelled, joined), 1;
    usleep(50'000);
    self.take(1000);

    for (const auto& [size, count] :
         {std::pair<std::size_t, unsigned>{64, 1'000'000}, {1024, 400'000}, {16384, 40'000}, {262144, 3000}}) {
        const Bytes payload(size, 7);
        const double w0 = cpu_of(worker), m0 = cpu_of(member), c0 = own_cpu();
        const Instant began = loop::monotonic_now();
        unsigned sent = 0, got = 0;
        std::uint64_t again = 0;
        while (got < count) {
            for (unsigned i = 0; i < 64 && sent < count; ++i) {
                if (!self.multicast(payload)) {
                    ++again;
                    break;
                }
                ++sent;
            }
            const unsigned took = self.take(64);
            got += took;
            if (took == 0 && (sent == count || again % 2 == 1)) self.sleep();
        }
        const double seconds = static_cast<double>((loop::monotonic_now() - began).ns) * 1e-9;
        std::printf(
            "%7zu B  %9.0f messages/s  %8.1f MB/s  CPU us/message: worker %.2f membership %.2f client %.2f  try-again "
            "%llu\n",
            size, count / seconds, static_cast<double>(count) * static_cast<double>(size) / seconds * 1e-6,
            (cpu_of(worker) - w0) / count * 1e6, (cpu_of(member) - m0) / count * 1e6, (own_cpu() - c0) / count * 1e6,
            static_cast<unsigned long long>(again));
    }
    for (int i = 0; self.worker.page()->flow_control.load() != 0; ++i) {  // the last burst's throttling
        if (i > 1000) die("flow control never clears");
        usleep(1000);
    }
    std::vector<std::int64_t> times;
    const Bytes payload(64, 1);
    const double w0 = cpu_of(worker);
    for (int i = 0; i < 20'000; ++i) {
        const Instant began = loop::monotonic_now();
        if (!self.multicast(payload)) {
            std::fprintf(stderr, "message %d refused: flow control %llu\n", i,
                         static_cast<unsigned long long>(self.worker.page()->flow_control.load()));
            return 1;
        }
        while (self.take(1) == 0) self.sleep();
        times.push_back((loop::monotonic_now() - began).ns);
    }
    std::sort(times.begin(), times.end());
    std::printf("round trip 64 B, one outstanding: p50 %.1f us  p99 %.1f us  worker CPU %.1f us\n",
                static_cast<double>(times[times.size() / 2]) * 1e-3,
                static_cast<double>(times[times.size() * 99 / 100]) * 1e-3, (cpu_of(worker) - w0) / 20'000 * 1e6);

    tell(control::Type::stop, 0, {}, {});
    kill(member, SIGKILL);
    int status = 0;
    waitpid(worker, &status, 0);
    waitpid(member, nullptr, 0);
    std::printf("worker exit status %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
    return 0;
}
