// What libknet says of packets it refuses and sends that fail it says only in lines of its log. They are read here and
// become counters; a line that is not understood is passed on, within a limit. Pure.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "membership/transport/transport.h"

namespace motet::transport {

struct Note {
    enum class Kind : std::uint8_t {
        unauthenticated,     // `address`: where it came from
        malformed,
        duplicate,
        unknown_sender,
        unreachable_sender,
        not_for_us,
        send_failed,         // `address`: where it should have gone; `why`: errno
        expected,            // nothing anybody needs to know
        other,
    };
    Kind kind = Kind::other;
    std::string address = {};
    int why = 0;
};

// `text` may hold anything: parts of it come from packets' addresses only, yet nothing in it is relied upon.
Note read_note(std::string_view text);

}  // namespace motet::transport
