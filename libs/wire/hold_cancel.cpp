// The hold cancel's layout behind the common header.
#include "libs/wire/hold_cancel.h"

namespace motet::wire {

Decoded<HoldCancel> decode_hold_cancel(ByteView frame) {
    Decoded<HoldCancel> out;
    auto [header, in, why] = open_frame(frame, FrameType::hold_cancel);
    if (why != Malformed::none) return {{}, why};
    out->header = header;
    out->ring = read_ring_id(in);
    if (!in.ok()) return {{}, Malformed::truncated};
    return out;
}

void encode_hold_cancel(const HoldCancel& hold_cancel, Bytes& out) {
    encode_header(hold_cancel.header, out);
    Writer w(out);
    write_ring_id(w, hold_cancel.ring);
}

}  // namespace motet::wire
