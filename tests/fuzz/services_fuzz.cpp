// Fuzz target: one reassembled Totem message, as a sender of either byte order would have meant it.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/exercise.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    motet::fuzz::exercise_message({data, size}, false);
    motet::fuzz::exercise_message({data, size}, true);
    return 0;
}
