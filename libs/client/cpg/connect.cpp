// Beginning and end of a handle, and what is answered without asking the service.
#pragma GCC visibility push(default)
#include <corosync/cpg.h>
#pragma GCC visibility pop

#include <unistd.h>

#include "libs/client/cpg/connection.h"

namespace motet::client::cpg {
namespace {

// Room for the largest request: a part of a long message.
constexpr std::uint32_t kRequestMax = sizeof(wire::PartRequest) + wire::kAtomicMax;

cs_error_t open_connection(const cpg_model_v1_data_t& model, void* context, cpg_handle_t& handle) {
    auto connection = std::make_unique<Connection>();
    connection->model = model;
    connection->context = context;
    if (const Outcome linked = ipc::ClientLink::connect("cpg", kRequestMax, connection->link); linked != Outcome::ok) return to_cs(linked);

    wire::ModelRequest request;
    request.pid = static_cast<std::uint32_t>(getpid());
    request.flags = model.flags;
    request.wants_totem = model.cpg_totem_confchg_fn != nullptr;
    if (const cs_error_t told = ask(*connection, wire::Request::model, request); told != CS_OK) return told;

    switch (connections.add(std::move(connection), handle)) {
    case Connections::Added::ok: return CS_OK;
    case Connections::Added::no_memory: return CS_ERR_NO_MEMORY;
    case Connections::Added::full: break;
    }
    return CS_ERR_NO_RESOURCES;
}

// The handle is gone when this returns, whatever it returns: the hang-up alone is a leave to the service. A queue in
// motion does not refuse it.
cs_error_t close_connection(cpg_handle_t handle) {
    const Connections::Ref ref = connections.close(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    const cs_error_t told = ask(*ref, wire::Request::finalize, {}, {}, 0);
    ref->link->fail(Outcome::library);  // wakes threads that still wait on it
    return told == CS_ERR_LIBRARY || told == CS_ERR_ACCESS ? CS_ERR_LIBRARY : CS_OK;
}

}  // namespace
}  // namespace motet::client::cpg

using namespace motet::client::cpg;

extern "C" {

cs_error_t cpg_initialize(cpg_handle_t* handle, cpg_callbacks_t* callbacks) {
    cpg_model_v1_data_t model{};
    model.model = CPG_MODEL_V1;
    if (callbacks != nullptr) {
        model.cpg_deliver_fn = callbacks->cpg_deliver_fn;
        model.cpg_confchg_fn = callbacks->cpg_confchg_fn;
    }
    return cpg_model_initialize(handle, CPG_MODEL_V1, reinterpret_cast<cpg_model_data_t*>(&model), nullptr);
}

cs_error_t cpg_model_initialize(cpg_handle_t* handle, cpg_model_t model, cpg_model_data_t* model_data, void* context) {
    if (handle == nullptr || model != CPG_MODEL_V1) return CS_ERR_INVALID_PARAM;
    cpg_model_v1_data_t wished{};
    wished.model = CPG_MODEL_V1;
    if (model_data != nullptr) wished = *reinterpret_cast<const cpg_model_v1_data_t*>(model_data);
    if ((wished.flags & ~unsigned{CPG_MODEL_V1_DELIVER_INITIAL_TOTEM_CONF}) != 0) return CS_ERR_INVALID_PARAM;
    return guarded([&] { return open_connection(wished, context, *handle); });
}

cs_error_t cpg_finalize(cpg_handle_t handle) { return close_connection(handle); }

cs_error_t cpg_fd_get(cpg_handle_t handle, int* fd) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    if (fd == nullptr) return CS_ERR_INVALID_PARAM;
    *fd = ref->link->fd();
    ref->polled = true;
    return CS_OK;
}

cs_error_t cpg_context_get(cpg_handle_t handle, void** context) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    if (context == nullptr) return CS_ERR_INVALID_PARAM;
    *context = ref->context;
    return CS_OK;
}

cs_error_t cpg_context_set(cpg_handle_t handle, void* context) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    ref->context = context;
    return CS_OK;
}

cs_error_t cpg_max_atomic_msgsize_get(cpg_handle_t handle, uint32_t* size) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    if (size == nullptr) return CS_ERR_INVALID_PARAM;
    *size = wire::kAtomicMax;
    return CS_OK;
}

cs_error_t cpg_flow_control_state_get(cpg_handle_t handle, cpg_flow_control_state_t* flow_control_enabled) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    if (flow_control_enabled == nullptr) return CS_ERR_INVALID_PARAM;
    const bool held = ref->link->health() == Outcome::ok && (ref->link->flow() & kNoSend) != 0;
    *flow_control_enabled = held ? CPG_FLOW_CONTROL_ENABLED : CPG_FLOW_CONTROL_DISABLED;
    return CS_OK;
}

}  // extern "C"
