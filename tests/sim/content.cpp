// The bytes of simulated messages; see content.h.
#include "tests/sim/content.h"

#include <algorithm>

namespace motet::sim {
namespace {

std::uint64_t word(std::uint32_t id, std::size_t k) {
    return (id + 1) * 0x9e3779b97f4a7c15ull + (k + 1) * 0xbf58476d1ce4e5b9ull;
}

void fill_header(std::uint8_t* out, std::uint32_t id, std::uint32_t length) {
    const std::uint32_t header[4] = {kContentMagic, id, length, (id * 2654435761u) ^ (length * 40503u) ^ 0x1234567u};
    std::memcpy(out, header, sizeof header);
}

}  // namespace

Bytes make_content(std::uint32_t id, std::uint32_t length, std::uint8_t tag) {
    Bytes bytes(length);
    std::size_t at = 0;
    if (length >= kContentHeader) {
        fill_header(bytes.data(), id, length);
        at = kContentHeader;
    } else if (length > 0) {
        bytes[0] = tag;
        at = 1;
    }
    for (std::size_t k = 0; at < length; ++k) {
        const std::uint64_t w = word(id, k);
        const std::size_t n = std::min<std::size_t>(8, length - at);
        std::memcpy(bytes.data() + at, &w, n);
        at += n;
    }
    return bytes;
}

bool read_content(ByteView bytes, std::uint32_t& id) {
    if (bytes.size() < kContentHeader) return false;
    std::uint32_t magic, found;
    std::memcpy(&magic, bytes.data(), 4);
    std::memcpy(&found, bytes.data() + 4, 4);
    std::uint8_t expected[kContentHeader];
    fill_header(expected, found, static_cast<std::uint32_t>(bytes.size()));
    if (magic != kContentMagic || std::memcmp(expected, bytes.data(), kContentHeader) != 0) return false;
    id = found;
    return true;
}

bool content_intact(ByteView bytes, std::uint32_t id, std::uint8_t tag) {
    std::size_t at = 0;
    if (bytes.size() >= kContentHeader) at = kContentHeader;
    else if (!bytes.empty()) {
        if (bytes[0] != tag) return false;
        at = 1;
    }
    for (std::size_t k = 0; at < bytes.size(); ++k) {
        const std::uint64_t w = word(id, k);
        const std::size_t n = std::min<std::size_t>(8, bytes.size() - at);
        if (std::memcmp(bytes.data() + at, &w, n) != 0) return false;
        at += n;
    }
    return true;
}

}  // namespace motet::sim
