#include "membership/status.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "libs/metrics/status_page.h"

namespace motet {
namespace {

constexpr std::size_t kTextMax = 8192;      // of one string as it stands in the page
constexpr std::size_t kNodeTextMax = 256;   // of a node's name and of its address
constexpr std::size_t kLinksShown = 128, kLinkTextMax = 4096;
constexpr std::size_t kPageForLinks = metrics::kStatusPageSize - 4 * kLinkTextMax;
static_assert(kNodesMax * (2 * (kNodeTextMax + 8) + 80) + 3 * kTextMax < metrics::kStatusPageSize, "the largest cluster must fit");

// JSON string with everything but plain printable ASCII escaped: names come from a file. Cut when it has grown to `most`.
std::string quoted(std::string_view text, std::size_t most = kTextMax) {
    std::string out = "\"";
    for (const char c : text) {
        if (out.size() > most) break;
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\') {
            out += c;
        } else {
            char escaped[8];
            std::snprintf(escaped, sizeof escaped, "\\u%04x", byte);
            out += escaped;
        }
    }
    return out += '"';
}

void number(std::string& out, const char* key, std::uint64_t value) {
    char text[96];
    std::snprintf(text, sizeof text, "\"%s\":%" PRIu64 ",", key, value);
    out += text;
}

// What stats.knet.node<id>.link<n>.* shows, and more. Beyond kLinksShown, and where the page would not hold them, links are only counted.
void links(std::string& out, const transport::Transport& transport, Instant now) {
    static constexpr const char* kKinds[] = {"data", "ping", "pong", "pmtu"};
    std::size_t shown = 0;
    out += '[';
    for (const transport::LinkState& l : transport.links()) {
        if (shown++ >= kLinksShown || out.size() + kLinkTextMax > kPageForLinks) break;
        out += '{';
        number(out, "node", l.peer);
        number(out, "link", l.link);
        out += "\"address\":" + quoted(l.address, kNodeTextMax) + ",\"enabled\":" + (l.enabled ? "true" : "false") +
               ",\"connected\":" + (l.connected ? "true" : "false") + ",\"one_way\":" + (l.one_way ? "true" : "false") +
               ",\"cause\":" + quoted(l.cause, 2 * kNodeTextMax) + ',';
        number(out, "changed_ms_ago", l.changed.ns == 0 ? 0 : static_cast<std::uint64_t>(std::max<std::int64_t>((now - l.changed).ms(), 0)));
        number(out, "mtu", l.mtu);
        number(out, "latency_ave", l.latency_us);
        number(out, "latency_min", l.latency_min_us);
        number(out, "latency_max", l.latency_max_us);
        number(out, "latency_samples", l.latency_samples);
        number(out, "loss_permille", l.loss_permille);
        number(out, "up_count", l.up_count);
        number(out, "down_count", l.down_count);
        number(out, "send_errors", l.send_errors);
        for (std::size_t k = 0; k < std::size(kKinds); ++k) {
            const transport::LinkState::Kind& kind = l.kinds[k];
            const auto field = [&](const char* before, const char* after, std::uint64_t value) {
                number(out, (std::string(before) + kKinds[k] + after).c_str(), value);
            };
            field("rx_", "_packets", kind.rx_packets);
            field("rx_", "_bytes", kind.rx_bytes);
            field("tx_", "_packets", kind.tx_packets);
            field("tx_", "_bytes", kind.tx_bytes);
            field("tx_", "_errors", kind.tx_errors);
            field("tx_", "_retries", kind.tx_retries);
        }
        out.back() = '}';
        out += ',';
    }
    if (out.back() == ',') out.pop_back();
    out += ']';
}

}  // namespace

void MemberLog::note(const node::Event& event) {
    if (event.kind != node::Event::Kind::regular) return;
    for (auto& [id, joined] : joined_) joined = false;
    for (const NodeId id : event.members) joined_[id] = true;
}

const char* MemberLog::state(NodeId node) const {
    const auto found = joined_.find(node);
    if (found == joined_.end()) return "never";
    return found->second ? "joined" : "left";
}

