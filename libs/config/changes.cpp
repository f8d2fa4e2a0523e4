// See changes.h.
#include "libs/config/changes.h"

#include <algorithm>
#include <map>

#include "libs/config/totem_settings.h"

namespace motet::config {
namespace {

constexpr std::string_view kDerived = "motet.";
constexpr std::size_t kShownMax = 80;   // bytes of one value in a message

bool secret(std::string_view key) { return key == "totem.key"; }

std::string shown(std::string_view key, const std::string& value) {
    if (secret(key)) return "(not shown)";
    return value.empty() ? "(empty)" : value.size() > kShownMax ? value.substr(0, kShownMax) + "..." : value;
}

Reload when_of(std::string_view key) {
    if (key == kLocalPosition) return Reload::live;
    const Key* known = find_key(key);
    return known == nullptr ? Reload::live : known->reload;
}

// Nodes by their id, the addresses as the file has them.
std::map<NodeId, std::vector<std::string>> addresses(const Snapshot& snapshot) {
    std::map<NodeId, std::vector<std::string>> out;
    for (const NodeSettings& node : derive(snapshot).nodes) out[node.id] = node.addresses;
    return out;
}

NodeId local_id(const Snapshot& snapshot) {
    const auto settings = totem_settings(snapshot, "");
    return settings ? settings->self().id : 0;
}

}  // namespace

std::vector<Change> changes(const Snapshot& before, const Snapshot& after) {
    std::vector<Change> out;
    auto a = before.entries().begin(), b = after.entries().begin();
    const auto a_end = before.entries().end(), b_end = after.entries().end();
    while (a != a_end || b != b_end) {
        const int order = a == a_end ? 1 : b == b_end ? -1 : a->first.compare(b->first);
        const std::string& key = order <= 0 ? a->first : b->first;
        if (!(order == 0 && a->second == b->second) && !key.starts_with(kDerived) && key != kLocalPosition)
            out.push_back({key, order <= 0 ? std::optional(a->second) : std::nullopt, order >= 0 ? std::optional(b->second) : std::nullopt, when_of(key)});
        if (order <= 0) ++a;
        if (order >= 0) ++b;
    }
    return out;
}

std::string describe(const Change& change) {
    if (!change.before) return change.key + ": " + shown(change.key, *change.after) + " (new)";
    if (!change.after) return change.key + ": " + shown(change.key, *change.before) + " (gone)";
    return change.key + ": " + shown(change.key, *change.before) + " -> " + shown(change.key, *change.after);
}

Merged merge(const Snapshot& running, const Snapshot& fresh) {
    Merged out{fresh, {}};
    bool held_back = false;
    for (const Change& change : changes(running, fresh)) {
        if (change.when != Reload::never && change.when != Reload::restart) continue;
        held_back = true;
        out.snapshot.set(std::string(kRestartPrefix) + change.key, change.after.value_or(""));
        if (change.before) out.snapshot.set(change.key, *change.before);
        else out.snapshot.erase(change.key);
        out.findings.push_back({true, change.key, (change.after ? "is " + shown(change.key, *change.after) + " in the file" : std::string("is no longer in the file")) +
                                                      " but cannot change while the node runs; restart motet to use it"});
    }
    if (const NodeId was = local_id(running), is = local_id(fresh); was != is && was != 0)
        out.findings.push_back({false, "nodelist", "this node would become node " + std::to_string(is) + " instead of " + std::to_string(was) +
                                                       ", which is not possible while it runs; give it its id " + std::to_string(was) + " back"});
    if (const TotemSettings was = derive(running); was.transport == Transport::rdma) {
        if (addresses(running) != addresses(fresh))
            out.findings.push_back({false, "nodelist", "nodes and addresses cannot change over rdma while the node runs; restart motet on all nodes to use them"});
        if (was.encrypted != derive(out.snapshot).encrypted)
            out.findings.push_back({false, "totem.crypto_cipher", "encryption over rdma cannot be turned on or off while the node runs; restart motet on all nodes to do it"});
    }
    // What is in force must pass the same checks as a file does, although nobody has written it in this form.
    if (held_back) {
        for (Finding& finding : check(out.snapshot)) {
            if (finding.warning) continue;
            finding.text += " (together with keys that cannot change while the node runs; restart motet to use this file)";
            out.findings.push_back(std::move(finding));
        }
    }
    return out;
}

std::vector<std::string> waiting_for_restart(const Snapshot& snapshot) {
    std::vector<std::string> out;
    for (auto i = snapshot.entries().lower_bound(kRestartPrefix); i != snapshot.entries().end() && i->first.starts_with(kRestartPrefix); ++i)
        out.push_back(i->first.substr(kRestartPrefix.size()));
    return out;
}

std::string shared_settings(const Snapshot& snapshot) {
    std::string out;
    // What waits for a restart must be alike too: the node that comes back with it would be alone.
    Snapshot as_written = snapshot;
    for (const std::string& key : waiting_for_restart(snapshot)) {
        const std::string wanted(snapshot.get_or(std::string(kRestartPrefix) + key, ""));
        if (wanted.empty()) as_written.erase(key);
        else as_written.set(key, wanted);
    }
    for (const auto& [key, value] : as_written.entries()) {
        const bool of_cluster = key.starts_with("totem.") || key.starts_with("nodelist.") || key.starts_with("quorum.");
        // What a node may have for itself: where its key lies, which network it binds to, which of the nodes it is.
        const bool own = secret(key) || key == "totem.keyfile" || key == "totem.nodeid" || key == kLocalPosition || key == "quorum.votes" ||
                         key.ends_with(".bindnetaddr") || key.starts_with("quorum.device.heuristics.") || key.find(".x-") != key.npos;
        if (of_cluster && !own) out += key + "=" + value + "\n";
    }
    return out;
}

bool moved(const Snapshot& before, const Snapshot& after) {
    const auto was = addresses(before), is = addresses(after);
    return std::any_of(was.begin(), was.end(), [&](const auto& node) {
        const auto now = is.find(node.first);
        return now != is.end() && now->second != node.second;
    });
}

bool encryption_changed(const Snapshot& before, const Snapshot& after) {
    for (const std::string_view key : {"totem.crypto_cipher", "totem.crypto_hash", "totem.crypto_model", "totem.secauth", "totem.key"})
        if (before.get(key) != after.get(key)) return true;
    return false;
}

}  // namespace motet::config
