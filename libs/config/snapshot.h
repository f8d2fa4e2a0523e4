// The validated configuration as everyone but its parser sees it: a flat, sorted list of keys (Corosync's cmap
// names, e.g. "totem.token", "nodelist.node.0.ring0_addr") with text values, in one sealed memfd.
//
// Bytes: "MTCFG001", u32 count, u32 total bytes of the entries; then per entry u16 key length, u32 value length, key, value.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libs/base/bytes.h"
#include "libs/base/result.h"

namespace motet::config {

inline constexpr std::size_t kSnapshotMax = 4u << 20;   // bytes
inline constexpr std::size_t kKeyMax = 255;

class Snapshot {
public:
    void set(std::string key, std::string value);
    void erase(std::string_view key);
    std::optional<std::string_view> get(std::string_view key) const;
    std::string_view get_or(std::string_view key, std::string_view fallback) const;
    // Decimal number; nullopt if absent or not a number (the parser has checked ranges).
    std::optional<std::uint64_t> number(std::string_view key) const;
    std::uint64_t number_or(std::string_view key, std::uint64_t fallback) const;
    // yes/on/true/1.
    bool flag(std::string_view key, bool fallback) const;
    const std::map<std::string, std::string, std::less<>>& entries() const { return entries_; }

    Bytes encode() const;
    static Result<Snapshot> decode(ByteView bytes);   // refuses anything malformed

private:
    std::map<std::string, std::string, std::less<>> entries_;
};

}  // namespace motet::config
