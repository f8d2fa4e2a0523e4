// cmap for its clients: the store's flat map and the statistics map, reading, writing, walking, and being told of changes.
// Pure. Walks keep no state here: a client names the key it has seen last, so they are valid under any change.
#pragma once
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libs/wire/client_confdb.h"
#include "workers/confdb/core/gate.h"
#include "workers/confdb/core/output.h"
#include "workers/confdb/core/store.h"

namespace motet::confdb {

using ValueMap = std::map<std::string, Value, std::less<>>;

// Statistics are computed when they are read.
class Statistics {
public:
    virtual ~Statistics() = default;
    virtual const ValueMap& read() = 0;
    // "knet", "ipc", "totem", "schedmiss" or "all": counting begins again.
    virtual void clear(std::string_view group) = 0;
};

class Cmap final : public Listener {
public:
    static constexpr std::size_t kTracksPerConnection = 4096, kTracksMax = 65536;

    // `gate`: asked before a key is written; none: everything but read-only keys may be.
    Cmap(Store& store, Statistics& statistics, Output& out, const Gate* gate = nullptr) : store_(store), statistics_(statistics), out_(out), gate_(gate) {}

    void on_connect(ConnId conn);
    void on_request(ConnId conn, wire::cmap_client::Request type, std::uint64_t request, ByteView payload);
    void on_disconnect(ConnId conn);

    // The statistics as they are: tells those who track them what has changed since the last call. Wanted every 1.5 s while
    // anybody_tracks_statistics().
    void poll_statistics(const ValueMap& now);
    bool anybody_tracks_statistics() const { return statistics_tracks_ > 0; }
    // Some track may concern a key with this prefix.
    bool anybody_tracks(std::string_view prefix) const;
    std::size_t connections() const { return connections_.size(); }
    std::size_t tracks() const { return tracks_; }

    void on_key(const KeyChange& change) override;
    void on_object_created(const Object&) override {}
    void on_object_deleted(const Object&, bool) override {}

    // Connections and their tracks, for a successor; restore() is called on an empty one.
    void save(Writer& out) const;
    bool restore(Reader& in);

private:
    struct Track {
        ConnId conn = 0;
        std::uint64_t id = 0;
        std::uint32_t events = 0;
        std::string key;   // or prefix
    };
    using Tracks = std::list<Track>;   // in the order of telling
    struct Connection {
        bool open = false, statistics = false, closing = false;
        std::map<std::uint64_t, Tracks::iterator> tracks;
    };

    void on_open(ConnId id, Connection& conn, std::uint64_t request, ByteView payload);
    Code on_set(Connection& conn, ByteView payload);
    void on_get(ConnId id, Connection& conn, std::uint64_t request, ByteView payload);
    Code on_erase(Connection& conn, ByteView payload);
    Code on_add(Connection& conn, ByteView payload);
    void on_next(ConnId id, Connection& conn, std::uint64_t request, ByteView payload);
    Code on_track(ConnId id, Connection& conn, ByteView payload);
    Code on_untrack(Connection& conn, ByteView payload);
    Code write_statistics(std::string_view key, bool set);
    bool insert(ConnId id, Connection& conn, Track track);
    void remove(const Connection& conn, Tracks::iterator track);
    void reply(ConnId id, std::uint64_t request, Code code);
    void violate(ConnId id, Connection& conn);
    void tell(const Track& track, std::uint32_t event, std::string_view key, const Value* now, const Value* before);
    void tell_statistics(std::string_view key, const Value& value, std::uint32_t event);

    Store& store_;
    Statistics& statistics_;
    Output& out_;
    const Gate* gate_;
    std::map<ConnId, Connection> connections_;
    std::map<std::string, Tracks, std::less<>> exact_, exact_statistics_;
    Tracks prefixes_, prefixes_statistics_;
    std::size_t tracks_ = 0, statistics_tracks_ = 0;
    std::optional<ValueMap> polled_;   // statistics as at the last poll; none: nobody tracked them then
    Bytes batch_;
    bool malformed_ = false;   // the request being handled does not decode
};

// The value as cmap shows it: a text ends at its first NUL, which is counted.
std::size_t shown_length(const Value& value);

}  // namespace motet::confdb
