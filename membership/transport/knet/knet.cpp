#include "membership/transport/knet/knet.h"

extern "C" {
#include <libknet.h>
}

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "libs/base/log.h"
#include "libs/wire/header.h"
#include "membership/transport/knet/guard.h"
#include "membership/transport/knet/handle.h"
#include "membership/transport/knet/note_reader.h"
#include "membership/transport/knet/watch.h"

namespace motet::transport {
namespace {

constexpr std::size_t kArenaBytes = 1 << 20;        // frames waiting for flush(); a full arena flushes by itself
constexpr std::size_t kBatch = 16;                  // frames per receive call
constexpr std::size_t kCall = 64;                   // frames per send call
constexpr int kSocketBuffer = 8 << 20;              // bytes, as libknet itself asks for
constexpr int kSendWaitMs = 5, kSendWaits = 4;      // libknet is behind: so long it is waited for, then frames are lost
constexpr std::size_t kSamplesMax = 64;             // links looked at in one go
constexpr unsigned kOtherLinesMax = 10;             // of libknet, passed on in a minute
constexpr Duration kOtherLinesPer = seconds(60);
constexpr Duration kTellIntrudersEvery = seconds(60);

class Knet final : public Transport {
public:
    explicit Knet(const KnetConfig& config) : arena_(kArenaBytes), receive_(kBatch * wire::kFrameMax), config_(config) {}

    Status open(const Key& key, std::vector<std::string>& missing) {
        if (const Status opened = handle_.open(config_, key); !opened) return opened;
        // Nobody's packets are taken in before his link is up, so none gets past the guard.
        if (const Status added = handle_.set_nodes(config_, nullptr); !added) return added;
        if (const Status guarded = put_guard(); !guarded) return guarded;
        if (!guard_.complete) missing.emplace_back("packet filter on the links' sockets");
        if (guard_.smallest_buffer < kSocketBuffer)
            missing.push_back("socket buffers of 8 MiB (the kernel grants " + std::to_string(guard_.smallest_buffer / 1024) +
                              " KiB; start as root or raise net.core.rmem_max and net.core.wmem_max)");
        watch_links();
        descriptors_ = {handle_.data()};
        return Done{};
    }

    void multicast(ByteView frame) override { enqueue(frame, 0); }
    void unicast(NodeId to, ByteView frame) override { enqueue(frame, to); }
    void flush() override;
    std::span<const int> descriptors() const override { return descriptors_; }
    Received receive(const std::function<void(ByteView)>& handler) override;
    const Counters& counters() const override { return counters_; }
    std::string describe() const override { return "knet"; }

    void on_time(Instant now) override {
        seen_ = handle_.notes().look();
        for (const std::string& line : seen_.others) tell_other(line, now);
        look_at_links(now);
        for (const std::string& line : send_errors_.due(now)) MOTET_LOG(warning, "%s", line.c_str());
        tell_intruders(now);
    }
    std::span<const LinkState> links() const override { return links_; }
    Rejected rejected() const override {
        Rejected out = seen_.rejected;
        out.malformed += handle_.malformed();
        out.in_kernel = dropped_in_kernel(guard_.sockets);
        return out;
    }
    std::vector<HandleStatistic> handle_statistics() const override;

    Status install_key(const Crypto& crypto, int key) override {
        if (!crypto.on()) return handle_.install(crypto, Key());
        const Result<Key> read = Key::read(key);
        if (!read) return read.error();
        return handle_.install(crypto, *read);
    }
    Status reconfigure(const KnetConfig& wanted, int key);
    Status use_installed_key() override { return handle_.use_installed(); }
    Status forget_old_key() override { return handle_.forget_old(); }

private:
    // libknet routes by the target in Totem's header, so it is written into our copy.
    void enqueue(ByteView frame, NodeId target) {
        if (frame.size() > wire::kFrameMax || frame.size() < wire::kHeaderSize) return;
        if (used_ + frame.size() > arena_.size()) flush();
        std::memcpy(arena_.data() + used_, frame.data(), frame.size());
        wire::patch_target(std::span(arena_).subspan(used_, frame.size()), target);
        waiting_.push_back({used_, frame.size()});
        used_ += frame.size();
    }

