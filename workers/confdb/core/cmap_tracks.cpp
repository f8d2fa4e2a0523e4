// Who is told of which change, and in which order: those on the key before those on prefixes.
#include <algorithm>
#include <array>
#include <utility>

#include "workers/confdb/core/cmap.h"

namespace motet::confdb {

namespace client = wire::cmap_client;

namespace {

constexpr std::uint32_t kDelete = 1, kModify = 2, kAdd = 4, kPrefix = 8, kKnown = 15;   // CMAP_TRACK_*
constexpr std::uint8_t kNul = 0;

struct Shown {
    std::uint32_t type = 0, length = 0;
    std::array<ByteView, 2> pieces;
};
Shown show(const Value* value) {
    Shown shown;
    if (value == nullptr) return shown;
    const std::size_t length = shown_length(*value);
    const std::size_t nul = value->type == Type::text ? 1 : 0;
    shown.type = static_cast<std::uint32_t>(value->type);
    shown.length = static_cast<std::uint32_t>(length);
    shown.pieces = {as_bytes(std::string_view(value->bytes).substr(0, length - nul)), ByteView(&kNul, nul)};
    return shown;
}

}  // namespace

Code Cmap::on_track(ConnId id, Connection& conn, ByteView payload) {
    client::TrackRequest head;
    if (!take(payload, head)) {
        malformed_ = true;
        return Code::ok;
    }
    std::string key(payload.begin(), payload.end());
    if ((head.events & ~kKnown) != 0) return Code::invalid_param;
    if (key.size() > client::kKeyMax) return Code::name_too_long;
    if (conn.tracks.contains(head.track)) return Code::exist;
    if (conn.statistics) {
        // Statistics that come and go can be followed by prefix, and only both together.
        constexpr std::uint32_t kBoth = kAdd | kDelete;
        if ((head.events & kPrefix) != 0 && (head.events & kBoth) != kBoth) return Code::not_supported;
    }
    return insert(id, conn, {id, head.track, head.events, std::move(key)}) ? Code::ok : Code::no_resources;
}

bool Cmap::insert(ConnId id, Connection& conn, Track track) {
    if (conn.tracks.size() >= kTracksPerConnection || tracks_ >= kTracksMax) return false;
    track.conn = id;
    const bool prefix = (track.events & kPrefix) != 0;
    Tracks& list = prefix ? (conn.statistics ? prefixes_statistics_ : prefixes_)
                          : (conn.statistics ? exact_statistics_ : exact_)[track.key];
    const std::uint64_t number = track.id;
    // Where Corosync tells it: newest first on a key; on prefixes the longest first, on equal ones the oldest; of those on
    // everything the newest.
    auto at = list.begin();
    if (prefix) at = std::find_if(at, list.end(), [&](const Track& other) { return other.key.size() < track.key.size() || other.key.empty(); });
    conn.tracks.emplace(number, list.insert(at, std::move(track)));
    ++tracks_;
    statistics_tracks_ += conn.statistics;
    return true;
}

Code Cmap::on_untrack(Connection& conn, ByteView payload) {
    std::uint64_t number = 0;
    if (!take(payload, number) || !payload.empty()) {
        malformed_ = true;
        return Code::ok;
    }
    const auto found = conn.tracks.find(number);
    if (found == conn.tracks.end()) return Code::bad_handle;
    remove(conn, found->second);
    conn.tracks.erase(found);
    return Code::ok;
}

void Cmap::remove(const Connection& conn, Tracks::iterator track) {
    --tracks_;
    statistics_tracks_ -= conn.statistics;
    if ((track->events & kPrefix) != 0) {
        (conn.statistics ? prefixes_statistics_ : prefixes_).erase(track);
        return;
    }
    auto& exact = conn.statistics ? exact_statistics_ : exact_;
    const auto list = exact.find(track->key);
    list->second.erase(track);
    if (list->second.empty()) exact.erase(list);
}

bool Cmap::anybody_tracks(std::string_view prefix) const {
    for (const Track& track : prefixes_) {
        if (track.key.starts_with(prefix) || prefix.starts_with(track.key)) return true;
    }
    const auto exact = exact_.lower_bound(prefix);
    return exact != exact_.end() && exact->first.starts_with(prefix);
}

void Cmap::on_key(const KeyChange& change) {
    if (change.flat.empty()) return;
    out_.changed();
    // Made again by a 1.x client with the value it had: nothing has changed for us.
    if (change.before != nullptr && change.after != nullptr && *change.before == *change.after) return;
    const std::uint32_t event = change.after == nullptr ? kDelete : change.before == nullptr ? kAdd : kModify;
    if (const auto exact = exact_.find(change.flat); exact != exact_.end()) {
        for (const Track& track : exact->second)
            if ((track.events & event) != 0) tell(track, event, change.flat, change.after, change.before);
    }
    for (const Track& track : prefixes_)
        if ((track.events & event) != 0 && change.flat.starts_with(track.key)) tell(track, event, change.flat, change.after, change.before);
}

void Cmap::tell(const Track& track, std::uint32_t event, std::string_view key, const Value* now, const Value* before) {
    const Shown fresh = show(now), old = show(before);
    client::ChangeEvent head;
    head.track = track.id;
    head.event = event;
    head.key_length = static_cast<std::uint32_t>(key.size());
    head.new_type = fresh.type, head.new_length = fresh.length;
    head.old_type = old.type, head.old_length = old.length;
    const std::array<ByteView, 6> pieces{bytes_of(head), as_bytes(key), fresh.pieces[0], fresh.pieces[1], old.pieces[0], old.pieces[1]};
    out_.event(track.conn, static_cast<std::uint16_t>(client::Event::change), pieces);
}

// Statistics have no past: old and new are what is there now, as with Corosync.
void Cmap::tell_statistics(std::string_view key, const Value& value, std::uint32_t event) {
    if (event == kModify) {
        const auto exact = exact_statistics_.find(key);
        if (exact == exact_statistics_.end()) return;
        for (const Track& track : exact->second)
            if ((track.events & event) != 0) tell(track, event, key, &value, &value);
        return;
    }
    for (const Track& track : prefixes_statistics_)
        if ((track.events & event) != 0 && key.starts_with(track.key)) tell(track, event, key, &value, &value);
}

void Cmap::poll_statistics(const ValueMap& now) {
    if (statistics_tracks_ == 0) return polled_.reset();
    if (!polled_) polled_ = now;
    auto old = polled_->cbegin();
    for (auto fresh = now.cbegin(); fresh != now.cend() || old != polled_->cend();) {
        if (old == polled_->cend() || (fresh != now.cend() && fresh->first < old->first)) {
            tell_statistics(fresh->first, fresh->second, kAdd);
            ++fresh;
        } else if (fresh == now.cend() || old->first < fresh->first) {
            tell_statistics(old->first, old->second, kDelete);
            ++old;
        } else {
            if (!(fresh->second == old->second)) tell_statistics(fresh->first, fresh->second, kModify);
            ++fresh, ++old;
        }
    }
    polled_ = now;
}

// Oldest track first, so that restoring in this order gives the lists their order again; tracks of different connections on
// one key are put in the order of their connections.
void Cmap::save(Writer& out) const {
    out.u32(static_cast<std::uint32_t>(connections_.size()));
    for (const auto& [id, conn] : connections_) {
        out.u64(id);
        out.u8(static_cast<std::uint8_t>((conn.open ? 1 : 0) | (conn.statistics ? 2 : 0) | (conn.closing ? 4 : 0)));
        out.u32(static_cast<std::uint32_t>(conn.tracks.size()));
        for (const auto& [number, track] : conn.tracks) {
            out.u64(number);
            out.u32(track->events);
            out.u32(static_cast<std::uint32_t>(track->key.size()));
            out.bytes(as_bytes(track->key));
        }
    }
}

bool Cmap::restore(Reader& in) {
    const std::uint32_t connections = in.u32();
    for (std::uint32_t i = 0; i < connections && in.ok(); ++i) {
        const ConnId id = in.u64();
        const std::uint8_t flags = in.u8();
        Connection& conn = connections_[id];
        conn.open = (flags & 1) != 0;
        conn.statistics = (flags & 2) != 0;
        conn.closing = (flags & 4) != 0;
        const std::uint32_t tracks = in.u32();
        for (std::uint32_t t = 0; t < tracks && in.ok(); ++t) {
            Track track;
            track.id = in.u64();
            track.events = in.u32();
            track.key = as_text(in.bytes(in.u32()));
            if (!in.ok() || conn.tracks.contains(track.id) || !insert(id, conn, std::move(track))) return false;
        }
    }
    return in.ok();
}

}  // namespace motet::confdb
