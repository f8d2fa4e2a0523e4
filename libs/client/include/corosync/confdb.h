/*
 * The object database of Corosync 1.x: objects below a root, each with a name, ordered children and ordered, typed keys, and
 * notices of changes. Source and binary compatible with Corosync 1.x programs. Link with -lconfdb. It is the same data as
 * <corosync/cmap.h> shows flat.
 *
 * Rules of all calls, not repeated below:
 *   CS_ERR_BAD_HANDLE  the handle was never issued or is finalized; no side effect
 *   CS_ERR_LIBRARY     the service is gone: finalize and initialize again
 *   CS_ERR_ACCESS      whatever fails for a reason in the database: no such object or key, end of a walk, a value whose size
 *                      does not fit its type, a key that cannot be written at run time, the database is full
 *   CS_ERR_INVALID_PARAM, CS_ERR_NO_MEMORY   a NULL pointer where a value is needed; allocation failed
 *   CS_ERR_NAME_TOO_LONG   a name of more than 255 bytes
 * Names and values are bytes with a length and carry no final NUL unless stated. Calls wait for the service without time limit;
 * each is atomic. All may come from any thread, and from inside callbacks. Object handles are good for all connections until
 * the object is destroyed, and never used again.
 */
#ifndef COROSYNC_CONFDB_H_DEFINED
#define COROSYNC_CONFDB_H_DEFINED

#include <stdlib.h>

#include <corosync/corotypes.h>
#include <corosync/hdb.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A connection to the service. */
typedef uint64_t confdb_handle_t;

/** The root object. */
#define OBJECT_PARENT_HANDLE 0xFFFFFFFF00000000ULL

/** Which objects a track is told of. */
typedef enum {
    CONFDB_TRACK_DEPTH_ONE,      /**< the object and its children */
    CONFDB_TRACK_DEPTH_RECURSIVE /**< everything below it */
} confdb_track_depth_t;

/** What happened to a key. */
typedef enum { OBJECT_KEY_CREATED, OBJECT_KEY_REPLACED, OBJECT_KEY_DELETED } confdb_change_type_t;

/** How far a reload of the configuration is. */
typedef enum { CONFDB_RELOAD_NOTIFY_START, CONFDB_RELOAD_NOTIFY_END, CONFDB_RELOAD_NOTIFY_FAILED } confdb_reload_type_t;

/** Types of values. ANY is bytes. */
typedef enum {
    CONFDB_VALUETYPE_INT16,
    CONFDB_VALUETYPE_UINT16,
    CONFDB_VALUETYPE_INT32,
    CONFDB_VALUETYPE_UINT32,
    CONFDB_VALUETYPE_INT64,
    CONFDB_VALUETYPE_UINT64,
    CONFDB_VALUETYPE_FLOAT,
    CONFDB_VALUETYPE_DOUBLE,
    CONFDB_VALUETYPE_STRING,
    CONFDB_VALUETYPE_ANY
} confdb_value_types_t;

/**
 * A key was created, replaced or deleted (then without value). As in Corosync 1.x, @p parent_object_handle is the object
 * whose key it is, and @p object_handle the parent of the object that is tracked. Pointers are valid until it returns.
 */
typedef void (*confdb_key_change_notify_fn_t)(confdb_handle_t handle, confdb_change_type_t change_type,
                                              hdb_handle_t parent_object_handle, hdb_handle_t object_handle,
                                              const void *object_name, size_t object_name_len, const void *key_name,
                                              size_t key_name_len, const void *key_value, size_t key_value_len);

/** An object was created: @p parent_object_handle is the new one, @p object_handle its parent, as in Corosync 1.x. */
typedef void (*confdb_object_create_notify_fn_t)(confdb_handle_t handle, hdb_handle_t parent_object_handle,
                                                 hdb_handle_t object_handle, const void *name_pt, size_t name_len);

