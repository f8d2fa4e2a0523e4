// How a flat name falls into objects and a key.
#pragma once
#include <string_view>

namespace motet::confdb {

struct Segment {
    std::string_view name;   // of the object
    std::string_view rest;   // of the flat name, behind this object
    bool last = false;       // no object any more: the rest is the key
};

// The first object of `rest`, which is the end of `flat`. The lists of a configuration take two parts of the name: of
// "nodelist.node.0.nodeid" the objects are nodelist and node.
Segment next_segment(std::string_view flat, std::string_view rest);

}  // namespace motet::confdb
