/*
 * Configuration and control of the cluster engine: state of links and nodes, shutdown of this node with the consent of
 * its users, removal of a node, reload of the configuration. Source and binary compatible with Corosync 3.1. Link with
 * -lcfg.
 *
 * Rules of all calls, not repeated below:
 *   CS_ERR_BAD_HANDLE     the handle was never issued or is finalized; no side effect
 *   CS_ERR_LIBRARY        the engine is gone, also while waiting for its answer: finalize and initialize again
 *   CS_ERR_TRY_AGAIN      where named: membership is changing; nothing was done, repeat later
 *   CS_ERR_INVALID_PARAM  also for a NULL pointer where a value is needed
 *   CS_ERR_NO_MEMORY      allocation failed; nothing was done
 * Calls that wait for the engine wait without time limit and are not interrupted by signals. All calls may come from any
 * thread, and from inside callbacks. After fork() only one of the two processes may go on using a handle.
 */
#ifndef COROSYNC_CFG_H_DEFINED
#define COROSYNC_CFG_H_DEFINED

#include <netinet/in.h>
#include <corosync/corotypes.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A connection to the engine. Valid in the process that initialized it. */
typedef uint64_t corosync_cfg_handle_t;

/** How corosync_cfg_try_shutdown() treats the other users of this node. */
typedef enum {
    COROSYNC_CFG_SHUTDOWN_FLAG_REQUEST = 0,    /**< they are asked, and one NO or silence prevents it */
    COROSYNC_CFG_SHUTDOWN_FLAG_REGARDLESS = 1, /**< they are told, their answers change nothing */
    COROSYNC_CFG_SHUTDOWN_FLAG_IMMEDIATE = 2,  /**< nobody is asked or told */
} corosync_cfg_shutdown_flags_t;

/** The answer of a user that was asked. */
typedef enum {
    COROSYNC_CFG_SHUTDOWN_FLAG_NO = 0,
    COROSYNC_CFG_SHUTDOWN_FLAG_YES = 1,
} corosync_cfg_shutdown_reply_flags_t;

/** Somebody wants to stop this node; answer with corosync_cfg_replyto_shutdown(). */
typedef void (*corosync_cfg_shutdown_callback_t)(corosync_cfg_handle_t cfg_handle, corosync_cfg_shutdown_flags_t flags);

typedef struct {
    corosync_cfg_shutdown_callback_t corosync_cfg_shutdown_callback;
} corosync_cfg_callbacks_t;

/** One address of a node: a sockaddr_in or sockaddr_in6, of which only family and address mean anything. */
typedef struct {
    int address_length; /**< bytes used of `address`: 16 (IPv4) or 28 (IPv6) */
    char address[sizeof(struct sockaddr_in6)];
} corosync_cfg_node_address_t;

/** Version of the structure that corosync_cfg_node_status_get() fills. */
typedef enum {
    CFG_NODE_STATUS_V1 = 1,
} corosync_cfg_node_status_version_t;

#define CFG_MAX_HOST_LEN 256
#define CFG_MAX_LINKS 8

/** One link to a node. A link that is not configured is all zero. */
struct corosync_knet_link_status_v1 {
    uint8_t enabled;      /**< configured, may carry traffic */
    uint8_t connected;    /**< the other side answers */
    uint8_t dynconnected; /**< always 0: addresses are never taken from received packets */
    unsigned int mtu;     /**< bytes */
    char src_ipaddr[CFG_MAX_HOST_LEN];
    char dst_ipaddr[CFG_MAX_HOST_LEN];
};

struct corosync_cfg_node_status_v1 {
    corosync_cfg_node_status_version_t version;
    unsigned int nodeid;
    uint8_t reachable;
    uint8_t remote;
    uint8_t external;
    uint8_t onwire_min; /**< protocol versions; 0 where the transport has none */
    uint8_t onwire_max;
    uint8_t onwire_ver;
    struct corosync_knet_link_status_v1 link_status[CFG_MAX_LINKS];
};

/**
 * Connect to the engine of this node.
 *
 * @param cfg_handle     receives the handle
 * @param cfg_callbacks  copied; may be NULL, and so may the callback in it: requests are then taken from the queue and
 *                       dropped, which their asker sees as silence
 *
 * @retval CS_ERR_LIBRARY    no engine runs here
 * @retval CS_ERR_TRY_AGAIN  it starts or restarts
 * @retval CS_ERR_ACCESS     this user may not connect; see uidgid in the configuration
 */
cs_error_t corosync_cfg_initialize(corosync_cfg_handle_t *cfg_handle, const corosync_cfg_callbacks_t *cfg_callbacks);

/** A descriptor that is readable while callbacks wait to be run; for poll only, the same for the life of the handle. */
cs_error_t corosync_cfg_fd_get(corosync_cfg_handle_t cfg_handle, int32_t *selection_fd);

/** Run callbacks; which and how long to wait for them: see cs_dispatch_flags_t. */
cs_error_t corosync_cfg_dispatch(corosync_cfg_handle_t cfg_handle, cs_dispatch_flags_t dispatch_flags);

