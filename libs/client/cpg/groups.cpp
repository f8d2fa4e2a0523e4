// Joining and leaving, and asking who is where: requests with a reply.
#pragma GCC visibility push(default)
#include <corosync/cpg.h>
#pragma GCC visibility pop

#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "libs/client/cpg/connection.h"

namespace motet::client::cpg {
namespace {

constexpr unsigned kBusyPauseMs = 5;
constexpr unsigned kBusyTries = 1000;   // five seconds

// Joins and leaves. BUSY means that an earlier change of the same process is still on its way: it passes by itself.
template <class T>
cs_error_t change(cpg_handle_t handle, wire::Request type, const cpg_name* group) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    if (group == nullptr) return CS_ERR_INVALID_PARAM;
    if (group->length > CPG_MAX_NAME_LENGTH) return CS_ERR_NAME_TOO_LONG;
    T request;
    request.pid = static_cast<std::uint32_t>(getpid());
    request.name = to_wire(*group);
    for (unsigned tries = 0; tries < kBusyTries; ++tries) {
        if (const Outcome state = ref->link->health_now(); state != Outcome::ok) return to_cs(state);
        if ((ref->link->flow() & kNoChange) != 0) return CS_ERR_TRY_AGAIN;
        const cs_error_t answer = ask(*ref, type, request);
        if (answer != CS_ERR_BUSY) return answer;
        const timespec pause{0, kBusyPauseMs * 1'000'000L};
        nanosleep(&pause, nullptr);
    }
    return CS_ERR_TRY_AGAIN;
}

cs_error_t start_iteration(const Connections::Ref& ref, cpg_handle_t handle, const wire::IterationRequest& request,
                           cpg_iteration_handle_t& out) {
    auto iteration = std::make_unique<Iteration>();
    iteration->connection = handle;
    const ByteView pieces[] = {bytes_of(request)};
    std::uint8_t number[sizeof iteration->number];
    const cs_error_t answer = ask(*ref, wire::Request::iteration_start, pieces, number, sizeof number);
    if (answer != CS_OK) return answer;
    std::memcpy(&iteration->number, number, sizeof number);

    const std::lock_guard lock(ref->mutex);
    ref->iterations.reserve(ref->iterations.size() + 1);  // may throw; nothing below does
    switch (iterations.add(std::move(iteration), out)) {
    case Iterations::Added::ok: break;
    case Iterations::Added::no_memory: return CS_ERR_NO_MEMORY;
    case Iterations::Added::full: return CS_ERR_NO_RESOURCES;
    }
    ref->iterations.push_back(out);
    return CS_OK;
}

}  // namespace
}  // namespace motet::client::cpg

using namespace motet::client::cpg;
using motet::ByteView;

extern "C" {

cs_error_t cpg_join(cpg_handle_t handle, const struct cpg_name* group) {
    return change<wire::JoinRequest>(handle, wire::Request::join, group);
}

cs_error_t cpg_leave(cpg_handle_t handle, const struct cpg_name* group) {
    return change<wire::LeaveRequest>(handle, wire::Request::leave, group);
}

cs_error_t cpg_membership_get(cpg_handle_t handle, struct cpg_name* groupName, struct cpg_address* member_list,
                              int* member_list_entries) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    if (groupName == nullptr || member_list == nullptr || member_list_entries == nullptr) return CS_ERR_INVALID_PARAM;
    if (groupName->length > CPG_MAX_NAME_LENGTH) return CS_ERR_NAME_TOO_LONG;

    struct {
        std::uint32_t count;
        wire::MemberEntry members[CPG_MEMBERS_MAX];
    } answer;
    const wire::NameRequest request{to_wire(*groupName)};
    const ByteView pieces[] = {bytes_of(request)};
    const std::span<std::uint8_t> more(reinterpret_cast<std::uint8_t*>(&answer), sizeof answer);
    const cs_error_t asked = ask(*ref, wire::Request::membership, pieces, more, sizeof answer.count);
    if (asked != CS_OK) return asked;
    const std::uint32_t count = std::min<std::uint32_t>(answer.count, CPG_MEMBERS_MAX);
    for (std::uint32_t i = 0; i < count; ++i)
        member_list[i] = {answer.members[i].nodeid, answer.members[i].pid, CPG_REASON_UNDEFINED};
    *member_list_entries = static_cast<int>(count);
    return CS_OK;
}

cs_error_t cpg_local_get(cpg_handle_t handle, unsigned int* local_nodeid) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    if (local_nodeid == nullptr) return CS_ERR_INVALID_PARAM;
    std::uint8_t nodeid[sizeof(std::uint32_t)];
    const cs_error_t asked = ask(*ref, wire::Request::local, {}, nodeid, sizeof nodeid);
    if (asked == CS_OK) std::memcpy(local_nodeid, nodeid, sizeof nodeid);
    return asked;
}

cs_error_t cpg_iteration_initialize(cpg_handle_t handle, cpg_iteration_type_t iteration_type, const struct cpg_name* group,
                                    cpg_iteration_handle_t* cpg_iteration_handle) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    const bool one_group = iteration_type == CPG_ITERATION_ONE_GROUP;
    const bool known = one_group || iteration_type == CPG_ITERATION_NAME_ONLY || iteration_type == CPG_ITERATION_ALL;
    if (cpg_iteration_handle == nullptr || !known || one_group != (group != nullptr)) return CS_ERR_INVALID_PARAM;
    if (one_group && group->length > CPG_MAX_NAME_LENGTH) return CS_ERR_NAME_TOO_LONG;

    wire::IterationRequest request;
    request.type = static_cast<std::uint32_t>(iteration_type);
    request.has_name = one_group;
    if (one_group) request.name = to_wire(*group);
    return guarded([&] { return start_iteration(ref, handle, request, *cpg_iteration_handle); });
}

cs_error_t cpg_iteration_next(cpg_iteration_handle_t handle, struct cpg_iteration_description_t* description) {
    const Iterations::Ref iteration = iterations.get(handle);
    if (!iteration) return CS_ERR_BAD_HANDLE;
    if (description == nullptr) return CS_ERR_INVALID_PARAM;
    const Connections::Ref ref = connections.get(iteration->connection);
    if (!ref) return CS_ERR_BAD_HANDLE;

    struct {
        std::uint32_t nodeid, pid;
        wire::Name group;
    } answer;
    const ByteView pieces[] = {bytes_of(iteration->number)};
    const std::span<std::uint8_t> more(reinterpret_cast<std::uint8_t*>(&answer), sizeof answer);
    const cs_error_t asked = ask(*ref, wire::Request::iteration_next, pieces, more, sizeof answer);
    if (asked != CS_OK) return asked;
    description->nodeid = answer.nodeid;
    description->pid = answer.pid;
    description->group.length = std::min<std::uint32_t>(answer.group.length, CPG_MAX_NAME_LENGTH);
    std::memcpy(description->group.value, answer.group.value, sizeof description->group.value);
    return CS_OK;
}

cs_error_t cpg_iteration_finalize(cpg_iteration_handle_t handle) {
    const Iterations::Ref iteration = iterations.close(handle);
    if (!iteration) return CS_ERR_BAD_HANDLE;
    const Connections::Ref ref = connections.get(iteration->connection);
    if (!ref) return CS_ERR_BAD_HANDLE;
    {
        const std::lock_guard lock(ref->mutex);
        std::erase(ref->iterations, handle);
    }
    return ask(*ref, wire::Request::iteration_end, iteration->number);
}

}  // extern "C"
