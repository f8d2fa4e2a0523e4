/*
 * The map of configuration and statistics of the local node: typed values under flat names such as "totem.token", and
 * notices of their changes. Source and binary compatible with Corosync 3.1. Link with -lcmap.
 *
 * Rules of all calls, not repeated below:
 *   CS_ERR_BAD_HANDLE     a handle was never issued or is finalized; no side effect
 *   CS_ERR_LIBRARY        the service is gone: finalize and initialize again. A restart of the service's own process is
 *                         invisible.
 *   CS_ERR_INVALID_PARAM  also for a NULL pointer where a value is needed
 *   CS_ERR_NAME_TOO_LONG  the name is longer than CMAP_KEYNAME_MAXLEN; for calls that may create it also: shorter than
 *                         CMAP_KEYNAME_MINLEN, or with other bytes than letters, digits and . _ - / :
 *   CS_ERR_NO_MEMORY      allocation failed; nothing was done
 * Calls wait for the service without time limit and are not interrupted by signals. Each is atomic; there is none for several
 * keys at once. All may come from any thread, and from inside callbacks.
 */
#ifndef COROSYNC_CMAP_H_DEFINED
#define COROSYNC_CMAP_H_DEFINED

#include <corosync/corotypes.h>
#include <corosync/hdb.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A connection to the service. */
typedef uint64_t cmap_handle_t;

/** A walk over keys; belongs to its connection. */
typedef uint64_t cmap_iter_handle_t;

/** A registration for notices; belongs to its connection. */
typedef uint64_t cmap_track_handle_t;

/** Length of a key in bytes, its final NUL not counted. */
#define CMAP_KEYNAME_MINLEN 3
#define CMAP_KEYNAME_MAXLEN 255

/** What a track is told of, and what a notice says. */
#define CMAP_TRACK_DELETE 1
#define CMAP_TRACK_MODIFY 2
#define CMAP_TRACK_ADD 4
/** Only in cmap_track_add(): all keys that begin with the name. */
#define CMAP_TRACK_PREFIX 8

/** Types of values. Texts end with a NUL, which counts; binary values are bytes. */
typedef enum {
    CMAP_VALUETYPE_INT8 = 1,
    CMAP_VALUETYPE_UINT8 = 2,
    CMAP_VALUETYPE_INT16 = 3,
    CMAP_VALUETYPE_UINT16 = 4,
    CMAP_VALUETYPE_INT32 = 5,
    CMAP_VALUETYPE_UINT32 = 6,
    CMAP_VALUETYPE_INT64 = 7,
    CMAP_VALUETYPE_UINT64 = 8,
    CMAP_VALUETYPE_FLOAT = 9,
    CMAP_VALUETYPE_DOUBLE = 10,
    CMAP_VALUETYPE_STRING = 11,
    CMAP_VALUETYPE_BINARY = 12,
} cmap_value_types_t;

/** Which map. Statistics ("stats." names) are computed when they are read and cannot be written. */
typedef enum {
    CMAP_MAP_DEFAULT = 0,
    CMAP_MAP_ICMAP = 0,
    CMAP_MAP_STATS = 1,
} cmap_map_t;

/** A value in a notice. An absent one has type and length 0, and nothing to read at `data`. */
struct cmap_notify_value {
    cmap_value_types_t type;
    size_t len;
    const void *data;
};

/**
 * A notice. @p event is CMAP_TRACK_ADD (no old value), CMAP_TRACK_DELETE (no new value) or CMAP_TRACK_MODIFY. All pointers
 * are valid until it returns. In the statistics map old and new are both the present value.
 */
typedef void (*cmap_notify_fn_t)(cmap_handle_t cmap_handle, cmap_track_handle_t cmap_track_handle, int32_t event,
                                 const char *key_name, struct cmap_notify_value new_value,
                                 struct cmap_notify_value old_value, void *user_data);

