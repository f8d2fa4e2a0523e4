/*
 * Quorum: may this part of the cluster act, and which nodes are in it. Source and binary compatible with Corosync 3.1. Link
 * with -lquorum.
 *
 * Rules of all calls, not repeated below:
 *   CS_ERR_BAD_HANDLE     the handle was never issued or is finalized; no side effect
 *   CS_ERR_LIBRARY        the engine is gone, also while waiting for its answer: finalize and initialize again
 *   CS_ERR_INVALID_PARAM  also for a NULL pointer where a value is needed
 *   CS_ERR_NO_MEMORY      allocation failed; nothing was done
 * Calls that wait for the engine wait without time limit and are not interrupted by signals. All calls may come from any
 * thread, and from inside callbacks. After fork() only one of the two processes may go on using a handle.
 */
#ifndef COROSYNC_QUORUM_H_DEFINED
#define COROSYNC_QUORUM_H_DEFINED

#include <corosync/corotypes.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Which callbacks a connection has. */
typedef enum {
    QUORUM_MODEL_V0 = 0, /**< quorum notifications with the ring's sequence only */
    QUORUM_MODEL_V1 = 1, /**< with the whole ring id, and node lists with what joined and left */
} quorum_model_t;

/** A connection to the engine. Valid in the process that initialized it. */
typedef uint64_t quorum_handle_t;

/** A membership. Equal to the ring id of CPG's totem callback for the same membership. */
struct quorum_ring_id {
    uint32_t nodeid; /**< its representative */
    uint64_t seq;    /**< grows with every membership */
};

/** Model V0: the decision, after every change of membership and whenever it changes. `view_list`: members, ascending. */
typedef void (*quorum_notification_fn_t)(quorum_handle_t handle, uint32_t quorate, uint64_t ring_seq, uint32_t view_list_entries,
                                         uint32_t *view_list);

/** Model V1: the same with the whole ring id. */
typedef void (*quorum_v1_quorum_notification_fn_t)(quorum_handle_t handle, uint32_t quorate, struct quorum_ring_id ring_id,
                                                   uint32_t member_list_entries, const uint32_t *member_list);

/**
 * Model V1: a new membership, before the decision about it. Joined and left are relative to the last one told: a node that
 * left and came back in one change is in both.
 */
typedef void (*quorum_v1_nodelist_notification_fn_t)(quorum_handle_t handle, struct quorum_ring_id ring_id,
                                                     uint32_t member_list_entries, const uint32_t *member_list,
                                                     uint32_t joined_list_entries, const uint32_t *joined_list,
                                                     uint32_t left_list_entries, const uint32_t *left_list);

typedef struct {
    quorum_notification_fn_t quorum_notify_fn;
} quorum_callbacks_t;

/** What the data of all models begin with. */
typedef struct {
    quorum_model_t model;
} quorum_model_data_t;

typedef struct {
    quorum_model_t model;
    quorum_notification_fn_t quorum_notify_fn;
} quorum_model_v0_data_t;

typedef struct {
    quorum_model_t model;
    quorum_v1_quorum_notification_fn_t quorum_notify_fn;
    quorum_v1_nodelist_notification_fn_t nodelist_notify_fn;
} quorum_model_v1_data_t;

/** No provider: every node may always act. */
#define QUORUM_FREE 0
/** A provider decides. */
#define QUORUM_SET 1

/**
 * Connect with model V0.
 *
 * @param handle       receives the handle
 * @param callbacks    copied; NULL, or a NULL callback, drops its events
 * @param quorum_type  receives QUORUM_FREE or QUORUM_SET
 *
 * @retval CS_ERR_TRY_AGAIN  the node has no membership yet, or the service is being restarted
 * @retval CS_ERR_ACCESS     this user may not connect
 * @retval CS_ERR_LIBRARY    no engine runs here
 */
cs_error_t quorum_initialize(quorum_handle_t *handle, quorum_callbacks_t *callbacks, uint32_t *quorum_type);

/**
 * Connect with a model of choice. `model_data` (copied, may be NULL) is a quorum_model_v0_data_t or quorum_model_v1_data_t
 * according to `model`. Errors as quorum_initialize(); CS_ERR_INVALID_PARAM for another model.
 */
cs_error_t quorum_model_initialize(quorum_handle_t *handle, quorum_model_t model, quorum_model_data_t *model_data,
                                   uint32_t *quorum_type, void *context);

/** End the connection and its tracking. A running dispatch returns CS_ERR_BAD_HANDLE after its callback. */
cs_error_t quorum_finalize(quorum_handle_t handle);

/** A descriptor to poll: readable while events are queued, hung up when the engine is gone. Never read from it. */
cs_error_t quorum_fd_get(quorum_handle_t handle, int *fd);

/**
 * Run callbacks for queued events, in order, as cs_dispatch_flags_t says.
 *
 * @retval CS_ERR_INVALID_PARAM  no such flag
 * @retval CS_ERR_TRY_AGAIN      ONE_NONBLOCKING and nothing is queued
 */
cs_error_t quorum_dispatch(quorum_handle_t handle, cs_dispatch_flags_t dispatch_types);

/** 1 if this node's part of the cluster may act, else 0. Needs no tracking. */
cs_error_t quorum_getquorate(quorum_handle_t handle, int *quorate);

/**
 * Ask for events. CS_TRACK_CURRENT queues the present state before the call returns; CS_TRACK_CHANGES does so too and
 * subscribes; CS_TRACK_CHANGES_ONLY subscribes.
 *
 * @retval CS_ERR_EXIST  subscribed already; a present state that was asked for is queued all the same
 */
cs_error_t quorum_trackstart(quorum_handle_t handle, unsigned int flags);

/** End the subscription. CS_OK also without one. */
cs_error_t quorum_trackstop(quorum_handle_t handle);

/** Keep a pointer with the handle. Not used by the library. */
cs_error_t quorum_context_set(quorum_handle_t handle, const void *context);

/** The pointer kept with the handle. */
cs_error_t quorum_context_get(quorum_handle_t handle, const void **context);

#ifdef __cplusplus
}
#endif

#endif
