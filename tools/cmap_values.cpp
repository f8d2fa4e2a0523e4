#include "tools/cmap_values.h"

#include <array>
#include <cctype>
#include <cerrno>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>

namespace motet::ctl {
namespace {

constexpr std::size_t kFileMax = 16384;
constexpr std::array<const char*, 13> kNames{"?", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "flt", "dbl", "str", "bin"};

template <class T>
std::string number(const void* data, std::size_t length) {
    T value{};
    std::memcpy(&value, data, std::min(length, sizeof value));
    return std::to_string(value);
}

// Everything printable as it is; a backslash twice; the rest as \xHH.
std::string escaped(std::string_view bytes) {
    if (bytes.empty()) return "*empty*";
    std::string out;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '\\') {
            out += "\\\\";
        } else if (byte < 0x80 && std::isprint(byte) != 0) {
            out += c;
        } else {
            char hex[8];
            std::snprintf(hex, sizeof hex, "\\x%02X", byte);
            out += hex;
        }
    }
    return out;
}

template <class T>
void take_integer(std::string_view type, const std::string& text, Parsed& out) {
    char* end = nullptr;
    const auto wide = std::is_signed_v<T> ? static_cast<std::uint64_t>(std::strtoll(text.c_str(), &end, 10)) : std::strtoull(text.c_str(), &end, 10);
    if (end == text.c_str()) {
        out.problem = text + " is not valid " + std::string(type) + " type value";
        return;
    }
    const auto value = static_cast<T>(wide);
    if (static_cast<std::uint64_t>(value) != wide) {
        out.problem = text + " is not valid " + std::string(type) + " integer";
        return;
    }
    out.bytes.assign(reinterpret_cast<const char*>(&value), sizeof value);
}

void take_file(const std::string& name, Parsed& out) {
    std::FILE* file = name == "-" ? stdin : std::fopen(name.c_str(), "rb");
    if (file == nullptr) {
        out.problem = std::string("Can't open input file: ") + std::strerror(errno);
        return;
    }
    out.bytes.resize(kFileMax + 1);
    out.bytes.resize(std::fread(out.bytes.data(), 1, out.bytes.size(), file));
    if (file != stdin) std::fclose(file);
}

}  // namespace

const char* type_name(cmap_value_types_t type) { return static_cast<std::size_t>(type) < kNames.size() ? kNames[type] : kNames[0]; }

std::string text_of(const void* data, std::size_t length, cmap_value_types_t type, bool binary) {
    const std::string_view bytes(static_cast<const char*>(data), length);
    char text[512];
    switch (type) {
        case CMAP_VALUETYPE_INT8: return number<std::int8_t>(data, length);
        case CMAP_VALUETYPE_UINT8: return number<std::uint8_t>(data, length);
        case CMAP_VALUETYPE_INT16: return number<std::int16_t>(data, length);
        case CMAP_VALUETYPE_UINT16: return number<std::uint16_t>(data, length);
        case CMAP_VALUETYPE_INT32: return number<std::int32_t>(data, length);
        case CMAP_VALUETYPE_UINT32: return number<std::uint32_t>(data, length);
        case CMAP_VALUETYPE_INT64: return number<std::int64_t>(data, length);
        case CMAP_VALUETYPE_UINT64: return number<std::uint64_t>(data, length);
        case CMAP_VALUETYPE_FLOAT: {
            float value = 0;
            std::memcpy(&value, data, std::min(length, sizeof value));
            std::snprintf(text, sizeof text, "%f", static_cast<double>(value));
            return text;
        }
        case CMAP_VALUETYPE_DOUBLE: {
            double value = 0;
            std::memcpy(&value, data, std::min(length, sizeof value));
            std::snprintf(text, sizeof text, "%f", value);
            return text;
        }
        case CMAP_VALUETYPE_STRING: return std::string(bytes.substr(0, bytes.find('\0')));
        case CMAP_VALUETYPE_BINARY: return binary ? escaped(bytes) : std::string();
    }
    return {};
}

std::string line_of(std::string_view key, std::string_view value, cmap_value_types_t type, bool binary) {
    std::string line = std::string(key) + " (" + type_name(type) + ")";
    if (type != CMAP_VALUETYPE_BINARY || binary) line += " = " + std::string(value);
    return line;
}

Parsed parse_value(std::string_view type, const std::string& value) {
    Parsed out;
    for (std::size_t i = 1; i < kNames.size(); ++i)
        if (type == kNames[i]) out.type = static_cast<cmap_value_types_t>(i);
    switch (out.type) {
        case CMAP_VALUETYPE_INT8: take_integer<std::int8_t>(type, value, out); break;
        case CMAP_VALUETYPE_UINT8: take_integer<std::uint8_t>(type, value, out); break;
        case CMAP_VALUETYPE_INT16: take_integer<std::int16_t>(type, value, out); break;
        case CMAP_VALUETYPE_UINT16: take_integer<std::uint16_t>(type, value, out); break;
        case CMAP_VALUETYPE_INT32: take_integer<std::int32_t>(type, value, out); break;
        case CMAP_VALUETYPE_UINT32: take_integer<std::uint32_t>(type, value, out); break;
        case CMAP_VALUETYPE_INT64: take_integer<std::int64_t>(type, value, out); break;
        case CMAP_VALUETYPE_UINT64: take_integer<std::uint64_t>(type, value, out); break;
        case CMAP_VALUETYPE_FLOAT: case CMAP_VALUETYPE_DOUBLE: {
            char* end = nullptr;
            const double wide = std::strtod(value.c_str(), &end);
            const auto narrow = static_cast<float>(wide);
            if (end == value.c_str()) out.problem = value + " is not valid " + std::string(type) + " type value";
            else if (out.type == CMAP_VALUETYPE_FLOAT) out.bytes.assign(reinterpret_cast<const char*>(&narrow), sizeof narrow);
            else out.bytes.assign(reinterpret_cast<const char*>(&wide), sizeof wide);
            break;
        }
        case CMAP_VALUETYPE_STRING: out.bytes = value; break;
        case CMAP_VALUETYPE_BINARY: take_file(value, out); break;
        default: out.problem = "Unknown type " + std::string(type); break;
    }
    return out;
}

}  // namespace motet::ctl
