#include "libs/config/live.h"

#include <set>

#include "libs/config/checks.h"
#include "libs/config/schema.h"

namespace motet::config {
namespace {

std::set<std::string> faults(const Snapshot& snapshot) {
    std::set<std::string> out;
    for (const Finding& finding : check(snapshot))
        if (!finding.warning) out.insert(finding.key + ": " + finding.text);
    return out;
}

}  // namespace

bool is_live(std::string_view key) {
    const Key* known = find_key(key);
    return known != nullptr && known->reload == Reload::live && !known->has(kInert) && !known->has(kLater) && !known->has(kRefused) &&
           known->name.find('<') == known->name.npos && known->section != "nodelist.node";
}

Result<Snapshot> with_changes(const Snapshot& running, const LiveChanges& changes) {
    Snapshot out = running;
    for (const auto& [key, value] : changes) {
        if (!is_live(key)) return error("%s: cannot change while the node runs", key.substr(0, kKeyMax).c_str());
        if (!value) {
            out.erase(key);
            continue;
        }
        const Result<std::string> text = normalise(*find_key(key), *value, false);
        if (!text) return error("%s: %s", key.c_str(), text.error().text.c_str());
        out.set(key, *text);
    }
    const std::set<std::string> before = faults(running);
    for (const std::string& fault : faults(out))
        if (!before.contains(fault)) return Error{fault};
    return out;
}

// u32 entries; each u8 key length, u8 whether there is a value, u16 its length, key, value.
Bytes encode(const LiveChanges& changes) {
    Bytes bytes;
    Writer out(bytes);
    out.u32(static_cast<std::uint32_t>(changes.size()));
    for (const auto& [key, value] : changes) {
        out.u8(static_cast<std::uint8_t>(key.size()));
        out.u8(value ? 1 : 0);
        out.u16(static_cast<std::uint16_t>(value ? value->size() : 0));
        out.bytes(as_bytes(key));
        if (value) out.bytes(as_bytes(*value));
    }
    return bytes;
}

std::optional<LiveChanges> decode_live(ByteView bytes) {
    Reader in(bytes);
    const std::uint32_t entries = in.u32();
    if (entries > kLiveMax) return std::nullopt;
    LiveChanges out;
    for (std::uint32_t i = 0; i < entries; ++i) {
        const std::uint8_t key_length = in.u8(), there = in.u8();
        const std::uint16_t length = in.u16();
        const std::string_view key = as_text(in.bytes(key_length)), value = as_text(in.bytes(length));
        if (!in.ok() || key.empty() || there > 1 || (there == 0 && length != 0) || length > kValueMax) return std::nullopt;
        out[std::string(key)] = there != 0 ? std::optional<std::string>(value) : std::nullopt;
    }
    if (!in.ok() || in.remaining() != 0 || out.size() != entries) return std::nullopt;
    return out;
}

}  // namespace motet::config
