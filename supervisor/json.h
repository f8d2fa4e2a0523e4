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
        for (const char c : value) append(c);
        out_ += '"';
        return *this;
    }
    const std::string& str() const { return out_; }

private:
    void separate() {
        if (!first_) out_ += ',';
        first_ = false;
    }
    // Bytes above 0x7f pass unchanged if they are the file's; a reader that insists on UTF-8 replaces them.
    void append(char c) {
        if (c == '"' || c == '\\') {
            out_ += '\\';
            out_ += c;
        } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
            out_ += escape;
        } else {
            out_ += c;
        }
    }

    std::string out_;
    bool first_ = true;
};

}  // namespace motet::supervisor
