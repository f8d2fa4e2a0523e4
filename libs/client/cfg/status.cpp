// Requests that only look: local node, addresses, links, nodes. Every count and text in a reply is the worker's claim.
#pragma GCC visibility push(default)
#include <corosync/cfg.h>
#pragma GCC visibility pop

#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>

#include "libs/client/cfg/connection.h"

namespace motet::client::cfg {
namespace {

corosync_cfg_node_address_t to_address(const wire::Address& from) {
    corosync_cfg_node_address_t out{};
    if (from.family == 6) {
        sockaddr_in6 address{};
        address.sin6_family = AF_INET6;
        std::memcpy(&address.sin6_addr, from.bytes, sizeof address.sin6_addr);
        std::memcpy(out.address, &address, sizeof address);
        out.address_length = sizeof address;
    } else {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        std::memcpy(&address.sin_addr, from.bytes, sizeof address.sin_addr);
        std::memcpy(out.address, &address, sizeof address);
        out.address_length = sizeof address;
    }
    return out;
}

// Up to the NUL or the end of the field, whichever comes first.
template <std::size_t N>
char* copy_text(const char (&field)[N]) {
    const std::size_t length = strnlen(field, N);
    auto* text = static_cast<char*>(std::malloc(length + 1));
    if (text == nullptr) return nullptr;
    std::memcpy(text, field, length);
    text[length] = '\0';
    return text;
}

void free_all(char** texts, unsigned count) {
    if (texts == nullptr) return;
    for (unsigned i = 0; i < count; ++i) std::free(texts[i]);
    std::free(texts);
}

cs_error_t hand_out(const wire::RingStatus& from, char*** names, char*** status, unsigned* count) {
    const unsigned links = std::min(from.count, wire::kLinksMax);
    auto** out_names = static_cast<char**>(std::calloc(std::max(links, 1u), sizeof(char*)));
    auto** out_status = static_cast<char**>(std::calloc(std::max(links, 1u), sizeof(char*)));
    bool complete = out_names != nullptr && out_status != nullptr;
    for (unsigned i = 0; complete && i < links; ++i) {
        out_names[i] = copy_text(from.list[i].name);
        out_status[i] = copy_text(from.list[i].status);
        complete = out_names[i] != nullptr && out_status[i] != nullptr;
    }
    if (!complete) {
        free_all(out_names, links);
        free_all(out_status, links);
        return CS_ERR_NO_MEMORY;
    }
    *names = out_names;
    *status = out_status;
    *count = links;
    return CS_OK;
}

}  // namespace
}  // namespace motet::client::cfg

using namespace motet::client::cfg;

extern "C" {

cs_error_t corosync_cfg_local_get(corosync_cfg_handle_t handle, unsigned int* local_nodeid) {
    const Connections::Ref ref = connections.get(handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    if (local_nodeid == nullptr) return CS_ERR_INVALID_PARAM;
    std::uint32_t id = 0;
    const cs_error_t asked = ask(*ref, wire::Request::local, {}, room_of(id));
    if (asked == CS_OK) *local_nodeid = id;
    return asked;
}

cs_error_t corosync_cfg_get_node_addrs(corosync_cfg_handle_t cfg_handle, unsigned int nodeid, size_t max_addrs, int* num_addrs,
                                       corosync_cfg_node_address_t* addrs) {
    const Connections::Ref ref = connections.get(cfg_handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    if (num_addrs == nullptr || (addrs == nullptr && max_addrs != 0)) return CS_ERR_INVALID_PARAM;
    const std::uint32_t wanted = nodeid;
    wire::AddressList list;
    if (const cs_error_t asked = ask(*ref, wire::Request::addresses, bytes_of(wanted), room_of(list)); asked != CS_OK) return asked;
    const std::uint32_t count = std::min(list.count, wire::kLinksMax);
    for (std::uint32_t i = 0; i < count && i < max_addrs; ++i) addrs[i] = to_address(list.list[i]);
    *num_addrs = static_cast<int>(count);
    return CS_OK;
}

cs_error_t corosync_cfg_ring_status_get(corosync_cfg_handle_t cfg_handle, char*** interface_names, char*** status,
                                        unsigned int* interface_count) {
    const Connections::Ref ref = connections.get(cfg_handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    if (interface_names == nullptr || status == nullptr || interface_count == nullptr) return CS_ERR_INVALID_PARAM;
    if (const cs_error_t state = settled(*ref); state != CS_OK) return state;
    wire::RingStatus answer;
    if (const cs_error_t asked = ask(*ref, wire::Request::ring_status, {}, room_of(answer)); asked != CS_OK) return asked;
    return hand_out(answer, interface_names, status, interface_count);
}

cs_error_t corosync_cfg_node_status_get(corosync_cfg_handle_t cfg_handle, unsigned int nodeid, corosync_cfg_node_status_version_t version,
                                        void* node_status) {
    const Connections::Ref ref = connections.get(cfg_handle);
    if (!ref) return CS_ERR_BAD_HANDLE;
    if (version != CFG_NODE_STATUS_V1 || node_status == nullptr) return CS_ERR_INVALID_PARAM;
    const std::uint32_t wanted = nodeid;
    wire::NodeStatus answer;
    if (const cs_error_t asked = ask(*ref, wire::Request::node_status, bytes_of(wanted), room_of(answer)); asked != CS_OK) return asked;

    corosync_cfg_node_status_v1 out{};
    out.version = CFG_NODE_STATUS_V1;
    out.nodeid = answer.nodeid;
    out.reachable = answer.reachable;
    out.remote = answer.remote;
    out.external = answer.external;
    out.onwire_min = answer.onwire_min;
    out.onwire_max = answer.onwire_max;
    out.onwire_ver = answer.onwire_version;
    static_assert(wire::kLinksMax == CFG_MAX_LINKS);
    for (std::size_t i = 0; i < wire::kLinksMax; ++i) {
        const wire::LinkStatus& from = answer.links[i];
        corosync_knet_link_status_v1& to = out.link_status[i];
        to.enabled = from.enabled;
        to.connected = from.connected;
        to.dynconnected = from.dynconnected;
        to.mtu = from.mtu;
        std::memcpy(to.src_ipaddr, from.source, strnlen(from.source, sizeof from.source));
        std::memcpy(to.dst_ipaddr, from.destination, strnlen(from.destination, sizeof from.destination));
    }
    std::memcpy(node_status, &out, sizeof out);
    return CS_OK;
}

}  // extern "C"
