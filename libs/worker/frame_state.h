// What the frame itself must not forget, beside the service's snapshot. Pure.
#pragma once
#include <cstdint>
#include <vector>

#include "libs/base/bytes.h"
#include "libs/base/result.h"

namespace motet::worker {

struct FrameState {
    std::uint64_t journal = 0;                           // inputs written into the journal so far
    std::uint64_t delivery = 0;                          // position in the delivery ring behind what was taken
    std::uint64_t submitted = 0, submitted_sync = 0;     // submissions caused so far: of applications, of synchronisations
    bool syncing = false;
    std::uint64_t submitted_while_syncing = 0;           // bytes
    std::vector<std::uint64_t> known;                    // connections that the service knows
    // Submissions that found no room in the ring yet: kind of record, then header and body as they go into it.
    struct Waiting {
        std::uint16_t kind = 0;
        Bytes record;
    };
    std::vector<Waiting> waiting, waiting_sync;
};

void encode_frame_state(const FrameState& state, Bytes& out);
// The front of `bytes`; `rest` is the service's part.
Result<FrameState> decode_frame_state(ByteView bytes, ByteView& rest);

}  // namespace motet::worker
