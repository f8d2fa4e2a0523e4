/*
 * An application that comes back: the process that registers becomes the supervisor of a child that does the work, and starts
 * a new one when it fails, hangs or, if asked for, loses quorum. Source and binary compatible with Corosync 3.1. Link with -lsam.
 *
 * Order of calls: sam_initialize(), sam_register(), sam_start(), heartbeats, sam_stop(), sam_finalize(). There is one
 * application per process and no handle. Only sam_hc_send() may be called from several threads or from signal handlers.
 *
 * The library works alone. Where the node's sam service can be reached, the application is known to it besides (motetctl sam),
 * and a standby process takes over when the supervisor itself is killed or hangs.
 *
 * Rules of all calls, not repeated below:
 *   CS_ERR_BAD_HANDLE     not allowed in this state; no side effect
 *   CS_ERR_LIBRARY        the supervisor is gone; nobody watches this process any more
 *   CS_ERR_INVALID_PARAM  also for a NULL pointer where a value is needed
 */
#ifndef COROSYNC_SAM_H_DEFINED
#define COROSYNC_SAM_H_DEFINED

#include <corosync/corotypes.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What becomes of an application that failed. QUIT or RESTART, either with QUORUM and CMAP added. */
typedef enum {
    SAM_RECOVERY_POLICY_QUIT = 1,    /**< it is ended, and the supervisor with it */
    SAM_RECOVERY_POLICY_RESTART = 2, /**< a new instance returns from sam_register() */
    SAM_RECOVERY_POLICY_QUORUM = 0x08, /**< runs in a quorate partition only: loss of quorum is a failure */
    SAM_RECOVERY_POLICY_QUORUM_QUIT = SAM_RECOVERY_POLICY_QUORUM | SAM_RECOVERY_POLICY_QUIT,
    SAM_RECOVERY_POLICY_QUORUM_RESTART = SAM_RECOVERY_POLICY_QUORUM | SAM_RECOVERY_POLICY_RESTART,
    SAM_RECOVERY_POLICY_CMAP = 0x10, /**< state is published under resources.process.PID., PID being the supervisor's */
    SAM_RECOVERY_POLICY_CONFDB = 0x10 /**< older name of CMAP */
} sam_recovery_policy_t;

/** A health check: 0 is healthy. Runs in a thread of its own with a small stack (32 KiB). */
typedef int (*sam_hc_callback_t)(void);

/**
 * Begin. The first call of all, once in the life of a process.
 *
 * @param time_interval    longest time between two heartbeats, in milliseconds; 0: only the end of the process is a failure
 * @param recovery_policy  see sam_recovery_policy_t
 *
 * @retval CS_OK, CS_ERR_INVALID_PARAM (neither QUIT nor RESTART), CS_ERR_BAD_HANDLE (called before);
 *         with QUORUM what connecting to the quorum service gives, CS_ERR_LIBRARY if there is none
 */
cs_error_t sam_initialize(int time_interval, sam_recovery_policy_t recovery_policy);

/**
 * End: stops supervision if it runs. The supervisor waits for the process and exits with its status.
 */
cs_error_t sam_finalize(void);

/**
 * Let supervision begin: heartbeats count from here on, and the end of the process is a failure. With QUORUM blocks until the
 * partition is quorate.
 *
 * @retval CS_OK; CS_ERR_LIBRARY; errors of the quorum and cmap services with these flags
 */
cs_error_t sam_start(void);

/**
 * Stop supervision; sam_start() may follow. A process that ends while stopped is not restarted.
 */
cs_error_t sam_stop(void);

/**
 * Signal sent when heartbeats are missed, one time_interval before SIGKILL. SIGTERM unless set.
 */
cs_error_t sam_warn_signal_set(int warn_signal);

/**
 * Fork. The calling process becomes the supervisor: it does not return, and exits with the status of the last instance (128
 * and the signal number if it was killed); its exit handlers run then. The call returns in the first instance, and again in each
 * further one, as if only this moment had been repeated.
 *
 * What an instance leaves behind when it fails - processes it started, in the same session - is killed before the next begins.
 *
 * @param instance_id  receives 1 in the first instance, 2 in the next, ...; may be NULL
 *
 * @retval CS_OK in an instance; CS_ERR_LIBRARY in the caller: no socket or no process (see errno); with CMAP errors of the cmap service
 */
cs_error_t sam_register(unsigned int *instance_id);

/**
 * One heartbeat. Never blocks. Safe in signal handlers and threads.
 */
cs_error_t sam_hc_send(void);

/**
 * Let the library send the heartbeats, as long as a callback asked once per time_interval returns 0. A later call replaces the
 * callback; NULL then ends the checks.
 *
 * @retval CS_OK; CS_ERR_INVALID_PARAM if time_interval is 0 or the first callback is NULL; CS_ERR_BAD_HANDLE unless registered and not started
 */
cs_error_t sam_hc_callback_register(sam_hc_callback_t cb);

/**
 * Bytes kept by sam_data_store(); 0 if none.
 */
cs_error_t sam_data_getsize(size_t *size);

/**
 * Copy what is stored. With nothing stored CS_OK, and @p data is untouched.
 *
 * @param size  room at @p data; CS_ERR_INVALID_PARAM if it is too small
 */
cs_error_t sam_data_restore(void *data, size_t size);

/**
 * Keep a copy outside this process: the next instance finds it. NULL or 0 clears. Replaces what was stored before as a whole or,
 * on an error, not at all.
 *
 * @retval CS_OK, CS_ERR_NO_MEMORY, CS_ERR_LIBRARY. Waits for the supervisor's answer.
 */
cs_error_t sam_data_store(const void *data, size_t size);

/**
 * Declare this instance failed for good: it is killed without warning and not restarted, and the key `state` stays `failed`.
 *
 * @retval CS_OK; CS_ERR_INVALID_PARAM without SAM_RECOVERY_POLICY_CMAP
 */
cs_error_t sam_mark_failed(void);

#ifdef __cplusplus
}
#endif

#endif
