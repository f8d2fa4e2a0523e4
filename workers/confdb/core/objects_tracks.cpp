// Who is told of what. An event climbs from the object towards the root and stops before it; every track that matches gets
// its own. Events of keys name the changed object and the parent of the tracked one, as 1.x programs expect.
#include <array>

#include "workers/confdb/core/objects.h"

namespace motet::confdb {

namespace client = wire::objects_client;
using client::Event;

Code Objects::on_track(ConnId id, Connection& conn, ByteView payload) {
    client::TrackRequest head;
    malformed_ = !take(payload, head) || !payload.empty();
    if (malformed_) return Code::ok;
    // Objects that do not exist are accepted, and as ids are not used again never heard of.
    if (store_.object(head.object) == nullptr) return Code::ok;
    if (conn.tracks >= kTracksPerConnection || track_count_ >= kTracksMax) return Code::no_resources;
    tracks_[head.object].push_back({id, head.object, head.depth != client::kDepthOne});
    ++conn.tracks;
    ++track_count_;
    return Code::ok;
}

void Objects::untrack(ConnId id, Connection& conn) {
    for (auto at = tracks_.begin(); conn.tracks > 0 && at != tracks_.end();) {
        const std::size_t gone = at->second.remove_if([id](const Track& track) { return track.conn == id; });
        conn.tracks -= gone;
        track_count_ -= gone;
        at = at->second.empty() ? tracks_.erase(at) : std::next(at);
    }
}

void Objects::tell_one(const Track& track, const Object& subject, const Object* tracked, Event type, std::uint32_t kind, std::string_view key,
                       std::string_view value) {
    const Object* child = type == Event::key ? tracked : &subject;
    client::ChangeEvent head;
    head.object = subject.id();
    head.parent = child->parent() != nullptr ? child->parent()->id() : kRoot;
    head.kind = kind;
    head.name_length = static_cast<std::uint32_t>(subject.name().size());
    head.key_length = static_cast<std::uint32_t>(key.size());
    head.value_length = static_cast<std::uint32_t>(value.size());
    const std::array<ByteView, 4> pieces{bytes_of(head), as_bytes(subject.name()), as_bytes(key), as_bytes(value)};
    out_.event(track.conn, static_cast<std::uint16_t>(type), pieces);
}

// `own_level`: tracks on `from` itself match whatever their depth.
void Objects::tell(const Object* from, bool own_level, const Object& subject, Event type, std::uint32_t kind, std::string_view key,
                   std::string_view value) {
    if (tracks_.empty()) return;
    for (const Object* at = from; at != nullptr && at->parent() != nullptr; at = at->parent()) {
        if (const auto found = tracks_.find(at->id()); found != tracks_.end()) {
            for (const Track& track : found->second)
                if (own_level || track.recursive) tell_one(track, subject, at, type, kind, key, value);
        }
        own_level = false;
    }
}

void Objects::on_key(const KeyChange& change) {
    if (change.with_object) return;
    tell(change.object, true, *change.object, Event::key, static_cast<std::uint32_t>(change.kind), change.key,
         change.after != nullptr ? std::string_view(change.after->bytes) : std::string_view());
}

void Objects::on_object_created(const Object& object) { tell(object.parent(), true, object, Event::created, 0, {}, {}); }

void Objects::on_object_deleted(const Object& object, bool top) {
    if (top) tell(object.parent(), true, object, Event::deleted, 0, {}, {});
    const auto found = tracks_.find(object.id());
    if (found == tracks_.end()) return;
    for (const Track& track : found->second) {
        tell_one(track, object, &object, Event::deleted, 0, {}, {});
        --connections_[track.conn].tracks;
        --track_count_;
    }
    tracks_.erase(found);
}

void Objects::on_reload(Reload state) {
    const auto found = tracks_.find(kRoot);
    if (found == tracks_.end()) return;
    const auto number = static_cast<std::uint32_t>(state);
    const std::array<ByteView, 1> pieces{bytes_of(number)};
    for (const Track& track : found->second) out_.event(track.conn, static_cast<std::uint16_t>(Event::reload), pieces);
}

void Objects::save(Writer& out) const {
    out.u32(static_cast<std::uint32_t>(connections_.size()));
    for (const auto& [id, conn] : connections_) {
        out.u64(id);
        out.u8(static_cast<std::uint8_t>((conn.open ? 1 : 0) | (conn.closing ? 2 : 0)));
    }
    out.u32(static_cast<std::uint32_t>(track_count_));
    for (const auto& [object, tracks] : tracks_)
        for (const Track& track : tracks) {
            out.u64(track.conn);
            out.u64(object);
            out.u8(track.recursive);
        }
}

bool Objects::restore(Reader& in) {
    const std::uint32_t connections = in.u32();
    for (std::uint32_t i = 0; i < connections && in.ok(); ++i) {
        const ConnId id = in.u64();
        const std::uint8_t flags = in.u8();
        connections_[id] = {(flags & 1) != 0, (flags & 2) != 0, 0};
    }
    const std::uint32_t tracks = in.u32();
    for (std::uint32_t i = 0; i < tracks && in.ok(); ++i) {
        const ConnId id = in.u64();
        const ObjectId object = in.u64();
        const bool recursive = in.u8() != 0;
        const auto conn = connections_.find(id);
        if (!in.ok() || conn == connections_.end()) return false;
        tracks_[object].push_back({id, object, recursive});
        ++conn->second.tracks;
        ++track_count_;
    }
    return in.ok();
}

}  // namespace motet::confdb
