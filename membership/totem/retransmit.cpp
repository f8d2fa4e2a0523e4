// totem-state.md §4.6. Requests wait some visits because on many networks the token overtakes the messages it counts.
#include "membership/totem/retransmit.h"

#include <algorithm>

namespace motet::totem {

std::uint32_t answer_requests(wire::Token& token, RingId ring, const SortQueue& store, std::uint32_t allowed, Output& out) {
    std::uint32_t sent = 0;
    for (std::size_t i = 0; i < token.retransmit.size() && sent < allowed;) {
        const wire::RetransmitItem& item = token.retransmit[i];
        const Frame* frame = item.ring == ring ? store.find(item.seq) : nullptr;
        if (frame == nullptr) {
            ++i;  // another member may have it
            continue;
        }
        out.multicast(frame->bytes());
        token.retransmit.erase(i);
        ++sent;
    }
    return sent;
}

std::uint32_t request_missing(wire::Token& token, RingId ring, SortQueue& store, std::uint32_t aru, std::uint32_t miss_count) {
    std::uint32_t added = 0;
    const auto listed = [&](std::uint32_t seq) {
        return std::any_of(token.retransmit.begin(), token.retransmit.end(),
                           [seq](const wire::RetransmitItem& item) { return item.seq == seq; });
    };
    if (!wire::seq_lt(aru, token.seq)) return 0;
    for (std::uint32_t seq = aru + 1; seq != token.seq + 1; ++seq) {
        if (token.retransmit.full() || !store.covers(seq)) break;
        if (store.find(seq) != nullptr) continue;
        if (store.count_miss(seq) < miss_count || listed(seq)) continue;
        token.retransmit.push({ring, seq});
        ++added;
    }
    return added;
}

}  // namespace motet::totem
