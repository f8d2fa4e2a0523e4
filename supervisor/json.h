// Just enough JSON for the supervisor's own section: text, numbers and flags in objects and arrays, written in order.
#pragma once
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace motet::supervisor {

class Json {
public:
    Json& open(char bracket) { separate(); out_ += bracket; first_ = true; return *this; }
    Json& close(char bracket) { out_ += bracket; first_ = false; return *this; }
    Json& key(std::string_view name) { text(name); out_ += ':'; first_ = true; return *this; }
    Json& number(std::int64_t value) { separate(); out_ += std::to_string(value); return *this; }
    Json& flag(bool value) { separate(); out_ += value ? "true" : "false"; return *this; }
    Json& text(std::string_view value) {
        separate();
        out_ += '"';
        while (!value.empty()) value.remove_prefix(append(value));
        out_ += '"';
        return *this;
    }
    const std::string& str() const { return out_; }

private:
    void separate() {
        if (!first_) out_ += ',';
        first_ = false;
    }
    // One character; how many bytes it had. A file name may be anything, JSON must be UTF-8: other bytes become '?'.
    std::size_t append(std::string_view rest) {
        const auto c = static_cast<unsigned char>(rest[0]);
        if (c == '"' || c == '\\') {
            out_ += '\\';
            out_ += rest[0];
        } else if (c < 0x20 || c == 0x7f) {
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
            out_ += escape;
        } else {
            const std::size_t length = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe1 && c < 0xed ? 3 : 0;   // the usual planes
            for (std::size_t i = 1; i < length; ++i)
                if (i >= rest.size() || (static_cast<unsigned char>(rest[i]) & 0xc0) != 0x80) return out_ += '?', 1;
            if (length == 0) return out_ += '?', 1;
            out_ += rest.substr(0, length);
            return length;
        }
        return 1;
    }

    std::string out_;
    bool first_ = true;
};

}  // namespace motet::supervisor
