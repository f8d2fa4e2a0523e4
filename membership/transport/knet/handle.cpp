// Parameters are those of Corosync 3.1 where a peer could notice them (spec: totem-transport.md, 4).
#include "membership/transport/knet/handle.h"

extern "C" {
#include <libknet.h>
}

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "libs/wire/header.h"

namespace motet::transport {
namespace {

constexpr std::int8_t kChannel = 0;                 // Totem's, on every node
constexpr int kDataBuffer = 8 << 20;                // bytes between us and libknet, asked for
constexpr int kLogPipe = 1 << 20;                   // bytes; full, libknet's threads wait for the reader
constexpr std::uint8_t kPolicies[] = {KNET_LINK_POLICY_PASSIVE, KNET_LINK_POLICY_ACTIVE, KNET_LINK_POLICY_RR};

Error failed(const char* what) { return error("knet: %s: %s", what, std::strerror(errno)); }

void copy_name(char* to, std::size_t size, const std::string& from) {
    std::memset(to, 0, size);
    from.copy(to, size - 1);
}

// While one lives, memory that is given back is overwritten: libknet 1.25 frees its copies of keys as they are.
// Small blocks go to this thread's cache untouched; they are taken out again and wiped at the end.
class WipingAllocator {
public:
    WipingAllocator() { mallopt(M_PERTURB, 0x5a); }
    ~WipingAllocator() {
        constexpr std::size_t kCachedMax = 1032, kStep = 16, kPerSize = 7;   // glibc's
        for (std::size_t size = kStep + 8; size <= kCachedMax; size += kStep) {
            void* blocks[kPerSize];
            for (void*& block : blocks)
                if ((block = std::malloc(size)) != nullptr) explicit_bzero(block, malloc_usable_size(block));
            for (void* block : blocks) std::free(block);
        }
        mallopt(M_PERTURB, 0);
    }
};

void ignore_socket_events(void*, int, std::int8_t, std::uint8_t, int, int) {}

Status set_compression(knet_handle* handle, const char* model, std::uint32_t threshold, std::int32_t level) {
    knet_handle_compress_cfg c{};
    copy_name(c.compress_model, sizeof c.compress_model, model);
    c.compress_threshold = threshold;
    c.compress_level = level;
    if (knet_handle_compress(handle, &c) != 0) return failed("compression");
    return Done{};
}

// A peer may compress with any of them, and libknet loads a plug-in when the first such packet comes; files may be out of reach
// then. Mapped here, they are found without a file. libknet itself must not be told: it would take them for initialised.
void map_plugins() {
    Dl_info library{};
    char real[PATH_MAX];
    if (dladdr(reinterpret_cast<const void*>(&knet_handle_new_ex), &library) == 0 || realpath(library.dli_fname, real) == nullptr) return;
    const std::string path(real);
    const std::string folder = path.substr(0, path.rfind('/')) + "/kronosnet/";
    for (const char* name : {"compress_zlib.so", "compress_lz4.so", "compress_lz4hc.so", "compress_lzo2.so", "compress_lzma.so", "compress_bzip2.so",
                             "compress_zstd.so"})
        (void)dlopen((folder + name).c_str(), RTLD_NOW | RTLD_LOCAL);     // not installed: a peer that uses it cannot be heard
}

}  // namespace

// Where a frame goes. Called in libknet's threads; on the way in it sees what the network sent.
struct Handle::Routing {
    std::atomic<std::uint64_t> malformed{0};

