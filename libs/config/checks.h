// What one key alone cannot tell: the relations between keys, and what this build cannot do. Pure: the reader adds
// the places in the file, and whoever changes a running configuration asks the same questions.
#pragma once
#include <string>
#include <vector>

#include "libs/config/snapshot.h"

namespace motet::config {

struct Finding {
    bool warning = false;
    std::string key;      // cmap name, or a section ("nodelist", "nodelist.node.2") where a key is missing
    std::string text;     // why, and what to do
};

// In the order of subjects, errors and warnings mixed. Values are taken as already checked against the schema.
std::vector<Finding> check(const Snapshot& snapshot);

}  // namespace motet::config
