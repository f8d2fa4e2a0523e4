// Small fields that several service messages share: numbers padded to 8 bytes, message sources, and texts in a
// fixed area.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "libs/base/bytes.h"
#include "libs/wire/service.h"

namespace motet::wire {

inline std::uint32_t read_padded_u32(Reader& in) {
    const std::uint32_t value = in.u32();
    in.skip(4);
    return value;
}
inline void write_padded_u32(Writer& out, std::uint32_t value) {
    out.u32(value);
    out.zeros(4);
}

inline MessageSource read_source(Reader& in) {
    MessageSource source;
    source.nodeid = read_padded_u32(in);
    source.conn = in.u64();
    return source;
}
inline void write_source(Writer& out, const MessageSource& source) {
    write_padded_u32(out, source.nodeid);
    out.u64(source.conn);
}

// `text`, cut at `size`, and zeros up to `size`.
inline void write_text(Writer& out, std::string_view text, std::size_t size) {
    const std::string_view cut = text.substr(0, size);
    out.bytes(as_bytes(cut));
    out.zeros(size - cut.size());
}

// Corosync's long name: u16 length, 6 zero bytes, 256 bytes.
inline constexpr std::size_t kLongNameMax = 256;
inline bool read_long_name(Reader& in, std::string_view& name) {
    const std::uint16_t length = in.u16();
    in.skip(6);
    const std::string_view area = as_text(in.bytes(kLongNameMax));
    name = area.substr(0, length);
    return length <= kLongNameMax;
}
inline void write_long_name(Writer& out, std::string_view name) {
    out.u16(static_cast<std::uint16_t>(std::min(name.size(), kLongNameMax)));
    out.zeros(6);
    write_text(out, name, kLongNameMax);
}

}  // namespace motet::wire
