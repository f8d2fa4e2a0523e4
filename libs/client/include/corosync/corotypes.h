/*
 * Types, constants and error codes shared by the client libraries of Motet. Source and binary compatible with
 * Corosync 3.1: same names, values and layouts. Link with libcorosync_common for the functions at the end.
 */
#ifndef COROTYPES_H_DEFINED
#define COROTYPES_H_DEFINED

#include <errno.h>
#include <stdint.h>
#include <sys/time.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A point in time or a duration, in nanoseconds. CS_TIME_END is later than any other. */
typedef int64_t cs_time_t;
#define CS_TIME_END ((cs_time_t)0x7FFFFFFFFFFFFFFFULL)

#define CS_TIME_MS_IN_SEC 1000ULL
#define CS_TIME_US_IN_SEC 1000000ULL
#define CS_TIME_NS_IN_SEC 1000000000ULL
#define CS_TIME_US_IN_MSEC 1000ULL
#define CS_TIME_NS_IN_MSEC 1000000ULL
#define CS_TIME_NS_IN_USEC 1000ULL

#define CS_FALSE 0
#define CS_TRUE !CS_FALSE
#define CS_MAX(x, y) (((x) > (y)) ? (x) : (y))

/** Time limit of library calls in milliseconds; -1: none. A call ends when the answer is there or the service is gone. */
#define CS_IPC_TIMEOUT_MS -1

/** printf formats of node and ring ids, everywhere the same. They need <inttypes.h>. */
#define CS_PRI_NODE_ID "%" PRIu32
#define CS_PRI_NODE_ID_PADDED "%10" PRIu32
#define CS_PRI_RING_ID_SEQ "%" PRIx64
#define CS_PRI_RING_ID "%" PRIx32 ".%" PRIx64

#define CS_MAX_NAME_LENGTH 256
/** A counted name: `length` bytes of `value`, without a terminating NUL. */
typedef struct {
    uint16_t length;
    uint8_t value[CS_MAX_NAME_LENGTH];
} cs_name_t;

typedef struct {
    char releaseCode;
    unsigned char majorVersion;
    unsigned char minorVersion;
} cs_version_t;

/**
 * How much one dispatch call handles. Callbacks run only inside dispatch, in the calling thread.
 */
typedef enum {
    CS_DISPATCH_ONE = 1,            /**< wait for one event, without limit, and handle it */
    CS_DISPATCH_ALL = 2,            /**< handle what is queued, do not wait */
    CS_DISPATCH_BLOCKING = 3,       /**< handle events until the handle is finalized or the service is gone */
    CS_DISPATCH_ONE_NONBLOCKING = 4 /**< handle one event if there is one, else CS_ERR_TRY_AGAIN */
} cs_dispatch_flags_t;

#define CS_TRACK_CURRENT 0x01
#define CS_TRACK_CHANGES 0x02
#define CS_TRACK_CHANGES_ONLY 0x04

/**
 * Result of every call. Only CS_ERR_TRY_AGAIN is worth repeating; after CS_ERR_LIBRARY finalize and initialize again.
 */
typedef enum {
    CS_OK = 1,
    CS_ERR_LIBRARY = 2,           /**< service not running, connection broken, or internal failure */
    CS_ERR_VERSION = 3,           /**< library and service speak different versions */
    CS_ERR_INIT = 4,
    CS_ERR_TIMEOUT = 5,
    CS_ERR_TRY_AGAIN = 6,         /**< nothing wrong; the same call may succeed later */
    CS_ERR_INVALID_PARAM = 7,
    CS_ERR_NO_MEMORY = 8,
    CS_ERR_BAD_HANDLE = 9,        /**< never issued, or finalized */
    CS_ERR_BUSY = 10,
    CS_ERR_ACCESS = 11,           /**< this user and group may not connect, or the key is read-only */
    CS_ERR_NOT_EXIST = 12,
    CS_ERR_NAME_TOO_LONG = 13,
    CS_ERR_EXIST = 14,
    CS_ERR_NO_SPACE = 15,
    CS_ERR_INTERRUPT = 16,        /**< a message in several parts was broken off by a membership change */
    CS_ERR_NAME_NOT_FOUND = 17,
    CS_ERR_NO_RESOURCES = 18,
    CS_ERR_NOT_SUPPORTED = 19,
    CS_ERR_BAD_OPERATION = 20,
    CS_ERR_FAILED_OPERATION = 21,
    CS_ERR_MESSAGE_ERROR = 22,
    CS_ERR_QUEUE_FULL = 23,
    CS_ERR_QUEUE_NOT_AVAILABLE = 24,
    CS_ERR_BAD_FLAGS = 25,
    CS_ERR_TOO_BIG = 26,
    CS_ERR_NO_SECTIONS = 27,      /**< end of an iteration */
    CS_ERR_CONTEXT_NOT_FOUND = 28,
    CS_ERR_TOO_MANY_GROUPS = 30,
    CS_ERR_SECURITY = 100
} cs_error_t;

/** Monotonic time in nanoseconds. Its zero means nothing; only differences do. */
static inline uint64_t cs_timestamp_get(void)
{
#ifdef CLOCK_MONOTONIC
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * CS_TIME_NS_IN_SEC + (uint64_t)now.tv_nsec;
#else /* strict ISO C hides it; time of day is the best that is left */
    struct timeval now;

    (void)gettimeofday(&now, 0);
    return (uint64_t)now.tv_sec * CS_TIME_NS_IN_SEC + (uint64_t)now.tv_usec * CS_TIME_NS_IN_USEC;
#endif
}

/**
 * The error code that a negative errno value stands for.
 *
 * @param result  0 or more: success; else -errno
 * @return CS_OK for success, CS_ERR_LIBRARY for numbers without a better counterpart. Never blocks.
 */
cs_error_t qb_to_cs_error(int result);

/**
 * The name of an error code: "success" for CS_OK, else its identifier, such as "CS_ERR_TRY_AGAIN".
 *
 * @return a static string; "unknown error" for values that are no error code. Never NULL, never blocks.
 */
const char *cs_strerror(cs_error_t err);

/**
 * The error code for a result of the handle tables in hdb.h.
 *
 * @param res  0, -EBADF, -ENOMEM, -EMFILE or -EACCES; any other value gives CS_ERR_LIBRARY
 */
cs_error_t hdb_error_to_cs(int res);

#ifdef __cplusplus
}
#endif

#endif /* COROTYPES_H_DEFINED */
