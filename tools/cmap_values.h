// Values of the map as text, and text as values, in the words and formats of Corosync's tool.
#pragma once
#include <corosync/cmap.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace motet::ctl {

const char* type_name(cmap_value_types_t type);   // "u32"; "?" for an unknown one
// The value alone; of a binary one nothing unless `binary`.
std::string text_of(const void* data, std::size_t length, cmap_value_types_t type, bool binary);
// "key (type) = value"; of a binary one without `binary` "key (bin)".
std::string line_of(std::string_view key, std::string_view value, cmap_value_types_t type, bool binary);

struct Parsed {
    cmap_value_types_t type{};
    std::string bytes;
    std::string problem;   // a line for the user, else empty
};
// Numbers are decimal, and what follows one is left out, as with Corosync. The value of a "bin" is a file's
// name, "-" for stdin, of at most 16384 bytes.
Parsed parse_value(std::string_view type, const std::string& value);

}  // namespace motet::ctl
