#include "supervisor/fdstore.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace motet::supervisor {
namespace {

constexpr std::size_t kEntriesPerMessage = 60;
constexpr std::size_t kFdsPerEntry = 3;
static_assert(kEntriesPerMessage * kFdsPerEntry <= control::kFdsMax);

}  // namespace

ConnectionLimits ConnectionLimits::of(const config::Snapshot& configuration) {
    return {.all = std::min<std::size_t>(configuration.number_or("ipc.connections_max", kConnectionsMax), kConnectionsMax),
            .of_user = std::min<std::size_t>(configuration.number_or("ipc.connections_per_user_max", kConnectionsPerUserDefault), kConnectionsMax)};
}

std::size_t FdStore::of_user(uid_t uid) const {
    const auto it = per_user_.find(uid);
    return it == per_user_.end() ? 0 : it->second;
}

void FdStore::add(Connection connection) {
    const std::uint64_t id = connection.entry.id;
    ++per_user_[connection.entry.uid];
    unsent_.push_back(id);
    connections_.emplace(id, std::move(connection));
}

void FdStore::drop(std::uint64_t id) {
    const auto it = connections_.find(id);
    if (it == connections_.end()) return;
    const auto user = per_user_.find(it->second.entry.uid);
    if (--user->second == 0) per_user_.erase(user);
    connections_.erase(it);
}

void FdStore::clear() {
    // A worker's copies may still keep the sockets open, so closing ours alone would not be seen.
    for (auto& [id, connection] : connections_) shutdown(connection.socket.get(), SHUT_RDWR);
    connections_.clear();
    per_user_.clear();
    unsent_.clear();
}

void FdStore::hand_over_again() {
    unsent_.clear();
    for (const auto& [id, connection] : connections_) unsent_.push_back(id);
}

bool FdStore::hand_over(int control_socket) {
    while (!unsent_.empty()) {
        std::vector<control::ConnEntry> entries;
        std::vector<int> fds;
        std::size_t taken = 0;
        for (; taken < unsent_.size() && entries.size() < kEntriesPerMessage; ++taken) {
            const auto it = connections_.find(unsent_[taken]);
            if (it == connections_.end()) continue;   // dropped before the worker saw it
            entries.push_back(it->second.entry);
            fds.insert(fds.end(), {it->second.socket.get(), it->second.worker_segment.get(), it->second.client_segment.get()});
        }
        const control::Header header{.type = static_cast<std::uint32_t>(control::Type::conns), .n = static_cast<std::uint32_t>(entries.size())};
        const ByteView body{reinterpret_cast<const std::uint8_t*>(entries.data()), entries.size() * sizeof(control::ConnEntry)};
        if (!entries.empty() && !control::send(control_socket, header, body, fds)) return false;
        unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<std::ptrdiff_t>(taken));
    }
    return true;
}

}  // namespace motet::supervisor
