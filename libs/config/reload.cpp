// The rules of config.md sections 4 and 8 about changes.
#include "libs/config/reload.h"

#include <algorithm>
#include <set>

#include "libs/config/schema.h"
#include "libs/config/totem_settings.h"

namespace motet::config {
namespace {

const NodeSettings* local_node(const TotemSettings& settings, const Snapshot& snapshot) {
    const auto position = snapshot.number(kLocalPosition);
    return position && *position < settings.nodes.size() ? &settings.nodes[*position] : nullptr;
}

void nodes(const Snapshot& running, const Snapshot& wanted, std::vector<Finding>& out) {
    const TotemSettings before = derive(running), after = derive(wanted);
    const NodeSettings *self_before = local_node(before, running), *self_after = local_node(after, wanted);
    if (self_before != nullptr && (self_after == nullptr || self_after->id != self_before->id)) {
        out.push_back({false, "nodelist", "node " + std::to_string(self_before->id) + ", this one, is gone or has another nodeid; stop Motet here first"});
        return;
    }
    for (const NodeSettings& old : before.nodes) {
        const auto now = std::find_if(after.nodes.begin(), after.nodes.end(), [&](const NodeSettings& n) { return n.id == old.id; });
        if (now == after.nodes.end()) continue;
        const std::string item = "nodelist.node." + std::to_string(now - after.nodes.begin());
        for (std::size_t link = 0; link < std::min(old.addresses.size(), now->addresses.size()); ++link) {
            if (old.addresses[link].empty() || now->addresses[link].empty() || old.addresses[link] == now->addresses[link]) continue;
            out.push_back({false, item + ".ring" + std::to_string(link) + "_addr",
                           "an existing link cannot change its address (" + old.addresses[link] + " to " + now->addresses[link] +
                           "); remove the node, reload, and add it with the new address"});
        }
    }
}

}  // namespace

std::vector<Finding> reload_findings(const Snapshot& running, const Snapshot& wanted) {
    std::vector<Finding> out;
    nodes(running, wanted, out);
    std::set<std::string> keys;
    for (const Snapshot* snapshot : {&running, &wanted}) {
        for (const auto& [key, value] : snapshot->entries()) keys.insert(key);
    }
    for (const std::string& key : keys) {
        const Key* known = find_key(key);
        if (known == nullptr || (known->reload != Reload::never && known->reload != Reload::restart)) continue;
        // Absent and written with its default is the same.
        if (running.get_or(key, known->fallback) != wanted.get_or(key, known->fallback))
            out.push_back({true, key, "cannot be changed at run time; restart Motet on this node to use the new value"});
    }
    return out;
}

}  // namespace motet::config