std::string status_json(const config::TotemSettings& settings, const node::Node& node, const transport::Transport& transport,
                        const MemberLog& members, const std::vector<std::string>& unenforced, Instant now) {
    const totem::Totem& totem = node.totem();
    const totem::Counters& c = totem.counters();
    const transport::Counters& t = transport.counters();
    std::string out = "{";
    number(out, "node", settings.self().id);
    out += "\"name\":" + quoted(settings.self().name) + ",";
    out += "\"cluster\":" + quoted(settings.cluster_name) + ",";
    out += std::string("\"state\":\"") + totem::name(totem.state()) + "\",";
    out += "\"ring\":{";
    number(out, "rep", totem.ring().rep);
    number(out, "seq", totem.ring().seq);
    out.back() = '}';
    out += ",\"members\":[";
    for (const config::NodeSettings& n : settings.nodes) {
        out += '{';
        number(out, "id", n.id);
        out += "\"name\":" + quoted(n.name, kNodeTextMax) +
               ",\"address\":" + quoted(n.addresses.empty() ? "" : n.addresses[0], kNodeTextMax) + ",\"state\":\"" + members.state(n.id) + "\"},";
    }
    if (out.back() == ',') out.pop_back();
    out += "],\"transport\":" + quoted(transport.describe()) + ",\"encrypted\":" + (settings.encrypted ? "true" : "false") +
           ",\"sync\":" + quoted(node.sync().describe()) + ",\"quorate\":null,\"unenforced\":[";
    for (const std::string& what : unenforced) out += quoted(what) + ",";
    if (out.back() == ',') out.pop_back();
    out += "],\"counters\":{";
    number(out, "mcast_sent", c.mcast_sent);
    number(out, "mcast_received", c.mcast_received);
    number(out, "mcast_retransmitted", c.mcast_retransmitted);
    number(out, "retransmit_requests", c.retransmit_requests);
    number(out, "tokens_received", c.tokens_received);
    number(out, "tokens_retransmitted", c.tokens_retransmitted);
    number(out, "token_losses", c.token_losses);
    number(out, "token_hold_cancels", c.token_hold_cancels);
    number(out, "joins_sent", c.joins_sent);
    number(out, "joins_received", c.joins_received);
    number(out, "commits_received", c.commits_received);
    number(out, "merge_detects_received", c.merge_detects_received);
    number(out, "gather_entered", c.gather_entered);
    number(out, "commit_entered", c.commit_entered);
    number(out, "recovery_entered", c.recovery_entered);
    number(out, "operational_entered", c.operational_entered);
    number(out, "consensus_timeouts", c.consensus_timeouts);
    number(out, "fail_to_receive", c.fail_to_receive);
    number(out, "messages_submitted", c.messages_submitted);
    number(out, "messages_delivered", c.messages_delivered);
    number(out, "fragments_dropped", c.fragments_dropped);
    number(out, "unknown_messages", node.unknown_messages());
    number(out, "sync_dropped", node.sync().dropped());
    number(out, "dropped_malformed", c.dropped_malformed);
    number(out, "dropped_unlisted", c.dropped_unlisted);
    number(out, "dropped_foreign_ring", c.dropped_foreign_ring);
    number(out, "dropped_duplicate", c.dropped_duplicate);
    number(out, "dropped_out_of_window", c.dropped_out_of_window);
    number(out, "dropped_state", c.dropped_state);
    number(out, "datagrams_sent", t.datagrams_sent);
    number(out, "datagrams_received", t.datagrams_received);
    number(out, "bytes_sent", t.bytes_sent);
    number(out, "bytes_received", t.bytes_received);
    number(out, "send_calls", t.send_calls);
    number(out, "receive_calls", t.receive_calls);
    number(out, "send_errors", t.send_errors);
    number(out, "datagrams_unlisted", t.dropped_unlisted);
    number(out, "datagrams_truncated", t.dropped_truncated);
    out.back() = '}';
    if (!transport.links().empty()) {
        out += ",\"links\":";
        links(out, transport, now);
        out += ",\"rejected\":{";
        const transport::Rejected r = transport.rejected();
        number(out, "unauthenticated", r.unauthenticated);
        number(out, "malformed", r.malformed);
        number(out, "duplicate", r.duplicate);
        number(out, "unknown_sender", r.unknown_sender);
        number(out, "unreachable_sender", r.unreachable_sender);
        number(out, "not_for_us", r.not_for_us);
        number(out, "in_kernel", r.in_kernel);
        out.back() = '}';
        out += ",\"knet\":{";
        for (const transport::HandleStatistic& s : transport.handle_statistics()) number(out, s.name, s.value);
        if (out.back() == ',') out.pop_back();
        out += '}';
    }
    return out += '}';
}

}  // namespace motet
