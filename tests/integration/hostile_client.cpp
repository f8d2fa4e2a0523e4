// A client that breaks the link protocol on purpose: it connects as libcpg does and then writes into the shared memory, or
// onto the socket, what no library would.
//
//   hostile_client KIND [SEED]     prints "PID CONNECTIONS CUT"; kinds: see kKinds
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "libs/ipc/hello.h"
#include "libs/ring/ring.h"
#include "libs/ring/segment.h"
#include "libs/wire/client_cpg.h"

using namespace motet;
namespace wire_cpg = wire::cpg_client;

namespace {

std::mt19937_64 random_bits;
unsigned connections = 0, cuts = 0;

double now_s() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

int connect_socket() {
    const char* directory = getenv("MOTET_RUNTIME_DIR");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::snprintf(address.sun_path, sizeof address.sun_path, "%s/cpg.sock", directory != nullptr ? directory : "/run/motet");
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    const timeval limit{2, 0};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
    close(fd);
    return -1;
}

// The 64 bytes and two descriptors; false if we were not let in.
bool read_hello(int socket, ipc::Hello& hello, int (&fds)[2]) {
    iovec part{&hello, sizeof hello};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof fds)] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL) != static_cast<ssize_t>(sizeof hello) || hello.status != 0) return false;
    const cmsghdr* c = CMSG_FIRSTHDR(&message);
    if (c == nullptr || c->cmsg_len != CMSG_LEN(sizeof fds)) return false;
    std::memcpy(fds, CMSG_DATA(c), sizeof fds);
    return true;
}

// A link, with everything a client may write in reach.
struct Link {
    int socket = -1;
    ring::Segment worker, own;
    std::optional<ring::Producer> requests;
    std::uint64_t number = 0;

    Link() = default;
    Link(const Link&) = delete;
    ~Link() { if (socket >= 0) close(socket); }

    ring::SegmentPage& page() { return *own.page(); }
    std::uint8_t* bytes() { return reinterpret_cast<std::uint8_t*>(own.page()) + ring::kPage; }
    std::uint64_t capacity() const { return own.capacity(); }
    void token(const char* text = "w", std::size_t size = 1) { (void)!send(socket, text, size, MSG_DONTWAIT | MSG_NOSIGNAL); }
    void post(std::uint16_t type, ByteView payload) {
        if (requests->push(type, ++number, std::span(&payload, 1)) == ring::Push::ok && requests->publish()) token(), requests->served();
    }
    template <class T>
    void post(wire_cpg::Request type, const T& request) {
        post(static_cast<std::uint16_t>(type), {reinterpret_cast<const std::uint8_t*>(&request), sizeof request});
    }
    bool answered(double seconds = 2) {
        for (const double end = now_s() + seconds; now_s() < end; usleep(500))
            if (worker.page()->reply_seq.load() == number) return true;
        return false;
    }
    bool cut(double seconds) {
        pollfd p{socket, POLLRDHUP, 0};
        return poll(&p, 1, static_cast<int>(seconds * 1000)) > 0 && (p.revents & (POLLHUP | POLLRDHUP)) != 0;
    }
    // As a library would: who we are, and a group to be in.
    void behave() {
        post(wire_cpg::Request::model, wire_cpg::ModelRequest{.pid = static_cast<std::uint32_t>(getpid()), .flags = 0, .wants_totem = 0, .reserved = 0});
        answered();
        wire_cpg::JoinRequest join{.pid = static_cast<std::uint32_t>(getpid()), .name = {}};
        join.name.length = 7;
        std::memcpy(join.name.value, "hostile", 7);
        post(wire_cpg::Request::join, join);
        answered();
    }
};

std::unique_ptr<Link> connect_link(bool behave = true) {
    auto link = std::make_unique<Link>();
    ipc::Hello hello;
    int fds[2];
    link->socket = connect_socket();
    if (link->socket < 0 || !read_hello(link->socket, hello, fds)) return nullptr;
    auto worker = ring::Segment::map(fds[0], false);
    auto own = ring::Segment::map(fds[1], true);
    close(fds[0]);
    close(fds[1]);
    if (!worker || !own) return nullptr;
    link->worker = std::move(*worker);
    link->own = std::move(*own);
    link->requests.emplace(link->own.page(), link->worker.page());
    ++connections;
    if (behave) link->behave();
    return link;
}

