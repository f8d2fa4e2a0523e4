// See convert.h. The document is taken as parsed: whether its values mean anything is for the checks to say.
#include "supervisor/reader/convert.h"

#include <algorithm>
#include <utility>

#include "libs/config/schema.h"

namespace motet::reader {
namespace {

constexpr std::size_t kCorosyncLineMax = 510;   // bytes

std::string last_name(const std::string& path) { return path.substr(path.rfind('.') + 1); }

// The children of a part, in the order of the file.
std::vector<std::size_t> children(const Document& document, std::size_t parent) {
    std::vector<std::size_t> out;
    for (std::size_t i = 1; i < document.parts.size(); ++i)
        if (document.parts[i].parent == parent) out.push_back(i);
    return out;
}

// A value as YAML reads it back unchanged: plain where nothing can be misunderstood, otherwise in double quotes.
std::string yaml_scalar(const std::string& value) {
    const auto plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '/' || c == '-' || c == '+';
    };
    const bool fine = !value.empty() && value != "~" && value != "null" && value != "Null" && value != "NULL" && value[0] != '-' && value[0] != '.' &&
                      std::all_of(value.begin(), value.end(), plain);
    if (fine) return value;
    std::string out = "\"";
    for (const char c : value) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + "\"";
}

class ToYaml {
public:
    explicit ToYaml(const Document& document) : in_(document) {}

    Converted run() {
        encryption();
        body(0, "", 0);
        return std::move(out_);
    }

private:
    // Corosync's default is none; here it has to be said.
    void encryption() {
        bool encrypted = false, written = false;
        for (const Part& part : in_.parts) {
            for (const Setting& s : part.settings) {
                written |= part.path.empty() && s.name == "allow_unencrypted";
                if (part.path != "totem") continue;
                encrypted |= (s.name == "crypto_cipher" || s.name == "crypto_hash") && s.value != "none";
                encrypted |= s.name == "secauth" && s.value == "on";
            }
        }
        if (encrypted || written) return;
        out_.text += "# The file this was made from has no encryption.\nallow_unencrypted: yes\n";
    }

    void setting(const std::string& section, const Setting& s, const std::string& indent) {
        std::string name = section == "totem.interface" && s.name == "ringnumber" ? "linknumber" : s.name;
        if (config::find_key(section, name) == nullptr && !name.starts_with("x-")) {
            out_.remarks.push_back((section.empty() ? name : section + "." + name) + " means nothing to Motet and is now called x-" + name);
            name = "x-" + name;
        }
        if (s.value.empty()) {
            out_.remarks.push_back((section.empty() ? name : section + "." + name) + " has no value and is left out");
            return;
        }
        out_.text += indent + name + ": " + yaml_scalar(s.value) + "\n";
    }

    // Last one wins in Corosync's syntax; the last one is what is written.
    std::vector<Setting> effective(const std::vector<std::size_t>& parts) const {
        std::vector<Setting> out;
        for (const std::size_t part : parts) {
            for (const Setting& s : in_.parts[part].settings) {
                std::erase_if(out, [&](const Setting& before) { return before.name == s.name; });
                out.push_back(s);
            }
        }
        return out;
    }

    void body(std::size_t part, const std::string& section, unsigned depth) { bodies({part}, section, depth); }

    // Equal sections of one parent are one section.
    void bodies(const std::vector<std::size_t>& parts, const std::string& section, unsigned depth) {
        const std::string indent(2 * depth, ' ');
        for (const Setting& s : effective(parts)) setting(section, s, indent);
        std::vector<std::string> order;
        std::vector<std::vector<std::size_t>> groups;
        for (const std::size_t part : parts) {
            for (const std::size_t child : children(in_, part)) {
                const std::string& path = in_.parts[child].path;
                const auto known = std::find(order.begin(), order.end(), path);
                if (known == order.end()) order.push_back(path), groups.push_back({child});
                else groups[static_cast<std::size_t>(known - order.begin())].push_back(child);
            }
        }
        for (std::size_t i = 0; i < order.size(); ++i) sections(order[i], groups[i], depth);
    }

    void sections(const std::string& path, const std::vector<std::size_t>& parts, unsigned depth) {
        const std::string indent(2 * depth, ' ');
        if (path == "nodelist") {
            // Its node sections become the list itself.
            std::vector<std::size_t> nodes;
            for (const std::size_t part : parts)
                for (const std::size_t child : children(in_, part)) nodes.push_back(child);
            return sections("nodelist.node", nodes, depth);
        }
        const config::Section* section = config::find_section(path);
        if (section == nullptr && !config::is_section(path)) {
            out_.remarks.push_back("section " + path + " means nothing to Motet and is left out");
            return;
        }
        const std::string name = path == "nodelist.node" ? "nodelist" : last_name(path);
        out_.text += (depth == 0 && !out_.text.empty() ? "\n" : "") + indent + name + ":\n";
        if (section == nullptr || !section->list) return bodies(parts, path, depth + 1);
        for (const std::size_t part : parts) {
            const std::size_t before = out_.text.size();
            bodies({part}, path, depth + 2);
            if (out_.text.size() == before) {
                out_.text += indent + "  - {}\n";
                continue;
            }
            out_.text[before + 2 * depth + 2] = '-';
        }
    }

    const Document& in_;
    Converted out_;
};

class ToCorosync {
public:
    explicit ToCorosync(const Document& document) : in_(document) {}

    Converted run() {
        for (const Setting& s : in_.parts[0].settings)
            if (s.name != "allow_unencrypted") out_.remarks.push_back(s.name + " stands outside every section, where Corosync has no keys; it is left out");
        std::vector<std::size_t> nodes;
        bool nodes_done = false;
        for (const std::size_t child : children(in_, 0))
            if (in_.parts[child].path == "nodelist.node") nodes.push_back(child);
        for (const std::size_t child : children(in_, 0)) {
            if (in_.parts[child].path != "nodelist.node") section(child, 0);
            else if (!std::exchange(nodes_done, true)) node_list(nodes);
        }
        return std::move(out_);
    }

private:
    void node_list(const std::vector<std::size_t>& nodes) {
        out_.text += "nodelist {\n";
        for (const std::size_t node : nodes) section(node, 1);
        out_.text += "}\n\n";
    }

    void section(std::size_t part, unsigned depth) {
        const std::string indent(depth, '\t');
        out_.text += indent + last_name(in_.parts[part].path) + " {\n";
        for (const Setting& s : in_.parts[part].settings) {
            const std::string line = indent + "\t" + s.name + ": " + s.value;
            if (line.size() > kCorosyncLineMax) out_.remarks.push_back(in_.parts[part].path + "." + s.name + " makes a line longer than Corosync reads");
            if (s.value.find('{') != s.value.npos) out_.remarks.push_back(in_.parts[part].path + "." + s.name + ": Corosync takes { for the beginning of a section");
            out_.text += line + "\n";
        }
        for (const std::size_t child : children(in_, part)) section(child, depth + 1);
        out_.text += indent + "}\n" + (depth == 0 ? "\n" : "");
    }

    const Document& in_;
    Converted out_;
};

}  // namespace

Converted to_yaml(const Document& document) { return ToYaml(document).run(); }
Converted to_corosync(const Document& document) { return ToCorosync(document).run(); }

}  // namespace motet::reader
