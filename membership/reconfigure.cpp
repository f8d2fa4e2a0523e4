// The membership process while the node runs on: a new configuration, another key, and what the worker of cfg asks of the
// daemon on its way to the supervisor.
#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <cstring>

#include "libs/base/log.h"
#include "membership/process.h"

namespace motet {
// In order, as far as the supervisor's socket takes them; the rest stays with its link.
bool Process::forward_operations() {
    bool any = false;
    for (auto& [number, link] : links_) {
        const std::deque<Link::Operation>& waiting = link->operations();
        while (!waiting.empty()) {
            const Link::Operation& o = waiting.front();
            const control::Header header{.type = static_cast<std::uint32_t>(control::Type::operation), .a = o.what, .b = o.number, .c = number};
            if (!control::send(control::kChildFd, header, as_bytes(o.text))) break;
            link->operation_done();
            any = true;
        }
    }
    return any;
}

void Process::take_config(control::Message& message) {
    log::set_level(static_cast<log::Level>(std::clamp<std::uint64_t>(message.header.b, 3, 7)));
    if (message.fds.size() != 1 || !node_) {
        for (const int fd : message.fds) ::close(fd);
        return;
    }
    const Result<config::Snapshot> snapshot = read_snapshot(message.fds[0]);
    ::close(message.fds[0]);
    const Status done = snapshot ? reconfigure(*snapshot) : Status(snapshot.error());
    if (!done) MOTET_LOG(error, "the new configuration is not in force here: %s", done.error().text.c_str());
    answer_config(message.header.a, done);
}

// All or nothing: what can fail comes first.
Status Process::reconfigure(const config::Snapshot& snapshot) {
    Result<config::TotemSettings> settings = config::totem_settings(snapshot, options_.node);
    if (!settings) return settings.error();
    if (settings->self().id != settings_.self().id) return error("this node cannot become another one while it runs");
    if (settings->transport != settings_.transport) return error("the transport cannot change while the node runs");
    for (const int fd : transport_->descriptors()) poller_->remove(fd);
    const Status reached = reconfigure_transport(*settings);
    for (const int fd : transport_->descriptors()) (void)!poller_->add(fd, kTagTransport);
    listening_ = true;
    socket_ready_ = true;   // look at the new ones once
    if (!reached) return reached;
    settings_ = std::move(*settings);
    node_->reconfigure(node_config(settings_));
    status_due_ = now_;
    MOTET_LOG(notice, "%zu nodes, token %lld ms, consensus %lld ms from now on", settings_.nodes.size(),
              static_cast<long long>(settings_.token.ms()), static_cast<long long>(settings_.consensus.ms()));
    return Done{};
}

Status Process::reconfigure_transport(const config::TotemSettings& settings) {
#ifdef HAVE_KNET
    if (settings.transport == config::Transport::knet) {
        const Status done = transport::reconfigure_knet(*transport_, knet_config(settings), key_);
        if (key_ >= 0) ::close(std::exchange(key_, -1));
        return done;
    }
#endif
#ifdef HAVE_RDMA
    if (settings.transport == config::Transport::rdma) {
        const Status done = transport::reconfigure_rdma(*transport_, rdma_config(settings, options_.state_dir), key_);
        if (key_ >= 0) ::close(std::exchange(key_, -1));
        return done;
    }
#endif
    return transport::reconfigure_udp(*transport_, udp_config(settings));
}

// The steps after a new configuration came with a new key, which made it accepted beside the old one. The others forget the old key
// when they hear that this node sends with the new one, so that must be true before the message behind the operation leaves.
void Process::change_keys() {
    for (auto& [number, link] : links_) {
        const std::deque<Link::Operation>& waiting = link->operations();
        for (std::size_t i = 0; i < waiting.size();) {      // the others may wait for the supervisor
            const bool use = waiting[i].what == feed::kOperationSwitchKey;
            if (!use && waiting[i].what != feed::kOperationForgetKey) {
                ++i;
                continue;
            }
            link->operation_done(i);
            const Status done = use ? transport_->use_installed_key() : transport_->forget_old_key();
            if (!done) MOTET_LOG(error, "change of the key: %s", done.error().text.c_str());
            else MOTET_LOG(notice, "%s", use ? "the new key is used for sending, the old one is accepted too" : "the old key is forgotten");
        }
    }
}

void Process::answer_config(std::uint64_t number, const Status& done) {
    control::Header header{.type = static_cast<std::uint32_t>(control::Type::config_taken), .a = number, .b = done ? 1u : 0u};
    if (done) return tell(header);
    constexpr std::size_t kWhyMax = 448;
    // The reason may be lost with a full socket, the result must not be.
    if (!control::send(control::kChildFd, header, as_bytes(std::string_view(done.error().text).substr(0, kWhyMax)))) tell(header);
}

}  // namespace motet
