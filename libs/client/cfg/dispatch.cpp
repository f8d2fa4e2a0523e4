// corosync_cfg_dispatch: the only event says that somebody wants to stop this node.
#pragma GCC visibility push(default)
#include <corosync/cfg.h>
#pragma GCC visibility pop

#include "libs/client/cfg/connection.h"

namespace motet::client::cfg {
namespace {

bool keep(const ring::Record& record, std::uint32_t& flags) {
    if (record.type != static_cast<std::uint16_t>(wire::Event::shutdown) || record.payload.size() != sizeof flags) return false;
    std::memcpy(&flags, record.payload.data(), sizeof flags);
    return flags <= COROSYNC_CFG_SHUTDOWN_FLAG_IMMEDIATE;
}

}  // namespace
}  // namespace motet::client::cfg

using namespace motet::client::cfg;

extern "C" cs_error_t corosync_cfg_dispatch(corosync_cfg_handle_t cfg_handle, cs_dispatch_flags_t dispatch_flags) {
    const Connections::Ref ref = connections.get(cfg_handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    return motet::client::dispatch_events<std::uint32_t>(ref, *ref->link, ref->polled, dispatch_flags, keep, [&](std::uint32_t flags) {
        if (const auto callback = ref->callbacks.corosync_cfg_shutdown_callback; callback != nullptr)
            callback(cfg_handle, static_cast<corosync_cfg_shutdown_flags_t>(flags));
    });
}
