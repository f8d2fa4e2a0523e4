// Asks the representative of an idle ring to release the token it holds.
#pragma once
#include <cstddef>

#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/wire/header.h"

namespace motet::wire {

inline constexpr std::size_t kHoldCancelSize = 25;

struct HoldCancel {
    Header header{.type = FrameType::hold_cancel};
    RingId ring;
};

Decoded<HoldCancel> decode_hold_cancel(ByteView frame);
// Appends.
void encode_hold_cancel(const HoldCancel& hold_cancel, Bytes& out);

}  // namespace motet::wire