/** An object is being destroyed with everything below it. */
typedef void (*confdb_object_delete_notify_fn_t)(confdb_handle_t handle, hdb_handle_t parent_object_handle,
                                                 const void *name_pt, size_t name_len);

/** The configuration is read again; only tracks on the root are told. */
typedef void (*confdb_reload_notify_fn_t)(confdb_handle_t handle, confdb_reload_type_t type);

typedef struct {
    confdb_object_create_notify_fn_t confdb_object_create_change_notify_fn;
    confdb_object_delete_notify_fn_t confdb_object_delete_change_notify_fn;
    confdb_key_change_notify_fn_t confdb_key_change_notify_fn;
    confdb_reload_notify_fn_t confdb_reload_notify_fn;
} confdb_callbacks_t;

/**
 * Connect. @p callbacks may be NULL.
 *
 * @retval CS_ERR_TRY_AGAIN  the node has not formed its first ring, or the service is being restarted
 * @retval CS_ERR_ACCESS     neither root nor a user or group that is listed under uidgid
 * @retval CS_ERR_LIBRARY    no daemon
 */
cs_error_t confdb_initialize(confdb_handle_t *handle, confdb_callbacks_t *callbacks);

/** Disconnect; tracks and walks end. */
cs_error_t confdb_finalize(confdb_handle_t handle);

/** The descriptor to wait on: readable while notices are queued. Never read from it. */
cs_error_t confdb_fd_get(confdb_handle_t handle, int *fd);

/** Call back for queued notices, in the order of changes; as cmap_dispatch(). */
cs_error_t confdb_dispatch(confdb_handle_t handle, cs_dispatch_flags_t dispatch_types);

/** A pointer kept with the handle, for the application. */
cs_error_t confdb_context_get(confdb_handle_t handle, const void **context);
cs_error_t confdb_context_set(confdb_handle_t handle, const void *context);

/** Adds a track on an object; @p flags is a confdb_track_depth_t. Own changes are told, too. An unknown object is no error. */
cs_error_t confdb_track_changes(confdb_handle_t handle, hdb_handle_t object_handle, unsigned int flags);

/** Ends all tracks of the connection. */
cs_error_t confdb_stop_track_changes(confdb_handle_t handle);

/** A new object below @p parent_object_handle, also when there is one of that name already. */
cs_error_t confdb_object_create(confdb_handle_t handle, hdb_handle_t parent_object_handle, const void *object_name,
                                size_t object_name_len, hdb_handle_t *object_handle);

/** Destroys an object with everything below it; never the root. */
cs_error_t confdb_object_destroy(confdb_handle_t handle, hdb_handle_t object_handle);

cs_error_t confdb_object_parent_get(confdb_handle_t handle, hdb_handle_t object_handle, hdb_handle_t *parent_object_handle);

/** Room for 255 bytes is needed; @p object_name_len is only written. */
cs_error_t confdb_object_name_get(confdb_handle_t handle, hdb_handle_t object_handle, char *object_name, size_t *object_name_len);

/** Creates or replaces a key of type ANY; both are told as created. */
cs_error_t confdb_key_create(confdb_handle_t handle, hdb_handle_t parent_object_handle, const void *key_name,
                             size_t key_name_len, const void *value, size_t value_len);

/** The same with a type; numbers need the size of theirs. */
cs_error_t confdb_key_create_typed(confdb_handle_t handle, hdb_handle_t parent_object_handle, const char *key_name,
                                   const void *value, size_t value_len, confdb_value_types_t type);

/** Deletes a key; the value is not looked at. */
cs_error_t confdb_key_delete(confdb_handle_t handle, hdb_handle_t parent_object_handle, const void *key_name,
                             size_t key_name_len, const void *value, size_t value_len);

/** Room for 256 bytes is needed; @p value_len is only written. @retval CS_ERR_TOO_BIG longer than that */
cs_error_t confdb_key_get(confdb_handle_t handle, hdb_handle_t parent_object_handle, const void *key_name,
                          size_t key_name_len, void *value, size_t *value_len);
