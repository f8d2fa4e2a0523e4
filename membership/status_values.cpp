#include "membership/status_values.h"

#include <string>
#include <string_view>

namespace motet {
namespace {

constexpr std::size_t kSlot = 1024;              // bytes: what is shown as a slot of the send queue
constexpr std::uint32_t kGathersInARow = 3;      // more: something is in the way of the network, as Corosync judges
constexpr std::uint32_t kLocalMtu = 65535;       // of a node's link to itself

void write_srp(metrics::ValueWriter& out, const totem::Counters& c) {
    const auto count = [&out](std::string_view key, std::uint64_t value) { out.u64("stats.srp." + std::string(key), value); };
    count("orf_token_tx", c.tokens_sent);
    count("orf_token_rx", c.tokens_received);
    count("memb_merge_detect_tx", c.merge_detects_sent);
    count("memb_merge_detect_rx", c.merge_detects_received);
    count("memb_join_tx", c.joins_sent);
    count("memb_join_rx", c.joins_received);
    count("memb_commit_token_tx", c.commits_sent);
    count("memb_commit_token_rx", c.commits_received);
    count("token_hold_cancel_tx", c.token_hold_cancels);
    count("token_hold_cancel_rx", c.hold_cancels_received);
    count("mcast_tx", c.mcast_sent);
    count("mcast_rx", c.mcast_received);
    count("mcast_retx", c.mcast_retransmitted);
    count("operational_entered", c.operational_entered);
    count("gather_entered", c.gather_entered);
    count("commit_entered", c.commit_entered);
    count("recovery_entered", c.recovery_entered);
    count("operational_token_lost", c.token_losses_in[static_cast<std::size_t>(totem::State::operational)]);
    count("gather_token_lost", c.token_losses_in[static_cast<std::size_t>(totem::State::gather)]);
    count("commit_token_lost", c.token_losses_in[static_cast<std::size_t>(totem::State::commit)]);
    count("recovery_token_lost", c.token_losses_in[static_cast<std::size_t>(totem::State::recovery)]);
    count("consensus_timeouts", c.consensus_timeouts);
    count("rx_msg_dropped", c.dropped_malformed + c.dropped_unlisted + c.dropped_foreign_ring + c.dropped_out_of_window + c.dropped_state);
    // Motet's own, by cause.
    count("retransmit_requests", c.retransmit_requests);
    count("tokens_retransmitted", c.tokens_retransmitted);
    count("fail_to_receive", c.fail_to_receive);
    count("dropped.malformed", c.dropped_malformed);
    count("dropped.unlisted", c.dropped_unlisted);
    count("dropped.foreign_ring", c.dropped_foreign_ring);
    count("dropped.duplicate", c.dropped_duplicate);
    count("dropped.out_of_window", c.dropped_out_of_window);
    count("dropped.state", c.dropped_state);
}

void write_link(metrics::ValueWriter& out, const transport::LinkState& l) {
    const std::string base = "stats.knet.node" + std::to_string(l.peer) + ".link" + std::to_string(l.link) + ".";
    out.u8(base + "enabled", l.enabled);
    out.u8(base + "connected", l.connected);
    out.u32(base + "mtu", l.mtu);
    out.u32(base + "latency_ave", l.latency_us);
    out.u32(base + "latency_min", l.latency_min_us);
    out.u32(base + "latency_max", l.latency_max_us);
    out.u32(base + "latency_samples", l.latency_samples);
    out.u32(base + "up_count", l.up_count);
    out.u32(base + "down_count", l.down_count);
    constexpr std::string_view kKinds[] = {"data", "ping", "pong", "pmtu"};
    std::uint64_t rx_packets = 0, rx_bytes = 0, tx_packets = 0, tx_bytes = 0, errors = 0, retries = 0;
    for (std::size_t i = 0; i < std::size(kKinds); ++i) {
        const auto& k = l.kinds[i];
        const std::string kind(kKinds[i]);
        out.u64(base + "rx_" + kind + "_packets", k.rx_packets);
        out.u64(base + "rx_" + kind + "_bytes", k.rx_bytes);
        out.u64(base + "tx_" + kind + "_packets", k.tx_packets);
        out.u64(base + "tx_" + kind + "_bytes", k.tx_bytes);
        out.u32(base + "tx_" + kind + "_errors", k.tx_errors);
        out.u32(base + "tx_" + kind + "_retries", k.tx_retries);
        rx_packets += k.rx_packets, rx_bytes += k.rx_bytes, tx_packets += k.tx_packets, tx_bytes += k.tx_bytes;
        errors += k.tx_errors, retries += k.tx_retries;
    }
    out.u64(base + "rx_total_packets", rx_packets);
    out.u64(base + "rx_total_bytes", rx_bytes);
    out.u64(base + "tx_total_packets", tx_packets);
    out.u64(base + "tx_total_bytes", tx_bytes);
    out.u64(base + "tx_total_errors", errors);
    out.u64(base + "rx_total_retries", retries);   // Corosync's name for it
}

}  // namespace

bool LateWakeups::note(Instant now, Instant expected, Duration token, std::int64_t realtime_ms) {
    if (now - expected <= token * 4 / 5) return false;
    late_.push_front({realtime_ms, now - expected});
    if (late_.size() > kKept) late_.pop_back();
    return true;
}

void LateWakeups::write(metrics::ValueWriter& out) const {
    for (std::size_t i = 0; i < late_.size(); ++i) {
        const std::string base = "stats.schedmiss." + std::to_string(i) + ".";
        out.u64(base + "timestamp", static_cast<std::uint64_t>(late_[i].realtime_ms));
        out.f32(base + "delay", static_cast<float>(static_cast<double>(late_[i].delay.us()) / 1000.0));
    }
}

void StatusValues::write(metrics::ValueWriter& out, const config::TotemSettings& settings, const node::Node& node, const transport::Transport& transport,
                         Instant now) {
    const totem::Totem& totem = node.totem();
    const totem::Counters& c = totem.counters();
    write_srp(out, c);
    const Duration since = c.token_received_at == Instant{} ? Duration{} : now - c.token_received_at;
    out.u64("stats.srp.time_since_token_last_received", static_cast<std::uint64_t>(since.ms()));
    if (const std::uint64_t tokens = c.tokens_received - tokens_; at_ != Instant{} && tokens > 0)
        out.u32("stats.srp.mtt_rx_token", static_cast<std::uint32_t>(static_cast<std::uint64_t>((now - at_).ms()) / tokens));
    else
        out.u32("stats.srp.mtt_rx_token", 0);
    tokens_ = c.tokens_received;
    at_ = now;
    if (totem.state() == totem::State::operational) settled_gathers_ = c.gather_entered;
    const auto gathers = static_cast<std::uint32_t>(c.gather_entered - settled_gathers_);
    out.u32("stats.srp.continuous_gather", gathers);
    out.u8("stats.srp.firewall_enabled_or_nic_failure", gathers > kGathersInARow);
    out.u32("stats.pg.msg_queue_avail", static_cast<std::uint32_t>(totem.room(totem::Stream::normal) / kSlot));
    out.u32("stats.pg.msg_reserved", totem.backlog_critical() ? 1 : 0);

    const transport::Counters& t = transport.counters();
    const auto totem_count = [&out](std::string_view key, std::uint64_t value) { out.u64("stats.totem." + std::string(key), value); };
    totem_count("datagrams_sent", t.datagrams_sent);
    totem_count("datagrams_received", t.datagrams_received);
    totem_count("bytes_sent", t.bytes_sent);
    totem_count("bytes_received", t.bytes_received);
    totem_count("send_errors", t.send_errors);
    totem_count("messages_submitted", c.messages_submitted);
    totem_count("messages_delivered", c.messages_delivered);

    for (const transport::HandleStatistic& one : transport.handle_statistics()) out.u64("stats.knet.handle." + std::string(one.name), one.value);
    if (settings.transport != config::Transport::knet) return;
    for (std::size_t link = 0; link < settings.self().addresses.size(); ++link) {
        if (settings.self().addresses[link].empty()) continue;
        transport::LinkState own;
        own.peer = settings.self().id;
        own.link = static_cast<unsigned>(link);
        own.enabled = own.connected = true;
        own.mtu = kLocalMtu;
        write_link(out, own);
    }
    for (const transport::LinkState& link : transport.links()) write_link(out, link);
}

}  // namespace motet
