// What stands behind cmap's handles, and the shape of a request with its reply.
#pragma once
#include <corosync/cmap.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "libs/base/bytes.h"
#include "libs/client/dispatch.h"
#include "libs/client/handles.h"
#include "libs/ipc/client_link.h"
#include "libs/wire/client_confdb.h"

namespace motet::client::cmap {

namespace wire = motet::wire::cmap_client;
using ipc::Outcome;

struct Track {
    cmap_handle_t connection = 0;
    std::uint64_t number = 0;   // the worker's name for it
    cmap_notify_fn_t notify = nullptr;
    void* user_data = nullptr;
};
using Tracks = Handles<Track>;
extern Tracks tracks;

struct Walk {
    cmap_handle_t connection = 0;
    std::mutex mutex;           // the rest
    std::string prefix, last;   // the key told last; "": none yet
    struct Entry {
        std::string key;
        std::uint32_t length;
        std::uint16_t type;
    };
    std::vector<Entry> batch;   // read ahead, from `next` on
    std::size_t next = 0;
    std::uint64_t changes = 0;  // of this process when the batch was read
    bool ended = false;
};
using Walks = Handles<Walk>;
extern Walks walks;

// Answers to gets that are still true: the service raises the link's epoch before a change of any key is visible to anybody,
// so an answer is good while the epoch is what it was before its request. A get that is answered from here costs no other
// process anything.
class Kept {
public:
    struct Answer {
        cs_error_t error = CS_OK;      // CS_OK or CS_ERR_NOT_EXIST
        std::uint32_t type = 0;
        std::string value;
    };
    static constexpr std::size_t kAnswersMax = 1024, kValueMax = 1024;

    // Calls with(answer) under the lock. False: not known.
    template <class With>
    bool find(std::string_view key, std::uint64_t epoch, With with) {
        const std::lock_guard lock(mutex_);
        if (epoch != epoch_) return false;
        const auto found = answers_.find(key);
        if (found == answers_.end()) return false;
        with(found->second);
        return true;
    }
    void keep(std::string_view key, std::uint64_t epoch, Answer answer) {
        const std::lock_guard lock(mutex_);
        if (epoch != epoch_) {
            answers_.clear();
            epoch_ = epoch;
        }
        if (answers_.size() < kAnswersMax && answer.value.size() <= kValueMax) answers_.insert_or_assign(std::string(key), std::move(answer));
    }

private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
    };
    std::mutex mutex_;
    std::uint64_t epoch_ = UINT64_MAX;
    std::unordered_map<std::string, Answer, Hash, std::equal_to<>> answers_;
};

struct Connection {
    std::unique_ptr<ipc::ClientLink> link;
    bool statistics = false;           // computed when read: never kept
    Kept kept;
    std::atomic<std::int64_t> alive_at_ms{0};   // when the kernel was last asked whether the service is there
    std::atomic<const void*> context{nullptr};
    std::atomic<bool> polled{false};   // the application has the descriptor and may wait on it

    std::mutex mutex;                  // the rest
    std::uint64_t last_number = 0;
    std::map<std::uint64_t, cmap_track_handle_t> tracks;   // by the worker's name
    std::vector<cmap_iter_handle_t> walks;

    Connection() = default;
    ~Connection();                     // tracks and walks end with their connection
};
using Connections = Handles<Connection>;
extern Connections connections;

// Changes asked for by this process, on any handle: a walk reads again what it has read ahead.
extern std::atomic<std::uint64_t> changes;

template <class T>
ByteView bytes_of(const T& value) {
    return {reinterpret_cast<const std::uint8_t*>(&value), sizeof value};
}

// One request and its reply. The reply is copied out of shared memory once and judged afterwards: at least `least` bytes
// when it says CS_OK, or the link is dead (CS_ERR_LIBRARY). `got` is how many bytes of `reply` were filled.
cs_error_t ask(Connection& connection, wire::Request type, std::span<const ByteView> pieces, std::span<std::uint8_t> reply, std::size_t least,
               std::size_t& got);
cs_error_t ask(Connection& connection, wire::Request type, std::span<const ByteView> pieces);

// A name as the application gave it, of which no more is read than can be a key: longer ones are refused.
inline std::string_view name_of(const char* key) { return {key, strnlen(key, CMAP_KEYNAME_MAXLEN + 1)}; }

}  // namespace motet::client::cmap
