// The receive side of packing: what one sender's frames of one stream add up to.
#pragma once
#include <cstdint>
#include <span>

#include "libs/base/bytes.h"
#include "libs/wire/packing.h"
#include "membership/totem/output.h"
#include "membership/totem/totem.h"

namespace motet::totem {

class Assembly {
public:
    // Hands every message that this frame completes to `out`; the last verdict that was not `none`. `tags`: theirs, of an own
    // frame, in order, or none.
    Verdict take(wire::PackedBody& body, NodeId from, bool foreign_order, Output& out, Counters& counters, std::span<const Tag> tags = {});
    void reset();
    bool empty() const { return expected_ == 0; }

    // A 3.1.7 receiver's assembly buffer; what does not fit is dropped.
    static constexpr std::size_t kBufferMax = kMessageMax + 65536;

private:
    bool keep(ByteView piece);

    Bytes buffer_;
    std::uint8_t expected_ = 0;  // continuation of the next frame; 0: none
    bool usable_ = false;        // the buffer holds that message from its first byte on
};

}  // namespace motet::totem
