// The object database for clients of the 1.x API: objects, keys, and being told of changes below an object. Pure. Searches
// and walks keep no state here.
#pragma once
#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <vector>

#include "libs/wire/client_objects.h"
#include "workers/confdb/core/gate.h"
#include "workers/confdb/core/output.h"
#include "workers/confdb/core/store.h"

namespace motet::confdb {

class Objects final : public Listener {
public:
    static constexpr std::size_t kTracksPerConnection = 4096, kTracksMax = 65536;

    Objects(Store& store, Output& out, const Gate* gate = nullptr) : store_(store), out_(out), gate_(gate) {}

    void on_connect(ConnId conn) { connections_.try_emplace(conn); }
    void on_request(ConnId conn, wire::objects_client::Request type, std::uint64_t request, ByteView payload);
    void on_disconnect(ConnId conn);

    enum class Reload : std::uint32_t { start = 0, end = 1, failed = 2 };
    void on_reload(Reload state);   // told to those who track the root
    std::size_t connections() const { return connections_.size(); }

    void on_key(const KeyChange& change) override;
    void on_object_created(const Object& object) override;
    void on_object_deleted(const Object& object, bool top) override;

    void save(Writer& out) const;
    bool restore(Reader& in);

private:
    struct Track {
        ConnId conn = 0;
        ObjectId object = 0;
        bool recursive = false;
    };
    struct Connection {
        bool open = false, closing = false;
        std::size_t tracks = 0;
    };
    using Pieces = std::vector<ByteView>;

    void handle(ConnId id, Connection& conn, wire::objects_client::Request type, std::uint64_t request, ByteView payload);
    Code on_create(ByteView payload, ObjectId& created);
    Code on_key_write(wire::objects_client::Request type, ByteView payload, std::uint32_t& info);
    void on_read(ConnId id, wire::objects_client::Request type, std::uint64_t request, ByteView payload);
    void on_children(ConnId id, std::uint64_t request, ByteView payload);
    Code on_track(ConnId id, Connection& conn, ByteView payload);
    void untrack(ConnId id, Connection& conn);
    void reply(ConnId id, std::uint64_t request, Code code, std::uint32_t info = 0, ByteView more = {});
    bool may_write(const Object* object, std::string_view key) const;
    bool permitted(const Object& object, std::string_view key, wire::objects_client::Request type, std::uint32_t value_type, ByteView value, std::int64_t delta) const;
    bool may_destroy(const Object& object) const;
    void tell(const Object* from, bool own_level, const Object& subject, wire::objects_client::Event type, std::uint32_t kind,
              std::string_view key, std::string_view value);
    void tell_one(const Track& track, const Object& subject, const Object* tracked, wire::objects_client::Event type, std::uint32_t kind,
                  std::string_view key, std::string_view value);

    Store& store_;
    Output& out_;
    const Gate* gate_;
    std::map<ConnId, Connection> connections_;
    std::map<ObjectId, std::list<Track>> tracks_;   // in order of tracking
    std::size_t track_count_ = 0;
    Bytes batch_;
    bool malformed_ = false;
};

}  // namespace motet::confdb
