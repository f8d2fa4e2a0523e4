// The interface: which call is allowed when, and what an instance says to its parent. One application per process; not thread
// safe but for sam_hc_send().
#pragma GCC visibility push(default)
#include <corosync/sam.h>
#pragma GCC visibility pop

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <utility>

#include "libs/client/sam/health.h"
#include "libs/client/sam/parent.h"

namespace motet::client::sam {
namespace {

enum class State { not_initialized, initialized, registered, started, finalized };

// Of this process. Trivially destructible: the parent runs exit handlers while it is used.
struct Application {
    std::atomic<State> state{State::not_initialized};   // read by heartbeats from threads and signal handlers
    Settings settings;
    Quorum quorum;                                       // of the caller of sam_register()
    void* data = nullptr;                                // own copy of what is stored
    std::size_t data_size = 0;
    Channel channel;
    std::uint32_t requests = 0;
};
constinit Application app;

bool is_one_of(std::initializer_list<State> states) { return std::find(states.begin(), states.end(), app.state.load()) != states.end(); }
bool alive() { return is_one_of({State::initialized, State::registered, State::started}); }
bool has_parent() { return is_one_of({State::registered, State::started}); }

cs_error_t tell(Command command, std::uint64_t a = 0, std::uint32_t number = 0) {
    return app.channel.send({.command = command, .number = number, .a = a}) ? CS_OK : CS_ERR_LIBRARY;
}

// 0 means: no answer.
std::uint32_t next_number() {
    if (++app.requests == 0) ++app.requests;
    return app.requests;
}

cs_error_t answer_to(std::uint32_t number) {
    std::uint64_t error = 0;
    if (!app.channel.wait_answer(number, error)) return CS_ERR_LIBRARY;
    return error >= CS_OK && error <= CS_ERR_SECURITY ? static_cast<cs_error_t>(error) : CS_ERR_LIBRARY;
}

cs_error_t ask(Command command) {
    const std::uint32_t number = next_number();
    const cs_error_t told = tell(command, 0, number);
    return told == CS_OK ? answer_to(number) : told;
}

cs_error_t send_data(const void* data, std::size_t size) {
    const std::uint32_t number = next_number();
    std::size_t offset = 0;
    do {
        const std::size_t piece = std::min(size - offset, kPieceMax);
        const auto* from = size != 0 ? static_cast<const std::uint8_t*>(data) + offset : nullptr;
        if (!app.channel.send({.command = Command::store, .number = number, .a = size, .b = offset}, from, piece)) return CS_ERR_LIBRARY;
        offset += piece;
    } while (offset < size);
    return answer_to(number);
}

bool keep_copy(const void* data, std::size_t size) {
    void* copy = nullptr;
    if (size != 0) {
        copy = std::malloc(size);
        if (copy == nullptr) return false;
        std::memcpy(copy, data, size);
    }
    std::free(std::exchange(app.data, copy));
    app.data_size = size;
    return true;
}

cs_error_t registration(unsigned* instance_id) {
    app.settings.data = app.data;
    app.settings.data_size = app.data_size;
    Instance instance;
    Parent parent(app.settings, app.quorum);
    const cs_error_t made = parent.run(instance);
    if (made != CS_OK && instance.number == 0) return made;
    // From here on in the child. Its data is what the parent holds now.
    std::free(std::exchange(app.data, instance.data));
    app.data_size = instance.data_size;
    app.channel = instance.channel;
    app.state = State::registered;
    if (instance_id != nullptr) *instance_id = instance.number;
    return made;
}

}  // namespace

// What the thread of health.cpp may do.
cs_error_t heartbeat() { return sam_hc_send(); }

}  // namespace motet::client::sam

using namespace motet::client::sam;

