#include "libs/client/sam/quorum.h"

#include <corosync/quorum.h>
#include <unistd.h>

namespace motet::client::sam {
namespace {

// There is one application per process, and the callback says nothing about whose it is.
constinit bool is_quorate = false;

void on_notice(quorum_handle_t, std::uint32_t quorate, std::uint64_t, std::uint32_t, std::uint32_t*) { is_quorate = quorate != 0; }

}  // namespace

bool Quorum::quorate() const { return is_quorate; }

cs_error_t Quorum::open() {
    wanted_ = true;
    quorum_callbacks_t callbacks{};
    callbacks.quorum_notify_fn = on_notice;
    std::uint32_t type = 0;
    quorum_handle_t handle = 0;
    if (const cs_error_t made = quorum_initialize(&handle, &callbacks, &type); made != CS_OK) return made;
    cs_error_t result = quorum_trackstart(handle, CS_TRACK_CHANGES);
    int now_quorate = 0;
    if (result == CS_OK) result = quorum_getquorate(handle, &now_quorate);
    if (result == CS_OK) is_quorate = now_quorate != 0;
    if (result == CS_OK) result = quorum_dispatch(handle, CS_DISPATCH_ALL);
    if (result == CS_OK) result = quorum_fd_get(handle, &fd_);
    if (result != CS_OK) {
        quorum_finalize(handle);
        fd_ = -1;
        return result;
    }
    handle_ = handle;
    open_ = true;
    return CS_OK;
}

void Quorum::look(Instant now) {
    if (!wanted_) return;
    if (open_) {
        if (quorum_dispatch(handle_, CS_DISPATCH_ALL) == CS_OK) return;
        quorum_finalize(handle_);
        open_ = false;
        fd_ = -1;
        lost_at_ = retry_at_ = now;
    }
    if (now < retry_at_) return;
    retry_at_ = now + kRetry;
    if (open() != CS_OK && now - lost_at_ >= kPatience) is_quorate = false;
}

void Quorum::close() {
    if (open_) quorum_finalize(handle_);
    open_ = wanted_ = false;
    fd_ = -1;
}

void Quorum::forget() {
    if (open_) ::close(fd_);
    open_ = false;
    fd_ = -1;
}

}  // namespace motet::client::sam