    static int route(void* self, const unsigned char* data, ssize_t size, std::uint8_t direction, knet_node_id_t, knet_node_id_t, std::int8_t* channel,
                     knet_node_id_t* to, std::size_t* count) {
        const wire::Decoded<wire::Header> header = wire::decode_header(ByteView(data, size > 0 ? static_cast<std::size_t>(size) : 0));
        if (!header || (channel != nullptr && *channel != kChannel)) {
            if (direction == KNET_NOTIFY_RX) static_cast<Routing*>(self)->malformed.fetch_add(1, std::memory_order_relaxed);
            return -1;
        }
        if (header->target == 0) return 1;
        to[0] = static_cast<knet_node_id_t>(header->target);
        *count = 1;
        return 0;
    }
};

Status Handle::open(const KnetConfig& config, const Key& key) {
    // With arenas of their own, threads make the C library open files under /proc and /sys, which are out of reach later.
    mallopt(M_ARENA_MAX, 1);
    if (pipe2(log_, O_NONBLOCK | O_CLOEXEC) != 0) return failed("pipe");
    fcntl(log_[1], F_SETPIPE_SZ, kLogPipe);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, data_) != 0) return failed("socketpair");
    for (const int end : data_)
        for (const auto& [forced, plain] : {std::pair{SO_SNDBUFFORCE, SO_SNDBUF}, std::pair{SO_RCVBUFFORCE, SO_RCVBUF}})
            if (setsockopt(end, SOL_SOCKET, forced, &kDataBuffer, sizeof kDataBuffer) != 0)
                setsockopt(end, SOL_SOCKET, plain, &kDataBuffer, sizeof kDataBuffer);

    // Its threads have what their maker has. Without the privileged flag: buffers are enlarged afterwards, by us.
    int why = 0;
    const auto make = [&] {
        notes_.start(log_[0]);
        handle_ = knet_handle_new_ex(static_cast<knet_node_id_t>(config.self), log_[1], KNET_LOG_WARN, 0);
        why = errno;
    };
    if (config.start_threads) {
        if (const Status started = config.start_threads(make); !started) return started;
    } else {
        make();
    }
    errno = why;
    if (handle_ == nullptr) return failed("no handle");
    // A copy of every message over each further link is a duplicate by intention: no line for each of them.
    knet_log_set_loglevel(handle_, KNET_SUB_RX, config.mode == KnetConfig::Mode::active ? KNET_LOG_WARN : KNET_LOG_DEBUG);
    knet_log_set_loglevel(handle_, KNET_SUB_HEARTBEAT, KNET_LOG_DEBUG);

    routing_ = new Routing;
    int data = data_[1];
    std::int8_t channel = kChannel;
    if (const Status set = set_parameters(config); !set) return set;
    if (knet_handle_enable_filter(handle_, routing_, Routing::route) != 0) return failed("routing");
    if (knet_handle_enable_sock_notify(handle_, nullptr, ignore_socket_events) != 0) return failed("socket events");
    if (knet_handle_add_datafd(handle_, &data, &channel) != 0) return failed("data socket");
    if (config.crypto.on()) {
        if (const Status set = set_slot(config.crypto, key, 1); !set) return set;
        if (knet_handle_crypto_use_config(handle_, 1) != 0) return failed("crypto");
        slot_ = 1;
        if (knet_handle_crypto_rx_clear_traffic(handle_, KNET_CRYPTO_RX_DISALLOW_CLEAR_TRAFFIC) != 0) return failed("refusing clear traffic");
    }
    map_plugins();
    if (config.compression_model != "none")
        if (const Status set = set_compression(handle_, config.compression_model.c_str(), config.compression_threshold, config.compression_level); !set)
            return error("totem.knet_compression_model: %s at level %d is refused by libknet: is its plug-in installed?", config.compression_model.c_str(),
                         config.compression_level);
    if (knet_handle_setfwd(handle_, 1) != 0) return failed("forwarding");
    return Done{};
}

Status Handle::set_slot(const Crypto& crypto, const Key& key, std::uint8_t slot) {
    knet_handle_crypto_cfg c{};
    copy_name(c.crypto_model, sizeof c.crypto_model, crypto.model);
    copy_name(c.crypto_cipher_type, sizeof c.crypto_cipher_type, crypto.cipher);
    copy_name(c.crypto_hash_type, sizeof c.crypto_hash_type, crypto.hash);
    std::memcpy(c.private_key, key.bytes().data(), key.bytes().size());
    c.private_key_len = static_cast<unsigned>(key.bytes().size());
    const WipingAllocator wiping;
    const int result = knet_handle_crypto_set_config(handle_, &c, slot);
    const int why = errno;
    explicit_bzero(&c, sizeof c);
    if (result == 0) return Done{};
    return error("knet: %s with %s and %s cannot be set up: %s. Is the plug-in of crypto_model %s installed, and the algorithm known to it?",
                 crypto.model.c_str(), crypto.cipher.c_str(), crypto.hash.c_str(), result == -2 ? "refused by the library" : std::strerror(why),
                 crypto.model.c_str());
}

