// A configuration in the other syntax. Names and values stay as they are; only the shape changes, and what one syntax says by
// leaving it out is written where the other needs it. Comments are not carried over.
#pragma once
#include <string>

#include "supervisor/reader/document.h"

namespace motet::reader {

struct Converted {
    std::string text;
    std::vector<std::string> remarks;   // what has no counterpart, one line each
};

// To motet.yaml. Keys that would be unknown there get the prefix x-.
Converted to_yaml(const Document& document);
// To corosync.conf.
Converted to_corosync(const Document& document);

}  // namespace motet::reader
