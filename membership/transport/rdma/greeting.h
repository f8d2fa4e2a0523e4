// The private data of a query between two nodes and of its answer: 92 bytes, big-endian. The answer proves, with the
// requester's own fresh nonce, which life of the peer speaks and which queue pair is its own.
#pragma once
#include <array>
#include <cstdint>
#include <optional>

#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "membership/transport/rdma/seal.h"

namespace motet::transport::rdma {

inline constexpr std::size_t kGreetingSize = 92;
using Nonce = std::array<std::uint8_t, 16>;

struct Greeting {
    bool answer = false;
    bool plaintext = false;
    std::uint64_t cluster = 0;       // hash_of() the cluster's name
    NodeId from = 0;
    std::uint64_t incarnation = 0;   // of `from`
    Nonce nonce{};                   // of the request; the answer repeats it
};

// What the authentication covers besides the greeting: whom it is for, over which link, and in an answer the queue pair.
struct Context {
    NodeId to = 0;
    std::uint8_t link = 0;
    std::uint32_t queue_pair = 0;    // 0 in a request
};

// `secret` null: plaintext, no authentication. Nothing: the library failed.
std::optional<std::array<std::uint8_t, kGreetingSize>> encode(const Greeting& greeting, const Context& context, const Secret* secret);
// The connection manager may pad: what is behind the 92 bytes is ignored. Nothing: not a greeting, or not authentic under this secret, or
// plaintext where a secret is wanted, or the reverse.
std::optional<Greeting> decode(ByteView data, const Context& context, const Secret* secret);

}  // namespace motet::transport::rdma
