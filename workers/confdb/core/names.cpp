#include "workers/confdb/core/names.h"

#include <algorithm>
#include <array>

#include "workers/confdb/core/store.h"

namespace motet::confdb {
namespace {

constexpr std::size_t kFlatMin = 3, kFlatMax = 255;

struct List {
    std::string_view parent, name;
    bool digits;   // its items are numbered, else named
};
constexpr std::array<List, 3> kLists{{{"nodelist.", "node", true}, {"totem.", "interface", true}, {"logging.", "logger_subsys", false}}};

bool is_flat_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-' || c == '/' ||
           c == ':';
}

bool all_digits(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

bool is_flat_prefix(std::string_view prefix) { return prefix.size() <= kFlatMax && std::all_of(prefix.begin(), prefix.end(), is_flat_byte); }
bool is_flat_name(std::string_view name) { return name.size() >= kFlatMin && is_flat_prefix(name); }

Segment next_segment(std::string_view flat, std::string_view rest) {
    const std::size_t dot = rest.find('.');
    if (dot == std::string_view::npos) return {{}, rest, true};
    const std::string_view name = rest.substr(0, dot);
    std::string_view behind = rest.substr(dot + 1);
    const std::string_view parent = flat.substr(0, flat.size() - rest.size());
    for (const List& list : kLists) {
        if (parent != list.parent || name != list.name) continue;
        const std::size_t end = behind.find('.');
        if (end == std::string_view::npos || end == 0 || (list.digits && !all_digits(behind.substr(0, end)))) break;
        behind = behind.substr(end + 1);
        break;
    }
    return {name, behind, false};
}

}  // namespace motet::confdb
