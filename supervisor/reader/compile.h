// From settings in their sections to the snapshot: keys get their meaning from the schema, lists their numbers, names
// their addresses; then the relations are checked and the local node is found.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libs/config/snapshot.h"
#include "libs/config/totem_settings.h"
#include "supervisor/reader/document.h"
#include "supervisor/reader/names.h"

namespace motet::reader {

struct Source {
    std::string name;    // path, for messages
    std::string text;
};

struct Input {
    Source main;
    std::vector<Source> uidgid;    // files of uidgid.d
    std::string node_wanted;       // --node
    config::Host host;
    std::optional<config::Snapshot> running;   // of the node that would take this configuration over while it runs
};

// Corosync's syntax by the name's end, otherwise YAML.
bool is_corosync_syntax(std::string_view file);

// The snapshot is complete only if `problems` is still ok().
config::Snapshot compile(const Input& input, Names& names, Problems& problems);

}  // namespace motet::reader
