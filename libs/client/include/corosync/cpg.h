/*
 * Closed process groups: processes on several nodes join a group by name; every member receives the same messages and
 * membership changes in the same order. Source and binary compatible with Corosync 3.1. Link with -lcpg.
 *
 * Rules of all calls, not repeated below:
 *   CS_ERR_BAD_HANDLE     the handle was never issued or is finalized; no side effect
 *   CS_ERR_LIBRARY        the service is gone, also while waiting for its answer: finalize and initialize again.
 *                         No joined group or queued event survives. A restart of the service's own process is invisible.
 *   CS_ERR_TRY_AGAIN      where named: membership is changing or queues are full; nothing was done, repeat later
 *   CS_ERR_INVALID_PARAM  also for a NULL pointer where a value is needed
 *   CS_ERR_NO_MEMORY      allocation failed; nothing was done
 * Calls that wait for the service wait without time limit and are not interrupted by signals. All calls may come from any
 * thread, and from inside callbacks. After fork() only one of the two processes may go on using a handle.
 */
#ifndef COROSYNC_CPG_H_DEFINED
#define COROSYNC_CPG_H_DEFINED

#include <netinet/in.h>
#include <corosync/corotypes.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A connection to the service. Valid in the process that initialized it. */
typedef uint64_t cpg_handle_t;

/** A walk over groups and members; see cpg_iteration_initialize(). */
typedef uint64_t cpg_iteration_handle_t;

/** Wished order of a message. All are delivered in agreed order, which is the strongest that all values promise. */
typedef enum {
    CPG_TYPE_UNORDERED, /**< served as CPG_TYPE_AGREED */
    CPG_TYPE_FIFO,      /**< served as CPG_TYPE_AGREED */
    CPG_TYPE_AGREED,    /**< same order at all members */
    CPG_TYPE_SAFE       /**< as AGREED, and delivered when every node of the ring has the message, if all nodes run Motet */
} cpg_guarantee_t;

/** Whether sends are refused at the moment; see cpg_flow_control_state_get(). */
typedef enum {
    CPG_FLOW_CONTROL_DISABLED, /**< messages may be sent */
    CPG_FLOW_CONTROL_ENABLED   /**< messages would be refused with CS_ERR_TRY_AGAIN */
} cpg_flow_control_state_t;

/** Why a process is in a joined or left list. */
typedef enum {
    CPG_REASON_UNDEFINED = 0, /**< in member lists */
    CPG_REASON_JOIN = 1,      /**< called cpg_join() */
    CPG_REASON_LEAVE = 2,     /**< called cpg_leave() */
    CPG_REASON_NODEDOWN = 3,  /**< its node left the ring */
    CPG_REASON_NODEUP = 4,    /**< became visible when rings merged */
    CPG_REASON_PROCDOWN = 5   /**< finalized, exited, was killed or cut off */
} cpg_reason_t;

/** What an iteration visits. */
typedef enum {
    CPG_ITERATION_NAME_ONLY = 1, /**< each group once; nodeid and pid are 0 */
    CPG_ITERATION_ONE_GROUP = 2, /**< the members of one group */
    CPG_ITERATION_ALL = 3,       /**< all members of all groups, group by group */
} cpg_iteration_type_t;

/** The version of the callback structure given to cpg_model_initialize(). */
typedef enum {
    CPG_MODEL_V1 = 1,
} cpg_model_t;

/** A process: its node, its process id as getpid() gave it there, and a cpg_reason_t. */
struct cpg_address {
    uint32_t nodeid;
    uint32_t pid;
    uint32_t reason;
};

#define CPG_MAX_NAME_LENGTH 128
/** A group's name: `length` arbitrary bytes, 0 to 128. A counted terminating NUL is part of the name. */
struct cpg_name {
    uint32_t length;
    char value[CPG_MAX_NAME_LENGTH];
};

/** Entries that cpg_membership_get() may write. */
#define CPG_MEMBERS_MAX 128

/** One step of an iteration. */
struct cpg_iteration_description_t {
    struct cpg_name group;
    uint32_t nodeid;
    uint32_t pid;
};

/** A ring: the node that represents it and a sequence number that only rises. */
struct cpg_ring_id {
    uint32_t nodeid;
    uint64_t seq;
};

