// libquorum: is this node's part of the cluster allowed to act, and who is in it.
#pragma GCC visibility push(default)
#include <corosync/quorum.h>
#pragma GCC visibility pop

#include "libs/client/quorum/shared.h"

namespace motet::client::quorum {
namespace {

struct QuorumConnection : Connection {
    quorum_model_t model = QUORUM_MODEL_V0;
    quorum_model_v0_data_t v0{};
    quorum_model_v1_data_t v1{};
    const void* context = nullptr;
};
using Connections = Handles<QuorumConnection>;
constinit Connections connections;

struct RingNotice {
    Words raw;
    wire::RingEvent head;
    std::span<std::uint32_t> lists;   // of `raw`
};

bool keep(const ring::Record& record, RingNotice& out) {
    const auto type = static_cast<wire::Event>(record.type);
    if ((type != wire::Event::quorum && type != wire::Event::nodelist) || !copy(record, out.raw) || !split(out.raw.words, out.head, out.lists)) return false;
    return std::uint64_t{out.head.members} + out.head.joined + out.head.left == out.lists.size();
}

void tell(QuorumConnection& c, quorum_handle_t handle, const RingNotice& notice) {
    const wire::RingEvent& event = notice.head;
    std::uint32_t* const lists = notice.lists.data();
    const quorum_ring_id ring{event.rep, event.seq};
    if (static_cast<wire::Event>(notice.raw.type) == wire::Event::nodelist) {
        if (c.model == QUORUM_MODEL_V1 && c.v1.nodelist_notify_fn != nullptr)
            c.v1.nodelist_notify_fn(handle, ring, event.members, lists, event.joined, lists + event.members, event.left, lists + event.members + event.joined);
    } else if (c.model == QUORUM_MODEL_V0) {
        if (c.v0.quorum_notify_fn != nullptr) c.v0.quorum_notify_fn(handle, event.quorate, event.seq, event.members, lists);
    } else if (c.v1.quorum_notify_fn != nullptr) {
        c.v1.quorum_notify_fn(handle, event.quorate, ring, event.members, lists);
    }
}

}  // namespace
}  // namespace motet::client::quorum

using namespace motet::client::quorum;

extern "C" {

cs_error_t quorum_initialize(quorum_handle_t* handle, quorum_callbacks_t* callbacks, uint32_t* quorum_type) {
    quorum_model_v0_data_t model{};
    model.model = QUORUM_MODEL_V0;
    if (callbacks != nullptr) model.quorum_notify_fn = callbacks->quorum_notify_fn;
    return quorum_model_initialize(handle, QUORUM_MODEL_V0, reinterpret_cast<quorum_model_data_t*>(&model), quorum_type, nullptr);
}

cs_error_t quorum_model_initialize(quorum_handle_t* handle, quorum_model_t model, quorum_model_data_t* model_data,
                                   uint32_t* quorum_type, void* context) {
    if (handle == nullptr || (model != QUORUM_MODEL_V0 && model != QUORUM_MODEL_V1))
        return CS_ERR_INVALID_PARAM;
    return guarded([&] {
        auto connection = std::make_unique<QuorumConnection>();
        connection->model = model;
        connection->context = context;
        if (model_data != nullptr && model == QUORUM_MODEL_V0)
            connection->v0 = *reinterpret_cast<const quorum_model_v0_data_t*>(model_data);
        if (model_data != nullptr && model == QUORUM_MODEL_V1)
            connection->v1 = *reinterpret_cast<const quorum_model_v1_data_t*>(model_data);
        const wire::OpenRequest wish{wire::Interface::quorum, static_cast<std::uint32_t>(model)};
        std::uint32_t type = 0;
        const cs_error_t opened = open_connection(connections, std::move(connection), wish, *handle, type);
        if (opened == CS_OK && quorum_type != nullptr) *quorum_type = type == 0 ? QUORUM_FREE : QUORUM_SET;
        return opened;
    });
}

cs_error_t quorum_finalize(quorum_handle_t handle) { return close_connection(connections, handle); }

cs_error_t quorum_fd_get(quorum_handle_t handle, int* fd) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    if (fd == nullptr) return CS_ERR_INVALID_PARAM;
    *fd = ref->link->fd();
    ref->polled = true;
    return CS_OK;
}

cs_error_t quorum_context_get(quorum_handle_t handle, const void** context) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    if (context == nullptr) return CS_ERR_INVALID_PARAM;
    *context = ref->context;
    return CS_OK;
}

cs_error_t quorum_context_set(quorum_handle_t handle, const void* context) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    ref->context = context;
    return CS_OK;
}

cs_error_t quorum_getquorate(quorum_handle_t handle, int* quorate) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    if (quorate == nullptr) return CS_ERR_INVALID_PARAM;
    std::uint32_t value = 0;
    const cs_error_t told = ask(*ref, wire::Request::get_quorate, {}, room_of(value));
    if (told == CS_OK) *quorate = value != 0;
    return told;
}

cs_error_t quorum_trackstart(quorum_handle_t handle, unsigned int flags) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    const wire::TrackRequest wish{0, flags, 0};
    return ask(*ref, wire::Request::track_start, bytes_of(wish));
}

cs_error_t quorum_trackstop(quorum_handle_t handle) {
    const Connections::Ref ref = connections.get(handle);
    return ref ? ask(*ref, wire::Request::track_stop, {}) : CS_ERR_BAD_HANDLE;
}

cs_error_t quorum_dispatch(quorum_handle_t handle, cs_dispatch_flags_t dispatch_types) {
    if (!known_flags(dispatch_types)) return CS_ERR_INVALID_PARAM;
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    return motet::client::dispatch_events<RingNotice>(ref, *ref->link, ref->polled, dispatch_types, keep, [&](const RingNotice& notice) { tell(*ref, handle, notice); });
}

}  // extern "C"
