// The table of children: data, no logic. Membership is first; a further service is one more line.
#pragma once
#include <cstdint>
#include <span>

#include "libs/base/ids.h"

namespace motet::supervisor {

struct ChildPlan {
    const char* name;            // in status and options
    const char* program;         // in the libexec directory
    ServiceSet services;         // ids of a worker's messages between nodes; it may have none
    const char* socket;          // clients connect to it, in the runtime directory; null: no clients
    const char* user;            // what it becomes when started as root; null: it stays
    bool realtime;               // SCHED_RR where permitted; else, where permitted, ordinary scheduling with a high weight:
                                 // a worker that preempted its clients at every message would handle them one by one
};

inline constexpr ChildPlan kChildren[] = {
    {"membership", "motet-membership", 0, nullptr, "motet-membership", true},
    {"cpg", "motet-cpg", service_set(2), "cpg.sock", "motet-cpg", false},
};
inline constexpr std::span<const ChildPlan> kPlan{kChildren};
inline constexpr std::size_t kMembership = 0;

inline constexpr int kWorkerNice = -5;   // with system.sched_rr

// Sizes of what is shared, in bytes.
inline constexpr std::uint64_t kDeliveryRing = 16u << 20;   // membership to worker
inline constexpr std::uint64_t kSubmitRing = 8u << 20;      // worker to membership
inline constexpr std::uint64_t kEventRing = 2u << 20;       // worker to client
inline constexpr std::uint64_t kMailbox = 64u << 10;        // replies, behind the event ring
inline constexpr std::uint64_t kRequestRing = 2u << 20;     // client to worker

// Limits; a client beyond them is told "no resources".
inline constexpr std::size_t kConnectionsMax = 4096;        // per service
inline constexpr std::size_t kConnectionsPerUidMax = 256;   // of one ordinary user and service
inline constexpr int kAcceptsPerRound = 16;                 // the rest waits in the listen queue

}  // namespace motet::supervisor
