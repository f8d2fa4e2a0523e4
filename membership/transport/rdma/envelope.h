// The 32 bytes in front of every datagram, big-endian, and the window that lets each datagram in once. Pure.
//
//   0 magic "MTRD"   4 version   5 class   6 key id   7 flags (bit 0: plaintext)
//   8 sender node id   12 destination node id, 0: all   16 sender's incarnation   24 counter   32 payload   then the tag
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "libs/base/bytes.h"
#include "libs/base/ids.h"

namespace motet::transport::rdma {

inline constexpr std::size_t kEnvelopeSize = 32, kTagSize = 16;
inline constexpr std::size_t kOverhead = kEnvelopeSize + kTagSize;   // of an encrypted datagram

enum class Class : std::uint8_t {
    multicast = 1,   // a frame for everybody, over the group or fanned out
    unicast = 2,     // a frame for one node
    probe = 3,       // "I live", and whom I hear; to 0 only ever over the group, to a node over its own address
};

struct Envelope {
    Class kind = Class::unicast;
    std::uint8_t key_id = 0;
    bool plaintext = false;
    NodeId from = 0, to = 0;
    std::uint64_t incarnation = 0;   // of the sender's process: strictly increasing over its lives
    std::uint64_t counter = 0;       // +1 per datagram of this incarnation and link, all classes; never 0
};

void encode(const Envelope& envelope, std::span<std::uint8_t, kEnvelopeSize> out);
// Nothing: too short, or another magic, version, class or flag than ours.
std::optional<Envelope> decode(ByteView datagram);

// Which counters of one sender and class were seen: the last 1024. Older ones count as seen.
class ReplayWindow {
public:
    static constexpr std::uint64_t kSize = 1024;
    bool seen(std::uint64_t counter) const;
    // Only for a counter whose datagram was authenticated.
    void mark(std::uint64_t counter);
    void clear() { *this = {}; }

private:
    std::array<std::uint64_t, kSize / 64> bits_{};
    std::uint64_t highest_ = 0;
};

}  // namespace motet::transport::rdma
