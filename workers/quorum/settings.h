// The quorum section of a configuration as the core wants it: defaults and combinations as Corosync has them.
#pragma once
#include <string>
#include <vector>

#include "libs/base/ids.h"
#include "libs/config/snapshot.h"
#include "workers/quorum/core_settings.h"

namespace motet::quorum {

// `remarks`: what was switched off or put in its place, one line each, for the log. The configuration was checked before: what
// is impossible is refused there.
Settings settings_from(const config::Snapshot& config, NodeId self, std::vector<std::string>& remarks);

}  // namespace motet::quorum
