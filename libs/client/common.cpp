// libcorosync_common: names of error codes, and what libqb's and the handle tables' results mean as error codes.
#pragma GCC visibility push(default)
#include <corosync/corotypes.h>
#pragma GCC visibility pop

extern "C" {

const char* cs_strerror(cs_error_t err) {
#define NAME(code) case code: return #code
    switch (err) {
    case CS_OK: return "success";
    NAME(CS_ERR_LIBRARY);
    NAME(CS_ERR_VERSION);
    NAME(CS_ERR_INIT);
    NAME(CS_ERR_TIMEOUT);
    NAME(CS_ERR_TRY_AGAIN);
    NAME(CS_ERR_INVALID_PARAM);
    NAME(CS_ERR_NO_MEMORY);
    NAME(CS_ERR_BAD_HANDLE);
    NAME(CS_ERR_BUSY);
    NAME(CS_ERR_ACCESS);
    NAME(CS_ERR_NOT_EXIST);
    NAME(CS_ERR_NAME_TOO_LONG);
    NAME(CS_ERR_EXIST);
    NAME(CS_ERR_NO_SPACE);
    NAME(CS_ERR_INTERRUPT);
    NAME(CS_ERR_NAME_NOT_FOUND);
    NAME(CS_ERR_NO_RESOURCES);
    NAME(CS_ERR_NOT_SUPPORTED);
    NAME(CS_ERR_BAD_OPERATION);
    NAME(CS_ERR_FAILED_OPERATION);
    NAME(CS_ERR_MESSAGE_ERROR);
    NAME(CS_ERR_QUEUE_FULL);
    NAME(CS_ERR_QUEUE_NOT_AVAILABLE);
    NAME(CS_ERR_BAD_FLAGS);
    NAME(CS_ERR_TOO_BIG);
    NAME(CS_ERR_NO_SECTIONS);
    NAME(CS_ERR_CONTEXT_NOT_FOUND);
    NAME(CS_ERR_TOO_MANY_GROUPS);
    NAME(CS_ERR_SECURITY);
    }
#undef NAME
    return "unknown error";
}

cs_error_t qb_to_cs_error(int result) {
    if (result >= 0) return CS_OK;
    switch (result) {
    case -EBADF: return CS_ERR_BAD_HANDLE;
    case -ENOMEM: return CS_ERR_NO_MEMORY;
    case -EAGAIN: case -ETIMEDOUT: case -ENOBUFS: case -ENOMSG: return CS_ERR_TRY_AGAIN;
    case -EBADE: return CS_ERR_FAILED_OPERATION;
    case -ETIME: return CS_ERR_TIMEOUT;
    case -EINVAL: return CS_ERR_INVALID_PARAM;
    case -EBUSY: return CS_ERR_BUSY;
    case -EACCES: return CS_ERR_ACCESS;
    case -EOVERFLOW: return CS_ERR_NAME_TOO_LONG;
    case -EEXIST: return CS_ERR_EXIST;
    case -ENOSPC: return CS_ERR_NO_SPACE;
    case -EINTR: return CS_ERR_INTERRUPT;
    case -ENOENT: case -ENODEV: return CS_ERR_NOT_EXIST;
    case -ENOSYS: case -ENOTSUP: return CS_ERR_NOT_SUPPORTED;
    case -EBADMSG: return CS_ERR_MESSAGE_ERROR;
    case -EMSGSIZE: case -E2BIG: return CS_ERR_TOO_BIG;
    default: return CS_ERR_LIBRARY;
    }
}

cs_error_t hdb_error_to_cs(int res) {
    switch (res) {
    case 0: return CS_OK;
    case -EBADF: return CS_ERR_BAD_HANDLE;
    case -ENOMEM: return CS_ERR_NO_MEMORY;
    case -EMFILE: return CS_ERR_NO_RESOURCES;
    case -EACCES: return CS_ERR_ACCESS;
    default: return CS_ERR_LIBRARY;
    }
}

}  // extern "C"
