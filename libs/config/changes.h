// Two configurations side by side: what has changed, what of it may take effect while the node runs, and what all nodes of
// a ring must have alike. Pure.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libs/base/ids.h"
#include "libs/config/checks.h"
#include "libs/config/schema.h"
#include "libs/config/snapshot.h"

namespace motet::config {

// A key that takes effect at a restart only keeps its value; what the file says is kept beside it under this prefix.
// An empty text: the key has gone from the file.
inline constexpr std::string_view kRestartPrefix = "motet.restart.";

struct Change {
    std::string key;
    std::optional<std::string> before, after;   // nullopt: absent
    Reload when = Reload::live;                 // of keys without an entry in the schema: live
};
// In the order of keys; without what the reader derives ("motet...."), which follows from the rest.
std::vector<Change> changes(const Snapshot& before, const Snapshot& after);

// "totem.token: 3000 -> 5000", "nodelist.node.2.name: beta (new)", "totem.merge: 300 (gone)". Secrets are not shown.
std::string describe(const Change& change);

struct Merged {
    Snapshot snapshot;               // what may be put into force
    std::vector<Finding> findings;   // errors: it may not; warnings: keys that keep their value until a restart
};
// `fresh` as it can take effect in a node that runs with `running`.
Merged merge(const Snapshot& running, const Snapshot& fresh);

// Keys that wait for a restart, as the file has them.
std::vector<std::string> waiting_for_restart(const Snapshot& snapshot);

// "key=value" lines, sorted: the settings that must be alike on all nodes. Secrets are left out.
std::string shared_settings(const Snapshot& snapshot);
// A node of both lists has another address.
bool moved(const Snapshot& before, const Snapshot& after);
// Encryption is done in another way; whether the key in the file has changed is not known here.
bool encryption_changed(const Snapshot& before, const Snapshot& after);

}  // namespace motet::config
