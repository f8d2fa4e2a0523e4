// Being told of changes.
#pragma GCC visibility push(default)
#include <corosync/cmap.h>
#pragma GCC visibility pop

#include <algorithm>
#include <cstddef>

#include "libs/client/cmap/connection.h"

namespace motet::client::cmap {
namespace {

constexpr std::int32_t kKnownEvents = CMAP_TRACK_ADD | CMAP_TRACK_DELETE | CMAP_TRACK_MODIFY | CMAP_TRACK_PREFIX;
constexpr std::size_t kSlack = 16;   // zeros behind a value, for readers that look at more than its length

// One event, copied. The values are aligned for every number: clients cast.
struct Event {
    wire::ChangeEvent head;
    char key[CMAP_KEYNAME_MAXLEN + 1];
    std::vector<std::max_align_t> values;
    std::size_t old_at = 0;
    const std::uint8_t* data() const { return reinterpret_cast<const std::uint8_t*>(values.data()); }
};

bool keep(const ring::Record& record, Event& out) {
    constexpr std::uint32_t kLengthMax = 1u << 20;
    if (record.type != static_cast<std::uint16_t>(wire::Event::change) || record.payload.size() < sizeof out.head) return false;
    std::memcpy(&out.head, record.payload.data(), sizeof out.head);
    const wire::ChangeEvent& head = out.head;
    const std::size_t rest = record.payload.size() - sizeof head;
    if (head.key_length > CMAP_KEYNAME_MAXLEN || head.new_length > kLengthMax || head.old_length > kLengthMax ||
        rest != std::size_t{head.key_length} + head.new_length + head.old_length)
        return false;
    const std::uint8_t* from = record.payload.data() + sizeof head;
    std::memcpy(out.key, from, head.key_length);
    out.key[head.key_length] = '\0';
    from += head.key_length;
    constexpr std::size_t kUnit = sizeof(std::max_align_t);
    out.old_at = (head.new_length + kSlack + kUnit - 1) / kUnit * kUnit;
    out.values.assign((out.old_at + head.old_length + kSlack) / kUnit + 1, std::max_align_t{});
    auto* to = reinterpret_cast<std::uint8_t*>(out.values.data());
    if (head.new_length != 0) std::memcpy(to, from, head.new_length);
    if (head.old_length != 0) std::memcpy(to + out.old_at, from + head.new_length, head.old_length);
    return true;
}

void tell(Connection& connection, cmap_handle_t handle, const Event& event) {
    cmap_track_handle_t track_handle = 0;
    {
        const std::lock_guard lock(connection.mutex);
        const auto known = connection.tracks.find(event.head.track);
        if (known == connection.tracks.end()) return;   // deleted meanwhile
        track_handle = known->second;
    }
    const Tracks::Ref track = tracks.get(track_handle);
    if (!track) return;
    const auto value = [&](std::uint32_t type, std::uint32_t length, std::size_t at) {
        return cmap_notify_value{static_cast<cmap_value_types_t>(type), length, event.data() + at};
    };
    track->notify(handle, track_handle, static_cast<std::int32_t>(event.head.event), event.key, value(event.head.new_type, event.head.new_length, 0),
                  value(event.head.old_type, event.head.old_length, event.old_at), track->user_data);
}

cs_error_t add(cmap_handle_t handle, std::string_view key, std::int32_t track_type, cmap_notify_fn_t notify, void* user_data,
               cmap_track_handle_t& out) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    if (key.size() > CMAP_KEYNAME_MAXLEN) return CS_ERR_NAME_TOO_LONG;
    auto track = std::make_unique<Track>();
    track->connection = handle;
    track->notify = notify;
    track->user_data = user_data;
    // Known before the first event of it can be dispatched by another thread.
    std::uint64_t number = 0;
    {
        const std::lock_guard lock(ref->mutex);
        number = track->number = ++ref->last_number;
        cmap_track_handle_t& place = ref->tracks[number];
        const Tracks::Added added = tracks.add(std::move(track), place);
        if (added != Tracks::Added::ok) {
            ref->tracks.erase(number);
            return added == Tracks::Added::no_memory ? CS_ERR_NO_MEMORY : CS_ERR_NO_RESOURCES;
        }
        out = place;
    }
    wire::TrackRequest request;
    request.track = number;
    request.events = static_cast<std::uint32_t>(track_type);
    const ByteView pieces[] = {bytes_of(request), as_bytes(key)};
    const cs_error_t asked = ask(*ref, wire::Request::track, pieces);
    if (asked != CS_OK) {
        const std::lock_guard lock(ref->mutex);
        tracks.close(out);
        ref->tracks.erase(number);
    }
    return asked;
}

}  // namespace
}  // namespace motet::client::cmap

using namespace motet::client::cmap;
using motet::ByteView;
using motet::client::guarded;

extern "C" {

cs_error_t cmap_track_add(cmap_handle_t handle, const char* key_name, int32_t track_type, cmap_notify_fn_t notify_fn, void* user_data,
                          cmap_track_handle_t* cmap_track_handle) {
    if (cmap_track_handle == nullptr || notify_fn == nullptr || (track_type & ~kKnownEvents) != 0) return CS_ERR_INVALID_PARAM;
    return guarded([&] { return add(handle, key_name != nullptr ? name_of(key_name) : std::string_view(), track_type, notify_fn, user_data, *cmap_track_handle); });
}

cs_error_t cmap_track_delete(cmap_handle_t handle, cmap_track_handle_t track_handle) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    std::uint64_t number = 0;
    {
        const std::lock_guard lock(ref->mutex);
        const auto known = std::find_if(ref->tracks.begin(), ref->tracks.end(), [&](const auto& entry) { return entry.second == track_handle; });
        if (known == ref->tracks.end()) return CS_ERR_BAD_HANDLE;
        number = known->first;
        ref->tracks.erase(known);
    }
    tracks.close(track_handle);
    const ByteView pieces[] = {bytes_of(number)};
    return ask(*ref, wire::Request::untrack, pieces);
}

cs_error_t cmap_dispatch(cmap_handle_t handle, cs_dispatch_flags_t dispatch_types) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    return motet::client::dispatch_events<Event>(ref, *ref->link, ref->polled, dispatch_types, keep, [&](const Event& event) { tell(*ref, handle, event); });
}

}  // extern "C"
