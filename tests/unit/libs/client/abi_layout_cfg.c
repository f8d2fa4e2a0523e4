/* Layouts and values of cfg.h that compiled programs rely on, as C sees them. */
#include <corosync/cfg.h>
#include <stddef.h>

#define SIZE(type, size) _Static_assert(sizeof(type) == (size), #type)
#define ALIGN(type, align) _Static_assert(_Alignof(type) == (align), #type)
#define AT(type, field, offset) _Static_assert(offsetof(type, field) == (offset), #type "." #field)
#define VALUE(name, value) _Static_assert((name) == (value), #name)

SIZE(corosync_cfg_handle_t, 8);
SIZE(corosync_cfg_shutdown_flags_t, 4);
SIZE(corosync_cfg_shutdown_reply_flags_t, 4);
SIZE(corosync_cfg_callbacks_t, 8);
ALIGN(corosync_cfg_callbacks_t, 8);
SIZE(corosync_cfg_node_address_t, 32);
ALIGN(corosync_cfg_node_address_t, 4);
AT(corosync_cfg_node_address_t, address_length, 0);
AT(corosync_cfg_node_address_t, address, 4);
SIZE(corosync_cfg_node_status_version_t, 4);
SIZE(struct corosync_knet_link_status_v1, 520);
ALIGN(struct corosync_knet_link_status_v1, 4);
AT(struct corosync_knet_link_status_v1, connected, 1);
AT(struct corosync_knet_link_status_v1, dynconnected, 2);
AT(struct corosync_knet_link_status_v1, mtu, 4);
AT(struct corosync_knet_link_status_v1, src_ipaddr, 8);
AT(struct corosync_knet_link_status_v1, dst_ipaddr, 264);
SIZE(struct corosync_cfg_node_status_v1, 4176);
ALIGN(struct corosync_cfg_node_status_v1, 4);
AT(struct corosync_cfg_node_status_v1, nodeid, 4);
AT(struct corosync_cfg_node_status_v1, reachable, 8);
AT(struct corosync_cfg_node_status_v1, remote, 9);
AT(struct corosync_cfg_node_status_v1, external, 10);
AT(struct corosync_cfg_node_status_v1, onwire_min, 11);
AT(struct corosync_cfg_node_status_v1, onwire_max, 12);
AT(struct corosync_cfg_node_status_v1, onwire_ver, 13);
AT(struct corosync_cfg_node_status_v1, link_status, 16);
VALUE(COROSYNC_CFG_SHUTDOWN_FLAG_REQUEST, 0);
VALUE(COROSYNC_CFG_SHUTDOWN_FLAG_REGARDLESS, 1);
VALUE(COROSYNC_CFG_SHUTDOWN_FLAG_IMMEDIATE, 2);
VALUE(COROSYNC_CFG_SHUTDOWN_FLAG_NO, 0);
VALUE(COROSYNC_CFG_SHUTDOWN_FLAG_YES, 1);
VALUE(CFG_NODE_STATUS_V1, 1);
VALUE(CFG_MAX_LINKS, 8);
VALUE(CFG_MAX_HOST_LEN, 256);
