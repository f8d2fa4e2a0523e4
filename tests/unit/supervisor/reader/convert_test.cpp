// A file in the other syntax means the same.
#include "supervisor/reader/convert.h"

#include <gtest/gtest.h>

#include "libs/config/changes.h"
#include "supervisor/reader/compile.h"

namespace motet::reader {
namespace {

class SomeNames final : public Names {
public:
    std::optional<std::string> address(std::string_view, config::IpVersion) override { return std::nullopt; }
    std::optional<std::uint32_t> user(std::string_view name) override { return name == "hacluster" ? std::optional<std::uint32_t>(189) : std::nullopt; }
    std::optional<std::uint32_t> group(std::string_view) override { return std::nullopt; }
};

const std::string kYaml = R"(allow_unencrypted: yes
totem:
  version: 2
  cluster_name: "demo: one"
  transport: udpu
  token: 1500
  interface:
    - linknumber: 0
      mcastport: 5500
nodelist:
  - nodeid: 1
    name: alpha
    ring0_addr: 192.0.2.1
    x-rack: "7 # left"
  - nodeid: 2
    name: beta
    ring0_addr: 192.0.2.2
quorum:
  provider: corosync_votequorum
  two_node: 1
logging:
  debug: on
  logger_subsys:
    - subsys: CPG
      debug: off
    - subsys: QUORUM
      debug: on
uidgid:
  - uid: hacluster
  - gid: 5
)";

config::Snapshot snapshot_of(const std::string& file, const std::string& text) {
    const Input input{{file, text}, {}, "1", {"alpha", {"192.0.2.1"}}, std::nullopt};
    SomeNames names;
    Problems problems;
    config::Snapshot out = compile(input, names, problems);
    std::string said;
    for (const std::string& line : problems.lines()) said += line + "\n";
    EXPECT_TRUE(problems.ok()) << text << said;
    return out;
}
Converted converted(const std::string& file, const std::string& text) {
    Problems problems;
    const Document document = is_corosync_syntax(file) ? parse_corosync(file, text, problems) : parse_yaml(file, text, problems);
    EXPECT_TRUE(problems.ok());
    return is_corosync_syntax(file) ? to_yaml(document) : to_corosync(document);
}
std::string differences(const config::Snapshot& a, const config::Snapshot& b) {
    std::string out;
    for (const config::Change& change : config::changes(a, b)) out += config::describe(change) + "\n";
    return out;
}

TEST(Convert, ThereAndBackMeansTheSame) {
    const Converted conf = converted("motet.yaml", kYaml);
    EXPECT_TRUE(conf.remarks.empty()) << conf.remarks[0];
    EXPECT_EQ(differences(snapshot_of("motet.yaml", kYaml), snapshot_of("corosync.conf", conf.text)), "") << conf.text;
    const Converted yaml = converted("corosync.conf", conf.text);
    EXPECT_TRUE(yaml.remarks.empty()) << yaml.remarks[0];
    EXPECT_EQ(differences(snapshot_of("motet.yaml", kYaml), snapshot_of("motet.yaml", yaml.text)), "") << yaml.text;
}

TEST(Convert, WhatCorosyncLeavesOutIsWrittenInYaml) {
    const Converted yaml = converted("corosync.conf", "totem {\n version: 2\n transport: udpu\n}\nnodelist {\n node {\n  ring0_addr: 192.0.2.1\n }\n}\n");
    EXPECT_NE(yaml.text.find("allow_unencrypted: yes\n"), std::string::npos);
    EXPECT_EQ(converted("corosync.conf", "totem {\n version: 2\n crypto_cipher: aes256\n crypto_hash: sha256\n}\n").text.find("allow_unencrypted"), std::string::npos);
}

TEST(Convert, SectionsThatCorosyncMergesBecomeOneAndTheLastValueCounts) {
    const Converted yaml = converted("corosync.conf", "totem {\n version: 2\n token: 1000\n}\nnodelist {\n node {\n  nodeid: 1\n }\n}\ntotem {\n token: 2000\n}\n"
                                                      "nodelist {\n node {\n  nodeid: 2\n }\n}\n");
    EXPECT_NE(yaml.text.find("  token: 2000\n"), std::string::npos) << yaml.text;
    EXPECT_EQ(yaml.text.find("1000"), std::string::npos) << yaml.text;
    EXPECT_NE(yaml.text.find("nodelist:\n  - nodeid: 1\n  - nodeid: 2\n"), std::string::npos) << yaml.text;
}

TEST(Convert, WhatMeansNothingIsToldAndKeptAsanOwnKeyOrLeftOut) {
    const Converted yaml = converted("corosync.conf", "totem {\n version: 2\n frobnicate: 1\n}\nfoo {\n bar: 1\n}\nnodelist {\n node {\n  standby: on\n }\n}\n");
    EXPECT_NE(yaml.text.find("  x-frobnicate: 1\n"), std::string::npos) << yaml.text;
    EXPECT_NE(yaml.text.find("x-standby: on\n"), std::string::npos) << yaml.text;
    EXPECT_EQ(yaml.text.find("foo"), std::string::npos);
    EXPECT_EQ(yaml.remarks.size(), 3u);
}

TEST(Convert, ValuesThatYamlWouldReadDifferentlyAreQuoted) {
    for (const std::string value : {"~", "null", "a: b", "# no comment", "[x]", "\"quoted\"", "back\\slash", "* alias", "- item", "@x", "{a", "yes"}) {
        const Converted yaml = converted("corosync.conf", "totem {\n version: 2\n}\nlogging {\n logfile: /x\n}\npload {\n}\nquorum {\n device {\n  net {\n   algorithm: lms\n  }\n }\n}\nsystem {\n}\n"
                                                          "resources {\n}\nuidgid {\n}\nnozzle {\n name: " + (value.find('{') == value.npos ? value : "brace") + "\n}\n");
        Problems problems;
        const Document back = parse_yaml("motet.yaml", yaml.text, problems);
        ASSERT_TRUE(problems.ok()) << yaml.text << problems.lines()[0];
        bool found = false;
        for (const Part& part : back.parts)
            for (const Setting& s : part.settings) found |= part.path == "nozzle" && s.value == (value.find('{') == value.npos ? value : "brace");
        EXPECT_TRUE(found) << value << "\n" << yaml.text;
    }
}

}  // namespace
}  // namespace motet::reader
