// Barrier and service build.
#include "libs/wire/sync.h"

#include "libs/wire/header.h"

namespace motet::wire {

Decoded<SyncBarrier> decode_sync_barrier(ByteView message, bool swap) {
    Decoded<SyncBarrier> out;
    auto [in, size, why] = open_message(message, kSyncBarrierId, swap);
    if (why != Malformed::none) return {{}, why};
    if (size < kSyncBarrierSize) return {{}, Malformed::truncated};
    out->ring = read_ring_id(in);
    return out;
}

Decoded<ServiceBuild> decode_service_build(ByteView message, bool swap) {
    Decoded<ServiceBuild> out;
    auto [in, size, why] = open_message(message, kServiceBuildId, swap);
    if (why != Malformed::none) return {{}, why};
    if (size < kServiceBuildSize) return {{}, Malformed::truncated};
    out->ring = read_ring_id(in);
    in.skip(4);
    const std::uint32_t entries = in.u32();
    in.skip(4);
    if (entries > kServiceBuildEntriesMax) return {{}, Malformed::count};
    for (std::uint32_t i = 0; i < entries; ++i) {
        const std::uint32_t service = in.u32();
        if (service >= kServicesMax) return {{}, Malformed::value};
        out->services.push(service);
    }
    return out;
}

void encode_sync_barrier(const SyncBarrier& barrier, Bytes& out) {
    encode_service_header(kSyncBarrierId, kSyncBarrierSize, out);
    Writer w(out);
    write_ring_id(w, barrier.ring);
    w.zeros(4);
}

void encode_service_build(const ServiceBuild& build, Bytes& out) {
    encode_service_header(kServiceBuildId, kServiceBuildSize, out);
    Writer w(out);
    write_ring_id(w, build.ring);
    w.zeros(4);
    w.u32(static_cast<std::uint32_t>(build.services.size()));
    w.zeros(4);
    for (const std::uint32_t service : build.services) w.u32(service);
    w.zeros((kServiceBuildEntriesMax - build.services.size()) * sizeof(std::uint32_t));
}

}  // namespace motet::wire
