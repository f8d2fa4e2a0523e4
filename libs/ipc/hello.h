// The first and only thing the supervisor says to a client: 64 bytes on the accepted stream socket and, if the client may
// come in, two descriptors: the worker's segment (read-only), then the client's own (read-write). The client says nothing.
#pragma once
#include <cstddef>
#include <cstdint>

namespace motet::ipc {

inline constexpr std::uint32_t kHelloMagic = 0x4948544D;  // "MTHI"
inline constexpr std::uint16_t kProtocolMajor = 1;        // must match
inline constexpr std::uint16_t kProtocolMinor = 0;
inline constexpr int kHelloFds = 2;                       // with status 0; none otherwise

// What a call on a link may end with: the numbers of cs_error_t, because that is what travels in hellos and replies.
enum class Outcome : std::uint32_t {
    ok = 1, library = 2, version = 3, try_again = 6, invalid_param = 7, no_memory = 8, access = 11, no_resources = 18, too_big = 26,
};

struct Hello {
    std::uint32_t magic = kHelloMagic;
    std::uint16_t major = kProtocolMajor;
    std::uint16_t minor = kProtocolMinor;
    std::uint32_t status = 0;             // 0: come in; else the Outcome that *_initialize returns
    std::uint32_t service = 0;            // number of the worker that answers; for traces
    std::uint64_t link_id = 0;            // as in both segments; never reused while the supervisor lives
    std::uint64_t request_capacity = 0;   // ring bytes of the client's segment
    std::uint64_t event_capacity = 0;     // ring bytes of the worker's segment
    std::uint32_t mailbox_capacity = 0;   // reply bytes at the end of the worker's segment
    std::uint32_t node_id = 0;            // the local node; 0 if not known yet
    std::uint64_t features = 0;
    std::uint64_t boot_incarnation = 0;
};
static_assert(sizeof(Hello) == 64 && offsetof(Hello, link_id) == 16 && offsetof(Hello, mailbox_capacity) == 40);

}  // namespace motet::ipc
