// A proposal for the next membership: whom the sender considers, and whom it gave up. With header.nodeid 0 it
// is a leave, whose last failed entry is the leaver.
#pragma once
#include <cstddef>
#include <cstdint>

#include "libs/base/bounded_vector.h"
#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/wire/header.h"

namespace motet::wire {

inline constexpr std::size_t kJoinSize = 33;  // without the two lists

struct Join {
    Header header{.type = FrameType::join};
    NodeId system_from = 0;
    std::uint64_t ring_seq = 0;  // of the sender's current ring
    // Sets in order of insertion. A decoded list may repeat an id or hold 0: the receiver's sets must bear it.
    BoundedVector<NodeId, kNodesMax> proc_list, failed_list;

    bool leave() const { return header.nodeid == 0; }
};

Decoded<Join> decode_join(ByteView frame);
// Appends.
void encode_join(const Join& join, Bytes& out);

}  // namespace motet::wire
