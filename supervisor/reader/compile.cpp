// See compile.h. One pass over the sections of each file, then the checks.
#include "supervisor/reader/compile.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "libs/config/address.h"
#include "libs/config/changes.h"
#include "libs/config/checks.h"
#include "libs/config/schema.h"

namespace motet::reader {
namespace {

using config::Key;
using config::Snapshot;

constexpr std::size_t kSubsysNameMax = 63;

// What cmap accepts in the name of a key.
bool cmap_name(std::string_view name) {
    return !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:") == name.npos;
}

class Compiler {
public:
    Compiler(const Input& input, Names& names, Problems& problems) : input_(input), names_(names), problems_(problems) {}

    Snapshot run() {
        const Document document = parse(input_.main, !is_corosync_syntax(input_.main.name));
        if (document.parts.empty()) return {};
        yaml_ = document.yaml;
        take(document);
        for (const Source& source : input_.uidgid) take_access(source);
        ignored_keys();
        if (document.yaml) yaml_defaults();
        else corosync_defaults();
        old_names();
        addresses();
        keyfile();
        relations();
        if (problems_.ok()) local_node();
        if (problems_.ok() && input_.running) while_running();
        snapshot_.set("motet.file", input_.main.name);
        snapshot_.set("motet.syntax", document.yaml ? "yaml" : "corosync");
        if (snapshot_.encode().size() > config::kSnapshotMax) problems_.fail({input_.main.name}, "", "more than this build can hold; shorten it");
        return std::move(snapshot_);
    }

private:
    // Without a single part if nothing could be made of it.
    Document parse(const Source& source, bool yaml) {
        if (!plausible(source.name, source.text, problems_)) return {};
        return yaml ? parse_yaml(source.name, source.text, problems_) : parse_corosync(source.name, source.text, problems_);
    }

    void take(const Document& document) {
        prefixes_.assign(document.parts.size(), "");
        for (std::size_t i = 0; i < document.parts.size(); ++i) part(document, i);
    }
    // Files of uidgid.d: nothing but uidgid sections.
    void take_access(const Source& source) {
        const Document document = parse(source, source.name.ends_with(".yaml"));
        yaml_ = document.yaml;
        for (const Part& part : document.parts) {
            if (part.path == "uidgid") {
                access(part);
            } else if (!part.path.empty() || !part.settings.empty()) {
                problems_.fail(part.path.empty() ? part.settings[0].at : part.at, part.path, "only uidgid sections may stand in this file; remove it");
            }
        }
    }

    void part(const Document& document, std::size_t index);
    void settings(const Part& part, const std::string& section, const std::string& prefix);
    void setting(const Setting& setting, const std::string& section, const std::string& prefix);
    void unknown(const Setting& setting, const std::string& section, const std::string& prefix);
    void interface(const Part& part, std::string& prefix);
    void member(const Part& part, const std::string& interface_prefix);
    void subsystem(const Part& part);
    void access(const Part& part);
    void one_access(const Setting& setting);
    void ignored_keys();
    void corosync_defaults();
    void yaml_defaults();
    void keyfile();
    void old_names();
    void addresses();
    void relations();
    void local_node();
    void while_running();
    void own_address();

    void store(const std::string& key, std::string value, const Place& at) {
        if (key.size() > config::kKeyMax) {
            problems_.fail(at, "", "the name of the key is longer than " + std::to_string(config::kKeyMax) + " bytes; shorten it");
            return;
        }
        snapshot_.set(key, std::move(value));
        places_.insert_or_assign(key, at);
    }

    // Of the key, else of the innermost section around it, else of the file.
    Place place(std::string key) const {
        while (true) {
            const auto found = places_.find(key);
            if (found != places_.end()) return found->second;
            const std::size_t dot = key.rfind('.');
            if (dot == key.npos) return {input_.main.name, 1, 1};
            key.resize(dot);
        }
    }

