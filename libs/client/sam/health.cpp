#include "libs/client/sam/health.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <climits>

#include "libs/client/sam/clock.h"

namespace motet::client::sam {
namespace {

constexpr unsigned kRoundsPerCheck = 4;
constexpr std::size_t kStack = 32 * 1024;

constinit std::atomic<sam_hc_callback_t> callback{nullptr};
constinit std::atomic<int> interval_ms{0};      // 0: not started
constinit std::atomic<unsigned> generation{0};  // of the thread; another number ends it

// A heartbeat every quarter of the interval; every fourth time the callback is asked first. When it is not content there is no
// heartbeat any more: what follows is recovery.
void* run(void* mine) {
    const auto number = static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(mine));
    for (unsigned round = 0; generation == number; ++round) {
        const int interval = interval_ms;
        if (interval <= 0) break;
        if (round != 0 && round % kRoundsPerCheck == 0) {
            const sam_hc_callback_t ask = callback;
            if (ask == nullptr || ask() != 0) break;
        }
        if (heartbeat() != CS_OK) break;
        pause_for(microseconds(std::max<std::int64_t>(1, std::int64_t{interval} * 250)));
    }
    return nullptr;
}

bool start_thread(unsigned number) {
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) return false;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    // Small, but with room for what the C library puts there: thread-local storage of the program counts too.
    const long least = sysconf(_SC_THREAD_STACK_MIN);
    pthread_attr_setstacksize(&attributes, kStack + static_cast<std::size_t>(std::max(least, long{PTHREAD_STACK_MIN})));
    // Signals are the application's threads' business.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    const int result = pthread_create(&thread, &attributes, run, reinterpret_cast<void*>(static_cast<std::uintptr_t>(number)));
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    pthread_attr_destroy(&attributes);
    return result == 0;
}

}  // namespace

cs_error_t health_register(sam_hc_callback_t wanted) {
    if (wanted == nullptr && callback == nullptr) return CS_ERR_INVALID_PARAM;
    callback = wanted;
    return CS_OK;
}

bool health_started(int interval) {
    interval_ms = interval;
    return callback == nullptr || start_thread(++generation);
}

void health_stopped() {
    interval_ms = 0;
    ++generation;
}

}  // namespace motet::client::sam