/**
 * A message of a group this handle has joined; the sender receives its own. `msg` and `group_name` are valid until the
 * callback returns. The bytes may be changed in place. Do not expect alignment beyond that of a byte.
 */
typedef void (*cpg_deliver_fn_t)(cpg_handle_t handle, const struct cpg_name *group_name, uint32_t nodeid, uint32_t pid,
                                 void *msg, size_t msg_len);

/**
 * The membership of a group changed. `member_list` is complete after the change, sorted by nodeid, then pid; the other
 * lists say who left and who joined, with reasons. A member that misses itself in member_list has been left out and
 * receives nothing more. List pointers are never NULL, also with 0 entries; all are valid until the callback returns.
 */
typedef void (*cpg_confchg_fn_t)(cpg_handle_t handle, const struct cpg_name *group_name,
                                 const struct cpg_address *member_list, size_t member_list_entries,
                                 const struct cpg_address *left_list, size_t left_list_entries,
                                 const struct cpg_address *joined_list, size_t joined_list_entries);

/** The ring of nodes changed; follows the group changes that it caused. Nodes are sorted by id. */
typedef void (*cpg_totem_confchg_fn_t)(cpg_handle_t handle, struct cpg_ring_id ring_id, uint32_t member_list_entries,
                                       const uint32_t *member_list);

/** Callbacks of cpg_initialize(). Any may be NULL: such events are dropped by cpg_dispatch(). */
typedef struct {
    cpg_deliver_fn_t cpg_deliver_fn;
    cpg_confchg_fn_t cpg_confchg_fn;
} cpg_callbacks_t;

/** The common beginning of all models. */
typedef struct {
    cpg_model_t model;
} cpg_model_data_t;

/** Flag: after the group change of the own join, report the present ring to cpg_totem_confchg_fn. */
#define CPG_MODEL_V1_DELIVER_INITIAL_TOTEM_CONF 0x01

/** Callbacks and flags of CPG_MODEL_V1. Any callback may be NULL. */
typedef struct {
    cpg_model_t model;
    cpg_deliver_fn_t cpg_deliver_fn;
    cpg_confchg_fn_t cpg_confchg_fn;
    cpg_totem_confchg_fn_t cpg_totem_confchg_fn;
    unsigned int flags;
} cpg_model_v1_data_t;

/**
 * Connect to the service of this node. As cpg_model_initialize() with CPG_MODEL_V1, no totem callback, no flags.
 *
 * @param handle     receives the handle; untouched on failure
 * @param callbacks  copied; NULL: none
 *
 * @retval CS_OK                connected
 * @retval CS_ERR_TRY_AGAIN     the service is starting, or did not answer within 5 seconds
 * @retval CS_ERR_LIBRARY       no service is running
 * @retval CS_ERR_ACCESS        user and group are neither root nor listed in uidgid
 * @retval CS_ERR_VERSION       the service speaks another version than this library
 * @retval CS_ERR_NO_RESOURCES  too many connections, handles or descriptors
 * @retval CS_ERR_INVALID_PARAM handle is NULL
 */
cs_error_t cpg_initialize(cpg_handle_t *handle, cpg_callbacks_t *callbacks);

/**
 * Connect to the service of this node.
 *
 * @param handle      receives the handle; untouched on failure
 * @param model       CPG_MODEL_V1
 * @param model_data  a cpg_model_v1_data_t, copied; NULL: no callbacks, no flags
 * @param context     for cpg_context_get()
 *
 * @retval CS_ERR_INVALID_PARAM  unknown model, or a flag other than CPG_MODEL_V1_DELIVER_INITIAL_TOTEM_CONF
 * Others as cpg_initialize().
 */
cs_error_t cpg_model_initialize(cpg_handle_t *handle, cpg_model_t model, cpg_model_data_t *model_data, void *context);

/**
 * Close the connection. To the other members the process is gone (CPG_REASON_PROCDOWN). The handle and its descriptor
 * are invalid afterwards whatever the result; zero-copy buffers not yet freed stay mapped. In a callback: the running
 * dispatch returns CS_ERR_BAD_HANDLE after it. Waits for the service to have taken notice.
 *
 * @retval CS_OK           closed
 * @retval CS_ERR_LIBRARY  closed; the service was gone already
 */
