#include "tools/confdb_tree.h"

#include <cctype>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace motet::ctl {
namespace {

constexpr int kDepthMax = 128;

template <class T>
std::string number(const std::string& bytes) {
    T value{};
    std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof value));
    return std::to_string(value);
}

const char* const kTypes[] = {"i16", "u16", "i32", "u32", "i64", "u64", "flt", "dbl", "str", "any"};

std::string value_text(const std::string& bytes, confdb_value_types_t type) {
    switch (type) {
        case CONFDB_VALUETYPE_INT16: return number<std::int16_t>(bytes);
        case CONFDB_VALUETYPE_UINT16: return number<std::uint16_t>(bytes);
        case CONFDB_VALUETYPE_INT32: return number<std::int32_t>(bytes);
        case CONFDB_VALUETYPE_UINT32: return number<std::uint32_t>(bytes);
        case CONFDB_VALUETYPE_INT64: return number<std::int64_t>(bytes);
        case CONFDB_VALUETYPE_UINT64: return number<std::uint64_t>(bytes);
        case CONFDB_VALUETYPE_FLOAT: return number<float>(bytes);
        case CONFDB_VALUETYPE_DOUBLE: return number<double>(bytes);
        case CONFDB_VALUETYPE_STRING: case CONFDB_VALUETYPE_ANY: break;
    }
    // cmap's integers of one byte are ANY here.
    if (type == CONFDB_VALUETYPE_ANY && bytes.size() == 1 && std::isprint(static_cast<unsigned char>(bytes[0])) == 0)
        return std::to_string(static_cast<unsigned char>(bytes[0]));
    std::string out;
    for (const char c : bytes) {
        if (std::isprint(static_cast<unsigned char>(c)) != 0 || static_cast<unsigned char>(c) >= 0x80) {
            out += c;
        } else {
            char hex[8];
            std::snprintf(hex, sizeof hex, "\\x%02X", static_cast<unsigned char>(c));
            out += hex;
        }
    }
    return out;
}

template <class T>
bool parse(const std::string& text, std::string& bytes) {
    char* end = nullptr;
    errno = 0;
    T value{};
    if constexpr (std::is_floating_point_v<T>) {
        value = static_cast<T>(std::strtod(text.c_str(), &end));
    } else if constexpr (std::is_signed_v<T>) {
        const long long wide = std::strtoll(text.c_str(), &end, 10);
        value = static_cast<T>(wide);
        if (value != wide) return false;
    } else {
        const unsigned long long wide = std::strtoull(text.c_str(), &end, 10);
        value = static_cast<T>(wide);
        if (value != wide || text.find('-') != std::string::npos) return false;
    }
    if (end == text.c_str() || *end != '\0' || errno != 0) return false;
    bytes.assign(reinterpret_cast<const char*>(&value), sizeof value);
    return true;
}

bool to_bytes(const std::string& text, confdb_value_types_t type, std::string& bytes) {
    switch (type) {
        case CONFDB_VALUETYPE_INT16: return parse<std::int16_t>(text, bytes);
        case CONFDB_VALUETYPE_UINT16: return parse<std::uint16_t>(text, bytes);
        case CONFDB_VALUETYPE_INT32: return parse<std::int32_t>(text, bytes);
        case CONFDB_VALUETYPE_UINT32: return parse<std::uint32_t>(text, bytes);
        case CONFDB_VALUETYPE_INT64: return parse<std::int64_t>(text, bytes);
        case CONFDB_VALUETYPE_UINT64: return parse<std::uint64_t>(text, bytes);
        case CONFDB_VALUETYPE_FLOAT: return parse<float>(text, bytes);
        case CONFDB_VALUETYPE_DOUBLE: return parse<double>(text, bytes);
        case CONFDB_VALUETYPE_STRING: case CONFDB_VALUETYPE_ANY: break;
    }
    bytes = text;
    return true;
}

// The first part of a path; `path` becomes the rest.
std::string_view next_part(std::string_view& path) {
    const std::size_t dot = std::min(path.find('.'), path.size());
    const std::string_view part = path.substr(0, dot);
    path.remove_prefix(std::min(dot + 1, path.size()));
    return part;
}

}  // namespace

std::pair<std::string, std::string> split_last(std::string_view path) {
    const std::size_t dot = path.rfind('.');
    if (dot == std::string_view::npos) return {"", std::string(path)};
    return {std::string(path.substr(0, dot)), std::string(path.substr(dot + 1))};
}

std::string json_text(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte >= 0x20 && byte < 0x7f) {
            out += c;
        } else {
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\u%04x", byte);
            out += escape;
        }
    }
    return out += '"';
}

bool ConfdbTree::step(hdb_handle_t parent, std::string_view part, hdb_handle_t& child) const {
    unsigned long index = 0;
    if (part.ends_with(']')) {
        const std::size_t open = part.rfind('[');
        if (open == std::string_view::npos) return false;
        index = std::strtoul(std::string(part.substr(open + 1)).c_str(), nullptr, 10);
        part = part.substr(0, open);
    }
    if (confdb_object_find_start(handle_, parent) != CS_OK) return false;
    for (unsigned long i = 0; confdb_object_find(handle_, parent, part.data(), part.size(), &child) == CS_OK; ++i) {
        if (i < index) continue;
        confdb_object_find_destroy(handle_, parent);
        return true;
    }
    return false;
}

