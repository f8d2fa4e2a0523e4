// Reassembly (totem-pg.md §4). Where Corosync drops a whole frame because its first entry continues something
// unknown, only that entry is dropped here: the messages packed behind it are good, and older members deliver them.
#include "membership/totem/assembly.h"

namespace motet::totem {

Verdict Assembly::take(wire::PackedBody& body, NodeId from, bool foreign_order, Output& out, Counters& counters, std::span<const Tag> tags) {
    const std::size_t count = body.count();
    for (std::size_t i = 0; i < count; ++i) {
        // No sender packs nothing; a 3.1 peer would read the bytes behind it twice.
        if (body.entry(i).empty()) {
            ++counters.dropped_malformed;
            return Verdict::none;
        }
    }

    Verdict verdict = Verdict::none;
    const auto deliver = [&](ByteView message, std::size_t number) {
        ++counters.messages_delivered;
        if (number < tags.size() && tags[number].owner != 0) out.own_next(tags[number]);
        const Verdict said = out.deliver(from, message, foreign_order);
        if (said != Verdict::none) verdict = said;
    };
    const bool open = body.fragmented() != 0;  // the last entry is not complete
    std::size_t first = 0;
    if (usable_ && body.continuation() != expected_) {
        ++counters.fragments_dropped;  // what we have of a message will never be completed
        usable_ = false;
    }
    if (body.continuation() != 0) {
        const bool middle = count == 1 && open;
        if (!usable_ || !keep(body.entry(0))) {
            ++counters.fragments_dropped;
            usable_ = false;
        } else if (!middle) {
            deliver(buffer_, 0);
        }
        if (middle) {
            expected_ = body.fragmented();
            return verdict;
        }
        first = 1;
    }
    buffer_.clear();
    usable_ = false;
    for (std::size_t i = first; i + (open ? 1 : 0) < count; ++i) deliver(body.entry(i), i);
    if (open) {
        usable_ = keep(body.entry(count - 1));
    }
    expected_ = body.fragmented();
    return verdict;
}

bool Assembly::keep(ByteView piece) {
    if (piece.size() > kBufferMax - buffer_.size()) {
        buffer_.clear();
        return false;
    }
    buffer_.insert(buffer_.end(), piece.begin(), piece.end());
    return true;
}

void Assembly::reset() {
    buffer_ = Bytes();
    expected_ = 0;
    usable_ = false;
}

}  // namespace motet::totem
