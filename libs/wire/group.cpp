// The group prefix: count, lengths, names; every one of them checked before the payload is believed to begin.
#include "libs/wire/group.h"

namespace motet::wire {

Decoded<Grouped> decode_grouped(ByteView message, bool swap) {
    Decoded<Grouped> out;
    Reader in(message, swap);
    const std::uint16_t groups = in.u16();
    if (!in.ok()) return {{}, Malformed::truncated};
    if (groups > kGroupsMax) return {{}, Malformed::count};
    Reader lengths(in.bytes(groups * sizeof(std::uint16_t)), swap);
    for (std::uint16_t i = 0; i < groups; ++i) {
        const ByteView group = in.bytes(lengths.u16());
        if (!in.ok()) return {{}, Malformed::truncated};
        if (i == 0) out->first_name = group;
        if (as_text(group) == "a") out->service = true;
        if (as_text(group) == "sync") out->sync = true;
    }
    out->payload = in.rest();
    return out;
}

}  // namespace motet::wire
