// The texts of the manual page and of the default file; everything about keys comes from the schema.
#include "supervisor/reader/print.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include "libs/config/explain.h"
#include "libs/config/schema.h"

namespace motet::reader {
namespace {

using config::Key;
using config::Section;
using config::Type;

// Keys that are set in the default file, so that it works on one machine as it stands.
struct Set {
    std::string_view section, name, value;
};
constexpr Set kSet[] = {
    {"totem", "version", "2"},
    {"totem", "cluster_name", "motet"},
    {"totem", "transport", "knet"},
    {"totem", "crypto_cipher", "aes256"},
    {"totem", "crypto_hash", "sha256"},
    {"nodelist.node", "nodeid", "1"},
    {"nodelist.node", "name", "node1"},
    {"nodelist.node", "ring<n>_addr", "127.0.0.1"},
    {"quorum", "provider", "corosync_votequorum"},
};

std::optional<std::string_view> set_value(const Key& key) {
    for (const Set& s : kSet) {
        if (s.section == key.section && s.name == key.name) return s.value;
    }
    return std::nullopt;
}

bool is_set(std::string_view section) {
    return std::any_of(std::begin(kSet), std::end(kSet), [&](const Set& s) { return s.section == section; });
}

// Not for a new file: what is old, what a later release will do.
constexpr std::uint8_t kHidden = config::kInert | config::kRefused | config::kLater | config::kOldName;

std::string shown_name(const Key& key) { return key.name == "ring<n>_addr" ? "ring0_addr" : std::string(key.name); }

// Short enough to stand behind the sentence about the key.
std::string brief(const Key& key) {
    if (key.type == Type::text || key.min == key.max) {
        if (key.type != Type::word || key.unit.size() > 60) return "";
        std::string words(key.unit);
        std::replace(words.begin(), words.end(), ' ', '|');
        return " [" + words + "]";
    }
    const std::string unit = key.unit.empty() ? "" : " " + std::string(key.unit);
    if (key.max >= 86'400'000) return key.min == 0 ? (unit.empty() ? "" : " [" + unit.substr(1) + "]") : " [" + (unit.empty() ? "" : unit.substr(1) + ", ") + std::to_string(key.min) + " or more]";
    return " [" + std::to_string(key.min) + " to " + std::to_string(key.max) + unit + "]";
}

std::vector<std::string> components(std::string_view path) {
    std::vector<std::string> result;
    while (!path.empty()) {
        const std::size_t end = std::min(path.find('.'), path.size());
        result.emplace_back(path.substr(0, end));
        path.remove_prefix(std::min(end + 1, path.size()));
    }
    return result;
}

std::string wrapped(std::string_view text, const std::string& lead, std::size_t width) {
    std::string out, line = lead;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        if (line.size() + 1 + end > width && line.size() > lead.size()) {
            out += line + "\n";
            line = lead;
        }
        line += " " + std::string(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out + line + "\n";
}

// One section of the default file with its headings, indented as deep as it stands.
class DefaultFile {
public:
    std::string text;

    void section(const Section& section) {
        std::vector<const Key*> shown;
        for (const Key& key : config::keys()) {
            if (key.section == section.path && (key.traits & kHidden) == 0) shown.push_back(&key);
        }
        if (shown.empty()) return;
        headings(section);
        bool first = true;
        // In a list the dash belongs to the first key that is set, otherwise to the first key.
        std::stable_partition(shown.begin(), shown.end(), [](const Key* key) { return set_value(*key).has_value(); });
        for (const Key* key : shown) {
            one(*key, section, first);
            first = false;
        }
    }

private:
    void headings(const Section& section) {
        const auto path = components(section.in_file);
        std::size_t common = 0;
        while (common < path.size() && common < open_.size() && path[common] == open_[common]) ++common;
        if (common == 0) text += "\n";
        std::string so_far;
        for (std::size_t i = 0; i < path.size(); ++i) {
            so_far += (i > 0 ? "." : "") + path[i];
            if (i < common) continue;
            if (i + 1 == path.size()) text += wrapped(section.about, indent(i) + "#", 110);
            text += indent(i) + (is_set(section.path) ? "" : "#") + path[i] + ":\n";
        }
        open_ = path;
        depth_ = path.size();
    }

    void one(const Key& key, const Section& section, bool first) {
        const auto value = set_value(key);
        const std::string lead = indent(depth_);
        // The line above a key stands where the key does, in a list behind the dash.
        const std::string inner = section.list ? "  " : "";
        text += wrapped(std::string(key.about) + brief(key), lead + inner + "#", 110);
        const std::string line = shown_name(key) + ":" + (value ? " " + std::string(*value) : key.fallback.empty() ? "" : " " + std::string(key.fallback));
        const std::string dash = section.list ? (first ? "- " : "  ") : "";
        text += value ? lead + dash + line + "\n" : lead + (is_set(section.path) ? dash + "#" : "#" + dash) + line + "\n";
    }

    static std::string indent(std::size_t depth) { return std::string(2 * depth, ' '); }

    std::vector<std::string> open_;
    std::size_t depth_ = 0;
};

// Text that roff shall not take for its own.
std::string roff(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '-') out += "\\-";
        else if (c == '\\') out += "\\e";
        else if (c == '\'') out += "\\(aq";
        else out += c;
    }
    return out.starts_with('.') ? "\\&" + out : out;
}

std::string manual_key(const Key& key) {
    std::string name = roff(key.name);
    for (const auto& [mark, shown] : {std::pair<std::string, std::string>{"<n>", "\\fIN\\fB"}, {"<name>", "\\fINAME\\fB"}}) {
        const std::size_t at = name.find(mark);
        if (at != name.npos) name.replace(at, mark.size(), shown);
    }
    std::string out = ".TP\n\\fB" + name + "\\fR\n" + roff(key.about) + "\n.br\n";
    std::string facts;
    if (key.type == Type::text) facts = key.fallback.empty() ? "No default." : "Default: " + std::string(key.fallback) + ".";
    else facts = "Value: " + config::expectation(key) + (key.fallback.empty() ? "." : "; default " + std::string(key.fallback) + ".");
    if (key.has(config::kRequired)) facts += " Required.";
    if (key.has(config::kInert)) facts += " Accepted for old files, without effect.";
    else facts += " Changes: " + std::string(config::when(key.reload)) + ".";
    if (key.has(config::kLater)) facts += " Without effect in this release.";
    if (key.has(config::kRefused)) facts += " Refused by this release.";
    if (key.has(config::kKnetOnly)) facts += " Only with transport knet.";
    if (key.has(config::kRdmaOnly)) facts += " Only with transport rdma.";
    return out + roff(facts) + "\n";
}

constexpr std::string_view kManualHead = R"(.\" Printed from the schema by "motet-config --print-man"; do not edit.
.TH MOTET.YAML 5 "" "Motet" "File formats"
.SH NAME
motet.yaml \- configuration of the Motet cluster engine
.SH DESCRIPTION
.B motet
reads its configuration from
.IR /etc/motet/motet.yaml ;
when there is none, from
.I /etc/corosync/corosync.conf
in Corosync's own syntax. A file named with
.B \-\-config
is taken for Corosync's syntax if its name ends in
.BR .conf ,
otherwise for YAML. Both say the same with the same names; only the shape differs.
.PP
A file is checked completely before anything of it is used.
.B "motet \-\-check"
does only that: every problem is one line with file, line and column, the key, the reason and what to do.
A running cluster whose new file is refused keeps the old configuration.
.SS Rules of the YAML form
.IP \(bu 2
Sections are mappings; keys keep Corosync's names and values.
.IP \(bu 2
Sections that may occur more than once are lists:
.BR nodelist ,
.BR interface " in " totem ,
.BR logger_subsys " in " logging ,
.BR uidgid ,
.BR services .
.IP \(bu 2
An unknown key is an error. Keys that begin with
.B x\-
are yours: they take one value and are kept for cmap, without a meaning to Motet.
.IP \(bu 2
Where a key wants yes or no, or on or off, true and false are understood too.
.IP \(bu 2
Anchors, aliases, tags, merge keys, duplicate keys and further documents are errors.
.IP \(bu 2
A file has at most 1 MiB.
.SS Differences in Corosync's syntax
Unknown keys are ignored with one warning that lists them, a repeated key replaces the one before, and
.B allow_unencrypted
is not needed: its absence is warned about.
.SS Encryption
The transport is knet, encrypted with aes256 and authenticated with sha256, unless the file says otherwise; all nodes need the same key, which
.BR corosync\-keygen (8)
makes. The transports udp and udpu have neither encryption nor authentication; with them, and with knet and
.BR "crypto_cipher: none" ,
a YAML file must say
.BR "allow_unencrypted: yes" .
.SH KEYS
)";

constexpr std::string_view kManualTail = R"(.SH EXAMPLE
.nf
totem:
  version: 2
  cluster_name: demo
nodelist:
  \- nodeid: 1
    name: alpha
    ring0_addr: 192.0.2.1
  \- nodeid: 2
    name: beta
    ring0_addr: 192.0.2.2
  \- nodeid: 3
    name: gamma
    ring0_addr: 192.0.2.3
quorum:
  provider: corosync_votequorum
.fi
.SH FILES
.TP
.I /etc/motet/motet.yaml
the configuration; the same on every node
.TP
.I /etc/motet/authkey
the cluster\(aqs key; the same on every node, readable by root only
.TP
.I /etc/motet/uidgid.d/
further uidgid sections, one file per package: YAML if the name ends in .yaml, otherwise Corosync\(aqs syntax
.TP
.I /etc/corosync/corosync.conf
read when there is no motet.yaml, with uidgid.d beside it
.SH SEE ALSO
.BR motet (8),
.BR motetctl (8)
)";

constexpr std::string_view kDefaultHead = R"(# Configuration of the Motet cluster engine, with the default of every key this release acts on. Lines that begin with
# a # before a key show its default; remove the # to change it. As it stands this is a cluster of one node on the
# loopback address; it needs a key, which "corosync-keygen -k /etc/motet/authkey" makes. Check a change with "motet --check"; all keys are explained in motet.yaml(5).
# Printed from the schema by "motet-config --print-default".
)";

}  // namespace

std::string manual_page() {
    std::string out(kManualHead);
    for (const Section& section : config::sections()) {
        std::string title = section.path.empty() ? "Top of the file" : std::string(section.in_file);
        if (section.list) title += " (list)";
        out += ".SS " + roff(title) + "\n" + roff(section.about) + "\n";
        for (const Key& key : config::keys()) {
            if (key.section == section.path) out += manual_key(key);
        }
    }
    return out + std::string(kManualTail);
}

std::string default_file() {
    DefaultFile file;
    file.text = kDefaultHead;
    for (const Section& section : config::sections()) file.section(section);
    return file.text;
}

}  // namespace motet::reader
