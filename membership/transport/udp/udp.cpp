#include "membership/transport/udp/udp.h"

#include <errno.h>
#include <net/if.h>
#include <ifaddrs.h>
#include <netinet/udp.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

namespace motet::transport {
namespace {

constexpr std::size_t kFrameMax = 65507;            // largest UDP payload
constexpr std::size_t kArenaBytes = 1 << 20;        // frames waiting for flush(); a full arena flushes by itself
constexpr std::size_t kSegmentsMax = 64;            // per segmented send, the kernel's bound
constexpr std::size_t kSegmentedBytesMax = 65000;
constexpr std::size_t kBatch = 16;                  // datagrams per receive call
constexpr std::size_t kReceiveBytes = 65536;
constexpr int kReceiveBuffer = 8 << 20;             // asked for; the kernel caps it without privilege
constexpr int kSendBuffer = 4 << 20;
constexpr int kPriority = 6;                        // SO_PRIORITY of everything, as Corosync gives its tokens

struct Fd {
    int fd = -1;
    Fd() = default;
    explicit Fd(int value) : fd(value) {}
    Fd(Fd&& other) noexcept : fd(std::exchange(other.fd, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        std::swap(fd, other.fd);
        return *this;
    }
    ~Fd() {
        if (fd >= 0) ::close(fd);
    }
};

void set_buffer(int fd, int forced, int plain, int bytes) {
    if (setsockopt(fd, SOL_SOCKET, forced, &bytes, sizeof bytes) != 0)
        setsockopt(fd, SOL_SOCKET, plain, &bytes, sizeof bytes);
}

Result<Fd> open_socket(const Address& bind_to, const char* purpose) {
    Fd s(::socket(bind_to.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (s.fd < 0) return error("cannot open a UDP socket for %s: %s", purpose, std::strerror(errno));
    const int on = 1;
    if (bind_to.is_multicast()) setsockopt(s.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    set_buffer(s.fd, SO_RCVBUFFORCE, SO_RCVBUF, kReceiveBuffer);
    set_buffer(s.fd, SO_SNDBUFFORCE, SO_SNDBUF, kSendBuffer);
    setsockopt(s.fd, SOL_SOCKET, SO_PRIORITY, &kPriority, sizeof kPriority);
    setsockopt(s.fd, SOL_UDP, UDP_GRO, &on, sizeof on);     // absent in old kernels: single datagrams then
    if (::bind(s.fd, bind_to.get(), bind_to.length) != 0) {
        const int why = errno;
        const unsigned port = ntohs(reinterpret_cast<const sockaddr_in&>(bind_to.storage).sin_port);
        const char* remedy = why == EADDRINUSE      ? "another program, perhaps another node on this machine, has it"
                             : why == EADDRNOTAVAIL ? "no interface of this machine has that address: check the node's ring0_addr"
                                                    : "check the address, the port and the permissions";
        return error("cannot bind %s port %u for %s: %s; %s", bind_to.text().c_str(), port, purpose, std::strerror(why), remedy);
    }
    return s;
}

// Index of the interface that owns `address`, 0 if none does.
unsigned interface_of(const Address& address) {
    ifaddrs* list = nullptr;
    if (getifaddrs(&list) != 0) return 0;
    unsigned index = 0;
    for (const ifaddrs* i = list; i != nullptr && index == 0; i = i->ifa_next) {
        if (i->ifa_addr == nullptr || i->ifa_addr->sa_family != address.family()) continue;
        Address own;
        own.length = address.family() == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
        std::memcpy(&own.storage, i->ifa_addr, own.length);
        if (same_host(own, address)) index = if_nametoindex(i->ifa_name);
    }
    freeifaddrs(list);
    return index;
}

Status join_group(int receive, int send, const Address& group, const Address& own, int ttl) {
    const int off = 0;
    const unsigned index = interface_of(own);
    int failed = 0;
    if (group.family() == AF_INET6) {
        ipv6_mreq request{};
        request.ipv6mr_multiaddr = reinterpret_cast<const sockaddr_in6&>(group.storage).sin6_addr;
        request.ipv6mr_interface = index;
        failed |= setsockopt(receive, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof request);
        failed |= setsockopt(send, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof index);
        failed |= setsockopt(send, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &off, sizeof off);
        failed |= setsockopt(send, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &ttl, sizeof ttl);
    } else {
        ip_mreqn request{};
        request.imr_multiaddr = reinterpret_cast<const sockaddr_in&>(group.storage).sin_addr;
        request.imr_address = reinterpret_cast<const sockaddr_in&>(own.storage).sin_addr;
        request.imr_ifindex = static_cast<int>(index);
        const auto short_ttl = static_cast<unsigned char>(ttl);
        failed |= setsockopt(receive, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request);
        failed |= setsockopt(send, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof request);
        failed |= setsockopt(send, IPPROTO_IP, IP_MULTICAST_LOOP, &off, sizeof off);
        failed |= setsockopt(send, IPPROTO_IP, IP_MULTICAST_TTL, &short_ttl, sizeof short_ttl);
    }
    if (failed != 0)
        return error("cannot join multicast group %s on the interface of %s: %s", group.text().c_str(), own.text().c_str(),
                     std::strerror(errno));
    return Done{};
}

class Udp final : public Transport {
public:
    explicit Udp(const UdpConfig& config) : config_(config), arena_(kArenaBytes), receive_(kBatch * kReceiveBytes) {}

    Status open() {
        Address own;
        for (const Peer& node : config_.nodes) {
            Result<Address> address = parse_address(node.address, config_.port);
            if (!address) return error("node %u: %s", node.id, address.error().text.c_str());
            if (node.id == config_.self) own = *address;
            else peers_.push_back({node.id, *address});
        }
        std::sort(peers_.begin(), peers_.end(), [](const Remote& a, const Remote& b) { return a.id < b.id; });
        while (behind_next_ < peers_.size() && peers_[behind_next_].id < config_.self) ++behind_next_;
        ++behind_next_;
        if (own.length == 0) return error("this node (%u) is not in the nodelist", config_.self);
        Result<Fd> token = open_socket(own, "Totem");
        if (!token) return token.error();
        token_ = std::move(*token);
        descriptors_ = {token_.fd};
        return config_.use_multicast ? open_group(own) : Status(Done{});
    }

    // What may change while it runs: nodes and addresses; ports and groups stay.
    Status reconfigure(const UdpConfig& config) {
        std::vector<Remote> peers;
        Address own, before;
        for (const Peer& node : config.nodes) {
            Result<Address> address = parse_address(node.address, config_.port);
            if (!address) return error("node %u: %s", node.id, address.error().text.c_str());
            if (node.id == config_.self) own = *address;
            else peers.push_back({node.id, *address});
        }
        if (own.length == 0) return error("this node (%u) is not in the nodelist", config_.self);
        for (const Peer& node : config_.nodes)
            if (node.id == config_.self) before = *parse_address(node.address, config_.port);
        flush();   // what waits is addressed by position
        if (!same_host(own, before)) {
            if (config_.use_multicast) return error("the own address cannot change while the node runs with transport udp; restart motet");
            Result<Fd> token = open_socket(own, "Totem");
            if (!token) return token.error();
            token_ = std::move(*token);
            descriptors_ = {token_.fd};
        }
        peers_ = std::move(peers);
        config_.nodes = config.nodes;
        config_.block_unlisted = config.block_unlisted;
        return Done{};
    }

    void multicast(ByteView frame) override { enqueue(frame, kToAll); }
    void unicast(NodeId to, ByteView frame) override {
        for (std::size_t i = 0; i < peers_.size(); ++i)
            if (peers_[i].id == to) return enqueue(frame, static_cast<int>(i));
    }

    void flush() override;
    std::span<const int> descriptors() const override { return descriptors_; }
    Received receive(const std::function<void(ByteView)>& handler) override;
    const Counters& counters() const override { return counters_; }
    std::string describe() const override { return config_.use_multicast ? "udp" : "udpu"; }

private:
    static constexpr int kToAll = -1;
    struct Remote {
        NodeId id;
        Address address;
    };
    struct Waiting {
        std::uint32_t offset, length;
        int to;             // index into peers_, or kToAll
    };
    // One sendmmsg entry: a run of frames to one destination.
    struct Burst {
        std::uint32_t offset, length, segment;
        const Address* to;
        int fd;
    };

    Status open_group(const Address& own) {
        Address sender = own, group = own;
        sender.set_port(static_cast<std::uint16_t>(config_.port - 1));
        if (config_.broadcast) {
            reinterpret_cast<sockaddr_in&>(group.storage).sin_addr.s_addr = INADDR_BROADCAST;
        } else {
            Result<Address> parsed = parse_address(config_.group, config_.port);
            if (!parsed || !parsed->is_multicast())
                return error("totem.interface.mcastaddr: '%s' is not a multicast address", config_.group.c_str());
            group = *parsed;
        }
        Result<Fd> send = open_socket(sender, "multicast sending");
        if (!send) return send.error();
        Result<Fd> receive = open_socket(group, "multicast receiving");
        if (!receive) return receive.error();
        if (config_.broadcast) {
            const int on = 1;
            setsockopt(send->fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
        } else if (Status joined = join_group(receive->fd, send->fd, group, own, config_.ttl); !joined) {
            return joined;
        }
        send_ = std::move(*send);
        group_socket_ = std::move(*receive);
        group_ = group;
        own_ = own;
        descriptors_.push_back(group_socket_.fd);
        return Done{};
    }

    void enqueue(ByteView frame, int to) {
        if (frame.size() > kFrameMax) return;
        if (used_ + frame.size() > arena_.size()) flush();
        std::memcpy(arena_.data() + used_, frame.data(), frame.size());
        waiting_.push_back({static_cast<std::uint32_t>(used_), static_cast<std::uint32_t>(frame.size()), to});
        used_ += frame.size();
    }

    void add_bursts(std::size_t first, std::size_t last);
    void send_bursts();
    void send_singly(const Burst& burst);
    bool listed(const Address& from) const {
        return std::any_of(peers_.begin(), peers_.end(), [&](const Remote& p) { return same_host(p.address, from); });
    }

    UdpConfig config_;
    std::vector<Remote> peers_;         // ascending, as the ring goes round
    std::size_t behind_next_ = 0;       // index of the one after the next in the ring, modulo their number
    Fd token_, send_, group_socket_;
    Address group_, own_;
    std::vector<int> descriptors_;
    std::vector<std::uint8_t> arena_, receive_;
    std::size_t used_ = 0;
    std::vector<Waiting> waiting_;
    std::vector<Burst> bursts_;
    bool segmenting_ = true;
    std::uint32_t segment_limit_ = kFrameMax;   // larger frames are not segmented: the path refused them once
    Counters counters_;
};

void Udp::flush() {
    if (waiting_.empty()) return;
    // Runs of frames for the same destination, whose sizes are equal except for a smaller last one, become one burst.
    std::size_t first = 0;
    for (std::size_t i = 1; i <= waiting_.size(); ++i) {
        const Waiting& head = waiting_[first];
        const bool joins = i < waiting_.size() && segmenting_ && waiting_[i].to == head.to && head.length <= segment_limit_ &&
                           waiting_[i].length <= head.length && waiting_[i - 1].length == head.length &&
                           i - first < kSegmentsMax && waiting_[i].offset + waiting_[i].length - head.offset <= kSegmentedBytesMax;
        if (joins) continue;
        add_bursts(first, i);
        first = i;
    }
    send_bursts();
    waiting_.clear();
    bursts_.clear();
    used_ = 0;
}

void Udp::add_bursts(std::size_t first, std::size_t last) {
    const Waiting& head = waiting_[first];
    const std::uint32_t length = waiting_[last - 1].offset + waiting_[last - 1].length - head.offset;
    const std::uint32_t segment = last - first > 1 ? head.length : 0;
    const int fd = send_.fd >= 0 ? send_.fd : token_.fd;
    if (head.to != kToAll) {
        bursts_.push_back({head.offset, length, segment, &peers_[static_cast<std::size_t>(head.to)].address, fd});
    } else if (config_.use_multicast) {
        bursts_.push_back({head.offset, length, segment, &group_, fd});
    } else {
        // The next in the ring comes last: the frames and the token behind them wake it once.
        for (std::size_t i = 0; i < peers_.size(); ++i)
            bursts_.push_back({head.offset, length, segment, &peers_[(behind_next_ + i) % peers_.size()].address, fd});
    }
}

void Udp::send_bursts() {
    constexpr std::size_t kCall = 64;
    mmsghdr messages[kCall];
    iovec pieces[kCall];
    alignas(cmsghdr) char control[kCall][CMSG_SPACE(sizeof(std::uint16_t))];
    std::size_t done = 0;
    while (done < bursts_.size()) {
        const std::size_t count = std::min(kCall, bursts_.size() - done);
        for (std::size_t i = 0; i < count; ++i) {
            const Burst& b = bursts_[done + i];
            pieces[i] = {arena_.data() + b.offset, b.length};
            messages[i] = {};
            msghdr& m = messages[i].msg_hdr;
            m.msg_name = const_cast<sockaddr_storage*>(&b.to->storage);
            m.msg_namelen = b.to->length;
            m.msg_iov = &pieces[i];
            m.msg_iovlen = 1;
            if (b.segment == 0) continue;
            m.msg_control = control[i];
            m.msg_controllen = sizeof control[i];
            cmsghdr* c = CMSG_FIRSTHDR(&m);
            c->cmsg_level = SOL_UDP;
            c->cmsg_type = UDP_SEGMENT;
            c->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
            const auto size = static_cast<std::uint16_t>(b.segment);
            std::memcpy(CMSG_DATA(c), &size, sizeof size);
        }
        ++counters_.send_calls;
        const int sent = ::sendmmsg(bursts_[done].fd, messages, static_cast<unsigned>(count), MSG_NOSIGNAL);
        for (int i = 0; i < sent; ++i) {
            const Burst& b = bursts_[done + static_cast<std::size_t>(i)];
            counters_.datagrams_sent += b.segment == 0 ? 1 : (b.length + b.segment - 1) / b.segment;
            counters_.bytes_sent += b.length;
        }
        if (sent > 0) {
            done += static_cast<std::size_t>(sent);
            continue;
        }
        if (errno == EINTR) continue;
        const Burst& b = bursts_[done];
        if (b.segment != 0 && (errno == EINVAL || errno == EMSGSIZE || errno == EIO || errno == EOPNOTSUPP)) {
            // The path does not segment frames of this size (or at all): they go one by one from now on.
            if (errno == EIO || errno == EOPNOTSUPP) segmenting_ = false;
            segment_limit_ = std::min(segment_limit_, b.segment - 1);
            send_singly(b);
        } else {
            ++counters_.send_errors;
            counters_.last_send_errno = errno;
        }
        ++done;     // a frame that cannot be sent is a lost frame
    }
}

void Udp::send_singly(const Burst& burst) {
    for (std::uint32_t at = 0; at < burst.length; at += burst.segment) {
        const std::size_t size = std::min(burst.segment, burst.length - at);
        ++counters_.send_calls;
        if (::sendto(burst.fd, arena_.data() + burst.offset + at, size, MSG_NOSIGNAL, burst.to->get(), burst.to->length) < 0) {
            ++counters_.send_errors;
            counters_.last_send_errno = errno;
        } else {
            ++counters_.datagrams_sent;
            counters_.bytes_sent += size;
        }
    }
}

Received Udp::receive(const std::function<void(ByteView)>& handler) {
    Received result = Received::nothing;
    // Multicast frames first: a token must not overtake the frames that its sender sent before it.
    for (auto fd = descriptors_.rbegin(); fd != descriptors_.rend(); ++fd) {
        mmsghdr messages[kBatch];
        iovec pieces[kBatch];
        sockaddr_storage names[kBatch];
        alignas(cmsghdr) char control[kBatch][CMSG_SPACE(sizeof(int)) + CMSG_SPACE(64)];
        for (std::size_t i = 0; i < kBatch; ++i) {
            pieces[i] = {receive_.data() + i * kReceiveBytes, kReceiveBytes};
            messages[i] = {};
            messages[i].msg_hdr = {&names[i], sizeof names[i], &pieces[i], 1, control[i], sizeof control[i], 0};
        }
        ++counters_.receive_calls;
        const int got = ::recvmmsg(*fd, messages, kBatch, MSG_DONTWAIT, nullptr);
        if (got > 0) result = std::max(result, got == static_cast<int>(kBatch) ? Received::more : Received::some);
        for (int i = 0; i < got; ++i) {
            msghdr& m = messages[i].msg_hdr;
            if ((m.msg_flags & MSG_TRUNC) != 0) {
                ++counters_.dropped_truncated;
                continue;
            }
            if (config_.block_unlisted && !config_.use_multicast) {
                Address from;
                std::memcpy(&from.storage, &names[i], sizeof names[i]);
                from.length = m.msg_namelen;
                if (!listed(from)) {
                    ++counters_.dropped_unlisted;
                    continue;
                }
            }
            std::size_t segment = messages[i].msg_len;
            for (cmsghdr* c = CMSG_FIRSTHDR(&m); c != nullptr; c = CMSG_NXTHDR(&m, c)) {
                if (c->cmsg_level != SOL_UDP || c->cmsg_type != UDP_GRO) continue;
                int size = 0;
                std::memcpy(&size, CMSG_DATA(c), sizeof size);
                if (size > 0) segment = static_cast<std::size_t>(size);
            }
            const ByteView all(receive_.data() + static_cast<std::size_t>(i) * kReceiveBytes, messages[i].msg_len);
            if (all.empty()) {   // it is a datagram too, and counted as what it is: malformed
                ++counters_.datagrams_received;
                handler(all);
                continue;
            }
            for (std::size_t at = 0; at < all.size(); at += segment) {
                ++counters_.datagrams_received;
                handler(all.subspan(at, std::min(segment, all.size() - at)));
            }
            counters_.bytes_received += all.size();
        }
    }
    return result;
}

}  // namespace

Status reconfigure_udp(Transport& transport, const UdpConfig& config) {
    auto* udp = dynamic_cast<Udp*>(&transport);
    return udp == nullptr ? Status(error("transport %s is not udp", transport.describe().c_str())) : udp->reconfigure(config);
}

Result<std::unique_ptr<Transport>> open_udp(const UdpConfig& config) {
    auto transport = std::make_unique<Udp>(config);
    if (Status opened = transport->open(); !opened) return opened.error();
    return std::unique_ptr<Transport>(std::move(transport));
}

}  // namespace motet::transport
