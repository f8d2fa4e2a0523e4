// YAML by rules Y1 to Y7 of config.md. The only place that knows yaml-cpp; its exceptions end here. Its event interface
// is used instead of its nodes because those follow aliases silently and forget duplicate keys.
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <sstream>

#include "libs/config/schema.h"
#include "supervisor/reader/document.h"

namespace motet::reader {
namespace {

constexpr std::size_t kNodesMax = 2 * kSettingsMax;   // scalars and collections of one document

struct Node {
    enum class Kind { nothing, scalar, list, mapping } kind = Kind::nothing;
    Place at;
    std::string text;                 // of a scalar
    std::vector<std::size_t> items;   // of a list; of a mapping: key, value, key, value ...
};

struct Unacceptable {
    YAML::Mark mark;
    std::string why;
};

// Where the lines of a text begin, to find the bytes a mark of yaml-cpp (line and column in characters) speaks of.
class Lines {
public:
    explicit Lines(const std::string& text) : text_(text), begins_{0} {
        for (std::size_t i = 0; i < text.size(); ++i) {
            if (text[i] == '\n') begins_.push_back(i + 1);
        }
    }

    // yaml-cpp takes the end of the file for the end of a quoted value.
    bool quote_left_open(const YAML::Mark& mark) const {
        if (mark.line < 0 || static_cast<std::size_t>(mark.line) >= begins_.size()) return false;
        std::size_t at = begins_[static_cast<std::size_t>(mark.line)];
        for (int column = 0; at < text_.size(); ++at) {
            const bool continues = (static_cast<unsigned char>(text_[at]) & 0xc0) == 0x80;
            if (!continues && column++ == mark.column) break;
        }
        if (at >= text_.size() || (text_[at] != '"' && text_[at] != '\'')) return false;
        const char quote = text_[at];
        for (++at; at < text_.size(); ++at) {
            if (quote == '"' && text_[at] == '\\') ++at;
            else if (text_[at] == quote) return false;   // the first half of a doubled '' too, which is no worse
        }
        return true;
    }

private:
    const std::string& text_;
    std::vector<std::size_t> begins_;
};

// Builds plain nodes and refuses what Y7 refuses.
class Builder final : public YAML::EventHandler {
public:
    Builder(const std::string& file, const Lines& lines, Problems& problems) : file_(file), lines_(lines), problems_(problems) {}

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        refuse_decoration(mark, "", anchor);
        add(Node::Kind::nothing, mark);
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
        problems_.fail(place(mark), "", "an alias (*name) is not allowed here; write the value itself");
        add(Node::Kind::nothing, mark);
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& value) override {
        refuse_decoration(mark, tag, anchor);
        if (tag == "!" && lines_.quote_left_open(mark)) throw Unacceptable{mark, "a quote is opened here and never closed; close it"};
        nodes[add(Node::Kind::scalar, mark)].text = value;
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
        refuse_decoration(mark, tag, anchor);
        open(Node::Kind::list, mark);
    }
    void OnSequenceEnd() override { open_.pop_back(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
        refuse_decoration(mark, tag, anchor);
        open(Node::Kind::mapping, mark);
    }
    void OnMapEnd() override { open_.pop_back(); }

    Place place(const YAML::Mark& mark) const { return {file_, mark.line + 1, mark.column + 1}; }

    std::vector<Node> nodes;   // nodes[0] is the root

private:
    // yaml-cpp gives "?" to plain scalars and "!" to quoted ones: no tag of the author's.
    void refuse_decoration(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
        if (anchor != YAML::NullAnchor) problems_.fail(place(mark), "", "an anchor (&name) is not allowed here; remove it");
        if (!tag.empty() && tag != "?" && tag != "!") problems_.fail(place(mark), "", "a tag (!name) is not allowed here; remove it");
    }
    std::size_t add(Node::Kind kind, const YAML::Mark& mark) {
        if (nodes.size() >= kNodesMax) throw Unacceptable{mark, "more than " + std::to_string(kNodesMax) + " values; remove what is not needed"};
        const std::size_t index = nodes.size();
        nodes.push_back({kind, place(mark), {}, {}});
        if (!open_.empty()) nodes[open_.back()].items.push_back(index);
        return index;
    }
    void open(Node::Kind kind, const YAML::Mark& mark) {
        if (open_.size() >= kDepthMax) throw Unacceptable{mark, "nested deeper than " + std::to_string(kDepthMax) + " levels; no section goes that deep, remove it"};
        open_.push_back(add(kind, mark));
    }

    const std::string& file_;
    const Lines& lines_;
    Problems& problems_;
    std::vector<std::size_t> open_;
};

// Gives the nodes their meaning as sections, lists of sections and settings.
class Sorter {
public:
    Sorter(const std::vector<Node>& nodes, Document& out, Problems& problems) : nodes_(nodes), out_(out), problems_(problems) {}

    void root() {
        const Node& top = nodes_[0];
        out_.parts.push_back({"", 0, top.at, {}});
        if (top.kind != Node::Kind::mapping) {
            problems_.fail(top.at, "", "the file is not a mapping; write sections such as totem: and nodelist:");
            return;
        }
        mapping(0, top, "");
    }

private:
    static std::string under(const std::string& path, const std::string& name) { return path.empty() ? name : path + "." + name; }

