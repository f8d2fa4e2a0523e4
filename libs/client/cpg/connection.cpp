// The table of handles, the shape of a request with its reply, and event memory.
#include "libs/client/cpg/connection.h"

#include <bit>

namespace motet::client::cpg {

constinit Connections connections;
constinit Iterations iterations;

Connection::~Connection() {
    for (const cpg_iteration_handle_t handle : iterations) cpg::iterations.close(handle);
}

cs_error_t ask(Connection& connection, wire::Request type, std::span<const ByteView> pieces, std::span<std::uint8_t> more,
               std::size_t more_min) {
    constexpr std::size_t kMoreMax = 4 + CPG_MEMBERS_MAX * sizeof(wire::MemberEntry);
    constexpr std::uint32_t kErrorMax = CS_ERR_SECURITY;
    std::uint8_t answer[sizeof(wire::Reply) + kMoreMax];
    const std::span<std::uint8_t> wanted(answer, sizeof(wire::Reply) + std::min(more.size(), kMoreMax));
    std::size_t got = 0;
    if (const Outcome called = connection.link->call(static_cast<std::uint16_t>(type), pieces, wanted, got); called != Outcome::ok)
        return to_cs(called);

    wire::Reply reply;
    std::memcpy(&reply, answer, sizeof reply);
    const bool sound = got >= sizeof reply && reply.error >= CS_OK && reply.error <= kErrorMax &&
                       (reply.error != CS_OK || got - sizeof reply >= more_min);
    if (!sound) {
        connection.link->fail(Outcome::library);
        return CS_ERR_LIBRARY;
    }
    std::fill(more.begin(), more.end(), std::uint8_t{0});
    if (got > sizeof reply) std::memcpy(more.data(), answer + sizeof reply, got - sizeof reply);
    return static_cast<cs_error_t>(reply.error);
}

bool EventBuffer::reserve(std::size_t size) {
    constexpr std::size_t kSmallest = 4096;
    if (size <= capacity_) return true;
    const std::size_t capacity = std::max(kSmallest, std::bit_ceil(size));
    auto* data = static_cast<std::uint8_t*>(std::malloc(capacity));
    if (data == nullptr) return false;
    std::free(data_);
    data_ = data;
    capacity_ = capacity;
    return true;
}

}  // namespace motet::client::cpg