cs_error_t confdb_key_get_typed(confdb_handle_t handle, hdb_handle_t parent_object_handle, const char *key_name, void *value,
                                size_t *value_len, confdb_value_types_t *type);

/**
 * A value of any length. @p *value NULL: memory for it and a final NUL is allocated; free() it. Else it must be large enough.
 */
cs_error_t confdb_key_get_typed2(confdb_handle_t handle, hdb_handle_t parent_object_handle, const char *key_name, void **value,
                                 size_t *value_len, confdb_value_types_t *type);

/** Replaces the value of a key, which keeps its type. The old value is not looked at. An equal value is no change. */
cs_error_t confdb_key_replace(confdb_handle_t handle, hdb_handle_t parent_object_handle, const void *key_name,
                              size_t key_name_len, const void *old_value, size_t old_value_len, const void *new_value,
                              size_t new_value_len);

/** Adds or takes one from an integer, or from an ANY of the size of an int; the new value, cut to 32 bits, goes to @p value. */
cs_error_t confdb_key_increment(confdb_handle_t handle, hdb_handle_t parent_object_handle, const void *key_name,
                                size_t key_name_len, unsigned int *value);
cs_error_t confdb_key_decrement(confdb_handle_t handle, hdb_handle_t parent_object_handle, const void *key_name,
                                size_t key_name_len, unsigned int *value);

/**
 * Walks over children: all, or those with a name, in order of creation, as they were at the first call after the start. There
 * is one walk of each kind for a connection and parent.
 *
 * @retval CS_ERR_ACCESS             there are no more, or no such parent; the walk has ended
 * @retval CS_ERR_CONTEXT_NOT_FOUND  there is no walk
 */
cs_error_t confdb_object_iter_start(confdb_handle_t handle, hdb_handle_t parent_object_handle);
cs_error_t confdb_object_iter(confdb_handle_t handle, hdb_handle_t parent_object_handle, hdb_handle_t *object_handle,
                              void *object_name, size_t *object_name_len);
cs_error_t confdb_object_iter_destroy(confdb_handle_t handle, hdb_handle_t parent_object_handle);
cs_error_t confdb_object_find_start(confdb_handle_t handle, hdb_handle_t parent_object_handle);
cs_error_t confdb_object_find(confdb_handle_t handle, hdb_handle_t parent_object_handle, const void *object_name,
                              size_t object_name_len, hdb_handle_t *object_handle);
cs_error_t confdb_object_find_destroy(confdb_handle_t handle, hdb_handle_t parent_object_handle);

/**
 * Walks over the keys of an object, by position: a key deleted meanwhile makes the walk leave one out. Names end with a NUL
 * (room for 256 bytes). Lengths and codes as in confdb_key_get() and its typed forms; after CS_ERR_TOO_BIG the walk goes on.
 */
cs_error_t confdb_key_iter_start(confdb_handle_t handle, hdb_handle_t object_handle);
cs_error_t confdb_key_iter(confdb_handle_t handle, hdb_handle_t parent_object_handle, void *key_name, size_t *key_name_len,
                           void *value, size_t *value_len);
cs_error_t confdb_key_iter_typed(confdb_handle_t handle, hdb_handle_t parent_object_handle, char *key_name, void *value,
                                 size_t *value_len, confdb_value_types_t *type);
cs_error_t confdb_key_iter_typed2(confdb_handle_t handle, hdb_handle_t parent_object_handle, char *key_name, void **value,
                                  size_t *value_len, confdb_value_types_t *type);

/** There is nothing to write to: CS_OK. */
cs_error_t confdb_write(confdb_handle_t handle, char *error_text, size_t errbuf_len);

/** Tells those who track the root of a reload's start and end, as the stock parser of Corosync 1.x does: CS_OK. */
cs_error_t confdb_reload(confdb_handle_t handle, int flush, char *error_text, size_t errbuf_len);

#ifdef __cplusplus
}
#endif

#endif
