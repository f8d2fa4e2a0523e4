// The client connections of one service and the descriptors behind them, kept here because we do not crash when a worker
// does. No client byte is read.
#pragma once
#include <sys/types.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <string>

#include "libs/config/snapshot.h"
#include "libs/control/control.h"
#include "supervisor/plan.h"
#include "supervisor/unique_fd.h"

namespace motet::supervisor {

struct Connection {
    control::ConnEntry entry;
    UniqueFd socket, worker_segment, client_segment;
    template <class Archive>
    void transfer(Archive& a) {
        std::string process(entry.process, strnlen(entry.process, sizeof entry.process));
        a(entry.id, entry.pid, entry.uid, entry.gid, entry.flags, process, socket, worker_segment, client_segment);
        if (a.reading()) std::memcpy(entry.process, process.data(), std::min(process.size(), sizeof entry.process - 1));
    }
};

// How many connections one service has, and how many of them are one ordinary user's.
struct ConnectionLimits {
    std::size_t all = kConnectionsMax, of_user = kConnectionsPerUserDefault;
    static ConnectionLimits of(const config::Snapshot& configuration);
};

class FdStore {
public:
    FdStore() = default;
    FdStore(FdStore&&) noexcept = default;   // a vector of them may grow
    FdStore& operator=(FdStore&&) = default;
    std::size_t of_user(uid_t uid) const;
    std::size_t size() const { return connections_.size(); }

    void add(Connection connection);
    void drop(std::uint64_t id);
    // Cuts everybody off: each client sees its socket hang up.
    void clear();
    // Hands what the worker has not got yet to its control socket, as far as that takes it. False: some still wait.
    bool hand_over(int control_socket);
    bool waiting() const { return !unsent_.empty(); }
    // A new worker has nothing yet.
    void hand_over_again();
    bool holds(std::uint64_t id) const { return connections_.contains(id); }

    template <class Archive>
    void transfer(Archive& a) {
        std::uint64_t count = connections_.size();
        a(count);
        if (a.reading()) {
            for (std::uint64_t i = 0; i < count && a.ok(); ++i) {
                Connection connection;
                a(connection);
                if (a.ok()) add(std::move(connection));
            }
        } else {
            for (auto& [id, connection] : connections_) a(connection);
        }
        a(unsent_);   // add() has put all of them there
    }

private:
    std::map<std::uint64_t, Connection> connections_;
    std::map<uid_t, std::size_t> per_user_;
    std::deque<std::uint64_t> unsent_;
};

}  // namespace motet::supervisor
