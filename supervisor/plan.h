// The table of children: data. Membership is first; a further service of ours is one more line, one of somebody else's an item
// of `services:` in the configuration.
#pragma once
#include <array>
#include <cstdint>
#include <deque>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "libs/base/ids.h"
#include "libs/base/result.h"
#include "libs/config/snapshot.h"

namespace motet::supervisor {

struct ChildPlan {
    const char* name;            // in status and options
    const char* program;         // in the libexec directory; of a foreign service the last part of its path, for log lines
    ServiceSet services;         // ids of a worker's messages between nodes; it may have none
    const char* socket;          // clients connect to it, in the runtime directory; null: no clients
    const char* user;            // what it becomes when started as root; null: it stays
    bool administers = false;    // the one worker that reads everybody's pages and may ask for what concerns the whole node
    const char* listen = nullptr;   // it serves everybody's pages itself, on a socket there: no clients of ours, no link with membership
    const char* path = nullptr;  // of a foreign service's program; null: ours
};

inline constexpr ChildPlan kChildren[] = {
    {"membership", "motet-membership", 0, nullptr, "motet-membership"},
    {"cpg", "motet-cpg", service_set(2), "cpg.sock", "motet-cpg"},
    {"confdb", "motet-confdb", service_set(0) | service_set(1), "confdb.sock", "motet-confdb", true},
    {"quorum", "motet-quorum", service_set(3) | service_set(5), "quorum.sock", "motet-quorum"},
    {"sam", "motet-sam", 0, "sam.sock", "motet-sam"},
};
inline constexpr std::size_t kMembership = 0;

// The children of this node: the table, the foreign services of its configuration, and motet-metrics where that wants it.
class Plan {
public:
    Plan() : rows_(std::begin(kChildren), std::end(kChildren)) {}
    // An error names the item that is not as the reader checks it.
    static Result<Plan> make(const config::Snapshot& configuration);
    Plan(Plan&&) = default;
    Plan& operator=(Plan&&) = default;

    std::size_t size() const { return rows_.size(); }
    const ChildPlan& operator[](std::size_t index) const { return rows_[index]; }
    auto begin() const { return rows_.begin(); }
    auto end() const { return rows_.end(); }

    // For a supervisor that takes over: what the configuration adds, which a reload cannot change; ours it must have in the same order.
    template <class Archive>
    void transfer(Archive& a) {
        std::uint64_t count = rows_.size() - std::size(kChildren);
        a(count);
        for (std::uint64_t i = 0; i < count && a.ok(); ++i) {
            std::string texts[6];
            ServiceSet services = 0;
            if (!a.reading()) {
                const ChildPlan& row = rows_[std::size(kChildren) + i];
                services = row.services;
                const std::array all{row.name, row.program, row.socket, row.user, row.path, row.listen};
                for (std::size_t n = 0; n < all.size(); ++n) texts[n] = all[n] != nullptr ? all[n] : "";
            }
            a(services);
            for (std::string& text : texts) a(text);
            if (a.reading())
                rows_.push_back({.name = keep(texts[0]), .program = keep(texts[1]), .services = services, .socket = optional(texts[2]),
                                 .user = keep(texts[3]), .listen = optional(texts[5]), .path = optional(texts[4])});
        }
    }
    // "membership,cpg": our own children, for the question whether another program has the same.
    static std::string own_names();

private:
    const char* optional(const std::string& text) { return text.empty() ? nullptr : keep(text); }
    const char* keep(std::string text) { return texts_.emplace_back(std::move(text)).c_str(); }

    std::vector<ChildPlan> rows_;
    std::deque<std::string> texts_;   // of the foreign ones; their addresses stay
};

// Sizes of what is shared, in bytes.
inline constexpr std::uint64_t kDeliveryRing = 16u << 20;   // membership to worker
inline constexpr std::uint64_t kSubmitRing = 32u << 20;     // worker to membership: until it is delivered here
inline constexpr std::uint64_t kSyncRing = 8u << 20;        // worker to membership, messages of synchronisations
inline constexpr std::uint64_t kEventRing = 2u << 20;       // worker to client
inline constexpr std::uint64_t kMailbox = 64u << 10;        // replies, behind the event ring
inline constexpr std::uint64_t kRequestRing = 2u << 20;     // client to worker

// Limits; a client beyond them is told "no resources". The configuration may lower the first, and set the second up to it.
inline constexpr std::size_t kConnectionsMax = 4096;             // per service: ipc.connections_max
inline constexpr std::size_t kConnectionsPerUserDefault = 256;   // of one ordinary user and service: ipc.connections_per_user_max
inline constexpr int kAcceptsPerRound = 16;                 // the rest waits in the listen queue

}  // namespace motet::supervisor
