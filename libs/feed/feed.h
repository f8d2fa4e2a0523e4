// The records between membership and a worker, over one ring in each direction.
//
// Delivery ring (membership -> worker): what happened, in the total order.
// Submit ring (worker -> membership): what the service wants multicast.
// Integers are native and packed; decode_* checks every length and count.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "libs/base/bytes.h"
#include "libs/base/ids.h"

namespace motet::feed {

// Record types of the delivery ring (ring record field `type`).
enum class Delivery : std::uint16_t {
    message = 1,        // u32 from, u8 foreign_order, 3 zero bytes; then the service message from its 16-byte header on
    sync_started = 2,   // empty: a configuration change began; clients must wait
    init = 3,           // u32 service, u64 round, u32 rep, u64 ring seq, u32 n_members, u32 n_continuing, members, continuing
    process = 4,        // u32 service, u64 round
    activate = 5,       // u32 service, u64 round
    abort = 6,          // u32 service, u64 round
    complete = 7,       // u32 rep, u64 ring seq, u8 all_members_are_motet
};

// Operations of the submit ring (ring record field `type`). Every payload starts with SubmitHeader.
enum class Submit : std::uint16_t {
    multicast = 1,       // application message: waits while a synchronisation runs
    sync_multicast = 2,  // message of a synchronisation step: round in `round`
    sync_done = 3,       // the step of `service` in `round` is complete
    operation = 4,       // to the daemon: `reply` what, `round` number; body: text. Of the worker that serves cfg (service 1) only.
};
// The two operations that membership carries out itself, and before it takes the next record: a node that says it sends with a new key does.
inline constexpr std::uint64_t kOperationSwitchKey = 7, kOperationForgetKey = 8;

struct SubmitHeader {
    std::uint32_t conn = 0;        // low 32 bits of the connection on whose behalf, 0: none
    std::uint8_t guarantee = 0;    // motet::Guarantee
    std::uint8_t unit_first = 1;   // first / last message of a unit that is sent as one
    std::uint8_t unit_last = 1;
    std::uint8_t service = 0;      // sync_done
    std::uint64_t req_after = 0;   // position in the connection's request ring after the originating request
    std::uint64_t reply = 0;       // request number that is owed an OK reply, 0: none; operation: what
    std::uint64_t round = 0;       // sync_multicast, sync_done; operation: its number
};
inline constexpr std::size_t kSubmitHeaderSize = 32;
inline constexpr std::size_t kOperationTextMax = 1024;   // bytes
static_assert(sizeof(SubmitHeader) == kSubmitHeaderSize);

struct Init {
    std::uint32_t service = 0;
    std::uint64_t round = 0;
    RingId ring;
    std::vector<NodeId> members, continuing;
};
// One step of a synchronisation: process, activate or abort.
struct Step {
    std::uint32_t service = 0;
    std::uint64_t round = 0;
    friend bool operator==(const Step&, const Step&) = default;
};
struct Message {
    NodeId from = 0;
    bool foreign_order = false;
    bool of_predecessor = false;    // this node has sent it, but not this worker nor one whose state it has; of a unit in one message
    ByteView body;
};
struct Complete {
    RingId ring;
    bool all_motet = false;
};
inline constexpr std::size_t kMessageHeaderSize = 8;

void encode_init(const Init& init, Bytes& out);
void encode_step(Step step, Bytes& out);
void encode_complete(const Complete& complete, Bytes& out);
void encode_message_header(NodeId from, bool foreign_order, bool of_predecessor, std::uint8_t out[kMessageHeaderSize]);

std::optional<Init> decode_init(ByteView payload);
std::optional<Step> decode_step(ByteView payload);
std::optional<Complete> decode_complete(ByteView payload);
std::optional<Message> decode_message(ByteView payload);
struct Submitted {
    SubmitHeader header;
    ByteView body;
};
std::optional<Submitted> decode_submit(ByteView payload);

}  // namespace motet::feed