    // `shown` is the path as the author sees it, for messages.
    void mapping(std::size_t part, const Node& node, const std::string& shown) {
        std::map<std::string, int> seen;
        for (std::size_t i = 0; i + 1 < node.items.size(); i += 2) {
            const Node& key = nodes_[node.items[i]];
            const Node& value = nodes_[node.items[i + 1]];
            if (key.kind != Node::Kind::scalar) {
                problems_.fail(key.at, shown, "a key must be a word; correct it");
                continue;
            }
            const auto [first, fresh] = seen.emplace(key.text, key.at.line);
            if (!fresh) {
                problems_.fail(key.at, under(shown, key.text), "appears twice, first in line " + std::to_string(first->second) + "; remove one");
                continue;
            }
            entry(part, key, value, shown);
        }
    }

    void entry(std::size_t part, const Node& key, const Node& value, const std::string& shown) {
        const std::string full = under(shown, key.text);
        const std::string path = under(out_.parts[part].path, key.text);
        if (key.text == "<<") {
            problems_.fail(key.at, full, "merging of mappings is not allowed here; write the keys themselves");
        } else if (key.text.starts_with("x-")) {
            if (value.kind == Node::Kind::scalar) {
                setting(part, key, value.text);
            } else {
                problems_.fail(value.at, full, "a key of your own takes one value; write it on one line");
            }
        } else if (path == "nodelist") {
            list(part, "nodelist.node", key, value, full);
        } else if (const config::Section* section = config::find_section(path); section != nullptr && section->list && section->in_file == path) {
            list(part, path, key, value, full);
        } else if (config::is_section(path)) {
            open_section(part, path, key, value, full);
        } else if (value.kind == Node::Kind::scalar) {
            setting(part, key, value.text);
        } else if (config::find_key(out_.parts[part].path, key.text) == nullptr) {
            setting(part, key, "");                  // reported as unknown with everything else that is
        } else if (value.kind == Node::Kind::nothing) {
            problems_.fail(key.at, full, "has no value; write one or remove the line");
        } else {
            problems_.fail(value.at, full, "takes one value, not a list or section; write it on one line");
        }
    }

    void setting(std::size_t part, const Node& key, const std::string& value) {
        out_.parts[part].settings.push_back({key.text, value, key.at});
    }

    void open_section(std::size_t parent, const std::string& path, const Node& key, const Node& value, const std::string& full) {
        if (value.kind == Node::Kind::scalar || value.kind == Node::Kind::list) {
            problems_.fail(value.at, full, "is a section; indent its keys below it, one per line");
            return;
        }
        out_.parts.push_back({path, parent, key.at, {}});
        if (value.kind == Node::Kind::mapping) mapping(out_.parts.size() - 1, value, full);
    }

    void list(std::size_t parent, const std::string& path, const Node& key, const Node& value, const std::string& full) {
        if (value.kind == Node::Kind::nothing) return;
        if (value.kind != Node::Kind::list) {
            problems_.fail(value.kind == Node::Kind::mapping ? key.at : value.at, full, "is a list; begin each of its items with \"- \"");
            return;
        }
        for (std::size_t i = 0; i < value.items.size(); ++i) {
            const Node& item = nodes_[value.items[i]];
            // A node's or a service's number is its place in the list, so its name in the map is known already.
            const std::string shown = path == "nodelist.node" || path == "services" ? path + "." + std::to_string(i) : full + "[" + std::to_string(i) + "]";
            out_.parts.push_back({path, parent, item.at, {}});   // also when broken: positions must stay true
            if (item.kind == Node::Kind::mapping) {
                mapping(out_.parts.size() - 1, item, shown);
            } else {
                problems_.fail(item.at, shown, "is not a mapping; write keys and values in each item");
            }
        }
    }

    const std::vector<Node>& nodes_;
    Document& out_;
    Problems& problems_;
};

}  // namespace

Document parse_yaml(const std::string& file, const std::string& text, Problems& problems) {
    Document document;
    const Lines lines(text);
    Builder builder(file, lines, problems);
    try {
        std::istringstream in(text);
        YAML::Parser parser(in);
        if (!parser.HandleNextDocument(builder) || builder.nodes.empty()) {
            problems.fail({file, 1, 1}, "", "the file is empty; write at least the totem and nodelist sections");
            return document;
        }
        Builder rest(file, lines, problems);
        if (parser.HandleNextDocument(rest)) {
            problems.fail(rest.nodes.empty() ? Place{file, 1, 1} : rest.nodes[0].at, "", "a second document begins here; keep everything in one");
            return document;
        }
    } catch (const Unacceptable& limit) {
        problems.fail(builder.place(limit.mark), "", limit.why);
        return document;
    } catch (const YAML::Exception& e) {
        problems.fail(e.mark.is_null() ? Place{file, 1, 1} : builder.place(e.mark), "", "not valid YAML: " + e.msg + "; correct this place or the line before it");
        return document;
    }
    if (builder.nodes[0].kind == Node::Kind::nothing) {
        problems.fail({file, 1, 1}, "", "the file is empty; write at least the totem and nodelist sections");
        return document;
    }
    Sorter(builder.nodes, document, problems).root();
    return document;
}

}  // namespace motet::reader
