// Goal: whatever is wrong with a file is told with its line, the key, and what to do. Method: broken.txt, one fault a line.
#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "supervisor/reader/compile.h"

namespace motet::reader {
namespace {

class NoNames final : public Names {
public:
    std::optional<std::string> address(std::string_view, config::IpVersion) override { return std::nullopt; }
    std::optional<std::uint32_t> user(std::string_view) override { return std::nullopt; }
    std::optional<std::uint32_t> group(std::string_view) override { return std::nullopt; }
};

const std::string kHead = "allow_unencrypted: yes\ntotem:\n  version: 2\n  cluster_name: demo\n  transport: udpu\n";
const std::string kNodes = "nodelist:\n  - nodeid: 1\n    name: alpha\n    ring0_addr: 192.0.2.1\n"
                           "  - nodeid: 2\n    name: beta\n    ring0_addr: 192.0.2.2\n";
const std::string kConf = "totem {\n version: 2\n transport: udpu\n", kConfNodes = "}\nnodelist {\n node {\n  name: alpha\n  ring0_addr: 192.0.2.1\n }\n}\n";

struct Case {
    std::string base, lines, message, remedy;
    int line = 0, number = 0;
};

std::string source(const char* name) {
    const char* top = std::getenv("MOTET_TEST_VECTORS");
    const std::string here = __FILE__;
    const std::string beside = here.substr(0, here.rfind('/') + 1) + name;
    return top == nullptr ? beside : std::string(top) + "/../unit/supervisor/reader/" + name;
}

std::vector<Case> cases() {
    std::vector<Case> out;
    std::ifstream file(source("broken.txt"));
    std::string text;
    for (int number = 1; std::getline(file, text); ++number) {
        if (text.empty() || text[0] == '#') continue;
        std::vector<std::string> fields;
        for (std::size_t from = 0; from <= text.size();) {
            const std::size_t end = std::min(text.find(" | ", from), text.size());
            fields.push_back(text.substr(from, end - from));
            from = end + 3;
        }
        if (fields.size() != 5) {
            ADD_FAILURE() << "broken.txt:" << number << ": " << fields.size() << " fields";
            continue;
        }
        Case c{fields[0], fields[1], fields[3], fields[4], 0, number};
        std::from_chars(fields[2].data(), fields[2].data() + fields[2].size(), c.line);
        for (std::size_t at; (at = c.lines.find("\\n")) != std::string::npos;) c.lines.replace(at, 2, "\n");
        out.push_back(std::move(c));
    }
    return out;
}

// The file around the lines; empty for an unknown base.
std::string whole(const std::string& base, const std::string& lines) {
    const std::map<std::string, std::string> sections = {
        {"quorum", "quorum:\n"}, {"logging", "logging:\n"}, {"system", "system:\n"}, {"device", "quorum:\n  device:\n"},
        {"net", "quorum:\n  device:\n    net:\n"}, {"heuristics", "quorum:\n  device:\n    heuristics:\n"}, {"resources", "resources:\n"},
        {"memory", "resources:\n  system:\n    memory_used:\n"}, {"load", "resources:\n  system:\n    load_15min:\n"}, {"workers", "workers:\n"}, {"ipc", "ipc:\n"}};
    if (const auto found = sections.find(base); found != sections.end()) return found->second + lines + kHead + kNodes;
    if (base == "top") return lines + kHead + kNodes;
    if (base == "totem") return kHead + lines + kNodes;
    if (base == "interface") return kHead + "  interface:\n    - x-note: here\n" + lines + kNodes;
    if (base == "node") return kHead + "nodelist:\n  - nodeid: 1\n    ring0_addr: 192.0.2.1\n" + lines;
    if (base == "conf") return kConf + lines + kConfNodes;
    if (base == "conf_top") return lines + kConf + kConfNodes;
    return {};
}

std::vector<std::string> problems_of(const std::string& base, const std::string& lines, bool& ok) {
    const Input input{{base.starts_with("conf") ? "corosync.conf" : "motet.yaml", whole(base, lines)}, {}, "", {"alpha", {"127.0.0.1", "192.0.2.1"}}, std::nullopt};
    NoNames names;
    Problems problems;
    compile(input, names, problems);
    ok = problems.ok();
    return problems.lines();
}

TEST(Broken, TheFilesAroundTheFaultsAreValid) {
    for (const char* base : {"top", "totem", "interface", "node", "conf", "conf_top"}) {
        bool ok = false;
        const auto lines = problems_of(base, "", ok);
        EXPECT_TRUE(ok) << base << ": " << (lines.empty() ? "" : lines.back());
    }
}

TEST(Broken, EveryFaultIsToldWithItsLineAndARemedy) {
    const std::vector<Case> all = cases();
    EXPECT_GE(all.size(), 200u);
    for (const Case& c : all) {
        ASSERT_FALSE(whole(c.base, c.lines).empty()) << "broken.txt:" << c.number << ": unknown base " << c.base;
        bool ok = true;
        const auto lines = problems_of(c.base, c.lines, ok);
        EXPECT_FALSE(ok) << "broken.txt:" << c.number;
        const std::string place = (c.base.starts_with("conf") ? "corosync.conf:" : "motet.yaml:") + std::to_string(c.line) + ":";
        const bool told = std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
            return line.starts_with(place) && line.find(": warning: ") == line.npos && line.find(c.message) != line.npos && line.find(c.remedy) != line.npos;
        });
        std::string said;
        for (const std::string& line : lines) said += line + "\n";
        EXPECT_TRUE(told) << "broken.txt:" << c.number << ": expected " << place << " " << c.message << " ... " << c.remedy << "\n" << said;
    }
}

}  // namespace
}  // namespace motet::reader
