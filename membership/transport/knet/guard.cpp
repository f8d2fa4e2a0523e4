// The filter is classic BPF: it needs no privilege and stays with the socket.
#include "membership/transport/knet/guard.h"

#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace motet::transport {
namespace {

constexpr int kDescriptorsMax = 4096;       // looked at; libknet's are among the first
constexpr std::uint32_t kDrop = 0, kPass = 0xffffffff;

// Offsets in a packet as the filter sees it: from the UDP header, which has 8 bytes.
constexpr std::uint32_t kType = 8 + 1, kCompression = 8 + 8, kFragments = 8 + 11, kFragment = 8 + 12;
constexpr std::uint32_t kZstd = 7;             // the highest of libknet's numbers of compressions
constexpr std::uint32_t kTypeData = 0;

class Program {
public:
    void only_from(std::span<const Address> peers) {
        for (const Address& peer : peers) {
            if (peer.family() == AF_INET6) {
                std::uint32_t words[4];
                std::memcpy(words, &reinterpret_cast<const sockaddr_in6&>(peer.storage).sin6_addr, sizeof words);
                for (std::uint32_t i = 0; i < 4; ++i) {
                    load_word(network(8 + 4 * i));
                    // The remaining steps of this peer: two for each further word, and the jump out.
                    const auto miss = static_cast<std::uint8_t>(2 * (3 - i) + 1);
                    code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ntohl(words[i]), 0, miss));
                }
            } else {
                load_word(network(12));
                code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ntohl(reinterpret_cast<const sockaddr_in&>(peer.storage).sin_addr.s_addr), 0, 1));
            }
            to_accepted_.push_back(code_.size());
            code_.push_back(BPF_STMT(BPF_JMP | BPF_JA, 0));
        }
        give(kDrop);
        for (const std::size_t at : to_accepted_) code_[at].k = static_cast<std::uint32_t>(code_.size() - at - 1);
    }

    // Of several fragments each has a number from 1 to their count.
    void sane_data(bool zstd) {
        code_.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0));
        code_.push_back(BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, kFragment, 1, 0));
        give(kPass);                                                            // too short to have any: libknet says so itself
        code_.push_back(BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kType));
        code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kTypeData, 1, 0));
        give(kPass);
        code_.push_back(BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kCompression));
        code_.push_back(BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, zstd ? kZstd : kZstd - 1, 0, 1));
        give(kDrop);
        code_.push_back(BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kFragments));
        code_.push_back(BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 1, 1, 0));
        give(kPass);                                                            // whole
        code_.push_back(BPF_STMT(BPF_MISC | BPF_TAX, 0));
        code_.push_back(BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kFragment));
        code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1));
        give(kDrop);
        code_.push_back(BPF_JUMP(BPF_JMP | BPF_JGT | BPF_X, 0, 0, 1));
        give(kDrop);
    }

    bool attach(int socket) {
        give(kPass);
        if (code_.size() > BPF_MAXINSNS) return false;
        const sock_fprog program{static_cast<unsigned short>(code_.size()), code_.data()};
        return setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
    }

private:
    static std::uint32_t network(std::uint32_t offset) { return static_cast<std::uint32_t>(SKF_NET_OFF) + offset; }
    void load_word(std::uint32_t at) { code_.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at)); }
    void give(std::uint32_t verdict) { code_.push_back(BPF_STMT(BPF_RET | BPF_K, verdict)); }

    std::vector<sock_filter> code_;
    std::vector<std::size_t> to_accepted_;
};

// The local address of a UDP socket, or nothing for anything else.
Address bound_to(int fd) {
    int type = 0;
    socklen_t size = sizeof type;
    Address own;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_DGRAM) return {};
    own.length = sizeof own.storage;
    if (getsockname(fd, own.get(), &own.length) != 0 || (own.family() != AF_INET && own.family() != AF_INET6)) return {};
    return own;
}

bool same_port(const Address& a, const Address& b) {
    return reinterpret_cast<const sockaddr_in&>(a.storage).sin_port == reinterpret_cast<const sockaddr_in&>(b.storage).sin_port;
}

int enlarge(int fd, int forced, int plain, int bytes) {
    int now = 0;
    socklen_t size = sizeof now;
    getsockopt(fd, SOL_SOCKET, plain, &now, &size);
    if (now / 2 < bytes && setsockopt(fd, SOL_SOCKET, forced, &bytes, sizeof bytes) != 0) setsockopt(fd, SOL_SOCKET, plain, &bytes, sizeof bytes);
    getsockopt(fd, SOL_SOCKET, plain, &now, &size);
    return now / 2;      // the kernel counts its own overhead too
}

}  // namespace

Guard guard_sockets(std::span<const GuardedLink> links, const GuardRules& rules) {
    Guard guard{.sockets = {}, .smallest_buffer = rules.buffer_bytes, .complete = true};
    std::vector<bool> found(links.size());
    for (int fd = 3; fd < kDescriptorsMax; ++fd) {
        const Address own = bound_to(fd);
        if (own.length == 0) continue;
        std::vector<Address> peers;      // of all links that share the socket
        for (std::size_t i = 0; i < links.size(); ++i) {
            if (own.family() != links[i].own.family() || !same_host(own, links[i].own) || !same_port(own, links[i].own)) continue;
            found[i] = true;
            peers.insert(peers.end(), links[i].peers.begin(), links[i].peers.end());
        }
        if (peers.empty()) continue;
        guard.sockets.push_back(fd);
        guard.smallest_buffer = std::min({guard.smallest_buffer, enlarge(fd, SO_RCVBUFFORCE, SO_RCVBUF, rules.buffer_bytes),
                                          enlarge(fd, SO_SNDBUFFORCE, SO_SNDBUF, rules.buffer_bytes)});
        Program program;
        if (rules.only_listed) program.only_from(peers);
        if (rules.check_clear) program.sane_data(rules.zstd);
        if (!program.attach(fd)) guard.complete = false;
    }
    guard.complete = guard.complete && std::find(found.begin(), found.end(), false) == found.end();
    return guard;
}

std::uint64_t dropped_in_kernel(std::span<const int> sockets) {
    std::uint64_t all = 0;
    for (const int fd : sockets) {
        std::uint32_t values[SK_MEMINFO_VARS] = {};
        socklen_t size = sizeof values;
        if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, values, &size) == 0) all += values[SK_MEMINFO_DROPS];
    }
    return all;
}

}  // namespace motet::transport
