// Requests that do something: shutdown, kill, reload, log files.
#pragma GCC visibility push(default)
#include <corosync/cfg.h>
#pragma GCC visibility pop

#include "libs/client/cfg/connection.h"

namespace motet::client::cfg {
namespace {

// A request that has to wait for a settled membership, and has no answer but its result.
cs_error_t ask_settled(corosync_cfg_handle_t handle, wire::Request type, ByteView payload = {}) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    if (const cs_error_t state = settled(*ref); state != CS_OK) return state;
    return ask(*ref, type, payload, {});
}

}  // namespace
}  // namespace motet::client::cfg

using namespace motet::client::cfg;

extern "C" {

cs_error_t corosync_cfg_trackstart(corosync_cfg_handle_t cfg_handle, uint8_t) {
    return ask_settled(cfg_handle, wire::Request::track_start);
}

cs_error_t corosync_cfg_trackstop(corosync_cfg_handle_t cfg_handle) { return ask_settled(cfg_handle, wire::Request::track_stop); }

cs_error_t corosync_cfg_try_shutdown(corosync_cfg_handle_t cfg_handle, corosync_cfg_shutdown_flags_t flags) {
    const auto value = static_cast<std::uint32_t>(flags);
    return ask_settled(cfg_handle, wire::Request::try_shutdown, bytes_of(value));
}

cs_error_t corosync_cfg_replyto_shutdown(corosync_cfg_handle_t cfg_handle, corosync_cfg_shutdown_reply_flags_t flags) {
    const auto value = static_cast<std::uint32_t>(flags);
    return ask_settled(cfg_handle, wire::Request::reply_shutdown, bytes_of(value));
}

cs_error_t corosync_cfg_kill_node(corosync_cfg_handle_t cfg_handle, unsigned int nodeid, const char* reason) {
    wire::KillRequest request;
    request.nodeid = nodeid;
    const std::size_t length = reason == nullptr ? 0 : strnlen(reason, wire::kReasonMax + 1);
    if (length > wire::kReasonMax) return connections.get(cfg_handle) ? CS_ERR_NAME_TOO_LONG : CS_ERR_BAD_HANDLE;
    request.length = static_cast<std::uint32_t>(length);
    if (length > 0) std::memcpy(request.reason, reason, length);
    return ask_settled(cfg_handle, wire::Request::kill, bytes_of(request));
}

cs_error_t corosync_cfg_reload_config(corosync_cfg_handle_t handle) { return ask_settled(handle, wire::Request::reload); }

cs_error_t corosync_cfg_reopen_log_files(corosync_cfg_handle_t handle) {
    const Connections::Ref ref = connections.get(handle);
    return ref ? ask(*ref, wire::Request::reopen_logs, {}, {}) : CS_ERR_BAD_HANDLE;
}

}  // extern "C"
