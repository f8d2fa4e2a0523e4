// The committed default file and manual page are what the schema prints, and the default file and the examples are valid.
#include "supervisor/reader/print.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "libs/config/schema.h"
#include "supervisor/reader/compile.h"

namespace motet::reader {
namespace {

// Automake runs tests in the build tree and tells where the sources are.
std::filesystem::path source(const std::string& path) {
    const char* srcdir = std::getenv("srcdir");
    return std::filesystem::path(srcdir != nullptr ? srcdir : ".") / path;
}

std::string content(const std::filesystem::path& path) {
    std::ifstream in(path);
    EXPECT_TRUE(in) << path;
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

class NoNames final : public Names {
public:
    std::optional<std::string> address(std::string_view, config::IpVersion) override { return std::nullopt; }
    std::optional<std::uint32_t> user(std::string_view) override { return 0; }
    std::optional<std::uint32_t> group(std::string_view) override { return 0; }
};

std::vector<std::string> problems_of(const std::string& name, const std::string& text, const std::string& node) {
    const Input input{{name, text}, {}, node, {"machine", {"127.0.0.1"}}, std::nullopt};
    NoNames names;
    Problems problems;
    (void)compile(input, names, problems);
    return problems.lines();
}

bool is_heading(const std::string& word) {
    for (const config::Section& section : config::sections()) {
        if (section.in_file == word || section.in_file.ends_with("." + word)) return true;
    }
    return false;
}

TEST(Print, TheCommittedFilesAreUpToDate) {
    EXPECT_EQ(content(source("etc/motet.yaml")), default_file()) << "run: motet-config --print-default > etc/motet.yaml";
    EXPECT_EQ(content(source("docs/man/motet.yaml.5")), manual_page()) << "run: motet-config --print-man > docs/man/motet.yaml.5";
}

TEST(Print, TheDefaultFileIsValidAsItStands) {
    const auto lines = problems_of("motet.yaml", default_file(), "");
    EXPECT_TRUE(lines.empty()) << lines[0];
}

// Goal: a # before a key may simply be removed. Method: all of them at once, where there is a default to show.
TEST(Print, TheDefaultsOfTheDefaultFileAreValidToo) {
    std::istringstream in(default_file());
    std::string text;
    for (std::string line; std::getline(in, line);) {
        const std::size_t mark = line.find('#');
        const bool comment = mark != line.npos && line.size() > mark + 1 && line[mark + 1] == ' ' && line.find(": ") != mark;
        const bool item = mark != line.npos && (line.compare(mark, 3, "#  ") == 0);
        if (mark != line.npos && (!comment || item)) {
            if (line.ends_with(':') && !is_heading(line.substr(mark + 1, line.size() - mark - 2))) continue;   // no default to show
            line.erase(mark, 1);
        }
        text += line + "\n";
    }
    const auto lines = problems_of("motet.yaml", text, "");
    EXPECT_TRUE(lines.empty()) << lines[0] << "\n" << text;
    EXPECT_NE(text.find("\n  token: 3000\n"), std::string::npos);
    EXPECT_NE(text.find("\n    - linknumber: 0\n"), std::string::npos);
}

TEST(Print, TheExamplesAreValid) {
    std::size_t examples = 0;
    for (const auto& entry : std::filesystem::directory_iterator(source("etc/examples"))) {
        const std::string name = entry.path().filename();
        if (!name.ends_with(".yaml") && !name.ends_with(".conf")) continue;
        ++examples;
        for (const std::string& line : problems_of(name, content(entry.path()), "alpha")) {
            EXPECT_NE(line.find(": warning: "), std::string::npos) << line;
        }
    }
    EXPECT_GE(examples, 4u);
}

TEST(Print, TheManualNamesEveryKey) {
    const std::string page = manual_page();
    for (const char* name : {"allow_unencrypted", "token_retransmits_before_loss_const", "ring\\fIN\\fB_addr", "exec_\\fINAME\\fB", "knet_ping_timeout", "client_backlog_bytes"})
        EXPECT_NE(page.find(std::string("\\fB") + name + "\\fR"), std::string::npos) << name;
    std::istringstream lines(page);
    for (std::string line; std::getline(lines, line);) EXPECT_FALSE(line.starts_with("'")) << line;
}

}  // namespace
}  // namespace motet::reader