    Status put_guard() {
        const Result<std::vector<GuardedLink>> links = guarded_links(config_);
        if (!links) return links.error();
        guard_ = guard_sockets(*links, {.only_listed = config_.block_unlisted, .check_clear = !config_.crypto.on(),
                                        .zstd = config_.compression_model == "zstd", .buffer_bytes = kSocketBuffer});
        return Done{};
    }
    void watch_links();
    void tell_other(const std::string& line, Instant now);
    void look_at_links(Instant now);
    void sample(std::size_t index, Instant now);
    void tell_intruders(Instant now);

    struct Waiting {
        std::size_t offset, length;
    };
    std::vector<int> descriptors_;
    std::vector<std::uint8_t> arena_, receive_;
    std::size_t used_ = 0;
    std::vector<Waiting> waiting_;
    Counters counters_;
    KnetConfig config_;
    Handle handle_;
    Guard guard_;
    std::vector<LinkWatch> watches_;
    std::vector<LinkState> links_;
    std::size_t next_sample_ = 0;
    NoteReader::Seen seen_;
    SendErrors send_errors_;
    std::uint64_t told_unauthenticated_ = 0;
    Instant intruders_due_{}, other_since_{};
    unsigned other_lines_ = 0;
};

// One watch for each link of each peer; those of links that were there already go on.
void Knet::watch_links() {
    std::vector<LinkWatch> watches;
    std::vector<std::string> addresses;
    for (const KnetNode& node : config_.nodes) {
        if (node.id == config_.self) continue;
        for (unsigned n = 0; n < kKnetLinksMax; ++n) {
            if (node.addresses[n].empty()) continue;
            std::size_t old = 0;
            while (old < watches_.size() && !(watches_[old].state().peer == node.id && watches_[old].state().link == n &&
                                              watches_[old].state().address == node.addresses[n]))
                ++old;
            if (old < watches_.size()) watches.push_back(watches_[old]);
            else watches.emplace_back(node.id, n, node.addresses[n], config_.links[n].ping_interval);
            addresses.push_back(node.addresses[n]);
        }
    }
    watches_ = std::move(watches);
    handle_.notes().watch(addresses);
    links_.clear();
    for (const LinkWatch& watch : watches_) links_.push_back(watch.state());
    next_sample_ = 0;
}

Status Knet::reconfigure(const KnetConfig& wanted, int key) {
    if (wanted.compression_model != config_.compression_model || wanted.compression_threshold != config_.compression_threshold ||
        wanted.compression_level != config_.compression_level)
        return error("the compression of knet cannot change while the node runs; restart motet to use it");
    const bool rekey = key >= 0 || wanted.crypto.cipher != config_.crypto.cipher || wanted.crypto.hash != config_.crypto.hash ||
                       wanted.crypto.model != config_.crypto.model;
    if (rekey)
        if (const Status installed = install_key(wanted.crypto, key); !installed) return installed;
    const KnetConfig before = config_;
    Status set = handle_.set_parameters(wanted);
    if (set) set = handle_.set_nodes(wanted, &before);
    if (!set) {
        (void)handle_.set_parameters(before);
        if (const Status back = handle_.set_nodes(before, &wanted); !back)
            MOTET_LOG(error, "knet: the links cannot be put back to what they were: %s", back.error().text.c_str());
        if (rekey) (void)forget_old_key();
        return set;
    }
    config_ = wanted;
    watch_links();
    return put_guard();
}

void Knet::flush() {
    std::size_t done = 0;
    int waits = 0;
    mmsghdr messages[kCall];
    iovec pieces[kCall];
    while (done < waiting_.size()) {
        const std::size_t count = std::min(kCall, waiting_.size() - done);
        for (std::size_t i = 0; i < count; ++i) {
            pieces[i] = {arena_.data() + waiting_[done + i].offset, waiting_[done + i].length};
            messages[i] = {};
            messages[i].msg_hdr.msg_iov = &pieces[i];
            messages[i].msg_hdr.msg_iovlen = 1;
        }
        ++counters_.send_calls;
        const int sent = ::sendmmsg(handle_.data(), messages, static_cast<unsigned>(count), MSG_NOSIGNAL | MSG_DONTWAIT);
        for (int i = 0; i < sent; ++i) {
            ++counters_.datagrams_sent;
            counters_.bytes_sent += pieces[i].iov_len;
        }
        if (sent > 0) {
            done += static_cast<std::size_t>(sent);
            continue;
        }
        if (errno == EINTR) continue;
        if ((errno == EAGAIN || errno == EWOULDBLOCK) && waits < kSendWaits) {
            ++waits;
            pollfd p{handle_.data(), POLLOUT, 0};
            (void)::poll(&p, 1, kSendWaitMs);
            continue;
        }
        counters_.send_errors += waiting_.size() - done;     // lost frames, which Totem recovers
        counters_.last_send_errno = errno;
        break;
    }
    waiting_.clear();
    used_ = 0;
}

Received Knet::receive(const std::function<void(ByteView)>& handler) {
    mmsghdr messages[kBatch];
    iovec pieces[kBatch];
    for (std::size_t i = 0; i < kBatch; ++i) {
        pieces[i] = {receive_.data() + i * wire::kFrameMax, wire::kFrameMax};
        messages[i] = {};
        messages[i].msg_hdr.msg_iov = &pieces[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    ++counters_.receive_calls;
    const int got = ::recvmmsg(handle_.data(), messages, kBatch, MSG_DONTWAIT, nullptr);
    for (int i = 0; i < got; ++i) {
        if ((messages[i].msg_hdr.msg_flags & MSG_TRUNC) != 0) {
            ++counters_.dropped_truncated;
            continue;
        }
        ++counters_.datagrams_received;
        counters_.bytes_received += messages[i].msg_len;
        handler(ByteView(receive_.data() + static_cast<std::size_t>(i) * wire::kFrameMax, messages[i].msg_len));
    }
    return got <= 0 ? Received::nothing : got == static_cast<int>(kBatch) ? Received::more : Received::some;
}

void Knet::tell_other(const std::string& line, Instant now) {
    if (now - other_since_ >= kOtherLinesPer) {
        other_since_ = now;
        other_lines_ = 0;
    }
    if (other_lines_++ < kOtherLinesMax) MOTET_LOG(info, "libknet: %s", line.c_str());
}

void Knet::look_at_links(Instant now) {
    const std::size_t count = std::min(kSamplesMax, watches_.size());
    for (std::size_t i = 0; i < count; ++i) {
        sample(next_sample_, now);
        next_sample_ = (next_sample_ + 1) % watches_.size();
    }
}

void Knet::sample(std::size_t index, Instant now) {
    LinkWatch& watch = watches_[index];
    LinkState& state = watch.state();
    knet_link_status status{};
    if (knet_link_get_status(handle_.get(), static_cast<knet_node_id_t>(state.peer), static_cast<std::uint8_t>(state.link), &status, sizeof status) != 0) return;
    const knet_link_stats& s = status.stats;
    state.mtu = status.mtu;
    state.latency_us = s.latency_ave;
    state.latency_min_us = s.latency_min == UINT32_MAX ? 0 : s.latency_min;
    state.latency_max_us = s.latency_max;
    state.latency_samples = s.latency_samples;
    state.up_count = s.up_count;
    state.down_count = s.down_count;
    state.kinds[0] = {s.rx_data_packets, s.rx_data_bytes, s.tx_data_packets, s.tx_data_bytes, s.tx_data_errors, s.tx_data_retries};
    state.kinds[1] = {s.rx_ping_packets, s.rx_ping_bytes, s.tx_ping_packets, s.tx_ping_bytes, s.tx_ping_errors, s.tx_ping_retries};
    state.kinds[2] = {s.rx_pong_packets, s.rx_pong_bytes, s.tx_pong_packets, s.tx_pong_bytes, s.tx_pong_errors, s.tx_pong_retries};
    state.kinds[3] = {s.rx_pmtu_packets, s.rx_pmtu_bytes, s.tx_pmtu_packets, s.tx_pmtu_bytes, s.tx_pmtu_errors, s.tx_pmtu_retries};
    // Path MTU probes fail by design where they are too large.
    const std::uint64_t errors = std::uint64_t{s.tx_data_errors} + s.tx_ping_errors + s.tx_pong_errors;
    const auto seen = seen_.peers.find(state.address);
    const NoteReader::OfAddress notes = seen == seen_.peers.end() ? NoteReader::OfAddress{} : seen->second;
    const auto line = watch.on_sample({.enabled = status.enabled != 0,
                                       .connected = status.connected != 0,
                                       .pings_sent = s.tx_ping_packets,
                                       .pings_received = s.rx_ping_packets,
                                       .pongs_received = s.rx_pong_packets,
                                       .send_errors = errors,
                                       .send_errno = notes.send_errno,
                                       .unauthenticated = notes.unauthenticated},
                                      now);
    if (line) log::write(line->level, "%s", line->text.c_str());
    links_[index] = state;
    std::uint64_t all = 0;
    for (const LinkState& l : links_)
        if (l.peer == state.peer) all += l.send_errors;
    send_errors_.note(state.peer, all, notes.send_errno);
}

// Of peers whose link is down their link tells; the rest is told here.
void Knet::tell_intruders(Instant now) {
    std::uint64_t all = seen_.strangers;
    std::string last = seen_.last_stranger;
    for (const LinkState& link : links_) {
        const auto seen = seen_.peers.find(link.address);
        if (!link.connected || seen == seen_.peers.end() || seen->second.unauthenticated == 0) continue;
        all += seen->second.unauthenticated;
        if (last.empty()) last = link.address;
    }
    if (all < told_unauthenticated_) told_unauthenticated_ = all;    // a link went down and tells for itself
    if (all == told_unauthenticated_ || now < intruders_due_) return;
    MOTET_LOG(warning, "%llu packets that do not authenticate were dropped, for example from %s: a node of another cluster, another key, or forged",
              static_cast<unsigned long long>(all - told_unauthenticated_), last.c_str());
    told_unauthenticated_ = all;
    intruders_due_ = now + kTellIntrudersEvery;
}

std::vector<HandleStatistic> Knet::handle_statistics() const {
    knet_handle_stats s{};
    if (knet_handle_get_stats(handle_.get(), &s, sizeof s) != 0) return {};
    return {{"tx_uncompressed_packets", s.tx_uncompressed_packets},
            {"tx_compressed_packets", s.tx_compressed_packets},
            {"tx_compressed_original_bytes", s.tx_compressed_original_bytes},
            {"tx_compressed_size_bytes", s.tx_compressed_size_bytes},
            {"tx_compress_time_ave", s.tx_compress_time_ave},
            {"tx_compress_time_min", s.tx_compress_time_min},
            {"tx_compress_time_max", s.tx_compress_time_max},
            {"rx_compressed_packets", s.rx_compressed_packets},
            {"rx_compressed_original_bytes", s.rx_compressed_original_bytes},
            {"rx_compressed_size_bytes", s.rx_compressed_size_bytes},
            {"rx_compress_time_ave", s.rx_compress_time_ave},
            {"rx_compress_time_min", s.rx_compress_time_min},
            {"rx_compress_time_max", s.rx_compress_time_max},
            {"tx_crypt_packets", s.tx_crypt_packets},
            {"tx_crypt_byte_overhead", s.tx_crypt_byte_overhead},
            {"tx_crypt_time_ave", s.tx_crypt_time_ave},
            {"tx_crypt_time_min", s.tx_crypt_time_min},
            {"tx_crypt_time_max", s.tx_crypt_time_max},
            {"rx_crypt_packets", s.rx_crypt_packets},
            {"rx_crypt_time_ave", s.rx_crypt_time_ave},
            {"rx_crypt_time_min", s.rx_crypt_time_min},
            {"rx_crypt_time_max", s.rx_crypt_time_max}};
}

}  // namespace

Result<std::unique_ptr<Transport>> open_knet(const KnetConfig& config, Key key, std::vector<std::string>& missing) {
    if (config.crypto.on() && key.empty()) return error("the configuration wants encryption and no key was handed over");
    auto transport = std::make_unique<Knet>(config);
    if (const Status opened = transport->open(key, missing); !opened) return opened.error();
    return std::unique_ptr<Transport>(std::move(transport));
}

Status reconfigure_knet(Transport& transport, const KnetConfig& config, int key) {
    auto* knet = dynamic_cast<Knet*>(&transport);
    if (knet == nullptr) return error("transport %s is not knet", transport.describe().c_str());
    return knet->reconfigure(config, key);
}

}  // namespace motet::transport
