// What the parts of the worker want done for their clients.
#pragma once
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "libs/base/bytes.h"

namespace motet::confdb {

using ConnId = std::uint64_t;

class Output {
public:
    virtual ~Output() = default;
    virtual void reply(ConnId conn, std::uint64_t request, std::span<const ByteView> pieces) = 0;
    virtual void event(ConnId conn, std::uint16_t type, std::span<const ByteView> pieces) = 0;
    // A key has changed: what clients keep of earlier replies is void. Called before the notices of the change.
    virtual void changed() {}
    // The client broke the protocol, or its request was `finalize` (after the reply). It is not heard any more; its
    // on_disconnect() follows, but not from inside this call.
    enum class Close { violation, orderly };
    virtual void close(ConnId conn, Close why) = 0;
};

// What calls end with: the numbers of cs_error_t.
enum class Code : std::uint32_t {
    ok = 1, library = 2, try_again = 6, invalid_param = 7, no_memory = 8, bad_handle = 9, access = 11, not_exist = 12,
    name_too_long = 13, exist = 14, no_space = 15, no_resources = 18, not_supported = 19, too_big = 26, no_sections = 27,
};

template <class T>
ByteView bytes_of(const T& value) {
    return {reinterpret_cast<const std::uint8_t*>(&value), sizeof value};
}
// The front of `payload`, by copy: the client may write to it at any time. `payload` becomes the rest.
template <class T>
[[nodiscard]] bool take(ByteView& payload, T& out) {
    if (payload.size() < sizeof(T)) return false;
    std::memcpy(&out, payload.data(), sizeof(T));
    payload = payload.subspan(sizeof(T));
    return true;
}
[[nodiscard]] inline bool take_text(ByteView& payload, std::size_t length, std::string& out) {
    if (payload.size() < length) return false;
    out.assign(reinterpret_cast<const char*>(payload.data()), length);
    payload = payload.subspan(length);
    return true;
}

}  // namespace motet::confdb