cs_error_t cpg_finalize(cpg_handle_t handle);

/**
 * A descriptor for poll(): readable while events are queued, hung up when the service is gone. Level-triggered and the
 * same for the life of the handle. Never read, write or close it.
 *
 * @param fd  receives a connected AF_UNIX stream socket, non-blocking and close-on-exec
 *
 * Never blocks; works after the service is gone.
 */
cs_error_t cpg_fd_get(cpg_handle_t handle, int *fd);

/**
 * The largest message that is sent as one.
 *
 * @param size  receives 1047552 (bytes); see cpg_mcast_joined()
 *
 * Never blocks; works after the service is gone.
 */
cs_error_t cpg_max_atomic_msgsize_get(cpg_handle_t handle, uint32_t *size);

/** The pointer given to cpg_model_initialize() or cpg_context_set(); NULL if none. Never blocks. */
cs_error_t cpg_context_get(cpg_handle_t handle, void **context);

/** Store a pointer for the application's use. Never blocks. */
cs_error_t cpg_context_set(cpg_handle_t handle, void *context);

/**
 * Call the callbacks of queued events, in the order of the group. Each event is taken from the queue before its callback
 * runs, so a dispatch inside a callback handles the next one.
 *
 * @param dispatch_types  see cs_dispatch_flags_t; other values act as CS_DISPATCH_BLOCKING
 *
 * @retval CS_OK              as many events handled as asked for; with CS_DISPATCH_ALL perhaps none. With CS_DISPATCH_ONE also
 *                            when the descriptor of cpg_fd_get() was readable but its event was taken by an earlier call
 * @retval CS_ERR_TRY_AGAIN   CS_DISPATCH_ONE_NONBLOCKING and nothing was queued
 * @retval CS_ERR_BAD_HANDLE  also: finalized by a callback or another thread meanwhile
 * @retval CS_ERR_LIBRARY     the service is gone; events still queued are lost
 *
 * Needs little stack: events are copied to a buffer of the handle.
 */
cs_error_t cpg_dispatch(cpg_handle_t handle, cs_dispatch_flags_t dispatch_types);

/**
 * Join a group; a handle is member of at most one. Returns when the join is accepted for ordering; it has happened when
 * cpg_confchg_fn lists this process. The process id announced is getpid() of the calling process.
 *
 * @retval CS_OK                accepted
 * @retval CS_ERR_NAME_TOO_LONG length above 128
 * @retval CS_ERR_EXIST         this handle has joined a group, or this process is a member through another handle
 * @retval CS_ERR_TRY_AGAIN     membership is changing, or a leave of the same group is not delivered yet
 *
 * Waits for the local service, not for other nodes.
 */
cs_error_t cpg_join(cpg_handle_t handle, const struct cpg_name *group);

/**
 * Leave the group. Returns when the leave is accepted for ordering; the last event of the group is the change that lists
 * this process as left. Then the handle may join again.
 *
 * @retval CS_OK             accepted
 * @retval CS_ERR_NOT_EXIST  not a member of this group, or leaving already
 * @retval CS_ERR_TRY_AGAIN  membership is changing, or the own join is not delivered within 5 seconds
 */
cs_error_t cpg_leave(cpg_handle_t handle, const struct cpg_name *group);

/**
 * Send one message to every member of the group that the handle has joined, this process included.
 *
 * The message is copied before the call returns. CS_OK means "accepted for ordering", not "delivered"; a message sent
 * while not joined is dropped without a word. Up to the size of cpg_max_atomic_msgsize_get() the message keeps one place
 * in the order of all messages and the call never blocks. Longer ones, up to 16 MiB, travel in parts: the call waits for
 * the local service after each part, receivers get the message once and whole, or not at all.
 *
 * @param guarantee  any; see cpg_guarantee_t
 * @param iovec      pieces of the message; an empty message is allowed
 * @param iov_len    number of pieces, 0 to 1024
 *
 * @retval CS_OK                 accepted
 * @retval CS_ERR_TRY_AGAIN      queue full or membership changing; in parts: for longer than a second
 * @retval CS_ERR_TOO_BIG        longer than 16 MiB
 * @retval CS_ERR_INTERRUPT      in parts: a membership change broke it off; receivers drop what they have
 * @retval CS_ERR_NOT_EXIST      in parts: the handle has not joined a group
 * @retval CS_ERR_INVALID_PARAM  more than 1024 pieces, or NULL where bytes are announced
 */
