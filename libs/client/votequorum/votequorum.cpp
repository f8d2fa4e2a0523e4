// libvotequorum: votes, expected votes and the quorum device.
#pragma GCC visibility push(default)
#include <corosync/votequorum.h>
#pragma GCC visibility pop

#include "libs/client/quorum/shared.h"

namespace motet::client::quorum {
namespace {

struct VoteConnection : Connection {
    votequorum_callbacks_t callbacks{};
    void* context = nullptr;
};
using Connections = Handles<VoteConnection>;
constinit Connections connections;

static_assert(sizeof(votequorum_info) == 292 && offsetof(votequorum_info, qdevice_name) == 36);
static_assert(sizeof(votequorum_node_t) == 2 * sizeof(std::uint32_t));

struct VoteNotice {
    Words raw;
    wire::VoteEvent head;
    std::span<std::uint32_t> lists;   // of `raw`
};

bool keep(const ring::Record& record, VoteNotice& out) {
    const auto type = static_cast<wire::Event>(record.type);
    if (type != wire::Event::vote_quorum && type != wire::Event::vote_nodelist && type != wire::Event::vote_expected) return false;
    if (!copy(record, out.raw) || !split(out.raw.words, out.head, out.lists)) return false;
    const std::size_t width = type == wire::Event::vote_quorum ? 2 : 1;
    return out.head.entries <= wire::kEntriesMax && out.lists.size() == out.head.entries * width;
}

void tell(VoteConnection& c, votequorum_handle_t handle, const VoteNotice& notice) {
    const wire::VoteEvent& event = notice.head;
    switch (static_cast<wire::Event>(notice.raw.type)) {
        case wire::Event::vote_quorum:
            if (c.callbacks.votequorum_quorum_notify_fn != nullptr)
                c.callbacks.votequorum_quorum_notify_fn(handle, event.context, event.value, event.entries,
                                                        reinterpret_cast<votequorum_node_t*>(notice.lists.data()));
            return;
        case wire::Event::vote_nodelist:
            if (c.callbacks.votequorum_nodelist_notify_fn != nullptr)
                c.callbacks.votequorum_nodelist_notify_fn(handle, event.context, {event.rep, event.seq}, event.entries, notice.lists.data());
            return;
        default:
            if (c.callbacks.votequorum_expectedvotes_notify_fn != nullptr)
                c.callbacks.votequorum_expectedvotes_notify_fn(handle, event.context, event.value);
    }
}

// False: NULL, empty, or too long to end within the field.
bool name_of(const char* text, wire::DeviceName& out) {
    if (text == nullptr) return false;
    const std::size_t length = strnlen(text, VOTEQUORUM_QDEVICE_MAX_NAME_LEN);
    if (length == 0 || length >= VOTEQUORUM_QDEVICE_MAX_NAME_LEN) return false;
    std::memcpy(out.text, text, length);
    return true;
}

template <class T>
cs_error_t request(votequorum_handle_t handle, wire::Request type, const T& payload) {
    const Connections::Ref ref = connections.get(handle);
    return ref ? ask(*ref, type, bytes_of(payload)) : CS_ERR_BAD_HANDLE;
}

}  // namespace
}  // namespace motet::client::quorum

using namespace motet::client::quorum;

extern "C" {

cs_error_t votequorum_initialize(votequorum_handle_t* handle, votequorum_callbacks_t* callbacks) {
    if (handle == nullptr) return CS_ERR_INVALID_PARAM;
    return guarded([&] {
        auto connection = std::make_unique<VoteConnection>();
        if (callbacks != nullptr) connection->callbacks = *callbacks;
        std::uint32_t type = 0;
        return open_connection(connections, std::move(connection), {wire::Interface::votequorum, 0}, *handle, type);
    });
}

cs_error_t votequorum_finalize(votequorum_handle_t handle) { return close_connection(connections, handle); }

cs_error_t votequorum_fd_get(votequorum_handle_t handle, int* fd) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    if (fd == nullptr) return CS_ERR_INVALID_PARAM;
    *fd = ref->link->fd();
    ref->polled = true;
    return CS_OK;
}

