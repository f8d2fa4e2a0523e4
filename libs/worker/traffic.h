// Messages between nodes by service and kind, as Corosync shows them under runtime.services.
#pragma once
#include <array>
#include <cstdint>

#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/metrics/values.h"
#include "libs/wire/service.h"

namespace motet::worker {

class Traffic {
public:
    explicit Traffic(ServiceSet services) : services_(services) {}

    // A message from its header on; only its first bytes are looked at.
    void sent(ByteView message) { count(message, false, sent_); }
    void received(ByteView message, bool foreign_order) { count(message, foreign_order, received_); }
    void values(metrics::ValueWriter& out) const;

private:
    static constexpr std::size_t kServices = 8, kKinds = 8;   // Corosync's
    using Counts = std::array<std::array<std::uint64_t, kKinds>, kServices>;

    static void count(ByteView message, bool foreign_order, Counts& counts) {
        const std::uint32_t id = Reader(message, foreign_order).u32();
        if ((id >> 16) < kServices && (id & 0xffff) < kKinds) ++counts[id >> 16][id & 0xffff];
    }

    const ServiceSet services_;
    Counts sent_{}, received_{};
};

}  // namespace motet::worker