/** End the connection. Counts as YES to a shutdown that waits for this user. CS_OK also when the engine is gone. */
cs_error_t corosync_cfg_finalize(corosync_cfg_handle_t cfg_handle);

/**
 * State of the links of this node.
 *
 * @param interface_names  receives `interface_count` strings "<nodeid> <address>" of the local side
 * @param status           receives as many strings: with knet one character for each node in the order of the node list,
 *                         n for this node, else a digit, 1 (enabled) plus 2 (connected); otherwise OK
 * @param interface_count  number of links
 *
 * Each string and both arrays are allocated with malloc(); the caller frees them.
 *
 * @retval CS_ERR_TRY_AGAIN  membership is changing
 */
cs_error_t corosync_cfg_ring_status_get(corosync_cfg_handle_t cfg_handle, char ***interface_names, char ***status,
                                        unsigned int *interface_count);

/**
 * How this node sees one node.
 *
 * @param nodeid       of the configuration
 * @param version      CFG_NODE_STATUS_V1
 * @param node_status  a struct corosync_cfg_node_status_v1
 *
 * @retval CS_ERR_INVALID_PARAM      another version
 * @retval CS_ERR_FAILED_OPERATION   no such node in the configuration
 */
cs_error_t corosync_cfg_node_status_get(corosync_cfg_handle_t cfg_handle, unsigned int nodeid,
                                        corosync_cfg_node_status_version_t version, void *node_status);

/**
 * Make a node of the ring leave at once: its engine logs who asked and why and exits with status 255; the others see it
 * lost. It is not started again by itself.
 *
 * @param reason  text for the victim's log, below 256 bytes; NULL for none
 *
 * @retval CS_OK                  the request is on its way, in order with all messages
 * @retval CS_ERR_NOT_EXIST       the node is no member
 * @retval CS_ERR_NAME_TOO_LONG   the reason is too long
 * @retval CS_ERR_TRY_AGAIN       membership is changing
 */
cs_error_t corosync_cfg_kill_node(corosync_cfg_handle_t cfg_handle, unsigned int nodeid, const char *reason);

/** Be asked before this node stops. `track_flags` has no meaning. CS_ERR_TRY_AGAIN while membership is changing. */
cs_error_t corosync_cfg_trackstart(corosync_cfg_handle_t cfg_handle, uint8_t track_flags);

/** Not be asked any more. CS_ERR_TRY_AGAIN while membership is changing. */
cs_error_t corosync_cfg_trackstop(corosync_cfg_handle_t cfg_handle);

/**
 * Stop this node in order. Returns when the decision is known: after the users' answers, at most cfg.shutdown_timeout
 * (5 s unless set otherwise).
 *
 * @retval CS_OK             the node stops; the connection breaks soon
 * @retval CS_ERR_BUSY       a user said NO or did not answer in time
 * @retval CS_ERR_EXIST      another request waits for its answers
 * @retval CS_ERR_TRY_AGAIN  membership is changing
 */
cs_error_t corosync_cfg_try_shutdown(corosync_cfg_handle_t cfg_handle, corosync_cfg_shutdown_flags_t flags);

/** Answer the pending request. CS_OK also when there is none. CS_ERR_TRY_AGAIN while membership is changing. */
cs_error_t corosync_cfg_replyto_shutdown(corosync_cfg_handle_t cfg_handle, corosync_cfg_shutdown_reply_flags_t flags);

/**
 * Addresses of a node, in the order of its links.
 *
 * @param nodeid     0: this node
 * @param max_addrs  room in `addrs`; no more are written
 * @param num_addrs  receives how many the node has, even if more than max_addrs
 *
 * @retval CS_ERR_NOT_EXIST  no such node in the configuration
 */
cs_error_t corosync_cfg_get_node_addrs(corosync_cfg_handle_t cfg_handle, unsigned int nodeid, size_t max_addrs,
                                       int *num_addrs, corosync_cfg_node_address_t *addrs);

/** The id of this node. */
cs_error_t corosync_cfg_local_get(corosync_cfg_handle_t handle, unsigned int *local_nodeid);

/**
 * Make every node of the ring read its configuration file again. In a ring of Motet nodes all of them switch at the same
 * point of the order of messages, or none does.
 *
 * @retval CS_OK                 the new configuration is in force here
 * @retval CS_ERR_INVALID_PARAM  it was refused; the reasons are in the log, and nothing has changed
 * @retval CS_ERR_BUSY           a reload is under way
 * @retval CS_ERR_TRY_AGAIN      membership is changing
 */
cs_error_t corosync_cfg_reload_config(corosync_cfg_handle_t handle);

/** Close and reopen the log files of this node, after they have been renamed. */
cs_error_t corosync_cfg_reopen_log_files(corosync_cfg_handle_t handle);

#ifdef __cplusplus
}
#endif

#endif /* COROSYNC_CFG_H_DEFINED */
