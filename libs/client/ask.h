// One request and its reply, for libraries whose replies begin with a wire Reply of an error code and are followed by a struct.
#pragma once
#include <corosync/corotypes.h>

#include <cstring>
#include <span>

#include "libs/base/bytes.h"
#include "libs/client/dispatch.h"
#include "libs/ipc/client_link.h"

namespace motet::client {

template <class T>
ByteView bytes_of(const T& value) {
    return {reinterpret_cast<const std::uint8_t*>(&value), sizeof value};
}
template <class T>
std::span<std::uint8_t> room_of(T& value) {
    return {reinterpret_cast<std::uint8_t*>(&value), sizeof value};
}

// On CS_OK all of `more`, at most kMost bytes, came; else nothing of it was written. A reply of any other shape ends the link
// (CS_ERR_LIBRARY). It is copied out of shared memory once and judged afterwards.
template <class Reply, std::size_t kMost>
cs_error_t ask_link(ipc::ClientLink& link, std::uint16_t type, ByteView payload, std::span<std::uint8_t> more) {
    constexpr std::uint32_t kErrorMax = CS_ERR_SECURITY;
    std::uint8_t answer[sizeof(Reply) + kMost];
    const std::span<std::uint8_t> wanted(answer, sizeof(Reply) + std::min(more.size(), kMost));
    const ByteView pieces[] = {payload};
    std::size_t got = 0;
    if (const ipc::Outcome called = link.call(type, pieces, wanted, got); called != ipc::Outcome::ok) return to_cs(called);
    Reply reply;
    if (got >= sizeof reply) std::memcpy(&reply, answer, sizeof reply);
    const bool sound = got >= sizeof reply && reply.error >= CS_OK && reply.error <= kErrorMax &&
                       (reply.error != CS_OK || got - sizeof reply >= more.size());
    if (!sound) {
        link.fail(ipc::Outcome::library);
        return CS_ERR_LIBRARY;
    }
    if (reply.error == CS_OK && !more.empty()) std::memcpy(more.data(), answer + sizeof reply, more.size());
    return static_cast<cs_error_t>(reply.error);
}

}  // namespace motet::client
