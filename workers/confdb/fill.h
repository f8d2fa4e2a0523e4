// What a node's store holds when it starts: the configuration under Corosync's keys and types, and what follows from it.
#pragma once
#include <map>
#include <string>

#include "libs/base/ids.h"
#include "libs/config/snapshot.h"
#include "workers/confdb/core/cmap.h"
#include "workers/confdb/core/store.h"

namespace motet::confdb {

// The keys of the file, typed, as Corosync shows them. Never the shared secret (totem.key) nor what only Motet's own
// processes need.
ValueMap configuration_keys(const config::Snapshot& snapshot);
// A value of the file with the type that cmap shows: the schema's, text where that says nothing.
Value typed(std::string_view key, std::string_view text);
// Effective values, `runtime.config.`, and the local node's keys; they follow the configuration.
ValueMap derived_keys(const config::Snapshot& snapshot);
// Both, and the keys that are there from the start and change later.
void fill(Store& store, const config::Snapshot& snapshot, NodeId self);

}  // namespace motet::confdb
