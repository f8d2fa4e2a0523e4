// How tests find and read the golden vectors.
#pragma once
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "libs/base/bytes.h"

namespace motet::test {

inline std::filesystem::path vectors_dir() {
    const char* dir = std::getenv("MOTET_TEST_VECTORS");
    return dir ? dir : "tests/vectors";
}

inline Bytes from_hex(std::string_view text) {
    Bytes bytes;
    int high = -1;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '#') {
            while (i + 1 < text.size() && text[i + 1] != '\n') ++i;
            continue;
        }
        const std::size_t digit = std::string_view("0123456789abcdef").find(c);
        if (digit == std::string_view::npos) continue;
        if (high < 0) {
            high = static_cast<int>(digit);
        } else {
            bytes.push_back(static_cast<std::uint8_t>(high << 4 | static_cast<int>(digit)));
            high = -1;
        }
    }
    return bytes;
}

inline std::string to_hex(ByteView bytes) {
    std::string text;
    for (const std::uint8_t byte : bytes) {
        text += "0123456789abcdef"[byte >> 4];
        text += "0123456789abcdef"[byte & 15];
    }
    return text;
}

inline std::string read_text(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw std::runtime_error("cannot read " + path.string() + "; set MOTET_TEST_VECTORS to tests/vectors");
    return {std::istreambuf_iterator<char>(in), {}};
}

// `path` below the vectors' directory.
inline Bytes load_hex(const std::filesystem::path& path) { return from_hex(read_text(vectors_dir() / path)); }
inline nlohmann::json load_json(const std::filesystem::path& path) {
    return nlohmann::json::parse(read_text(vectors_dir() / path));
}

}  // namespace motet::test