/**
 * Connect to the default map.
 *
 * @retval CS_ERR_TRY_AGAIN  the node has not formed its first ring, or the service is being restarted
 * @retval CS_ERR_ACCESS     neither root nor a user or group that is listed under uidgid
 * @retval CS_ERR_LIBRARY    no daemon
 */
cs_error_t cmap_initialize(cmap_handle_t *handle);

/** As cmap_initialize(), for one map. @retval CS_ERR_NOT_EXIST there is no such map */
cs_error_t cmap_initialize_map(cmap_handle_t *handle, cmap_map_t map);

/** Disconnect; tracks and walks end. Must not be called twice. */
cs_error_t cmap_finalize(cmap_handle_t handle);

/** The descriptor to wait on: readable while notices are queued. Never read from it; it is the same for the handle's life. */
cs_error_t cmap_fd_get(cmap_handle_t handle, int *fd);

/**
 * Call back for queued notices, in the order of changes. See cs_dispatch_flags_t for how many and whether to wait.
 *
 * @retval CS_ERR_TRY_AGAIN   CS_DISPATCH_ONE_NONBLOCKING, and there is none
 * @retval CS_ERR_BAD_HANDLE  also: a callback has finalized the handle
 */
cs_error_t cmap_dispatch(cmap_handle_t handle, cs_dispatch_flags_t dispatch_types);

/** A pointer kept with the handle, for the application. */
cs_error_t cmap_context_get(cmap_handle_t handle, const void **context);
cs_error_t cmap_context_set(cmap_handle_t handle, const void *context);

/**
 * Create or change a key. Its type may change, too. A value that equals the present one changes nothing and is no event.
 *
 * @param value_len  bytes, at most 16384; the size of the type, where it has one. A string ends there or at its first NUL.
 *
 * @retval CS_ERR_INVALID_PARAM  unknown type, or a length that is not its size
 * @retval CS_ERR_ACCESS         the key cannot be written at run time
 * @retval CS_ERR_NO_SPACE       the map is full (131072 keys or 64 MiB)
 * @retval CS_ERR_NOT_SUPPORTED  statistics map: only stats.clear.{knet,ipc,totem,schedmiss,all} can be set
 */
cs_error_t cmap_set(cmap_handle_t handle, const char *key_name, const void *value, size_t value_len, cmap_value_types_t type);

/** cmap_set() with the type in the name. */
cs_error_t cmap_set_int8(cmap_handle_t handle, const char *key_name, int8_t value);
cs_error_t cmap_set_uint8(cmap_handle_t handle, const char *key_name, uint8_t value);
cs_error_t cmap_set_int16(cmap_handle_t handle, const char *key_name, int16_t value);
cs_error_t cmap_set_uint16(cmap_handle_t handle, const char *key_name, uint16_t value);
cs_error_t cmap_set_int32(cmap_handle_t handle, const char *key_name, int32_t value);
cs_error_t cmap_set_uint32(cmap_handle_t handle, const char *key_name, uint32_t value);
cs_error_t cmap_set_int64(cmap_handle_t handle, const char *key_name, int64_t value);
cs_error_t cmap_set_uint64(cmap_handle_t handle, const char *key_name, uint64_t value);
cs_error_t cmap_set_float(cmap_handle_t handle, const char *key_name, float value);
cs_error_t cmap_set_double(cmap_handle_t handle, const char *key_name, double value);
cs_error_t cmap_set_string(cmap_handle_t handle, const char *key_name, const char *value);

/** Remove a key. @retval CS_ERR_NOT_EXIST, CS_ERR_ACCESS, CS_ERR_NOT_SUPPORTED as in cmap_set() */
cs_error_t cmap_delete(cmap_handle_t handle, const char *key_name);

/**
 * Read a key.
 *
 * @param value      where to copy it; NULL to ask for length and type only
 * @param value_len  in: room at @p value; out: length, a string's NUL counted
 * @param type       may be NULL
 *
 * @retval CS_ERR_NOT_EXIST      no such key
 * @retval CS_ERR_INVALID_PARAM  also: no room for the value
 * @retval CS_ERR_TOO_BIG        the value was made by libconfdb and is longer than cmap carries
 */
