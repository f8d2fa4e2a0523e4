// Authenticated encryption of datagrams: AES-256-GCM under a key that belongs to one sender, one of its lives, and one
// link, derived from the cluster's key. The nonce is the counter, so a counter must never be used twice under one key.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/base/result.h"
#include "membership/transport/rdma/envelope.h"

struct evp_cipher_ctx_st;

namespace motet::transport::rdma {

// Whose datagrams a key is for.
struct Sender {
    NodeId node = 0;
    std::uint64_t incarnation = 0;
    std::uint8_t link = 0;
};

// The cluster's key in the form everything is derived from. The bytes it was made of can be wiped afterwards.
class Secret {
public:
    static Result<Secret> make(ByteView cluster_key, std::string_view cluster_name);
    Secret(Secret&&) noexcept = default;
    Secret& operator=(Secret&&) noexcept = default;
    ~Secret();

    // HKDF-SHA-256; false if the library fails.
    bool derive(ByteView info, std::span<std::uint8_t> out) const;
    // Follows from the key and goes with each datagram: which key it is sealed with. Two keys may have the same one.
    std::uint8_t id() const { return id_; }

private:
    Secret() = default;
    std::array<std::uint8_t, 32> root_{};
    std::uint8_t id_ = 0;
};

class Seal {
public:
    static Result<Seal> make(const Secret& secret, const Sender& sender);

    // Encrypts `payload` in place and writes the tag. False if the library fails: then nothing may be sent.
    bool close(std::span<const std::uint8_t, kEnvelopeSize> envelope, std::uint64_t counter, std::span<std::uint8_t> payload,
               std::span<std::uint8_t, kTagSize> tag);
    // `sealed`: payload and tag. False: forged, damaged or of another key; `out` holds nothing of worth then.
    bool open(std::span<const std::uint8_t, kEnvelopeSize> envelope, std::uint64_t counter, ByteView sealed, Bytes& out);

private:
    struct Free {
        void operator()(evp_cipher_ctx_st* context) const;
    };
    std::unique_ptr<evp_cipher_ctx_st, Free> seal_, open_;
};

// HMAC-SHA-256 under a key derived from the secret for `purpose`.
bool authenticate(const Secret& secret, std::string_view purpose, ByteView message, std::span<std::uint8_t, 32> out);
bool equal_in_constant_time(ByteView a, ByteView b);
void fill_randomly(std::span<std::uint8_t> out);
// The first 8 bytes of its SHA-256.
std::uint64_t hash_of(std::string_view text);

}  // namespace motet::transport::rdma
