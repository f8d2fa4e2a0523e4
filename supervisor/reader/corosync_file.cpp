// Corosync's own syntax by section 1 of config.md: sections in braces, "key: value" lines, comment lines.
#include <algorithm>
#include <string_view>

#include "libs/config/schema.h"
#include "supervisor/reader/document.h"

namespace motet::reader {
namespace {

constexpr std::size_t kLineMax = 510;   // bytes

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlank = " \t\r\v\f";
    const std::size_t first = text.find_first_not_of(kBlank);
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

class CorosyncParser {
public:
    CorosyncParser(const std::string& file, Document& out, Problems& problems) : file_(file), out_(out), problems_(problems) {
        out_.parts.push_back({"", 0, {file, 1, 1}, {}});
        open_.push_back(0);
    }

    // False when nothing after this line could be understood.
    bool line(std::string_view raw, int number) {
        if (raw.size() > kLineMax) return fail(number, 1, "Line too long: " + std::to_string(raw.size()) + " bytes, at most " + std::to_string(kLineMax) + "; shorten it");
        const std::string_view text = trimmed(raw);
        if (text.empty() || text[0] == '#') return true;
        const int column = static_cast<int>(text.data() - raw.data()) + 1;
        const std::size_t brace = text.find('{');
        const std::size_t colon = text.find(':');
        // In this order Corosync looks for them too: a { in a value is taken for a section.
        if (brace != text.npos) return open(text, brace, number, column);
        if (colon != text.npos) return setting(text, colon, number, column);
        if (text.find('}') != text.npos) return close(text, number, column);
        return fail(number, column, "Line is not opening or closing section or key value; write \"key: value\", \"section {\" or \"}\"");
    }

    void end(int last_line) {
        if (open_.size() == 1) return;
        const Part& part = out_.parts[open_.back()];
        fail(last_line, 1, "Missing closing brace of the section \"" + part.path + "\" opened in line " + std::to_string(part.at.line) + "; add }");
    }

private:
    bool fail(int number, int column, std::string text) {
        problems_.fail({file_, number, column}, "", std::move(text));
        return false;
    }

    bool open(std::string_view text, std::size_t brace, int number, int column) {
        if (!trimmed(text.substr(brace + 1)).empty())
            return fail(number, column + static_cast<int>(brace) + 1, "Extra characters after opening bracket '{'; put them on a line of their own");
        const std::string name(trimmed(text.substr(0, brace)));
        if (name.empty()) return fail(number, column, "a section without a name; write it before {");
        if (open_.size() >= kDepthMax) return fail(number, column, "nested deeper than " + std::to_string(kDepthMax) + " levels; close sections before");
        if (out_.parts.size() >= kSettingsMax) return fail(number, column, "more than " + std::to_string(kSettingsMax) + " sections; remove what is not needed");
        const std::string& outer = out_.parts[open_.back()].path;
        out_.parts.push_back({outer.empty() ? name : outer + "." + name, open_.back(), {file_, number, column}, {}});
        open_.push_back(out_.parts.size() - 1);
        return true;
    }

    bool close(std::string_view text, int number, int column) {
        if (text != "}") return fail(number, column, "Extra characters before or after closing bracket '}'; put them on a line of their own");
        if (open_.size() == 1) return fail(number, column, "Unexpected closing brace; remove it or open a section before it");
        open_.pop_back();
        return true;
    }

    bool setting(std::string_view text, std::size_t colon, int number, int column) {
        const std::string name(trimmed(text.substr(0, colon)));
        if (name.empty()) return fail(number, column, "a value without a key; write the key before the colon");
        if (++settings_ > kSettingsMax) return fail(number, column, "more than " + std::to_string(kSettingsMax) + " keys; remove what is not needed");
        auto& settings = out_.parts[open_.back()].settings;
        settings.push_back({name, std::string(trimmed(text.substr(colon + 1))), {file_, number, column}});
        return true;
    }

    const std::string& file_;
    Document& out_;
    Problems& problems_;
    std::vector<std::size_t> open_;
    std::size_t settings_ = 0;
};

}  // namespace

Document parse_corosync(const std::string& file, const std::string& text, Problems& problems) {
    Document document;
    document.yaml = false;
    CorosyncParser parser(file, document, problems);
    int number = 0;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        std::string_view raw(text.data() + begin, end - begin);
        if (raw.ends_with('\r')) raw.remove_suffix(1);
        // A broken line is reported and skipped; if it was a brace, the count would be wrong from here on.
        if (!parser.line(raw, ++number) && raw.find_first_of("{}") != raw.npos) return document;
        begin = end + 1;
    }
    parser.end(std::max(number, 1));
    return document;
}

}  // namespace motet::reader
