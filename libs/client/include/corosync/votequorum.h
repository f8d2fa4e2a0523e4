/*
 * Votes: how many are expected, present and needed, and the quorum device. Source and binary compatible with Corosync 3.1.
 * Link with -lvotequorum. The service exists only with `quorum.provider: corosync_votequorum`.
 *
 * Rules of all calls, not repeated below:
 *   CS_ERR_BAD_HANDLE     the handle was never issued or is finalized; no side effect
 *   CS_ERR_LIBRARY        the engine is gone, also while waiting for its answer: finalize and initialize again
 *   CS_ERR_INVALID_PARAM  also for a NULL pointer where a value is needed
 *   CS_ERR_NO_MEMORY      allocation failed; nothing was done
 * Calls that wait for the engine wait without time limit and are not interrupted by signals. All calls may come from any
 * thread, and from inside callbacks. After fork() only one of the two processes may go on using a handle.
 */
#ifndef COROSYNC_VOTEQUORUM_H_DEFINED
#define COROSYNC_VOTEQUORUM_H_DEFINED

#include <corosync/corotypes.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A connection to the engine. Valid in the process that initialized it. */
typedef uint64_t votequorum_handle_t;

/* votequorum_info.flags: what is configured and decided for the cluster ... */
#define VOTEQUORUM_INFO_TWONODE 1
#define VOTEQUORUM_INFO_QUORATE 2
#define VOTEQUORUM_INFO_WAIT_FOR_ALL 4
#define VOTEQUORUM_INFO_LAST_MAN_STANDING 8
#define VOTEQUORUM_INFO_AUTO_TIE_BREAKER 16
#define VOTEQUORUM_INFO_ALLOW_DOWNSCALE 32
/* ... and the device of the node that was asked about. */
#define VOTEQUORUM_INFO_QDEVICE_REGISTERED 64
#define VOTEQUORUM_INFO_QDEVICE_ALIVE 128
#define VOTEQUORUM_INFO_QDEVICE_CAST_VOTE 256
#define VOTEQUORUM_INFO_QDEVICE_MASTER_WINS 512

/** The device in lists of nodes. */
#define VOTEQUORUM_QDEVICE_NODEID 0
/** Bytes of a device's name, its NUL included. */
#define VOTEQUORUM_QDEVICE_MAX_NAME_LEN 255
/** Milliseconds between polls after which a device is taken for dead, and the same during a change of membership. */
#define VOTEQUORUM_QDEVICE_DEFAULT_TIMEOUT 10000
#define VOTEQUORUM_QDEVICE_DEFAULT_SYNC_TIMEOUT 30000

#define VOTEQUORUM_NODESTATE_MEMBER 1
#define VOTEQUORUM_NODESTATE_DEAD 2
#define VOTEQUORUM_NODESTATE_LEAVING 3

struct votequorum_info {
    unsigned int node_id;
    unsigned int node_state; /**< VOTEQUORUM_NODESTATE_* */
    unsigned int node_votes;
    unsigned int node_expected_votes;
    unsigned int highest_expected; /**< of all members */
    unsigned int total_votes;      /**< present, the device's included while it votes for this node */
    unsigned int quorum;           /**< votes needed */
    unsigned int flags;            /**< VOTEQUORUM_INFO_* */
    unsigned int qdevice_votes;
    char qdevice_name[VOTEQUORUM_QDEVICE_MAX_NAME_LEN];
};

typedef struct {
    uint32_t nodeid;
    uint32_t state; /**< VOTEQUORUM_NODESTATE_*; 0 for the device */
} votequorum_node_t;

/** A membership, as in quorum.h. */
typedef struct {
    uint32_t nodeid;
    uint64_t seq;
} votequorum_ring_id_t;

/** The decision and every node ever seen, in no particular order; the device of this node last. */
typedef void (*votequorum_quorum_notification_fn_t)(votequorum_handle_t handle, uint64_t context, uint32_t quorate,
                                                    uint32_t node_list_entries, votequorum_node_t node_list[]);

/** A new membership, before its votes are counted: a device has to poll with this ring id. */
typedef void (*votequorum_nodelist_notification_fn_t)(votequorum_handle_t handle, uint64_t context, votequorum_ring_id_t ring_id,
                                                      uint32_t node_list_entries, uint32_t node_list[]);

/** The expected votes were changed, or raised by more votes than expected. */
typedef void (*votequorum_expectedvotes_notification_fn_t)(votequorum_handle_t handle, uint64_t context, uint32_t expected_votes);

typedef struct {
    votequorum_quorum_notification_fn_t votequorum_quorum_notify_fn;
    votequorum_expectedvotes_notification_fn_t votequorum_expectedvotes_notify_fn;
    votequorum_nodelist_notification_fn_t votequorum_nodelist_notify_fn;
} votequorum_callbacks_t;

