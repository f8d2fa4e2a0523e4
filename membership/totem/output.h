// What the Totem core can ask for. The core calls these while it handles one event, in the order in which
// they must take effect; an implementation only records or sends and never calls back into the core.
#pragma once
#include <cstdint>
#include <span>

#include "libs/base/bytes.h"
#include "libs/base/ids.h"

namespace motet::totem {

// What the layer above concludes from a delivered message.
enum class Verdict : std::uint8_t {
    none,
    synchronised,           // the services have synchronised: the normal queue is sent again
    synchronised_restart,   // the same, and every member is Motet: messages that the ring change cut are restarted by
                            // their senders, and half-assembled ones are dropped by all
};

// Whose an own message is and where it stands with its owner; both mean nothing here.
struct Tag {
    std::uint16_t owner = 0;        // 0: nobody wants to know
    std::uint64_t position = 0;
};

class Output {
public:
    virtual ~Output() = default;

    // One copy of a frame to every configured node except this one.
    virtual void multicast(ByteView frame) = 0;
    // A token or commit token to one node. `to` may be this node.
    virtual void unicast(NodeId to, ByteView frame) = 0;
    // A copy of a multicast (join, merge detect, hold cancel) for this node itself: it must come back through
    // Totem::on_frame after the present call has returned, in sending order.
    virtual void loop_back(ByteView frame) = 0;

    // One complete message, group prefix included, in its place of the total order. Valid during the call.
    // `foreign_order`: the sender's byte order is not ours; Totem has swapped nothing inside the message.
    // The answer takes effect behind this very message, at the same place of the order on every member.
    virtual Verdict deliver(NodeId from, ByteView message, bool foreign_order) = 0;
    // The last byte of the own message with this tag gets its number now: from here on other nodes may have it. Before the
    // frame is given to multicast(). Of several messages of one owner in a frame only the last is told.
    virtual void numbered(Tag) {}
    // The next deliver() is of the own message with this tag.
    virtual void own_next(Tag) {}
    // Members of the old ring that come along into the new one, and those that do not.
    virtual void transitional(RingId ring, std::span<const NodeId> members, std::span<const NodeId> left) = 0;
    // The new ring with its members in ring order, and those that were not in the old one (or came back).
    virtual void regular(RingId ring, std::span<const NodeId> members, std::span<const NodeId> joined) = 0;

    // Stores the ring sequence durably before the call returns. False: it could not be stored, which is fatal
    // for this node (uniqueness of ring ids depends on it); the core goes to no new ring and asks again later.
    virtual bool store_ring_sequence(std::uint64_t seq) = 0;
};

}  // namespace motet::totem
