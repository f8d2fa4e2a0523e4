// What stands behind a cpg handle, and the few helpers that all calls share.
#pragma once
#include <corosync/cpg.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "libs/base/bytes.h"
#include "libs/client/handles.h"
#include "libs/ipc/client_link.h"
#include "libs/wire/client_cpg.h"

namespace motet::client::cpg {

namespace wire = motet::wire::cpg_client;
using ipc::Outcome;

// Memory for one event; grows, never shrinks, is not zeroed.
class EventBuffer {
public:
    EventBuffer() = default;
    EventBuffer(EventBuffer&& other) noexcept { swap(other); }
    EventBuffer& operator=(EventBuffer&& other) noexcept {
        swap(other);
        return *this;
    }
    ~EventBuffer() { std::free(data_); }

    bool reserve(std::size_t size);   // loses the contents when it has to grow
    void reset() { EventBuffer().swap(*this); }
    void swap(EventBuffer& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(capacity_, other.capacity_);
    }
    std::uint8_t* data() const { return data_; }
    std::size_t capacity() const { return capacity_; }

private:
    std::uint8_t* data_ = nullptr;
    std::size_t capacity_ = 0;
};

// A long message of which not all parts have come yet.
struct Assembly {
    EventBuffer buffer;               // DeliverEvent, then the bytes
    std::uint32_t total = 0, got = 0; // total 0: none
};

struct Connection {
    std::unique_ptr<ipc::ClientLink> link;
    cpg_model_v1_data_t model{};
    std::atomic<void*> context{nullptr};
    std::atomic<bool> polled{false};  // the application has the descriptor and may wait on it

    // Under link->event_mutex().
    EventBuffer spare;
    Assembly assembly;

    std::mutex parts_mutex;           // parts of two long messages must not interleave

    std::mutex mutex;                 // the two below
    std::map<void*, std::size_t> buffers;   // zero-copy buffers by address, with the size asked for
    std::vector<cpg_iteration_handle_t> iterations;

    Connection() = default;
    ~Connection();                    // iterations end with their connection
};
using Connections = Handles<Connection>;
extern Connections connections;

// A walk over groups.
struct Iteration {
    cpg_handle_t connection = 0;
    std::uint64_t number = 0;         // the worker's name for it
};
using Iterations = Handles<Iteration>;
extern Iterations iterations;

constexpr cs_error_t to_cs(Outcome outcome) { return static_cast<cs_error_t>(outcome); }

// Sends are refused under any of these bits, joins and leaves under all but the last. Both are also checked by the
// worker; looking here first keeps calls from waiting behind a queue that is not being served.
inline constexpr std::uint64_t kNoChange = ring::kFlowSync | ring::kFlowCritical | ring::kFlowNotReady;
inline constexpr std::uint64_t kNoSend = kNoChange | ring::kFlowLagging;

// One request and the `more` bytes behind its Reply; CS_ERR_LIBRARY unless all of them came (on CS_OK). The reply is
// copied out of shared memory once and judged afterwards.
cs_error_t ask(Connection& connection, wire::Request type, std::span<const ByteView> pieces, std::span<std::uint8_t> more,
               std::size_t more_min);

template <class T>
ByteView bytes_of(const T& value) {
    return {reinterpret_cast<const std::uint8_t*>(&value), sizeof value};
}
template <class T>
cs_error_t ask(Connection& connection, wire::Request type, const T& request) {
    const ByteView pieces[] = {bytes_of(request)};
    return ask(connection, type, pieces, {}, 0);
}

inline wire::Name to_wire(const cpg_name& name) {
    static_assert(sizeof(wire::Name) == sizeof(cpg_name));
    wire::Name out;
    out.length = name.length;
    std::memcpy(out.value, name.value, std::min<std::size_t>(name.length, sizeof out.value));
    return out;
}

// No exception reaches a C program. What pthread_cancel() and pthread_exit() unwind with is no std::exception and passes.
template <class Body>
cs_error_t guarded(Body body) {
    try {
        return body();
    } catch (const std::exception&) {
        return CS_ERR_NO_MEMORY;
    }
}

}  // namespace motet::client::cpg
