// "This ring exists": multicast by a representative, so that separated rings find each other.
#pragma once
#include <cstddef>

#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/wire/header.h"

namespace motet::wire {

inline constexpr std::size_t kMergeDetectSize = 29;

struct MergeDetect {
    Header header{.type = FrameType::merge_detect};
    NodeId system_from = 0;
    RingId ring;
};

Decoded<MergeDetect> decode_merge_detect(ByteView frame);
// Appends.
void encode_merge_detect(const MergeDetect& merge_detect, Bytes& out);

}  // namespace motet::wire
