// See explain.h.
#include "libs/config/explain.h"

namespace motet::config {

std::string_view when(Reload reload) {
    switch (reload) {
    case Reload::live: return "at reload and through cmap";
    case Reload::reload: return "at reload";
    case Reload::never: return "at a restart only; until then a reload leaves it as it is and says so";
    case Reload::restart: return "stored at reload, in force after a restart";
    case Reload::none: break;
    }
    return "never";
}

std::string yaml_name(const Key& key) {
    const Section* section = find_section(key.section);
    const std::string home(section == nullptr ? key.section : section->in_file);
    return home.empty() ? std::string(key.name) : home + "." + std::string(key.name);
}

std::vector<std::string> remarks(const Key& key) {
    std::vector<std::string> out;
    if (key.has(kRequired)) out.emplace_back("Required.");
    if (key.has(kKnetOnly)) out.emplace_back("Only with transport knet.");
    if (key.has(kLenient)) out.emplace_back("In Corosync's syntax any other word stands for the default.");
    if (key.has(kRefused)) out.emplace_back("Refused by this release.");
    if (key.has(kLater)) out.emplace_back("Without effect in this release.");
    if (key.has(kInert)) out.emplace_back("Accepted for old files, without effect.");
    if (key.has(kOldName)) out.emplace_back("Another key has replaced it.");
    return out;
}

std::string explain(const Key& key) {
    std::string out = yaml_name(key) + "\n  " + std::string(key.about) + "\n";
    out += "  Value:   " + expectation(key) + "\n";
    out += "  Default: " + (key.fallback.empty() ? "none" : std::string(key.fallback)) + "\n";
    out += "  Changes: " + std::string(when(key.reload)) + "\n";
    for (const std::string& remark : remarks(key)) out += "  " + remark + "\n";
    return out;
}

std::vector<const Key*> look_up(std::string_view name) {
    std::vector<const Key*> out;
    if (name.empty() || name.size() > 255) return out;
    if (const Key* key = find_key(name)) return {key};
    const std::size_t dot = name.rfind('.');
    for (const Section& section : sections()) {
        if (section.path.empty()) continue;
        if (section.path == name || section.in_file == name) {
            for (const Key& key : keys())
                if (key.section == section.path) out.push_back(&key);
            return out;
        }
        if (dot != name.npos && (section.in_file == name.substr(0, dot) || section.path == name.substr(0, dot)))
            if (const Key* key = find_key(section.path, name.substr(dot + 1))) out.push_back(key);
    }
    if (!out.empty() || dot != name.npos) return out;
    for (const Section& section : sections())
        if (const Key* key = find_key(section.path, name); key != nullptr && key->name.find("<name>") == key->name.npos) out.push_back(key);
    return out;
}

}  // namespace motet::config
