// The words for refused bytes, as they appear in logs and counters.
#include "libs/wire/decoded.h"

namespace motet::wire {

const char* name(Malformed why) {
    switch (why) {
        case Malformed::none: return "well-formed";
        case Malformed::truncated: return "truncated";
        case Malformed::magic: return "no Totem frame";
        case Malformed::version: return "unknown version";
        case Malformed::type: return "unexpected type";
        case Malformed::count: return "count out of bounds";
        case Malformed::length: return "contradictory lengths";
        case Malformed::value: return "impossible value";
    }
    return "malformed";
}

}  // namespace motet::wire
