// SHA-256 and HMAC (FIPS 180-4, RFC 2104), for a process with root's power that shall not load a cryptographic library for one
// comparison. Not for speed. What passes through is wiped.
#pragma once
#include <array>
#include <cstdint>

#include "libs/base/bytes.h"

namespace motet {

using Digest = std::array<std::uint8_t, 32>;

class Sha256 {
public:
    ~Sha256();
    void add(ByteView bytes);
    Digest finish();    // once

private:
    void block(const std::uint8_t* bytes);

    std::array<std::uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    std::array<std::uint8_t, 64> waiting_{};
    std::uint64_t size_ = 0;
};

// Of the pieces one behind the other.
Digest hmac_sha256(ByteView key, std::initializer_list<ByteView> message);

}  // namespace motet
