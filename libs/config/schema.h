// Every key of the configuration, once: type, unit, range, default, when a change takes effect, and one sentence.
// The parsers, the checks, the manual page and the default file are all driven by this table.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "libs/base/result.h"

namespace motet::config {

inline constexpr std::size_t kValueMax = 4096;   // bytes of one value; totem.key is the longest there is

enum class Type : std::uint8_t { text, word, u8, u16, u32, u64, i32 };

// When a changed value takes effect.
enum class Reload : std::uint8_t {
    live,      // at reload and at a write through cmap
    reload,    // at reload
    never,     // a change is refused with a notice
    restart,   // stored, in force after a restart
    none,      // no effect, ever
};

// Properties of a key beside its type.
enum Trait : std::uint16_t {
    kZeroUnset = 1,   // 0 means: use the default
    kLater = 2,       // known, without effect in this build
    kRefused = 4,     // this build cannot do it: anything but the default is an error
    kInert = 8,       // accepted for old files, without effect
    kKnetOnly = 16,   // means nothing to udp and udpu, nor, with few exceptions, to rdma
    kLenient = 32,    // Corosync takes any other word for the default
    kRequired = 64,
    kOldName = 128,   // another key has replaced it
    kRdmaOnly = 256,  // means nothing to the other transports
};

struct Key {
    std::string_view section;    // "totem", "nodelist.node"; "" at the top
    std::string_view name;       // "token"; "<n>" stands for digits, "<name>" for anything
    Type type;
    std::string_view unit;       // of a number; for a word the words allowed, separated by blanks
    std::uint64_t min, max;      // of a number
    std::string_view fallback;   // as written in the file; "" when there is none
    Reload reload;
    std::uint16_t traits;
    std::string_view about;      // one sentence

    bool has(Trait trait) const { return (traits & trait) != 0; }
};

struct Section {
    std::string_view path;       // of keys, as with Corosync: "nodelist.node"
    std::string_view in_file;    // as written in motet.yaml: "nodelist"
    bool list;                   // occurs more than once
    std::string_view about;
};

std::span<const Key> keys();
std::span<const Section> sections();
// Of a section named as in the path of keys.
const Section* find_section(std::string_view path);
// A section known as such, or the parent of one ("resources").
bool is_section(std::string_view path);

const Key* find_key(std::string_view section, std::string_view name);
// By a complete cmap name: "nodelist.node.0.ring0_addr", "totem.interface.0.ttl".
const Key* find_key(std::string_view cmap_name);

// The value as cmap shows it, or why not: what is expected and what was given. `from_yaml` also takes true and false
// where the key wants yes/no or on/off.
Result<std::string> normalise(const Key& key, std::string_view value, bool from_yaml);

// "10 to 20 ms", "yes or no", "text": for messages and manual pages.
std::string expectation(const Key& key);

// The nearest name in the section, else the full name of a key with exactly this name elsewhere; "" if nothing is near.
std::string suggestion(std::string_view section, std::string_view name);

}  // namespace motet::config
