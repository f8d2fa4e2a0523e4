// Fuzz target: one Totem datagram.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/exercise.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    motet::fuzz::exercise_frame({data, size});
    return 0;
}
