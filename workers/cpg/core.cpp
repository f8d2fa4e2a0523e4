// The core's front, and its state as text for the status page.
#include "workers/cpg/core.h"

#include <algorithm>
#include <cstdio>

#include "workers/cpg/core_state.h"

namespace motet::cpg {
namespace {

// Names are any bytes: what is not plain ASCII is shown as \u00XX.
std::string quoted(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\') {
            result += c;
            continue;
        }
        char escaped[8];
        std::snprintf(escaped, sizeof escaped, "\\u%04x", byte);
        result += escaped;
    }
    return result + "\"";
}

}  // namespace

std::string State::status_json() const {
    std::string text = "{\"synchronised\":" + std::string(synchronised_ ? "true" : "false");
    text += ",\"ring\":\"" + std::to_string(announced_ring_.rep) + "." + std::to_string(announced_ring_.seq) + "\"";
    text += ",\"connections\":" + std::to_string(connections_.size());
    text += ",\"processes\":" + std::to_string(processes_);
    text += ",\"dropped\":" + std::to_string(dropped_);
    text += ",\"dropped_unjoined\":" + std::to_string(dropped_unjoined_);
    text += ",\"group_count\":" + std::to_string(groups_.size()) + ",\"groups\":[";
    const std::vector<std::string> names = group_names();
    for (std::size_t i = 0; i < std::min(names.size(), kStatusGroupsMax); ++i) {
        const Group& group = groups_.find(names[i])->second;
        if (i != 0) text += ",";
        text += "{\"name\":" + quoted(names[i]) + ",\"member_count\":" + std::to_string(group.members.size()) +
                ",\"members\":[";
        for (std::size_t m = 0; m < std::min(group.members.size(), kStatusMembersMax); ++m) {
            if (m != 0) text += ",";
            text += "{\"node\":" + std::to_string(group.members[m].node) +
                    ",\"pid\":" + std::to_string(group.members[m].pid) + "}";
        }
        text += "]}";
    }
    return text + "]}";
}

Core::Core(NodeId self) : state_(std::make_unique<State>(self)) {}
Core::~Core() = default;

void Core::on_sync_started(Output&) { state_->on_sync_started(); }
void Core::on_init(Round round, RingId ring, std::span<const NodeId> members, std::span<const NodeId> continuing, Output&) {
    state_->on_init(round, ring, members, continuing);
}
void Core::on_process(Round round, Output& out) { state_->on_process(round, out); }
void Core::on_activate(Round round, Output& out) { state_->on_activate(round, out); }
void Core::on_abort(Round round, Output&) { state_->on_abort(round); }
void Core::on_complete(RingId, bool all_motet, Output&) { state_->on_complete(all_motet); }
void Core::on_message(NodeId from, ByteView body, bool foreign_order, Output& out, bool of_predecessor) {
    state_->on_message(from, body, foreign_order, of_predecessor, out);
}

// The pid of a member is the one it joins with: a forked child speaks for itself on the connection it inherited.
void Core::on_connect(ConnId conn, std::int32_t, std::uint32_t, std::uint32_t, Output& out) {
    state_->on_connect(conn, out);
}
void Core::on_request(ConnId conn, wire::cpg_client::Request type, std::uint64_t request, ByteView payload, Output& out) {
    state_->on_request(conn, type, request, payload, out);
}
void Core::on_disconnect(ConnId conn, Output& out) { state_->on_disconnect(conn, out); }

bool Core::synchronised() const { return state_->synchronised(); }
std::string Core::status_json() const { return state_->status_json(); }
std::uint64_t Core::dropped() const { return state_->dropped(); }

}  // namespace motet::cpg
