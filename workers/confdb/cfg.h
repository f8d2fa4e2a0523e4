// The cfg service as a state machine: what clients of libcfg ask, what cfg says between nodes, and what the daemon around
// the worker must do for it. No clock, no I/O. Messages between nodes are Corosync 3.1's (libs/wire/cfg.h) and, among Motet
// nodes, those of libs/wire/cfg_reload.h; what clients say and hear is libs/wire/client_cfg.h.
#pragma once
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "libs/config/address.h"
#include "libs/config/totem_settings.h"
#include "workers/confdb/cfg_output.h"
#include "workers/confdb/cfg_reload.h"
#include "workers/confdb/cfg_shutdown.h"

namespace motet::cfg {

class Core {
public:
    // `settings`: of the snapshot in force, the local node known.
    Core(const config::TotemSettings& settings, std::uint64_t incarnation, const World& world);

    void on_settings(const config::TotemSettings& settings) { settings_ = settings; }

    // From membership, in the total order.
    void on_sync_started() { synchronised_ = false; }
    void on_ring(std::span<const NodeId> members, Output& out);   // a ring forms: services are initialised
    void on_complete(bool all_motet, Output& out);
    void on_message(NodeId from, ByteView body, bool foreign_order, Output& out);

    // From clients. The payload lies in memory that the client can write: it is read once.
    void on_connect(ConnId conn) { connections_.insert(conn); }
    void on_request(ConnId conn, wire::cfg_client::Request type, std::uint64_t request, ByteView payload, Output& out);
    void on_disconnect(ConnId conn, Output& out);

    // From the daemon.
    void on_prepared(std::uint64_t number, const Prepared& prepared, Output& out) { reload_.on_prepared(number, prepared, out); }
    void on_applied(std::uint64_t number, bool good, std::string_view why, Output& out) { reload_.on_applied(number, good, why, out); }
    void on_reload_wanted(Output& out) { reload_.ask(0, 0, out); }

    Instant deadline() const { return std::min(shutdown_.deadline(), reload_.deadline()); }
    void on_time(Instant now, Output& out);

    bool synchronised() const { return synchronised_; }
    // Everything but settings and connections' existence outside, for a successor; restore() on a fresh core.
    void save(Writer& out) const;
    bool restore(Reader& in);

    std::string status_json() const;
    std::uint64_t dropped() const { return dropped_; }   // messages from peers that made no sense

private:
    void reply(ConnId conn, std::uint64_t request, Code code, Output& out) const;
    template <class T>
    void reply(ConnId conn, std::uint64_t request, const T& body, Output& out) const;

    void addresses(ConnId conn, std::uint64_t request, NodeId node, Output& out) const;
    void ring_status(ConnId conn, std::uint64_t request, Output& out) const;
    void node_status(ConnId conn, std::uint64_t request, NodeId node, Output& out) const;
    void kill(ConnId conn, std::uint64_t request, const wire::cfg_client::KillRequest& wanted, Output& out);
    void on_kill(NodeId from, const wire::cfg::Kill& kill, Output& out);
    const config::NodeSettings* find(NodeId node) const;
    LinkView link_to(const config::NodeSettings& node, unsigned link) const;
    bool is_member(NodeId node) const { return std::find(members_.begin(), members_.end(), node) != members_.end(); }

    config::TotemSettings settings_;
    const NodeId self_;
    const World& world_;
    std::vector<NodeId> members_;
    std::set<ConnId> connections_;
    bool synchronised_ = false;
    std::uint64_t dropped_ = 0;
    Shutdown shutdown_;
    Reload reload_;
};

}  // namespace motet::cfg