cs_error_t votequorum_context_get(votequorum_handle_t handle, void** context) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    if (context == nullptr) return CS_ERR_INVALID_PARAM;
    *context = ref->context;
    return CS_OK;
}

cs_error_t votequorum_context_set(votequorum_handle_t handle, void* context) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    ref->context = context;
    return CS_OK;
}

cs_error_t votequorum_dispatch(votequorum_handle_t handle, cs_dispatch_flags_t dispatch_types) {
    if (!known_flags(dispatch_types)) return CS_ERR_INVALID_PARAM;
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    return motet::client::dispatch_events<VoteNotice>(ref, *ref->link, ref->polled, dispatch_types, keep, [&](const VoteNotice& notice) { tell(*ref, handle, notice); });
}

cs_error_t votequorum_getinfo(votequorum_handle_t handle, unsigned int nodeid, struct votequorum_info* info) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    if (info == nullptr) return CS_ERR_INVALID_PARAM;
    wire::InfoReply reply;
    const std::uint32_t node = nodeid;
    const cs_error_t told = ask(*ref, wire::Request::info, bytes_of(node), room_of(reply));
    if (told != CS_OK) return told;
    std::memcpy(info, &reply, sizeof *info);
    info->qdevice_name[sizeof info->qdevice_name - 1] = '\0';
    return CS_OK;
}

cs_error_t votequorum_setexpected(votequorum_handle_t handle, unsigned int expected_votes) {
    return request(handle, wire::Request::set_expected, std::uint32_t{expected_votes});
}

cs_error_t votequorum_setvotes(votequorum_handle_t handle, unsigned int nodeid, unsigned int votes) {
    const std::uint32_t wish[2] = {nodeid, votes};
    return request(handle, wire::Request::set_votes, wish);
}

cs_error_t votequorum_trackstart(votequorum_handle_t handle, uint64_t context, unsigned int flags) {
    return request(handle, wire::Request::track_start, wire::TrackRequest{context, flags, 0});
}

cs_error_t votequorum_trackstop(votequorum_handle_t handle) {
    const Connections::Ref ref = connections.get(handle);
    return ref ? ask(*ref, wire::Request::track_stop, {}) : CS_ERR_BAD_HANDLE;
}

cs_error_t votequorum_qdevice_register(votequorum_handle_t handle, const char* name) {
    wire::DeviceName wish;
    if (!name_of(name, wish)) return CS_ERR_INVALID_PARAM;
    return request(handle, wire::Request::device_register, wish);
}

cs_error_t votequorum_qdevice_unregister(votequorum_handle_t handle, const char* name) {
    wire::DeviceName wish;
    if (!name_of(name, wish)) return CS_ERR_INVALID_PARAM;
    return request(handle, wire::Request::device_unregister, wish);
}

cs_error_t votequorum_qdevice_update(votequorum_handle_t handle, const char* oldname, const char* newname) {
    wire::DeviceName names[2];
    if (!name_of(oldname, names[0]) || !name_of(newname, names[1])) return CS_ERR_INVALID_PARAM;
    return request(handle, wire::Request::device_rename, names);
}

cs_error_t votequorum_qdevice_poll(votequorum_handle_t handle, const char* name, unsigned int cast_vote,
                                   votequorum_ring_id_t ring_id) {
    wire::PollRequest poll;
    if (!name_of(name, poll.name)) return CS_ERR_INVALID_PARAM;
    poll.ring_seq = ring_id.seq;
    poll.ring_rep = ring_id.nodeid;
    poll.vote = cast_vote != 0;
    return request(handle, wire::Request::device_poll, poll);
}

cs_error_t votequorum_qdevice_master_wins(votequorum_handle_t handle, const char* name, unsigned int allow) {
    wire::MasterWinsRequest wish;
    if (!name_of(name, wish.name)) return CS_ERR_INVALID_PARAM;
    wish.allow = allow != 0;
    return request(handle, wire::Request::device_master_wins, wish);
}

}  // extern "C"