Status Handle::install(const Crypto& crypto, const Key& key) {
    if (installed_ != 0 || installed_clear_) return error("another key is being switched to already; finish that first");
    if (!crypto.on()) {
        installed_clear_ = true;
        if (knet_handle_crypto_rx_clear_traffic(handle_, KNET_CRYPTO_RX_ALLOW_CLEAR_TRAFFIC) != 0) return failed("accepting clear traffic");
        return Done{};
    }
    const std::uint8_t slot = slot_ == 1 ? 2 : 1;
    if (const Status set = set_slot(crypto, key, slot); !set) return set;
    installed_ = slot;
    return Done{};
}

Status Handle::use_installed() {
    if (installed_ == 0 && !installed_clear_) return error("there is no new key to switch to");
    if (knet_handle_crypto_use_config(handle_, installed_) != 0) return failed("switching the key");
    std::swap(slot_, installed_);
    return Done{};
}

Status Handle::forget_old() {
    if (installed_ != 0) {
        knet_handle_crypto_cfg none{};
        copy_name(none.crypto_model, sizeof none.crypto_model, "none");
        copy_name(none.crypto_cipher_type, sizeof none.crypto_cipher_type, "none");
        copy_name(none.crypto_hash_type, sizeof none.crypto_hash_type, "none");
        const WipingAllocator wiping;
        if (knet_handle_crypto_set_config(handle_, &none, installed_) != 0) return failed("forgetting the old key");
    }
    const auto clear = slot_ == 0 ? KNET_CRYPTO_RX_ALLOW_CLEAR_TRAFFIC : KNET_CRYPTO_RX_DISALLOW_CLEAR_TRAFFIC;
    if (knet_handle_crypto_rx_clear_traffic(handle_, clear) != 0) return failed("clear traffic");
    installed_ = 0;
    installed_clear_ = false;
    return Done{};
}

void Handle::clear_link(NodeId node, std::uint8_t link) {
    const auto id = static_cast<knet_node_id_t>(node);
    (void)knet_link_set_enable(handle_, id, link, 0);
    (void)knet_link_clear_config(handle_, id, link);
}

void Handle::remove_node(NodeId node) {
    std::uint8_t links[KNET_MAX_LINK];
    std::size_t count = 0;
    const auto id = static_cast<knet_node_id_t>(node);
    if (knet_link_get_link_list(handle_, id, links, &count) == 0)
        for (std::size_t i = 0; i < count; ++i) clear_link(node, links[i]);
    (void)knet_host_remove(handle_, id);
    std::erase(hosts_, node);
}

Status Handle::set_link(const KnetConfig& config, const KnetNode& self, const KnetNode& node, std::uint8_t n) {
    const KnetLink& link = config.links[n];
    const auto id = static_cast<knet_node_id_t>(node.id);
    Result<Address> from = parse_address(self.addresses[n], link.port), to = parse_address(node.addresses[n], link.port);
    if (!from) return from.error();
    if (!to) return to.error();
    if (knet_link_set_config(handle_, id, n, KNET_TRANSPORT_UDP, &from->storage, &to->storage, KNET_LINK_FLAG_TRAFFICHIPRIO) == 0) return Done{};
    return error("cannot open link %u at %s port %u: %s; %s", n, self.addresses[n].c_str(), link.port, std::strerror(errno),
                 errno == EADDRINUSE ? "another program, perhaps another node on this machine, has it"
                                     : "check the address, the port and the permissions");
}

