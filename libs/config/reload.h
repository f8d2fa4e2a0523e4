// What a running node may not take over from a new file, asked before anything of it is used.
#pragma once
#include <vector>

#include "libs/config/checks.h"
#include "libs/config/snapshot.h"

namespace motet::config {

// Errors refuse the reload as a whole: an existing link of a node with another address, the local node gone or with
// another id. Warnings name keys whose change waits for a restart; their old values stay in force.
std::vector<Finding> reload_findings(const Snapshot& running, const Snapshot& wanted);

}  // namespace motet::config
