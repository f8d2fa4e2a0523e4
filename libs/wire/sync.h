// The two messages of group "sync": what services a node has, and "I am through with this step". They start
// with a service header but have an id space of their own.
#pragma once
#include <cstddef>
#include <cstdint>

#include "libs/base/bounded_vector.h"
#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/wire/service.h"

namespace motet::wire {

inline constexpr std::uint32_t kSyncBarrierId = 0, kServiceBuildId = 1;
inline constexpr std::size_t kSyncBarrierSize = 32;
inline constexpr std::size_t kServiceBuildSize = 552;
inline constexpr std::size_t kServiceBuildEntriesMax = 128;

struct SyncBarrier {
    RingId ring;
};
struct ServiceBuild {
    RingId ring;
    BoundedVector<std::uint32_t, kServiceBuildEntriesMax> services;  // ascending when we send; each below kServicesMax
};

// A message of group "sync" is told apart by decode_service_header(...)->id.
Decoded<SyncBarrier> decode_sync_barrier(ByteView message, bool swap);
Decoded<ServiceBuild> decode_service_build(ByteView message, bool swap);
// Append the message behind whatever stands in `out` (the group prefix).
void encode_sync_barrier(const SyncBarrier& barrier, Bytes& out);
void encode_service_build(const ServiceBuild& build, Bytes& out);

}  // namespace motet::wire
