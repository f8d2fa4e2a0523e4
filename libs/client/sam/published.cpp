#include "libs/client/sam/published.h"

#include <unistd.h>

#include <cstdio>
#include <initializer_list>

#include "libs/client/sam/clock.h"

namespace motet::client::sam {
namespace {

constexpr const char* kNames[] = {"recovery", "poll_period", "last_updated", "state"};

struct Key {
    Key(pid_t pid, const char* name) { std::snprintf(text, sizeof text, "resources.process.%d.%s", static_cast<int>(pid), name); }
    char text[128];
};

}  // namespace

const char* name_of(Watch::State state) {
    switch (state) {
    case Watch::State::stopped: return "stopped";
    case Watch::State::waiting_for_quorum: return "waiting for quorum";
    case Watch::State::running: return "running";
    case Watch::State::failed: return "failed";
    }
    return "stopped";
}

cs_error_t Published::open() {
    if (open_) return CS_OK;
    const cs_error_t made = cmap_initialize(&handle_);
    open_ = made == CS_OK;
    return made;
}

cs_error_t Published::set(const char* name, const char* value) { return cmap_set_string(handle_, Key(getpid(), name).text, value); }
cs_error_t Published::set(const char* name, std::uint64_t value) { return cmap_set_uint64(handle_, Key(getpid(), name).text, value); }

cs_error_t Published::write_all(Watch::State state) {
    for (const cs_error_t result : {set("recovery", restarts_ ? "restart" : "quit"), set("poll_period", interval_ms_),
                                    set("last_updated", static_cast<std::uint64_t>(now().ns)), set("state", name_of(state))})
        if (result != CS_OK) return result;
    return CS_OK;
}

cs_error_t Published::begin(bool restarts, std::uint64_t interval_ms) {
    wanted_ = true;
    restarts_ = restarts;
    interval_ms_ = interval_ms;
    cs_error_t result = open();
    if (result == CS_OK) result = write_all(Watch::State::stopped);
    if (result == CS_OK) return CS_OK;
    if (open_) cmap_finalize(handle_);
    open_ = wanted_ = false;
    return result;
}

cs_error_t Published::take_over(pid_t former) {
    if (!wanted_) return CS_OK;
    const cs_error_t result = open();
    if (result != CS_OK) return result;
    remove(former);
    return write_all(state_);
}

cs_error_t Published::state(Watch::State state) {
    if (!wanted_ || (open_ && state == state_)) return CS_OK;
    state_ = state;
    for (int attempt = 0; attempt < 2; ++attempt) {
        if (const cs_error_t opened = open(); opened != CS_OK) return opened;
        const cs_error_t result = write_all(state);
        if (result != CS_ERR_LIBRARY) return result;
        cmap_finalize(handle_);   // its service was restarted and knows nothing of us
        open_ = false;
    }
    return CS_ERR_LIBRARY;
}

void Published::alive(Instant at) {
    if (!open_ || at < alive_due_) return;
    alive_due_ = at + kLastUpdatedEvery;
    if (set("last_updated", static_cast<std::uint64_t>(at.ns)) != CS_ERR_LIBRARY) return;
    cmap_finalize(handle_);
    open_ = false;
    state(state_);
}

void Published::remove(pid_t pid) {
    for (const char* name : kNames) cmap_delete(handle_, Key(pid, name).text);
}

void Published::end(bool failed) {
    if (!open_) return;
    if (!failed) remove(getpid());
    cmap_finalize(handle_);
    open_ = false;
}

void Published::forget() {
    int fd = -1;
    if (open_ && cmap_fd_get(handle_, &fd) == CS_OK) close(fd);
    open_ = false;
}

}  // namespace motet::client::sam