bool ConfdbTree::find(std::string_view path, hdb_handle_t& object) const {
    object = OBJECT_PARENT_HANDLE;
    while (!path.empty())
        if (!step(object, next_part(path), object)) return false;
    return true;
}

bool ConfdbTree::find_key(std::string_view path, hdb_handle_t& object, std::string& name) const {
    const auto [above, last] = split_last(path);
    TreeKey key;
    name = last;
    return find(above, object) && read(object, above, last, key);
}

cs_error_t ConfdbTree::create(std::string_view path, hdb_handle_t& object) const {
    object = OBJECT_PARENT_HANDLE;
    while (!path.empty()) {
        const std::string_view part = next_part(path);
        if (step(object, part, object)) continue;
        if (part.ends_with(']')) return CS_ERR_NOT_EXIST;
        hdb_handle_t made = 0;
        if (const cs_error_t error = confdb_object_create(handle_, object, part.data(), part.size(), &made); error != CS_OK) return error;
        object = made;
    }
    return CS_OK;
}

bool ConfdbTree::read(hdb_handle_t object, const std::string& path, const std::string& name, TreeKey& out) const {
    void* value = nullptr;
    std::size_t length = 0;
    confdb_value_types_t type{};
    if (confdb_key_get_typed2(handle_, object, name.c_str(), &value, &length, &type) != CS_OK) return false;
    const std::string bytes(static_cast<const char*>(value), length);
    std::free(value);
    out = {path, name, kTypes[type <= CONFDB_VALUETYPE_ANY ? type : CONFDB_VALUETYPE_ANY], value_text(bytes, type), type >= CONFDB_VALUETYPE_STRING};
    return true;
}

void ConfdbTree::walk(hdb_handle_t object, const std::string& path, const std::function<void(const TreeKey&)>& each) const {
    struct Level {
        hdb_handle_t object;
        std::string path;
    };
    std::vector<Level> open{{object, path}};
    while (!open.empty()) {
        const Level level = open.back();
        open.pop_back();
        std::size_t keys = 0;
        char name[256];
        void* value = nullptr;
        std::size_t length = 0;
        confdb_value_types_t type{};
        confdb_key_iter_start(handle_, level.object);
        for (; confdb_key_iter_typed2(handle_, level.object, name, &value, &length, &type) == CS_OK; ++keys, value = nullptr) {
            const std::string bytes(static_cast<const char*>(value), length);
            std::free(value);
            each({level.path, name, kTypes[type <= CONFDB_VALUETYPE_ANY ? type : CONFDB_VALUETYPE_ANY], value_text(bytes, type), type >= CONFDB_VALUETYPE_STRING});
        }
        std::vector<Level> children;
        hdb_handle_t child = 0;
        confdb_object_iter_start(handle_, level.object);
        while (confdb_object_iter(handle_, level.object, &child, name, &length) == CS_OK)
            children.push_back({child, (level.path.empty() ? "" : level.path + ".") + std::string(name, length)});
        if (keys == 0 && children.empty() && !level.path.empty()) each({level.path, "", "", "", false});
        for (auto at = children.rbegin(); at != children.rend(); ++at) open.push_back(std::move(*at));
    }
}

std::string ConfdbTree::path_of(hdb_handle_t object) const {
    std::string path;
    for (int depth = 0; object != OBJECT_PARENT_HANDLE && depth < kDepthMax; ++depth) {
        char name[256];
        std::size_t length = 0;
        if (confdb_object_name_get(handle_, object, name, &length) != CS_OK || confdb_object_parent_get(handle_, object, &object) != CS_OK) break;
        path = std::string(name, length) + (path.empty() ? "" : "." + path);
    }
    return path;
}

cs_error_t ConfdbTree::write(hdb_handle_t object, const std::string& name, const std::string& text) const {
    void* old = nullptr;
    std::size_t length = 0;
    confdb_value_types_t type = CONFDB_VALUETYPE_STRING;
    const bool known = confdb_key_get_typed2(handle_, object, name.c_str(), &old, &length, &type) == CS_OK;
    std::free(old);
    std::string bytes;
    // A byte that stands for a cmap integer stays one.
    if (known && type == CONFDB_VALUETYPE_ANY && length == 1 && parse<std::uint8_t>(text, bytes))
        return confdb_key_replace(handle_, object, name.data(), name.size(), "", 0, bytes.data(), bytes.size());
    if (!to_bytes(text, type, bytes)) return CS_ERR_INVALID_PARAM;
    if (known) return confdb_key_replace(handle_, object, name.data(), name.size(), "", 0, bytes.data(), bytes.size());
    return confdb_key_create_typed(handle_, object, name.c_str(), bytes.data(), bytes.size(), type);
}

}  // namespace motet::ctl
