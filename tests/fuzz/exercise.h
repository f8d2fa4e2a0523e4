// What the fuzz targets and the corruption tests do with arbitrary bytes: every decoder sees them, and whatever
// one accepts must encode to bytes that decode to the same again. A violation stops the program.
#pragma once
#include "libs/base/bytes.h"

namespace motet::fuzz {

// A datagram as Totem receives it, down to the messages packed in it.
void exercise_frame(ByteView frame);
// A reassembled message of either byte order, group prefix included.
void exercise_message(ByteView message, bool swap);

}  // namespace motet::fuzz
