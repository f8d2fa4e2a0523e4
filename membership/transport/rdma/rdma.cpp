#include "membership/transport/rdma/rdma.h"

#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "libs/loop/loop.h"
#include "membership/transport/key.h"

namespace motet::transport {
namespace {

class Rdma final : public Transport {
public:
    Rdma(const RdmaConfig& config, std::unique_ptr<rdma::Keyring> keys, std::vector<std::unique_ptr<rdma::Link>> links)
        : config_(config), keys_(std::move(keys)) {
        for (auto& link : links) links_.push_back({std::move(link)});
        poller_ = ::epoll_create1(EPOLL_CLOEXEC);
        look_at_descriptors();
    }
    ~Rdma() override {
        links_.clear();
        if (poller_ >= 0) ::close(poller_);
    }

    // Over the first link that reaches everybody whom any link reaches; if none does, over all of them: Totem drops copies.
    void multicast(ByteView frame) override {
        if (rdma::Link* best = best_for_all()) return void(best->multicast(frame));
        for (Watched& w : links_) w.link->multicast(frame);
    }
    void unicast(NodeId to, ByteView frame) override {
        for (Watched& w : links_)
            if (w.link->hears(to) && w.link->unicast(to, frame)) return;
        for (Watched& w : links_) w.link->unicast(to, frame);
    }
    void flush() override {
        for (Watched& w : links_) w.link->flush();
    }

    std::span<const int> descriptors() const override { return {&poller_, 1}; }
    Received receive(const std::function<void(ByteView)>& handler) override {
        const Instant now = loop::monotonic_now();
        bool more = false;
        std::uint64_t before = received();
        for (Watched& w : links_) more |= w.link->receive(now, handler);
        look_at_descriptors();
        if (more) return Received::more;
        return received() != before ? Received::some : Received::nothing;
    }

    const Counters& counters() const override {
        counters_ = {};
        for (const Watched& w : links_) {
            const rdma::LinkCounters& c = w.link->counters();
            counters_.datagrams_sent += c.sent_group + c.sent_unicast;
            counters_.bytes_sent += c.bytes_sent;
            counters_.send_calls += c.posts;
            counters_.send_errors += c.send_failures + c.no_slot + c.too_long;
            counters_.datagrams_received += c.received - c.own;
            counters_.bytes_received += c.bytes_received;
            counters_.dropped_unlisted += c.of(rdma::Drop::unknown_sender);
            counters_.dropped_truncated += c.of(rdma::Drop::truncated);
        }
        return counters_;
    }
    std::string describe() const override {
        std::string text = "rdma";
        for (const Watched& w : links_) text += "; " + w.link->describe();
        return text;
    }

    void on_time(Instant now) override {
        for (Watched& w : links_) w.link->on_time(now);
        states_.clear();
        for (const Watched& w : links_)
            for (LinkState& state : w.link->states()) states_.push_back(std::move(state));
        look_at_descriptors();
    }
    std::span<const LinkState> links() const override { return states_; }
    Rejected rejected() const override {
        Rejected r;
        for (const Watched& w : links_) {
            const rdma::LinkCounters& c = w.link->counters();
            r.unauthenticated += c.of(rdma::Drop::forged) + c.of(rdma::Drop::plaintext) + c.of(rdma::Drop::unknown_key) + c.of(rdma::Drop::bad_query);
            r.malformed += c.of(rdma::Drop::truncated) + c.of(rdma::Drop::not_ours) + c.of(rdma::Drop::malformed_probe);
            r.duplicate += c.of(rdma::Drop::replayed);
            r.unknown_sender += c.of(rdma::Drop::unknown_sender);
            r.unreachable_sender += c.of(rdma::Drop::unknown_life);
            r.not_for_us += c.of(rdma::Drop::other_destination);
        }
        return r;
    }
    std::size_t frame_max() const override {
        std::size_t most = SIZE_MAX;
        for (const Watched& w : links_) most = std::min(most, w.link->frame_max());
        return most;
    }

    Status install_key(const Crypto& crypto, int key) override {
        if (!keys_ || !crypto.on()) return error("encryption over rdma cannot be turned on or off while the node runs; restart motet to use it");
        const Result<Key> read = Key::read(key);
        if (!read) return read.error();
        Result<rdma::Secret> secret = rdma::Secret::make(read->bytes(), config_.cluster_name);
        if (!secret) return secret.error();
        if (const Status installed = keys_->install(std::move(*secret)); !installed) return installed;
        for (Watched& w : links_)
            if (const Status added = w.link->add_key(keys_->other()); !added) {
                (void)forget_old_key();
                return added;
            }
        return Done{};
    }
    Status use_installed_key() override { return keys_ ? keys_->use_installed() : Transport::use_installed_key(); }
    Status forget_old_key() override {
        if (!keys_) return Transport::forget_old_key();
        for (Watched& w : links_) w.link->drop_key(keys_->other());
        keys_->forget_other();
        return Done{};
    }
    Status reconfigure(const RdmaConfig& wanted, int key) {
        if (wanted.nodes != config_.nodes) return error("nodes and addresses cannot change over rdma while the node runs; restart motet to use them");
        if (wanted.encrypted != config_.encrypted || (key >= 0 && !config_.encrypted)) return install_key({.cipher = "none"}, -1);
        if (key >= 0)
            if (const Status installed = install_key({.cipher = "aes256"}, key); !installed) return installed;
        config_.probe_period = wanted.probe_period;
        for (Watched& w : links_) w.link->set_probe_period(wanted.probe_period);
        return Done{};
    }

private:
    struct Watched {
        std::unique_ptr<rdma::Link> link;
        unsigned generation = 0;
    };

