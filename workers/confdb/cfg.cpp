// Requests of clients and messages of nodes, each to the part that knows.
#include "workers/confdb/cfg.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "libs/wire/cfg.h"

namespace motet::cfg {

namespace client = wire::cfg_client;
using client::Request;

namespace {

// The whole payload is one T, or it is no request.
template <class T>
bool take_all(ByteView payload, T& out) {
    if (payload.size() != sizeof out) return false;
    std::memcpy(&out, payload.data(), sizeof out);
    return true;
}

// Corosync has these wait while membership changes.
bool needs_settled_ring(Request type) {
    switch (type) {
    case Request::ring_status:
    case Request::track_start:
    case Request::track_stop:
    case Request::try_shutdown:
    case Request::reply_shutdown:
    case Request::kill:
    case Request::reload: return true;
    default: return false;
    }
}

}  // namespace

Core::Core(const config::TotemSettings& settings, std::uint64_t incarnation, const World& world)
    : settings_(settings), self_(settings.self().id), world_(world), reload_(self_, incarnation) {}

void Core::reply(ConnId conn, std::uint64_t request, Code code, Output& out) const {
    const client::Reply body{static_cast<std::uint32_t>(code)};
    const ByteView piece{reinterpret_cast<const std::uint8_t*>(&body), sizeof body};
    out.reply(conn, request, {&piece, 1});
}

void Core::on_ring(std::span<const NodeId> members, Output& out) {
    members_.assign(members.begin(), members.end());
    synchronised_ = false;
    reload_.on_ring(members, out);
}

void Core::on_complete(bool all_motet, Output& out) {
    synchronised_ = true;
    reload_.on_complete(all_motet, out);
}

void Core::on_message(NodeId from, ByteView body, bool swap, Output& out) {
    namespace wire = wire::cfg;
    // Only to choose the decoder, which checks the whole header with this id in it.
    const motet::wire::ServiceHeader header{Reader(body, swap).u32(), 0};
    switch (static_cast<wire::Function>(header.function())) {
    case wire::Function::kill:
        if (const auto kill = wire::decode_kill(body, swap)) return on_kill(from, *kill, out);
        break;
    case wire::Function::shutdown:
        if (!wire::decode_shutdown(body, swap)) break;
        out.say(Say::notice, "node " + std::to_string(from) + " was shut down on request");
        if (from == self_) shutdown_.on_announced(out);
        return;
    case wire::Function::reload:
        if (wire::decode_reload(body, swap)) return reload_.on_corosync_reload(from, out);
        break;
    case wire::Function::crypto:
        if (const auto crypto = wire::decode_crypto(body, swap)) return reload_.on_crypto(from, crypto->phase, out);
        break;
    case wire::Function::ring_reenable: break;   // Corosync 3 never sends it
    default:
        if (const auto step = wire::decode_reload_message(body, swap)) return reload_.on_step(from, *step, out);
        break;
    }
    ++dropped_;
}

void Core::on_request(ConnId conn, Request type, std::uint64_t request, ByteView payload, Output& out) {
    if (needs_settled_ring(type) && !synchronised_) return reply(conn, request, Code::try_again, out);
    std::uint32_t word = 0;
    switch (type) {
    case Request::open:
        if (payload.empty()) return reply(conn, request, Code::ok, out);
        break;
    case Request::finalize:
        if (!payload.empty()) break;
        reply(conn, request, Code::ok, out);
        return out.close(conn, Output::Close::orderly);
    case Request::local:
        if (payload.empty()) return reply(conn, request, self_, out);
        break;
    case Request::addresses:
        if (take_all(payload, word)) return addresses(conn, request, word == 0 ? self_ : word, out);
        break;
    case Request::ring_status:
        if (payload.empty()) return ring_status(conn, request, out);
        break;
    case Request::node_status:
        if (take_all(payload, word)) return node_status(conn, request, word, out);
        break;
    case Request::track_start:
    case Request::track_stop:
        if (!payload.empty()) break;
        shutdown_.track(conn, type == Request::track_start);
        return reply(conn, request, Code::ok, out);
    case Request::try_shutdown:
        if (take_all(payload, word)) return shutdown_.ask(conn, request, word, world_, out);
        break;
    case Request::reply_shutdown:
        if (!take_all(payload, word)) break;
        reply(conn, request, Code::ok, out);
        return shutdown_.answer(conn, word != 0, out);
    case Request::kill: {
        client::KillRequest wanted;
        if (take_all(payload, wanted) && wanted.length <= client::kReasonMax) return kill(conn, request, wanted, out);
        break;
    }
    case Request::reload:
        if (payload.empty()) return reload_.ask(conn, request, out);
        break;
    case Request::reopen_logs:
        if (!payload.empty()) break;
        out.operate(Operation::reopen_logs, 0, {});
        return reply(conn, request, Code::ok, out);
    }
    out.close(conn, Output::Close::violation);
}

void Core::on_disconnect(ConnId conn, Output& out) {
    if (connections_.erase(conn) == 0) return;
    shutdown_.on_disconnect(conn, out);
    reload_.on_disconnect(conn);
}

void Core::kill(ConnId conn, std::uint64_t request, const client::KillRequest& wanted, Output& out) {
    if (!is_member(wanted.nodeid)) return reply(conn, request, Code::not_exist, out);
    // Corosync counts the closing NUL.
    std::string reason(wanted.reason, wanted.length);
    reason.push_back('\0');
    Bytes message;
    wire::cfg::encode_kill({wanted.nodeid, reason}, message);
    out.submit(message, Guarantee::agreed);
    reply(conn, request, Code::ok, out);
}

void Core::on_kill(NodeId from, const wire::cfg::Kill& kill, Output& out) {
    std::string reason(kill.reason.substr(0, kill.reason.find('\0')));
    for (char& c : reason)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    if (kill.nodeid != self_) return out.say(Say::notice, "node " + std::to_string(kill.nodeid) + " was killed by node " + std::to_string(from) + ": " + reason);
    out.operate(Operation::die, 0, "killed by node " + std::to_string(from) + ": " + (reason.empty() ? "no reason given" : reason));
}

void Core::on_time(Instant now, Output& out) {
    shutdown_.on_time(now, out);
    reload_.on_time(now, out);
}

// Status: what clients may know of nodes and links.

const config::NodeSettings* Core::find(NodeId node) const {
    for (const config::NodeSettings& n : settings_.nodes)
        if (n.id == node) return &n;
    return nullptr;
}

template <class T>
void Core::reply(ConnId conn, std::uint64_t request, const T& body, Output& out) const {
    const client::Reply ok{static_cast<std::uint32_t>(Code::ok)};
    const std::array<ByteView, 2> pieces{ByteView{reinterpret_cast<const std::uint8_t*>(&ok), sizeof ok},
                                         ByteView{reinterpret_cast<const std::uint8_t*>(&body), sizeof body}};
    out.reply(conn, request, pieces);
}

namespace {

// Cut to the field, always NUL-terminated.
template <std::size_t N>
void put_text(char (&field)[N], std::string_view text) {
    const std::size_t length = std::min(text.size(), N - 1);
    std::memcpy(field, text.data(), length);
}

}  // namespace

void Core::addresses(ConnId conn, std::uint64_t request, NodeId node, Output& out) const {
    const config::NodeSettings* found = find(node);
    if (found == nullptr) return reply(conn, request, Code::not_exist, out);
    client::AddressList list;
    for (const std::string& text : found->addresses) {
        const auto address = config::parse_address(text);
        if (!address || list.count == client::kLinksMax) continue;
        client::Address& to = list.list[list.count++];
        to.family = address->ipv6 ? 6 : 4;
        std::memcpy(to.bytes, address->bytes.data(), sizeof to.bytes);
    }
    reply(conn, request, list, out);
}

// What membership publishes about a link, else what its being a member says.
LinkView Core::link_to(const config::NodeSettings& node, unsigned link) const {
    if (node.id == self_) return {true, true, 65535};
    if (settings_.transport == config::Transport::knet) return world_.link(node.id, link).value_or(LinkView{true, is_member(node.id), 0});
    constexpr std::uint32_t kFrameHeader = 90;   // what Corosync takes off
    return {true, is_member(node.id), settings_.netmtu - std::min(settings_.netmtu, kFrameHeader)};
}

void Core::ring_status(ConnId conn, std::uint64_t request, Output& out) const {
    client::RingStatus status;
    const config::NodeSettings& self = settings_.self();
    for (unsigned link = 0; link < self.addresses.size() && status.count < client::kLinksMax; ++link) {
        if (self.addresses[link].empty()) continue;
        client::RingStatusLink& to = status.list[status.count++];
        put_text(to.name, std::to_string(self_) + " " + self.addresses[link]);
        if (settings_.transport != config::Transport::knet) {
            put_text(to.status, "OK");
            continue;
        }
        std::string digits;
        for (const config::NodeSettings& node : settings_.nodes) {
            const LinkView view = link_to(node, link);
            digits += node.id == self_ ? 'n' : static_cast<char>('0' + (view.enabled ? 1 : 0) + (view.connected ? 2 : 0));
        }
        put_text(to.status, digits);
    }
    reply(conn, request, status, out);
}

void Core::node_status(ConnId conn, std::uint64_t request, NodeId node, Output& out) const {
    const config::NodeSettings* found = find(node);
    if (found == nullptr) return reply(conn, request, Code::failed_operation, out);
    client::NodeStatus status;
    status.nodeid = node;
    const config::NodeSettings& self = settings_.self();
    for (unsigned link = 0; link < found->addresses.size() && link < client::kLinksMax; ++link) {
        if (found->addresses[link].empty() || link >= self.addresses.size()) continue;
        const LinkView view = link_to(*found, link);
        client::LinkStatus& to = status.links[link];
        to.enabled = view.enabled ? 1 : 0;
        to.connected = view.connected ? 1 : 0;
        to.mtu = view.mtu;
        put_text(to.source, self.addresses[link]);
        put_text(to.destination, found->addresses[link]);
        status.reachable |= to.connected;
    }
    if (node == self_) status.reachable = 1;
    reply(conn, request, status, out);
}

void Core::save(Writer& out) const {
    out.u8(synchronised_ ? 1 : 0);
    out.u64(dropped_);
    out.u32(static_cast<std::uint32_t>(members_.size()));
    for (const NodeId node : members_) out.u32(node);
    out.u32(static_cast<std::uint32_t>(connections_.size()));
    for (const ConnId conn : connections_) out.u64(conn);
    shutdown_.save(out);
    reload_.save(out);
}

bool Core::restore(Reader& in) {
    synchronised_ = in.u8() != 0;
    dropped_ = in.u64();
    const std::uint32_t members = in.u32();
    if (members > kNodesMax) return false;
    for (std::uint32_t i = 0; i < members && in.ok(); ++i) members_.push_back(in.u32());
    const std::uint32_t connections = in.u32();
    for (std::uint32_t i = 0; i < connections && in.ok(); ++i) connections_.insert(in.u64());
    return shutdown_.restore(in) && reload_.restore(in) && in.ok();
}

std::string Core::status_json() const {
    return "{\"clients\":" + std::to_string(connections_.size()) + ",\"reload\":\"" + reload_.stage() + "\",\"dropped\":" + std::to_string(dropped_) + "}";
}

}  // namespace motet::cfg