// Does it on `count` links in turn, and counts those that are cut off within `patience_s`.
void each(unsigned count, double patience_s, const std::function<void(Link&, unsigned)>& misbehave) {
    for (unsigned i = 0; i < count; ++i) {
        const auto link = connect_link();
        if (link == nullptr) continue;
        misbehave(*link, i);
        link->token();
        cuts += link->cut(patience_s) ? 1 : 0;
    }
}

void fill_random(std::uint8_t* at, std::size_t size) {
    for (std::size_t i = 0; i + 8 <= size; i += 8) {
        const std::uint64_t bits = random_bits();
        std::memcpy(at + i, &bits, 8);
    }
}
void header_at(Link& link, std::uint64_t position, ring::RecordHeader header) {
    std::memcpy(link.bytes() + (position & (link.capacity() - 1)), &header, sizeof header);
}
std::uint64_t at(Link& link) { return link.page().head.load(); }
void claim(Link& link, std::uint64_t head) { link.page().head.store(head); }

void rubbish_in_ring() {
    each(20, 5, [](Link& link, unsigned) {
        fill_random(link.bytes(), link.capacity());
        claim(link, at(link) + ((random_bits() % link.capacity()) & ~std::uint64_t{15}) + 16);
    });
}
void impossible_heads() {
    each(8, 5, [](Link& link, unsigned i) {
        const std::uint64_t head = at(link), bad[] = {head + link.capacity() + 16, head - 16, ~std::uint64_t{0}, 1, head + 8, head + (std::uint64_t{1} << 63), head + 1, 0};
        claim(link, bad[i] == head ? head - 32 : bad[i]);
    });
}
void impossible_tails() {
    each(6, 5, [](Link& link, unsigned i) {
        const std::uint64_t bad[] = {~std::uint64_t{0}, 1, std::uint64_t{1} << 62, link.page().tail.load() + (std::uint64_t{1} << 40), 7, link.worker.page()->head.load() + (std::uint64_t{64} << 20)};
        link.page().tail.store(bad[i]);
        // Its own messages come back as events; when they seem to have filled the ring, the tail is looked at.
        static struct { wire_cpg::MulticastRequest header; std::uint8_t bytes[60000]; } message{{2, sizeof message.bytes}, {}};
        for (int n = 0; n < 200 && !link.cut(0.005); ++n) link.post(wire_cpg::Request::multicast, message);
    });
}
void lying_lengths() {
    each(6, 5, [](Link& link, unsigned i) {
        const std::uint64_t head = at(link);
        const std::uint32_t lengths[] = {0xFFFFFFFF, 0x7FFFFFFF, 1u << 20, 4096, static_cast<std::uint32_t>(link.capacity()), 17};
        header_at(link, head, {.length = lengths[i], .type = 4, .flags = 3, .sub = 0, .id = 99});
        claim(link, head + 32);
    });
}
void lying_requests() {
    struct { wire_cpg::MulticastRequest header; std::uint8_t bytes[100]; } message{{2, 0}, {}};
    struct { wire_cpg::PartRequest header; std::uint8_t bytes[100]; } part{{2, 0, 0, 0}, {}};
    wire_cpg::JoinRequest join{};
    each(14, 0.2, [&](Link& link, unsigned i) {
        switch (i) {
            case 0: message.header.length = 99; return link.post(wire_cpg::Request::multicast, message);
            case 1: message.header.length = 101; return link.post(wire_cpg::Request::multicast, message);
            case 2: message.header.length = 0xFFFFFFFF; return link.post(wire_cpg::Request::multicast_sync, message);
            case 3: part.header = {2, 0xFFFFFFFF, 100, 1}; return link.post(wire_cpg::Request::multicast_part, part);
            case 4: part.header = {2, 200, 101, 1}; return link.post(wire_cpg::Request::multicast_part, part);
            case 5: part.header = {2, 200, 100, 7}; return link.post(wire_cpg::Request::multicast_part, part);
            case 6: part.header = {2, 50, 100, 1}; return link.post(wire_cpg::Request::multicast_part, part);
            case 7: join.name.length = 0xFFFFFFFF; return link.post(wire_cpg::Request::join, join);
            case 8: join.name.length = 129; return link.post(wire_cpg::Request::leave, join);
            case 9: return link.post(static_cast<std::uint16_t>(wire_cpg::Request::join), ByteView{});
            case 10: return link.post(static_cast<std::uint16_t>(wire_cpg::Request::iteration_next), ByteView{message.bytes, 3});
            case 11: return link.post(static_cast<std::uint16_t>(wire_cpg::Request::model), ByteView{message.bytes, 1});
            case 12: return link.post(static_cast<std::uint16_t>(wire_cpg::Request::multicast), ByteView{message.bytes, 7});
            default: return link.post(static_cast<std::uint16_t>(wire_cpg::Request::membership), ByteView{message.bytes, 100});
        }
    });
}
void unknown_types() {
    const std::uint16_t types[] = {0, 13, 14, 99, 255, 256, 0x7FFF, 0xFFFE};
    each(std::size(types) + 2, 5, [&](Link& link, unsigned i) {
        if (i < std::size(types)) return link.post(types[i], ByteView{});
        header_at(link, at(link), {.length = 0, .type = 7, .flags = static_cast<std::uint8_t>(i % 2), .sub = 0, .id = 5});
        claim(link, at(link) + 16);
    });
}
void half_records() {
    each(6, 5, [](Link& link, unsigned i) {
        const std::uint64_t head = at(link);
        header_at(link, head, {.length = 64 + 16 * i, .type = 4, .flags = 3, .sub = 0, .id = 1});
        claim(link, head + 16);   // the payload is not there
    });
}
void pads_for_ever() {
    const auto link = connect_link();
    if (link == nullptr) return;
    for (const double end = now_s() + 2; now_s() < end && !link->cut(0);) {
        const std::uint64_t head = at(*link), tail = link->worker.page()->tail.load();
        if (head - tail + 4096 > link->capacity()) continue;
        for (unsigned i = 0; i < 64; ++i) header_at(*link, head + i * 16, {.length = 0, .type = ring::kPad, .flags = 3, .sub = 0, .id = 0});
        claim(*link, head + 64 * 16);
        link->token();
    }
    cuts += link->cut(0.1) ? 1 : 0;
}
void token_flood() {
    const auto link = connect_link();
    if (link == nullptr) return;
    const std::string many(4096, 'w');
    for (const double end = now_s() + 2; now_s() < end && !link->cut(0);) link->token(many.data(), many.size());
    std::string noise(65536, 0);
    fill_random(reinterpret_cast<std::uint8_t*>(noise.data()), noise.size());
    link->token(noise.data(), noise.size());
}
// Requests with answers, as fast as the ring takes them, and no answer is ever looked at.
void deaf_requests() {
    const auto link = connect_link();
    if (link == nullptr) return;
    for (const double end = now_s() + 2; now_s() < end && !link->cut(0);)
        for (int i = 0; i < 200; ++i) link->post(static_cast<std::uint16_t>(wire_cpg::Request::local), ByteView{});
}
void random_page() {
    for (unsigned i = 0; i < 5; ++i) {
        const auto link = connect_link();
        if (link == nullptr) continue;
        for (const double end = now_s() + 0.3; now_s() < end && !link->cut(0);) {
            fill_random(reinterpret_cast<std::uint8_t*>(link->own.page()), ring::kPage);
            link->token();
        }
        cuts += link->cut(1) ? 1 : 0;
    }
}
// A request whose lengths change while it is read.
void changing_request() {
    const auto link = connect_link();
    if (link == nullptr) return;
    std::atomic<bool> ending{false};
    std::thread changer([&] {
        std::mt19937 bits(7);
        auto* words = reinterpret_cast<std::atomic<std::uint32_t>*>(link->bytes());
        while (!ending) words[bits() % (8 * 1024 / 4)].store(bits() % 3 == 0 ? static_cast<std::uint32_t>(bits()) : 200, std::memory_order_relaxed);
    });
    struct { wire_cpg::MulticastRequest header; std::uint8_t bytes[200]; } message{{2, 200}, {}};
    for (const double end = now_s() + 2; now_s() < end && !link->cut(0);) link->post(wire_cpg::Request::multicast, message);
    ending = true;
    changer.join();
    cuts += link->cut(0.5) ? 1 : 0;
}
// Descriptors sent to somebody who expects none.
void unwanted_descriptors() {
    const auto link = connect_link();
    if (link == nullptr) return;
    for (int n = 0; n < 200; ++n) {
        char byte = 'w';
        iovec part{&byte, 1};
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 50)] = {};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        cmsghdr* c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * 50);
        for (int i = 0; i < 50; ++i) {
            const int fd = STDERR_FILENO;
            std::memcpy(CMSG_DATA(c) + i * sizeof fd, &fd, sizeof fd);
        }
        (void)!sendmsg(link->socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n % 10 == 9) usleep(1000);
    }
}
// Members that are killed while they send.
void sudden_deaths() {
    for (int n = 0; n < 30; ++n) {
        const pid_t pid = fork();
        if (pid == 0) {
            const auto link = connect_link();
            if (link == nullptr) _exit(1);
            static struct { wire_cpg::MulticastRequest header; std::uint8_t bytes[60000]; } message;
            for (;;) {
                message.header = {2, static_cast<std::uint32_t>(random_bits() % sizeof message.bytes)};
                link->post(static_cast<std::uint16_t>(wire_cpg::Request::multicast), {reinterpret_cast<const std::uint8_t*>(&message), sizeof message.header + message.header.length});
            }
        }
        usleep(static_cast<useconds_t>(5000 + random_bits() % 40000));
        kill(pid, SIGKILL);
        waitpid(pid, nullptr, 0);
        ++connections;
    }
}
// Thousands of connections that read nothing, not even the hello; the last of them are refused.
void crowd() {
    const rlimit many{8192, 8192};
    setrlimit(RLIMIT_NOFILE, &many);
    std::vector<int> sockets;
    const double end = now_s() + 4;
    while (sockets.size() < 5000 && now_s() < end) {
        const int fd = connect_socket();
        if (fd < 0) break;
        sockets.push_back(fd);
        ++connections;
    }
    usleep(300000);
    for (const int fd : sockets) {
        ipc::Hello hello;
        int fds[2] = {-1, -1};
        if (!read_hello(fd, hello, fds)) ++cuts;   // refused
        if (fds[0] >= 0) close(fds[0]), close(fds[1]);
        if (now_s() > end + 3) break;
    }
    for (const int fd : sockets) close(fd);
}
void half_closed() {
    for (const int how : {SHUT_WR, SHUT_RD, SHUT_RDWR}) {
        const auto link = connect_link();
        if (link == nullptr) continue;
        shutdown(link->socket, how);
        link->post(wire_cpg::Request::multicast, wire_cpg::MulticastRequest{.guarantee = 2, .length = 0});
        usleep(50000);
    }
}

struct Kind {
    const char* name;
    void (*run)();
};
constexpr Kind kKinds[] = {{"rubbish", rubbish_in_ring}, {"heads", impossible_heads}, {"tails", impossible_tails}, {"lengths", lying_lengths},
                           {"requests", lying_requests}, {"types", unknown_types}, {"half", half_records}, {"pads", pads_for_ever},
                           {"tokens", token_flood}, {"deaf", deaf_requests}, {"page", random_page}, {"changing", changing_request},
                           {"descriptors", unwanted_descriptors}, {"deaths", sudden_deaths}, {"crowd", crowd}, {"closed", half_closed}};

}  // namespace

int main(int argc, char** argv) {
    random_bits.seed(argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1);
    for (const Kind& kind : kKinds) {
        if (argc < 2 || std::strcmp(argv[1], kind.name) != 0) continue;
        kind.run();
        std::printf("%d %u %u\n", static_cast<int>(getpid()), connections, cuts);
        return 0;
    }
    std::fprintf(stderr, "usage: hostile_client KIND [SEED]\n");
    return 2;
}
