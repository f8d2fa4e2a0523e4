#include "membership/status.h"

#include <cinttypes>
#include <cstdio>

#include "libs/metrics/status_page.h"

namespace motet {
namespace {

constexpr std::size_t kTextMax = 8192;      // of one string as it stands in the page
constexpr std::size_t kNodeTextMax = 256;   // of a node's name and of its address
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
                        const MemberLog& members, const std::vector<std::string>& unenforced) {
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
    return out += '}';
}

}  // namespace motet