/**
 * Connect. `callbacks` (copied) or any of them may be NULL.
 *
 * @retval CS_ERR_TRY_AGAIN  the node has no membership yet, or the service is being restarted
 * @retval CS_ERR_ACCESS     this user may not connect
 * @retval CS_ERR_LIBRARY    no engine runs here, or it does not count votes
 */
cs_error_t votequorum_initialize(votequorum_handle_t *handle, votequorum_callbacks_t *callbacks);

/** End the connection. A device registered through it stays registered. */
cs_error_t votequorum_finalize(votequorum_handle_t handle);

/** Run callbacks for queued events. CS_ERR_INVALID_PARAM: no such flag; CS_ERR_TRY_AGAIN: nothing queued (ONE_NONBLOCKING). */
cs_error_t votequorum_dispatch(votequorum_handle_t handle, cs_dispatch_flags_t dispatch_types);

/** A descriptor to poll: readable while events are queued, hung up when the engine is gone. Never read from it. */
cs_error_t votequorum_fd_get(votequorum_handle_t handle, int *fd);

/** What is known of a node; 0 is the local one. CS_ERR_NOT_EXIST: never seen. */
cs_error_t votequorum_getinfo(votequorum_handle_t handle, unsigned int nodeid, struct votequorum_info *info);

/**
 * Change the expected votes of the whole cluster until nodes restart. Not written to the configuration.
 *
 * @retval CS_ERR_INVALID_PARAM  less than the votes present, or the cluster would lose quorum
 */
cs_error_t votequorum_setexpected(votequorum_handle_t handle, unsigned int expected_votes);

/**
 * Change the votes of a node (0: the local one) for the whole cluster. Expected votes grow when needed.
 *
 * @retval CS_ERR_NAME_NOT_FOUND  no such node
 * @retval CS_ERR_INVALID_PARAM   the cluster would lose quorum
 */
cs_error_t votequorum_setvotes(votequorum_handle_t handle, unsigned int nodeid, unsigned int votes);

/**
 * Ask for events; they carry `context`. CS_TRACK_CURRENT and CS_TRACK_CHANGES queue the present node list and decision before
 * the call returns; CS_TRACK_CHANGES and CS_TRACK_CHANGES_ONLY subscribe.
 *
 * @retval CS_ERR_EXIST  subscribed already
 */
cs_error_t votequorum_trackstart(votequorum_handle_t handle, uint64_t context, unsigned int flags);

/** End the subscription. CS_ERR_NOT_EXIST: there is none. */
cs_error_t votequorum_trackstop(votequorum_handle_t handle);

/** The pointer kept with the handle; not the context of the events. */
cs_error_t votequorum_context_get(votequorum_handle_t handle, void **context);

/** Keep a pointer with the handle. Not used by the library. */
cs_error_t votequorum_context_set(votequorum_handle_t handle, void *context);

/**
 * Register the quorum device of this node. It does not vote before its first poll. Returns when all nodes know.
 *
 * @retval CS_ERR_INVALID_PARAM  name empty or of 255 bytes and more
 * @retval CS_ERR_ACCESS         the configuration has no device
 * @retval CS_ERR_EXIST          registered under another name, here or in the cluster
 * @retval CS_ERR_TRY_AGAIN      a registration is under way
 */
cs_error_t votequorum_qdevice_register(votequorum_handle_t handle, const char *name);

/** Take the device away. CS_ERR_NOT_EXIST: there is none; CS_ERR_INVALID_PARAM: it has another name; CS_ERR_TRY_AGAIN. */
cs_error_t votequorum_qdevice_unregister(votequorum_handle_t handle, const char *name);

/** Rename the device. Errors as votequorum_qdevice_unregister(). */
cs_error_t votequorum_qdevice_update(votequorum_handle_t handle, const char *oldname, const char *newname);

/**
 * Sign of life of the device, and its vote. Must come more often than quorum.device.timeout. While a membership is being
 * synchronised, this node waits up to quorum.device.sync_timeout for the poll with the new ring id.
 *
 * @retval CS_ERR_MESSAGE_ERROR  `ring_id` is not that of the last node list
 * @retval CS_ERR_NOT_EXIST      no device is registered
 * @retval CS_ERR_INVALID_PARAM  it has another name
 */
cs_error_t votequorum_qdevice_poll(votequorum_handle_t handle, const char *name, unsigned int cast_vote,
                                   votequorum_ring_id_t ring_id);

/** Whether the part that has the device's vote stays quorate by it alone. Errors as votequorum_qdevice_unregister(). */
cs_error_t votequorum_qdevice_master_wins(votequorum_handle_t handle, const char *name, unsigned int allow);

#ifdef __cplusplus
}
#endif

#endif