    const Input& input_;
    Names& names_;
    Problems& problems_;
    bool yaml_ = true;
    Snapshot snapshot_;
    std::map<std::string, Place, std::less<>> places_;   // of keys and of sections
    std::vector<std::string> prefixes_;                  // of the document's parts: "nodelist.node.0."
    std::size_t nodes_ = 0, services_ = 0;
    std::map<std::string, std::size_t> members_;         // per interface
    std::vector<std::string> ignored_;
    std::size_t ignored_count_ = 0;
    Place ignored_at_;
};

void Compiler::part(const Document& document, std::size_t index) {
    const Part& p = document.parts[index];
    std::string& prefix = prefixes_[index];
    if (p.path == "nodelist.node") {
        prefix = "nodelist.node." + std::to_string(nodes_++) + ".";
        places_.try_emplace("nodelist", p.at);
        places_.insert_or_assign(prefix.substr(0, prefix.size() - 1), p.at);
        settings(p, p.path, prefix);
    } else if (p.path == "services") {
        prefix = "services." + std::to_string(services_++) + ".";
        places_.insert_or_assign(prefix.substr(0, prefix.size() - 1), p.at);
        settings(p, p.path, prefix);
    } else if (p.path == "totem.interface") {
        interface(p, prefix);
    } else if (p.path == "totem.interface.member") {
        member(p, prefixes_[p.parent]);
    } else if (p.path == "logging.logger_subsys" || p.path == "logging.logging_daemon") {
        subsystem(p);
    } else if (p.path == "uidgid") {
        access(p);
    } else {
        prefix = p.path.empty() ? "" : p.path + ".";
        if (!p.path.empty()) places_.insert_or_assign(p.path, p.at);
        settings(p, p.path, prefix);
    }
}

void Compiler::settings(const Part& p, const std::string& section, const std::string& prefix) {
    for (const Setting& s : p.settings) setting(s, section, prefix);
}

void Compiler::setting(const Setting& s, const std::string& section, const std::string& prefix) {
    const std::string full = prefix + s.name;
    const bool own = yaml_ && s.name.starts_with("x-");
    const Key* key = own ? nullptr : config::find_key(section, s.name);
    if (own && !cmap_name(s.name)) {
        problems_.fail(s.at, full, "letters, digits and . _ - / : only in the name of a key; rename it");
        return;
    }
    if (own) {
        static constexpr Key kOwn{"", "x-", config::Type::text, "", 0, 0, "", config::Reload::live, 0, ""};
        key = &kOwn;
    }
    if (key == nullptr) {
        unknown(s, section, prefix);
        return;
    }
    if (yaml_ && s.value.empty()) {
        problems_.fail(s.at, full, "has no value; write one or remove the line");
        return;
    }
    const auto value = config::normalise(*key, s.value, yaml_);
    if (value) {
        store(full, *value, s.at);
    } else if (!yaml_ && key->has(config::kLenient)) {
        store(full, std::string(key->fallback), s.at);
        problems_.warn(s.at, full, value.error().text + "; taken as " + std::string(key->fallback) + ", as Corosync does");
    } else {
        problems_.fail(s.at, full, value.error().text + "; correct it");
    }
}

void Compiler::unknown(const Setting& s, const std::string& section, const std::string& prefix) {
    const std::string full = prefix + s.name;
    if (section == "nodelist.node" && s.name.starts_with("ring") && s.name.ends_with("_addr")) {
        problems_.fail(s.at, full, "links are numbered from 0 to 7; write ring0_addr to ring7_addr");
        return;
    }
    if (!yaml_) {
        if (ignored_count_++ == 0) ignored_at_ = s.at;
        if (ignored_.size() < 20) ignored_.push_back(full);
        // Kept all the same, as Corosync does: Pacemaker and others have attributes here. Not kept: what would pass for
        // a known key without its checks, or for a key of the reader's own.
        const bool reserved = config::find_key(full) != nullptr || full.starts_with("motet.") || full.starts_with("uidgid.") || full == config::kLocalPosition;
        if (!reserved && cmap_name(full) && s.value.size() <= config::kValueMax) store(full, s.value, s.at);
        return;
    }
    std::string text = "unknown key";
    const std::string near = config::suggestion(section, s.name);
    if (s.name.find('.') != s.name.npos && config::find_key(full) != nullptr) {
        text += "; nest it: a dot in a name stands for a section, indent below it instead";
    } else if (!near.empty()) {
        text += "; did you mean " + near + "?";
    } else {
        text += "; remove it, or begin the name of a key of your own with x- (keys: motet.yaml(5))";
    }
    problems_.fail(s.at, full, text);
}

// The item's number is one of its settings; everything else is stored under it.
void Compiler::interface(const Part& p, std::string& prefix) {
    std::uint64_t link = 0;
    bool known = true;
    for (const Setting& s : p.settings) {
        if (s.name != "linknumber" && (yaml_ || s.name != "ringnumber")) continue;
        const auto value = config::normalise(*config::find_key("totem.interface", "linknumber"), s.value, yaml_);
        if (value) {
            std::from_chars(value->data(), value->data() + value->size(), link);
        } else {
            problems_.fail(s.at, "totem.interface." + s.name, value.error().text + "; correct it");
            known = false;
        }
    }
    prefix = "totem.interface." + std::to_string(link) + ".";
    const std::string item = prefix.substr(0, prefix.size() - 1);
    if (!known) return;
    const auto [first, fresh] = places_.try_emplace(item, p.at);
    if (!fresh && yaml_) problems_.fail(p.at, item, "link " + std::to_string(link) + " appears twice, first in line " + std::to_string(first->second.line) + "; put its keys into one item");
    for (const Setting& s : p.settings) {
        if (s.name == "linknumber" || (!yaml_ && s.name == "ringnumber")) continue;
        setting(s, "totem.interface", prefix);
    }
}

void Compiler::member(const Part& p, const std::string& interface_prefix) {
    for (const Setting& s : p.settings) {
        if (s.name != "memberaddr") {
            problems_.fail(s.at, interface_prefix + "member." + s.name, "only memberaddr may stand here; remove it");
            continue;
        }
        store(interface_prefix + "member." + std::to_string(members_[interface_prefix]++), s.value, s.at);
    }
}

void Compiler::subsystem(const Part& p) {
    std::string subsys, daemon;
    for (const Setting& s : p.settings) {
        if (s.name == "subsys") subsys = s.value;
        if (s.name == "name" && p.path == "logging.logging_daemon") daemon = s.value;
    }
    std::string section = "logging.logger_subsys", prefix = "logging.logger_subsys." + subsys + ".";
    if (p.path == "logging.logging_daemon" && daemon == "corosync" && subsys.empty()) {
        section = "logging", prefix = "logging.";
    } else if (p.path == "logging.logging_daemon" && daemon != "corosync") {
        return;                                    // another program's logging
    } else if (subsys.empty()) {
        problems_.fail(p.at, "logging.logger_subsys", "No subsys key in logger_subsys directive; add subsys with the name of a subsystem");
        return;
    } else if (subsys.size() > kSubsysNameMax || !cmap_name(subsys) || subsys.find('.') != subsys.npos) {
        problems_.fail(p.at, "logging.logger_subsys", "the name in subsys is not one of a subsystem; write one such as QUORUM");
        return;
    }
    const std::string item = prefix.substr(0, prefix.size() - 1);
    const auto [first, fresh] = places_.try_emplace(item, p.at);
    if (!fresh && yaml_) problems_.fail(p.at, item, "appears twice, first in line " + std::to_string(first->second.line) + "; put its keys into one item");
    for (const Setting& s : p.settings) {
        if (s.name == "name" && p.path == "logging.logging_daemon") continue;
        if (s.name == "subsys" && section == "logging") continue;
        setting(s, section, prefix);
    }
}

void Compiler::access(const Part& p) {
    places_.try_emplace("uidgid", p.at);
    for (const Setting& s : p.settings) {
        if (s.name == "uid" || s.name == "gid") {
            one_access(s);
        } else if (!(yaml_ && s.name.starts_with("x-"))) {
            problems_.fail(s.at, "uidgid." + s.name, "Only uid and gid are allowed items; remove it");
        }
    }
}

void Compiler::one_access(const Setting& s) {
    const bool user = s.name == "uid";
    std::uint32_t number = 0;
    const auto [end, failure] = std::from_chars(s.value.data(), s.value.data() + s.value.size(), number);
    std::optional<std::uint32_t> id;
    if (failure == std::errc() && end == s.value.data() + s.value.size()) {
        id = number;
    } else if (!s.value.empty() && s.value.size() <= kNameMax) {
        id = user ? names_.user(s.value) : names_.group(s.value);
    }
    if (!id) {
        problems_.fail(s.at, "uidgid." + s.name, "The '" + s.value.substr(0, 60) + "' " + (user ? "user" : "group") + " is not found in " +
                       (user ? "/etc/passwd" : "/etc/group") + "; create it or remove the line");
        return;
    }
    store("uidgid.config." + s.name + "." + std::to_string(*id), "1", s.at);
}

void Compiler::ignored_keys() {
    if (ignored_count_ == 0) return;
    std::string list;
    for (const std::string& key : ignored_) list += (list.empty() ? "" : ", ") + key.substr(0, 80);
    if (ignored_count_ > ignored_.size()) list += " and " + std::to_string(ignored_count_ - ignored_.size()) + " more";
    problems_.warn(ignored_at_, "", "unknown keys, ignored: " + list + "; check their spelling");
}

// In Corosync's syntax no encryption is the default and stays so, but not without a word (with knet: in the checks).
void Compiler::corosync_defaults() {
    const std::string_view transport = snapshot_.get_or("totem.transport", "knet");
    if (snapshot_.get("allow_unencrypted")) return;
    snapshot_.set("allow_unencrypted", "yes");
    if (transport != "udp" && transport != "udpu") return;
    problems_.warn(place("totem.transport"), "totem.transport", std::string(transport) + " neither encrypts nor authenticates; keep its port away from untrusted hosts");
}

// In motet.yaml encryption is the default, and whoever does not want it says so.
void Compiler::yaml_defaults() {
    const std::string_view transport = snapshot_.get_or("totem.transport", "knet");
    if ((transport != "knet" && transport != "rdma" && transport != "iba") || snapshot_.get_or("totem.secauth", "off") == "on") return;
    if (!snapshot_.get("totem.crypto_cipher") && !snapshot_.get("totem.crypto_hash")) {
        snapshot_.set("totem.crypto_cipher", "aes256");
        snapshot_.set("totem.crypto_hash", "sha256");
    }
}

// Where the key is, for the supervisor: only its path travels in the snapshot.
void Compiler::keyfile() {
    if (!config::derive(snapshot_).needs_key() || snapshot_.get("totem.key")) return;
    std::string path(snapshot_.get_or("totem.keyfile", ""));
    if (path.empty()) {
        const std::size_t slash = input_.main.name.rfind('/');
        path = yaml_ ? (slash == std::string::npos ? "" : input_.main.name.substr(0, slash + 1)) + "authkey"
                     : "/etc/corosync/authkey";
    }
    snapshot_.set(std::string(config::kKeyfile), path);
}

void Compiler::old_names() {
    const std::string prefix = "logging.";
    std::vector<std::pair<std::string, std::string>> more;
    for (auto i = snapshot_.entries().lower_bound(prefix); i != snapshot_.entries().end() && i->first.starts_with(prefix); ++i) {
        for (const auto& [old_name, new_name] : {std::pair<std::string_view, std::string_view>{".to_file", ".to_logfile"}, {".syslog_level", ".syslog_priority"}}) {
            if (!i->first.ends_with(old_name) || config::find_key(i->first) == nullptr) continue;
            more.emplace_back(i->first.substr(0, i->first.size() - old_name.size()) + std::string(new_name), i->second);
        }
    }
    for (auto& [key, value] : more) {
        if (!snapshot_.get(key)) snapshot_.set(key, std::move(value));
    }
}

void Compiler::addresses() {
    const config::TotemSettings settings = config::derive(snapshot_);
    std::map<std::string, std::optional<std::string>> known;     // a name is looked up once
    for (std::size_t i = 0; i < settings.nodes.size(); ++i) {
        for (std::size_t link = 0; link < settings.nodes[i].addresses.size(); ++link) {
            const std::string& text = settings.nodes[i].addresses[link];
            if (text.empty() || config::parse_address(text)) continue;
            auto found = known.find(text);
            if (found == known.end()) found = known.emplace(text, text.size() <= kNameMax ? names_.address(text, settings.ip_version) : std::nullopt).first;
            if (found->second && config::parse_address(*found->second)) snapshot_.set(config::address_key(i, link), *found->second);
        }
    }
}

void Compiler::relations() {
    for (const config::Finding& finding : config::check(snapshot_)) {
        if (finding.warning) {
            problems_.warn(place(finding.key), finding.key, finding.text);
            continue;
        }
        // Told already, or told about the section it would have stood in.
        bool told = false;
        for (std::string key = finding.key; !told; key.resize(key.rfind('.'))) {
            told = problems_.is_broken(key);
            if (key.rfind('.') == key.npos) break;
        }
        if (!told) problems_.fail(place(finding.key), finding.key, finding.text);
    }
}

void Compiler::local_node() {
    const auto settings = config::totem_settings(snapshot_, input_.node_wanted, input_.host);
    if (settings) {
        snapshot_.set(std::string(config::kLocalPosition), std::to_string(settings->local));
    } else {
        problems_.fail(place("nodelist"), "", settings.error().text);
    }
}

// What can be taken over by a node that runs, and what has to wait.
void Compiler::while_running() {
    config::Merged merged = config::merge(*input_.running, snapshot_);
    for (const config::Finding& finding : merged.findings) {
        if (finding.warning) problems_.warn(place(finding.key), finding.key, finding.text);
        else problems_.fail(place(finding.key), finding.key, finding.text);
    }
    snapshot_ = std::move(merged.snapshot);
    if (problems_.ok()) own_address();
}

// A node that moves to an address which this machine does not have would fall silent.
void Compiler::own_address() {
    const auto settings = config::totem_settings(snapshot_, "");
    const auto before = config::totem_settings(*input_.running, "");
    if (!settings || !before || input_.host.addresses.empty()) return;
    for (std::size_t link = 0; link < settings->self().addresses.size(); ++link) {
        const std::string& text = settings->self().addresses[link];
        if (text.empty() || (link < before->self().addresses.size() && before->self().addresses[link] == text)) continue;
        const auto address = config::parse_address(text);
        const bool loopback = address && !address->ipv6 && address->bytes[0] == 127;
        const bool here = std::any_of(input_.host.addresses.begin(), input_.host.addresses.end(),
                                      [&](const std::string& own) { return config::parse_address(own) == address; });
        if (here || loopback) continue;
        const std::string key = "nodelist.node." + std::to_string(settings->local) + ".ring" + std::to_string(link) + "_addr";
        problems_.fail(place(key), key, text + " is not an address of this machine yet; give it to an interface first");
    }
}

}  // namespace

bool is_corosync_syntax(std::string_view file) { return file.ends_with(".conf"); }

Snapshot compile(const Input& input, Names& names, Problems& problems) {
    return Compiler(input, names, problems).run();
}

}  // namespace motet::reader