Status Handle::set_nodes(const KnetConfig& config, const KnetConfig* before) {
    const KnetNode* self = config.find(config.self);
    const KnetNode* self_before = before == nullptr ? nullptr : before->find(config.self);
    if (self == nullptr) return error("this node (%u) is not in the nodelist", config.self);
    for (const NodeId host : std::vector<NodeId>(hosts_))
        if (config.find(host) == nullptr) remove_node(host);
    for (const KnetNode& node : config.nodes) {
        if (node.id == config.self) continue;       // what is for ourselves never comes here
        const auto id = static_cast<knet_node_id_t>(node.id);
        const bool known = std::find(hosts_.begin(), hosts_.end(), node.id) != hosts_.end();
        if (!known && knet_host_add(handle_, id) != 0) return failed("adding a node");
        if (!known) hosts_.push_back(node.id);
        if (knet_host_set_policy(handle_, id, kPolicies[static_cast<std::size_t>(config.mode)]) != 0) return failed("totem.link_mode");
        const KnetNode* was = known && before != nullptr ? before->find(node.id) : nullptr;
        for (std::uint8_t n = 0; n < kKnetLinksMax; ++n) {
            const bool wanted = !self->addresses[n].empty() && !node.addresses[n].empty();
            const bool there = was != nullptr && !self_before->addresses[n].empty() && !was->addresses[n].empty();
            const bool same = there && self->addresses[n] == self_before->addresses[n] && node.addresses[n] == was->addresses[n] &&
                              config.links[n].port == before->links[n].port;
            if (there && !(wanted && same)) clear_link(node.id, n);
            if (!wanted) continue;
            if (!same)
                if (const Status set = set_link(config, *self, node, n); !set) return set;
            const KnetLink& link = config.links[n];
            if (knet_link_set_ping_timers(handle_, id, n, link.ping_interval.ms(), link.ping_timeout.ms(), link.ping_precision) != 0)
                return failed("knet_ping_interval, knet_ping_timeout, knet_ping_precision");
            if (knet_link_set_pong_count(handle_, id, n, link.pong_count) != 0) return failed("knet_pong_count");
            if (knet_link_set_priority(handle_, id, n, link.priority) != 0) return failed("knet_link_priority");
            if (knet_link_set_enable(handle_, id, n, 1) != 0) return failed("enabling a link");
        }
    }
    return Done{};
}

Status Handle::set_parameters(const KnetConfig& config) {
    if (knet_handle_enable_access_lists(handle_, config.block_unlisted ? 1 : 0) != 0) return failed("access lists");
    if (knet_handle_pmtud_setfreq(handle_, config.pmtud_interval_s) != 0) return failed("totem.knet_pmtud_interval");
    if (knet_handle_pmtud_set(handle_, config.mtu) != 0) return failed("totem.knet_mtu");
    return Done{};
}

void Handle::close() {
    if (handle_ != nullptr) {
        // Without this the last frames, a leave among them, would be lost.
        (void)knet_handle_setfwd(handle_, 0);
        for (const NodeId host : std::vector<NodeId>(hosts_)) remove_node(host);
        (void)knet_handle_remove_datafd(handle_, data_[1]);
        const WipingAllocator wiping;
        (void)knet_handle_free(handle_);
        handle_ = nullptr;
    }
    if (log_[1] >= 0) ::close(std::exchange(log_[1], -1));
    notes_.join();
    for (int* fd : {&data_[0], &data_[1], &log_[0]}) {
        if (*fd >= 0) ::close(*fd);
        *fd = -1;
    }
    delete routing_;
    routing_ = nullptr;
}

std::uint64_t Handle::malformed() const { return routing_ == nullptr ? 0 : routing_->malformed.load(std::memory_order_relaxed); }

Result<std::vector<GuardedLink>> guarded_links(const KnetConfig& config) {
    std::vector<GuardedLink> out;
    const KnetNode* self = nullptr;
    for (const KnetNode& node : config.nodes)
        if (node.id == config.self) self = &node;
    for (std::size_t n = 0; self != nullptr && n < kKnetLinksMax; ++n) {
        if (self->addresses[n].empty()) continue;
        const Result<Address> own = parse_address(self->addresses[n], config.links[n].port);
        if (!own) return own.error();
        GuardedLink link{.own = *own, .peers = {}};
        for (const KnetNode& node : config.nodes) {
            if (node.id == config.self || node.addresses[n].empty()) continue;
            const Result<Address> peer = parse_address(node.addresses[n], config.links[n].port);
            if (!peer) return peer.error();
            link.peers.push_back(*peer);
        }
        if (!link.peers.empty()) out.push_back(std::move(link));
    }
    return out;
}

}  // namespace motet::transport