    rdma::Link* best_for_all() {
        rdma::Link* best = nullptr;
        for (Watched& w : links_)
            if (w.link->up() && (best == nullptr || w.link->peers_heard() > best->peers_heard())) best = w.link.get();
        if (best == nullptr || links_.size() == 1) return best;
        // The set of the one that hears most must contain those of the others.
        for (const LinkState& state : states_)
            if (state.connected && !best->hears(state.peer)) return nullptr;
        return best;
    }
    std::uint64_t received() const {
        std::uint64_t n = 0;
        for (const Watched& w : links_) n += w.link->counters().received;
        return n;
    }
    // A link that was opened again has new descriptors; the old ones left the set when they were closed.
    void look_at_descriptors() {
        for (Watched& w : links_) {
            if (w.generation == w.link->generation()) continue;
            w.generation = w.link->generation();
            for (const int fd : w.link->descriptors()) {
                epoll_event interest{};
                interest.events = EPOLLIN;
                interest.data.fd = fd;
                ::epoll_ctl(poller_, EPOLL_CTL_ADD, fd, &interest);
            }
        }
    }

    RdmaConfig config_;
    std::unique_ptr<rdma::Keyring> keys_;
    std::vector<Watched> links_;
    std::vector<LinkState> states_;
    int poller_ = -1;
    mutable Counters counters_;
};

std::string address_of(const RdmaConfig::Node& node, std::size_t link) { return link < node.addresses.size() ? node.addresses[link] : std::string(); }

}  // namespace

std::unique_ptr<Transport> make_rdma(const RdmaConfig& config, std::unique_ptr<rdma::Keyring> keys, std::vector<std::unique_ptr<rdma::Link>> links) {
    return std::make_unique<Rdma>(config, std::move(keys), std::move(links));
}

Status reconfigure_rdma(Transport& transport, const RdmaConfig& config, int key) {
    auto* rdma = dynamic_cast<Rdma*>(&transport);
    return rdma == nullptr ? Status(error("transport %s is not rdma", transport.describe().c_str())) : rdma->reconfigure(config, key);
}

Result<std::uint64_t> prepare_rdma(const RdmaConfig& config) {
    rdma::load_drivers();
    if (config.encrypted) {
        const std::uint8_t nothing = 0;
        const Result<rdma::Secret> secret = rdma::Secret::make(ByteView(&nothing, 1), config.cluster_name);
        if (!secret) return secret.error();
        if (const auto seal = rdma::Seal::make(*secret, {}); !seal) return seal.error();
    }
    timespec clock{};
    clock_gettime(CLOCK_REALTIME, &clock);
    return next_incarnation(config.state_dir, config.self,
                            static_cast<std::uint64_t>(clock.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(clock.tv_nsec));
}

Result<std::unique_ptr<Transport>> open_rdma(const RdmaConfig& config, ByteView key, std::uint64_t incarnation) {
    std::unique_ptr<rdma::Keyring> keys;
    if (config.encrypted) {
        Result<rdma::Secret> made = rdma::Secret::make(key, config.cluster_name);
        if (!made) return made.error();
        keys = std::make_unique<rdma::Keyring>(std::move(*made));
    }

    std::vector<std::unique_ptr<rdma::Link>> links;
    for (std::size_t i = 0; i < config.links.size() && i < kRdmaLinksMax; ++i) {
        rdma::LinkConfig c;
        c.self = config.self;
        c.number = static_cast<std::uint8_t>(i);
        c.cluster_name = config.cluster_name;
        c.group = config.links[i].group;
        c.multicast = config.multicast;
        c.probe_period = config.probe_period;
        c.poll = config.poll;
        c.fabric.port = config.links[i].port;
        c.fabric.receive_depth = config.receive_depth;
        c.fabric.send_depth = config.send_depth;
        c.fabric.mtu_max = config.mtu_max;
        for (const RdmaConfig::Node& node : config.nodes) {
            const std::string address = address_of(node, i);
            if (address.empty()) continue;
            if (node.id == config.self) c.fabric.address = address;
            else c.peers.push_back({node.id, address});
        }
        if (c.fabric.address.empty()) continue;
        auto link = std::make_unique<rdma::Link>(std::move(c), keys.get(), incarnation, rdma::make_verbs());
        if (const Status opened = link->open(loop::monotonic_now()); !opened) return opened.error();
        links.push_back(std::move(link));
    }
    if (links.empty()) return error("this node (%u) is not in the nodelist, or has no ring0_addr", config.self);
    return make_rdma(config, std::move(keys), std::move(links));
}

}  // namespace motet::transport
