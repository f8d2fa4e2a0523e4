// What every decoder returns: the message, or one word why the bytes are none. No text is built, because
// refused frames must cost nothing; whoever logs one adds sender and length.
#pragma once
#include <cstdint>

namespace motet::wire {

enum class Malformed : std::uint8_t {
    none,
    truncated,  // shorter than its layout
    magic,      // not a Totem frame of either byte order
    version,    // not version 3
    type,       // unknown frame type, or not the one asked for
    count,      // a count or index beyond its bound
    length,     // lengths inside that contradict each other or the bytes received
    value,      // a field with a value no sender may send
};
const char* name(Malformed why);

// Reads like an optional. `value` means something only if `why` is none; views in it point into the bytes decoded.
template <class T>
struct [[nodiscard]] Decoded {
    T value{};
    Malformed why = Malformed::none;

    explicit operator bool() const { return why == Malformed::none; }
    T& operator*() { return value; }
    const T& operator*() const { return value; }
    T* operator->() { return &value; }
    const T* operator->() const { return &value; }
};

}  // namespace motet::wire
