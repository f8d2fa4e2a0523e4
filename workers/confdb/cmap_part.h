// cmap as a part of the worker: its clients, what nodes tell each other about their configuration's version, members of the
// ring as keys, and what a written key causes.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "workers/confdb/core/cmap.h"
#include "workers/confdb/core/config_version.h"
#include "workers/confdb/host_output.h"
#include "workers/confdb/pages.h"
#include "workers/confdb/part.h"

namespace motet::confdb {

class CmapPart final : public Part, private Listener {
public:
    CmapPart(const Shared& shared, Pages& pages, const Gate& gate);

    wire::confdb_client::Part number() const override { return wire::confdb_client::Part::cmap; }
    std::optional<std::uint32_t> service() const override { return 0; }
    void on_init(const feed::Init& init) override;
    void on_process(feed::Step step) override;
    void on_activate(feed::Step step) override;
    void on_message(const feed::Message& message) override;
    void on_connect(ConnId conn, std::int32_t, std::uint32_t, std::uint32_t) override { core_.on_connect(conn); }
    void on_request(ConnId conn, std::uint8_t number, std::uint64_t request, ByteView payload) override;
    void on_disconnect(ConnId conn) override { core_.on_disconnect(conn); }
    bool is_pure_request(std::uint8_t number) const override;
    void settle() override;
    void save(Writer& out) const override;
    bool restore(Reader& in) override;

    bool wants_statistics() const { return core_.anybody_tracks_statistics(); }
    // What Pages::look() has brought.
    void on_outside(ByteView news);

private:
    void on_key(const KeyChange& change) override;
    void on_object_created(const Object&) override {}
    void on_object_deleted(const Object&, bool) override {}

    std::uint64_t own_version() const;
    std::string member(NodeId node, const char* what) const;
    void joined(NodeId node);
    void left(NodeId node);

    const Shared shared_;
    HostOutput out_;
    Cmap core_;
    ConfigVersion version_;
    std::vector<NodeId> members_;
    std::map<std::string, std::uint8_t, std::less<>> outside_;   // keys that came from pages, by the page's number
    bool version_changed_ = false, cancel_changed_ = false;
    std::vector<std::string> access_changed_;   // uidgid keys to be told to the supervisor
};

}  // namespace motet::confdb
