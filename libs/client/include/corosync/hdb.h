/*
 * Tables of reference-counted handles. Kept for programs written against Corosync's headers: thin names around libqb's
 * handle tables, so using them needs libqb's headers and -lqb. Without libqb only the handle type, its formats and the
 * two conversions exist. The client libraries of Motet themselves do not use these tables.
 */
#ifndef HDB_H_DEFINED
#define HDB_H_DEFINED

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_include)
#if __has_include(<qb/qbhdb.h>)
#include <qb/qbhdb.h>
#endif
#endif

/** Low 32 bits: index in the table. High 32 bits: a check number that detects stale handles. */
typedef uint64_t hdb_handle_t;

#define HDB_D_FORMAT "%" PRIu64
#define HDB_X_FORMAT "%" PRIx64

/** The index of a handle, without its check number. */
static inline unsigned int hdb_base_convert(hdb_handle_t handle)
{
    return (unsigned int)(handle & 0xffffffffU);
}

/** A handle for an index whose check number fits every entry. */
static inline unsigned long long hdb_nocheck_convert(unsigned int handle)
{
    return 0xffffffff00000000ULL | handle;
}

static inline void hdb_database_lock(pthread_mutex_t *mutex)
{
    pthread_mutex_lock(mutex);
}

static inline void hdb_database_unlock(pthread_mutex_t *mutex)
{
    pthread_mutex_unlock(mutex);
}

static inline void hdb_database_lock_init(pthread_mutex_t *mutex)
{
    pthread_mutex_init(mutex, NULL);
}

static inline void hdb_database_lock_destroy(pthread_mutex_t *mutex)
{
    pthread_mutex_destroy(mutex);
}

#ifdef QB_HDB_H_DEFINED

#define hdb_handle_database qb_hdb

/** Defines a static table; `destructor` is called with an instance when its last reference goes. */
#define DECLARE_HDB_DATABASE QB_HDB_DECLARE

/** Prepares a table that was not defined with DECLARE_HDB_DATABASE. */
static inline void hdb_create(struct hdb_handle_database *handle_database)
{
    qb_hdb_create(handle_database);
}

static inline void hdb_destroy(struct hdb_handle_database *handle_database)
{
    qb_hdb_destroy(handle_database);
}

/** A new zeroed instance of `instance_size` bytes. 0, or -ENOMEM. */
static inline int hdb_handle_create(struct hdb_handle_database *handle_database, int instance_size,
                                    hdb_handle_t *handle_id_out)
{
    return qb_hdb_handle_create(handle_database, instance_size, handle_id_out);
}

/** The instance of a handle, with one more reference. 0, or -EBADF. Give it back with hdb_handle_put(). */
static inline int hdb_handle_get(struct hdb_handle_database *handle_database, hdb_handle_t handle_in, void **instance)
{
    return qb_hdb_handle_get(handle_database, handle_in, instance);
}

static inline int hdb_handle_get_always(struct hdb_handle_database *handle_database, hdb_handle_t handle_in,
                                        void **instance)
{
    return qb_hdb_handle_get_always(handle_database, handle_in, instance);
}

/** Gives a reference back. 0, or -EBADF. */
static inline int hdb_handle_put(struct hdb_handle_database *handle_database, hdb_handle_t handle_in)
{
    return qb_hdb_handle_put(handle_database, handle_in);
}

/** Ends a handle; the instance stays until its last reference is given back. 0, or -EBADF. */
static inline int hdb_handle_destroy(struct hdb_handle_database *handle_database, hdb_handle_t handle_in)
{
    return qb_hdb_handle_destroy(handle_database, handle_in);
}

static inline int hdb_handle_refcount_get(struct hdb_handle_database *handle_database, hdb_handle_t handle_in)
{
    return qb_hdb_handle_refcount_get(handle_database, handle_in);
}

static inline void hdb_iterator_reset(struct hdb_handle_database *handle_database)
{
    qb_hdb_iterator_reset(handle_database);
}

/** The next instance, with one more reference. 0, or negative at the end. */
static inline int hdb_iterator_next(struct hdb_handle_database *handle_database, void **instance, hdb_handle_t *handle)
{
    return qb_hdb_iterator_next(handle_database, instance, handle);
}

#endif /* QB_HDB_H_DEFINED */

#endif /* HDB_H_DEFINED */