cs_error_t cmap_get(cmap_handle_t handle, const char *key_name, void *value, size_t *value_len, cmap_value_types_t *type);

/** cmap_get() of one type; another type is CS_ERR_INVALID_PARAM. */
cs_error_t cmap_get_int8(cmap_handle_t handle, const char *key_name, int8_t *i8);
cs_error_t cmap_get_uint8(cmap_handle_t handle, const char *key_name, uint8_t *u8);
cs_error_t cmap_get_int16(cmap_handle_t handle, const char *key_name, int16_t *i16);
cs_error_t cmap_get_uint16(cmap_handle_t handle, const char *key_name, uint16_t *u16);
cs_error_t cmap_get_int32(cmap_handle_t handle, const char *key_name, int32_t *i32);
cs_error_t cmap_get_uint32(cmap_handle_t handle, const char *key_name, uint32_t *u32);
cs_error_t cmap_get_int64(cmap_handle_t handle, const char *key_name, int64_t *i64);
cs_error_t cmap_get_uint64(cmap_handle_t handle, const char *key_name, uint64_t *u64);
cs_error_t cmap_get_float(cmap_handle_t handle, const char *key_name, float *flt);
cs_error_t cmap_get_double(cmap_handle_t handle, const char *key_name, double *dbl);
/** The string is allocated; free() it. */
cs_error_t cmap_get_string(cmap_handle_t handle, const char *key_name, char **str);

/**
 * Add one to, or take one from, an integer of any size; wraps.
 *
 * @retval CS_ERR_NOT_EXIST      no such key
 * @retval CS_ERR_INVALID_PARAM  not an integer
 * @retval CS_ERR_ACCESS         the key cannot be written at run time
 */
cs_error_t cmap_inc(cmap_handle_t handle, const char *key_name);
cs_error_t cmap_dec(cmap_handle_t handle, const char *key_name);

/**
 * Walk over the keys that begin with @p prefix (NULL or "": all), in the order of their bytes. The walk stays valid whatever
 * happens to the map; keys that come or go meanwhile may or may not be met.
 */
cs_error_t cmap_iter_init(cmap_handle_t handle, const char *prefix, cmap_iter_handle_t *cmap_iter_handle);

/**
 * The next key.
 *
 * @param key_name   room for CMAP_KEYNAME_MAXLEN + 1 bytes
 * @param value_len  may be NULL; of its value
 * @param type       may be NULL
 *
 * @retval CS_ERR_NO_SECTIONS  there are no more; also when called again
 */
cs_error_t cmap_iter_next(cmap_handle_t handle, cmap_iter_handle_t iter_handle, char key_name[], size_t *value_len,
                          cmap_value_types_t *type);

/** Ends a walk. */
cs_error_t cmap_iter_finalize(cmap_handle_t handle, cmap_iter_handle_t iter_handle);

/**
 * Be told of changes, own ones too. There is no notice of what is there already.
 *
 * @param key_name    a key, which need not exist, or with CMAP_TRACK_PREFIX the beginning of keys; NULL as ""
 * @param track_type  any of CMAP_TRACK_*
 *
 * @retval CS_ERR_NOT_SUPPORTED  statistics map: a prefix is tracked for ADD and DELETE together, a key for MODIFY; both are
 *                               looked at every 1.5 s
 * @retval CS_ERR_NO_RESOURCES   4096 tracks of a connection, 65536 of all
 */
cs_error_t cmap_track_add(cmap_handle_t handle, const char *key_name, int32_t track_type, cmap_notify_fn_t notify_fn,
                          void *user_data, cmap_track_handle_t *cmap_track_handle);

/** No notice of the track is given any more, queued ones included. */
cs_error_t cmap_track_delete(cmap_handle_t handle, cmap_track_handle_t track_handle);

#ifdef __cplusplus
}
#endif

#endif
