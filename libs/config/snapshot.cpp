// Encoding and decoding of the snapshot; the bytes come from another process, so every size is checked first.
#include "libs/config/snapshot.h"

#include <cstring>
#include <utility>

#include "libs/base/assert.h"

namespace motet::config {
namespace {

constexpr std::string_view kMagic = "MTCFG001";
constexpr std::size_t kHeaderSize = 16;                  // magic, count, total
constexpr std::size_t kEntryHeaderSize = 2 + 4;

bool decimal(std::string_view text, std::uint64_t& out) {
    if (text.empty()) return false;
    std::uint64_t value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return false;
        const auto digit = static_cast<std::uint64_t>(c - '0');
        if (value > (UINT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
    }
    out = value;
    return true;
}

}  // namespace

void Snapshot::erase(std::string_view key) {
    if (const auto i = entries_.find(key); i != entries_.end()) entries_.erase(i);
}

void Snapshot::set(std::string key, std::string value) {
    // The parsers bound both; a longer key would make a snapshot nobody can read.
    MOTET_ASSERT(!key.empty() && key.size() <= kKeyMax, "%zu", key.size());
    MOTET_ASSERT(value.size() <= kSnapshotMax, "%zu", value.size());
    entries_.insert_or_assign(std::move(key), std::move(value));
}

std::optional<std::string_view> Snapshot::get(std::string_view key) const {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return std::nullopt;
    return found->second;
}

std::string_view Snapshot::get_or(std::string_view key, std::string_view fallback) const {
    return get(key).value_or(fallback);
}

std::optional<std::uint64_t> Snapshot::number(std::string_view key) const {
    const auto text = get(key);
    std::uint64_t value = 0;
    if (!text || !decimal(*text, value)) return std::nullopt;
    return value;
}

std::uint64_t Snapshot::number_or(std::string_view key, std::uint64_t fallback) const {
    return number(key).value_or(fallback);
}

bool Snapshot::flag(std::string_view key, bool fallback) const {
    const auto text = get(key);
    if (!text) return fallback;
    return *text == "yes" || *text == "on" || *text == "true" || *text == "1";
}

Bytes Snapshot::encode() const {
    std::size_t total = 0;
    for (const auto& [key, value] : entries_) total += kEntryHeaderSize + key.size() + value.size();
    Bytes out;
    out.reserve(kHeaderSize + total);
    Writer w(out);
    w.bytes(as_bytes(kMagic));
    w.u32(static_cast<std::uint32_t>(entries_.size()));
    w.u32(static_cast<std::uint32_t>(total));
    for (const auto& [key, value] : entries_) {
        w.u16(static_cast<std::uint16_t>(key.size()));
        w.u32(static_cast<std::uint32_t>(value.size()));
        w.bytes(as_bytes(key));
        w.bytes(as_bytes(value));
    }
    return out;
}

Result<Snapshot> Snapshot::decode(ByteView bytes) {
    if (bytes.size() > kSnapshotMax) return error("snapshot: %zu bytes, at most %zu", bytes.size(), kSnapshotMax);
    Reader in(bytes);
    const std::string_view magic = as_text(in.bytes(kMagic.size()));
    const std::uint32_t count = in.u32();
    const std::uint32_t total = in.u32();
    if (!in.ok() || magic != kMagic) return error("snapshot: not a configuration snapshot of this version");
    if (total != in.remaining()) return error("snapshot: %zu bytes of entries, %u announced", in.remaining(), total);
    if (count > total / kEntryHeaderSize) return error("snapshot: %u entries cannot fit %u bytes", count, total);

    Snapshot result;
    std::string_view previous;
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint16_t key_size = in.u16();
        const std::uint32_t value_size = in.u32();
        const std::string_view key = as_text(in.bytes(key_size));
        const std::string_view value = as_text(in.bytes(value_size));
        if (!in.ok()) return error("snapshot: entry %u is truncated", i);
        if (key.empty() || key.size() > kKeyMax) return error("snapshot: entry %u has a key of %zu bytes", i, key.size());
        // Sorted and unique: the same configuration has one encoding only.
        if (i > 0 && !(previous < key)) return error("snapshot: entry %u is out of order", i);
        if (key.find('\0') != key.npos || value.find('\0') != value.npos) return error("snapshot: entry %u contains a zero byte", i);
        result.entries_.emplace_hint(result.entries_.end(), key, value);
        previous = key;
    }
    if (in.remaining() != 0) return error("snapshot: %zu bytes after the last entry", in.remaining());
    return result;
}

}  // namespace motet::config