cs_error_t cpg_mcast_joined(cpg_handle_t handle, cpg_guarantee_t guarantee, const struct iovec *iovec,
                            unsigned int iov_len);

/**
 * The members of any group on all nodes, as this node knows them now. The group need not be joined.
 *
 * @param member_list          array of CPG_MEMBERS_MAX entries; `reason` is set to 0
 * @param member_list_entries  receives how many were written, 0 for an unknown group; members beyond 128 are left out
 *
 * @retval CS_ERR_NAME_TOO_LONG  length above 128
 *
 * Waits for the local service.
 */
cs_error_t cpg_membership_get(cpg_handle_t handle, struct cpg_name *groupName, struct cpg_address *member_list,
                              int *member_list_entries);

/** The id of this node. Waits for the local service. */
cs_error_t cpg_local_get(cpg_handle_t handle, unsigned int *local_nodeid);

/**
 * Whether cpg_mcast_joined() would be refused at the moment.
 *
 * @param flow_control_enabled  receives a cpg_flow_control_state_t; DISABLED when the service is gone
 *
 * Never blocks. A hint: the answer may have changed when the call returns.
 */
cs_error_t cpg_flow_control_state_get(cpg_handle_t handle, cpg_flow_control_state_t *flow_control_enabled);

/**
 * A buffer for cpg_zcb_mcast_joined().
 *
 * @param size    usable bytes; 0 is allowed
 * @param buffer  receives it, zeroed and page-aligned; give it back with cpg_zcb_free()
 *
 * @retval CS_ERR_NO_MEMORY  not available
 */
cs_error_t cpg_zcb_alloc(cpg_handle_t handle, size_t size, void **buffer);

/**
 * Give a buffer back.
 *
 * @retval CS_ERR_INVALID_PARAM  not a buffer of this handle
 */
cs_error_t cpg_zcb_free(cpg_handle_t handle, void *buffer);

/**
 * Send the first bytes of a buffer and wait for the local service's verdict. The buffer may be changed and sent again
 * when the call returns.
 *
 * @param msg      as cpg_zcb_alloc() returned it, on the same handle
 * @param msg_len  at most the buffer's size and 1 MiB
 *
 * @retval CS_OK                 accepted for ordering
 * @retval CS_ERR_NOT_EXIST      the handle has not joined a group
 * @retval CS_ERR_TOO_BIG        longer than 1 MiB
 * @retval CS_ERR_TRY_AGAIN      queue full or membership changing
 * @retval CS_ERR_INVALID_PARAM  not a buffer of this handle, or longer than it
 */
cs_error_t cpg_zcb_mcast_joined(cpg_handle_t handle, cpg_guarantee_t guarantee, void *msg, size_t msg_len);

/**
 * Start a walk over a copy of the membership as it is now.
 *
 * @param iteration_type        what to visit
 * @param group                 the group for CPG_ITERATION_ONE_GROUP, else NULL
 * @param cpg_iteration_handle  receives the walk's handle; ended by cpg_iteration_finalize() or cpg_finalize()
 *
 * @retval CS_ERR_INVALID_PARAM  unknown type, or group does not fit it
 * @retval CS_ERR_NAME_TOO_LONG  length above 128
 *
 * Waits for the local service.
 */
cs_error_t cpg_iteration_initialize(cpg_handle_t handle, cpg_iteration_type_t iteration_type,
                                    const struct cpg_name *group, cpg_iteration_handle_t *cpg_iteration_handle);

/**
 * The next entry. Groups come newest first, members by nodeid, then pid.
 *
 * @retval CS_OK               description filled
 * @retval CS_ERR_NO_SECTIONS  no more; a further call starts over
 *
 * Waits for the local service.
 */
cs_error_t cpg_iteration_next(cpg_iteration_handle_t handle, struct cpg_iteration_description_t *description);

/** End a walk; its handle is invalid afterwards whatever the result. Waits for the local service. */
cs_error_t cpg_iteration_finalize(cpg_iteration_handle_t handle);

#ifdef __cplusplus
}
#endif

#endif /* COROSYNC_CPG_H_DEFINED */
