// The object database by paths: "totem.interface.ttl", with "node[1]" for the second of several objects of one name. The last
// part of a path names a key or an object.
#pragma once
#include <corosync/confdb.h>

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace motet::ctl {

struct TreeKey {
    std::string path, name;      // of the object and the key, joined by a dot: path; empty name: an object without keys
    std::string type, value;     // value as text
    bool quoted = false;         // in JSON: text, not a number
};

class ConfdbTree {
public:
    explicit ConfdbTree(confdb_handle_t handle) : handle_(handle) {}

    // The object; false: there is none.
    bool find(std::string_view path, hdb_handle_t& object) const;
    // The object that has the key `name`, the last part of the path.
    bool find_key(std::string_view path, hdb_handle_t& object, std::string& name) const;
    // Objects along the path that are missing are made. CS_OK or what failed.
    cs_error_t create(std::string_view path, hdb_handle_t& object) const;
    // One key as text; false: there is none.
    bool read(hdb_handle_t object, const std::string& path, const std::string& name, TreeKey& out) const;
    // Everything below, objects in their order, each with its keys first.
    void walk(hdb_handle_t object, const std::string& path, const std::function<void(const TreeKey&)>& each) const;
    std::string path_of(hdb_handle_t object) const;
    // In the type of the key that is there, else as a string. CS_ERR_INVALID_PARAM: not a number of that type.
    cs_error_t write(hdb_handle_t object, const std::string& name, const std::string& text) const;

private:
    bool step(hdb_handle_t parent, std::string_view part, hdb_handle_t& child) const;
    confdb_handle_t handle_;
};

// "a.b.c" to the part before the last dot and the one behind it.
std::pair<std::string, std::string> split_last(std::string_view path);
std::string json_text(std::string_view text);

}  // namespace motet::ctl