extern "C" {

cs_error_t sam_initialize(int time_interval, sam_recovery_policy_t recovery_policy) {
    if (app.state != State::not_initialized) return CS_ERR_BAD_HANDLE;
    const unsigned policy = recovery_policy;
    const unsigned what = policy & ~unsigned{SAM_RECOVERY_POLICY_QUORUM | SAM_RECOVERY_POLICY_CMAP};
    if (what != SAM_RECOVERY_POLICY_QUIT && what != SAM_RECOVERY_POLICY_RESTART) return CS_ERR_INVALID_PARAM;
    if ((policy & SAM_RECOVERY_POLICY_QUORUM) != 0)
        if (const cs_error_t opened = app.quorum.open(); opened != CS_OK) return opened;
    app.settings.interval_ms = time_interval;
    app.settings.policy = policy;
    app.settings.warn_signal = SIGTERM;
    app.state = State::initialized;
    return CS_OK;
}

cs_error_t sam_register(unsigned int* instance_id) {
    if (app.state != State::initialized) return CS_ERR_BAD_HANDLE;
    try {
        return registration(instance_id);
    } catch (const std::exception&) {
        return CS_ERR_NO_MEMORY;
    }
}

cs_error_t sam_start(void) {
    if (app.state != State::registered) return CS_ERR_BAD_HANDLE;
    const bool waits = app.settings.quorum() || app.settings.cmap();
    const cs_error_t result = waits ? ask(Command::start) : tell(Command::start);
    if (result != CS_OK) return result;
    app.state = State::started;
    return health_started(app.settings.interval_ms) ? CS_OK : CS_ERR_LIBRARY;
}

cs_error_t sam_stop(void) {
    if (app.state != State::started) return CS_ERR_BAD_HANDLE;
    const cs_error_t result = app.settings.cmap() ? ask(Command::stop) : tell(Command::stop);
    if (result != CS_OK) return result;
    app.state = State::registered;
    health_stopped();
    return CS_OK;
}

cs_error_t sam_hc_send(void) {
    if (app.state != State::started) return CS_ERR_BAD_HANDLE;
    return app.channel.heartbeat() ? CS_OK : CS_ERR_LIBRARY;
}

cs_error_t sam_hc_callback_register(sam_hc_callback_t cb) {
    if (app.state != State::registered) return CS_ERR_BAD_HANDLE;
    if (app.settings.interval_ms == 0) return CS_ERR_INVALID_PARAM;
    return health_register(cb);
}

cs_error_t sam_finalize(void) {
    if (!alive()) return CS_ERR_BAD_HANDLE;
    if (app.state == State::started) sam_stop();
    app.state = State::finalized;
    std::free(std::exchange(app.data, nullptr));
    app.data_size = 0;
    return CS_OK;
}

cs_error_t sam_warn_signal_set(int warn_signal) {
    if (!alive()) return CS_ERR_BAD_HANDLE;
    app.settings.warn_signal = warn_signal;
    return has_parent() ? tell(Command::warn_signal, static_cast<std::uint32_t>(warn_signal)) : CS_OK;
}

cs_error_t sam_mark_failed(void) {
    if (!has_parent()) return CS_ERR_BAD_HANDLE;
    if (!app.settings.cmap()) return CS_ERR_INVALID_PARAM;
    return tell(Command::mark_failed);
}

cs_error_t sam_data_getsize(size_t* size) {
    if (size == nullptr) return CS_ERR_INVALID_PARAM;
    if (!alive()) return CS_ERR_BAD_HANDLE;
    *size = app.data_size;
    return CS_OK;
}

cs_error_t sam_data_restore(void* data, size_t size) {
    if (data == nullptr) return CS_ERR_INVALID_PARAM;
    if (!alive()) return CS_ERR_BAD_HANDLE;
    if (app.data_size == 0) return CS_OK;
    if (size < app.data_size) return CS_ERR_INVALID_PARAM;
    std::memcpy(data, app.data, app.data_size);
    return CS_OK;
}

cs_error_t sam_data_store(const void* data, size_t size) {
    if (!alive()) return CS_ERR_BAD_HANDLE;
    if (data == nullptr) size = 0;
    if (has_parent())
        if (const cs_error_t kept = send_data(data, size); kept != CS_OK) return kept;
    return keep_copy(data, size) ? CS_OK : CS_ERR_NO_MEMORY;
}

}  // extern "C"
