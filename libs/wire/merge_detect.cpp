// The merge detect's layout behind the common header.
#include "libs/wire/merge_detect.h"

namespace motet::wire {

Decoded<MergeDetect> decode_merge_detect(ByteView frame) {
    Decoded<MergeDetect> out;
    auto [header, in, why] = open_frame(frame, FrameType::merge_detect);
    if (why != Malformed::none) return {{}, why};
    out->header = header;
    out->system_from = in.u32();
    out->ring = read_ring_id(in);
    if (!in.ok()) return {{}, Malformed::truncated};
    return out;
}

void encode_merge_detect(const MergeDetect& merge_detect, Bytes& out) {
    encode_header(merge_detect.header, out);
    Writer w(out);
    w.u32(merge_detect.system_from);
    write_ring_id(w, merge_detect.ring);
}

}  // namespace motet::wire
