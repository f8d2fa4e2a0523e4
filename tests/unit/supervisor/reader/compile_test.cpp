// Both syntaxes from text to snapshot, and what they say about broken files. No file, host or user of this machine is
// looked at: names come from a fixed list.
#include "supervisor/reader/compile.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace motet::reader {
namespace {

class FixedNames final : public Names {
public:
    std::optional<std::string> address(std::string_view host, config::IpVersion version) override {
        ++asked;
        if (host == "alpha.example") return version == config::IpVersion::ipv6_4 ? "2001:db8::1" : "192.0.2.1";
        if (host == "beta.example") return "192.0.2.2";
        return std::nullopt;
    }
    std::optional<std::uint32_t> user(std::string_view name) override {
        if (name == "hacluster") return 189;
        return std::nullopt;
    }
    std::optional<std::uint32_t> group(std::string_view name) override {
        if (name == "haclient") return 190;
        return std::nullopt;
    }
    int asked = 0;
};

struct Outcome {
    bool ok = false;
    std::vector<std::string> lines;
    config::Snapshot snapshot;

    std::string text() const {
        std::string all;
        for (const std::string& line : lines) all += line + "\n";
        return all;
    }
    std::string get(std::string_view key) const { return std::string(snapshot.get_or(key, "(absent)")); }
};

Outcome read(const std::string& name, const std::string& text, const std::string& node = "", std::vector<Source> access = {}) {
    const Input input{{name, text}, std::move(access), node, {"alpha.example.net", {"127.0.0.1", "192.0.2.1"}}, std::nullopt};
    FixedNames names;
    Problems problems;
    Outcome outcome;
    outcome.snapshot = compile(input, names, problems);
    outcome.ok = problems.ok();
    outcome.lines = problems.lines();
    return outcome;
}
Outcome read_yaml(const std::string& text, const std::string& node = "") { return read("motet.yaml", text, node); }
Outcome read_conf(const std::string& text, const std::string& node = "") { return read("corosync.conf", text, node); }

const std::string kHead = "allow_unencrypted: yes\ntotem:\n  version: 2\n  cluster_name: demo\n  transport: udpu\n";   // 5 lines
const std::string kNodes = "nodelist:\n  - nodeid: 1\n    name: alpha\n    ring0_addr: 192.0.2.1\n"
                           "  - nodeid: 2\n    name: beta\n    ring0_addr: 192.0.2.2\n";

std::string top(const std::string& extra) { return extra + kHead + kNodes; }                    // extra begins in line 1
std::string totem(const std::string& extra) { return kHead + extra + kNodes; }                  // in line 6
std::string nodes(const std::string& items) { return kHead + "nodelist:\n" + items; }           // in line 7
std::string udp(const std::string& extra) {                                                     // in line 5
    return "allow_unencrypted: yes\ntotem:\n  version: 2\n  transport: udp\n" + extra + kNodes;
}
const std::string kConfNodes = "nodelist {\n node {\n  name: alpha\n  ring0_addr: 192.0.2.1\n }\n}\n";
std::string conf(const std::string& extra) { return "totem {\n version: 2\n transport: udpu\n" + extra + "}\n" + kConfNodes; }   // in line 4
std::string conf_top(const std::string& extra) { return extra + conf(""); }                     // in line 1

const std::string kYamlFull = R"(allow_unencrypted: true
totem:
  version: 2
  cluster_name: demo
  transport: udp
  config_version: 7
  token: 1000
  block_unlisted_ips: no
  interface:
    - linknumber: 0
      mcastport: 5405
      ttl: 3
nodelist:
  - nodeid: 1
    name: alpha
    ring0_addr: alpha.example
  - nodeid: 2
    name: beta
    ring0_addr: beta.example
    quorum_votes: 2
quorum:
  provider: corosync_votequorum
logging:
  to_syslog: true
  debug: off
  logger_subsys:
    - subsys: QUORUM
      debug: on
    - subsys: TOTEM
      debug: trace
uidgid:
  - uid: hacluster
    gid: haclient
  - uid: 1000
)";

const std::string kConfFull = R"(# the same cluster
allow_unencrypted: yes
totem {
  version: 2
  cluster_name: demo
  transport: udp
  config_version: 7
  token: 500
  token: 1000
  block_unlisted_ips: no
  interface {
    linknumber: 0
    mcastport: 5405
  }
}
totem {
  interface {
    ringnumber: 0
    ttl: 3
  }
}
nodelist {
  node {
    nodeid: 1
    name: alpha
    ring0_addr: alpha.example
  }
  node {
    nodeid: 2
    name: beta
    ring0_addr: beta.example
    quorum_votes: 2
  }
}
quorum {
  provider: corosync_votequorum
}
logging {
  to_syslog: yes
  debug: off
  logger_subsys {
    subsys: QUORUM
    debug: on
  }
  logger_subsys {
    subsys: TOTEM
    debug: trace
  }
}
uidgid {
  uid: hacluster
  gid: haclient
}
uidgid {
  uid: 1000
}
)";

TEST(Compile, BothSyntaxesGiveTheSameSnapshot) {
    const Outcome yaml = read_yaml(kYamlFull), corosync = read_conf(kConfFull);
    ASSERT_TRUE(yaml.ok) << yaml.text();
    ASSERT_TRUE(corosync.ok) << corosync.text();
    auto a = yaml.snapshot.entries(), b = corosync.snapshot.entries();
    EXPECT_EQ(a.at("motet.syntax"), "yaml");
    EXPECT_EQ(b.at("motet.syntax"), "corosync");
    for (const char* differs : {"motet.syntax", "motet.file"}) a.erase(differs), b.erase(differs);
    EXPECT_EQ(a, b);
}

TEST(Compile, KeysCarryTheNamesOfCmap) {
    const Outcome r = read_yaml(kYamlFull);
    ASSERT_TRUE(r.ok) << r.text();
    EXPECT_EQ(r.get("nodelist.node.1.ring0_addr"), "beta.example");
    EXPECT_EQ(r.get("motet.address.1.0"), "192.0.2.2");
    EXPECT_EQ(r.get("totem.interface.0.ttl"), "3");
    EXPECT_EQ(r.get("totem.interface.0.linknumber"), "(absent)");
    EXPECT_EQ(r.get("logging.logger_subsys.QUORUM.debug"), "on");
    EXPECT_EQ(r.get("logging.to_syslog"), "yes");
    EXPECT_EQ(r.get("allow_unencrypted"), "yes");
    EXPECT_EQ(r.get("uidgid.config.uid.189"), "1");
    EXPECT_EQ(r.get("uidgid.config.gid.190"), "1");
    EXPECT_EQ(r.get("uidgid.config.uid.1000"), "1");
    EXPECT_EQ(r.get("nodelist.local_node_pos"), "0");
}

TEST(Compile, LocalNodeIsTheOneAskedFor) {
    EXPECT_EQ(read_yaml(kYamlFull, "beta").get("nodelist.local_node_pos"), "1");
    EXPECT_EQ(read_yaml(kYamlFull, "2").get("nodelist.local_node_pos"), "1");
    const Outcome unknown = read_yaml(kYamlFull, "gamma");
    EXPECT_FALSE(unknown.ok);
    EXPECT_NE(unknown.text().find("give --node one of: alpha (1), beta (2)"), std::string::npos) << unknown.text();
}

TEST(Compile, KeysOfOnesOwnAreKept) {
    const Outcome r = read_yaml(nodes("  - nodeid: 1\n    ring0_addr: 192.0.2.1\n    x-rack: R 12\n") + "x-owner: storage team\n");
    ASSERT_TRUE(r.ok) << r.text();
    EXPECT_EQ(r.get("nodelist.node.0.x-rack"), "R 12");
    EXPECT_EQ(r.get("x-owner"), "storage team");
    EXPECT_TRUE(r.lines.empty()) << r.text();
}

TEST(Compile, EmptySectionsAreNoError) {
    const Outcome r = read_yaml(top("logging:\nquorum:\n  # provider: corosync_votequorum\nuidgid:\n"));
    EXPECT_TRUE(r.ok) << r.text();
}

TEST(Compile, CorosyncIgnoresUnknownKeysWithOneWarning) {
    const Outcome r = read_conf(conf_top("tokn: 3000\nfoo {\n bar: 1\n}\n"));
    ASSERT_TRUE(r.ok) << r.text();
    EXPECT_EQ(r.get("foo.bar"), "1");
    ASSERT_EQ(r.lines.size(), 2u) << r.text();
    EXPECT_EQ(r.lines[0], "corosync.conf:1:1: warning: unknown keys, ignored: tokn, foo.bar; check their spelling");
    EXPECT_NE(r.lines[1].find("neither encrypts nor authenticates"), std::string::npos);
}

TEST(Compile, UnknownKeysCannotPassForKnownOnes) {
    const Outcome r = read_conf(conf_top("totem.token: x\nmotet {\n address.0.0: 10.0.0.9\n}\nnodelist {\n local_node_pos: 7\n}\ntotem {\n interface {\n  0.ttl: 9\n }\n}\n"));
    ASSERT_TRUE(r.ok) << r.text();
    EXPECT_EQ(r.get("totem.token"), "(absent)");
    EXPECT_EQ(r.get("motet.address.0.0"), "(absent)");
    EXPECT_EQ(r.get("nodelist.local_node_pos"), "0");
}

TEST(Compile, CorosyncsDefaultOfNoEncryptionIsHonouredWithAWarning) {
    const Outcome r = read_conf(conf(""));
    ASSERT_TRUE(r.ok) << r.text();
    EXPECT_EQ(r.get("allow_unencrypted"), "yes");
    ASSERT_EQ(r.lines.size(), 1u);
    EXPECT_EQ(r.lines[0], "corosync.conf:3:2: warning: totem.transport: udpu neither encrypts nor authenticates; keep its port away from untrusted hosts");
}

#ifdef HAVE_KNET
TEST(Compile, KnetIsEncryptedInYamlUnlessItSaysOtherwise) {
    const Outcome r = read("/etc/motet/motet.yaml", "totem:\n  version: 2\n" + kNodes);
    ASSERT_TRUE(r.ok) << r.text();
    EXPECT_EQ(r.text(), "");
    EXPECT_EQ(r.get("totem.crypto_cipher"), "aes256");
    EXPECT_EQ(r.get("totem.crypto_hash"), "sha256");
    EXPECT_EQ(r.get("motet.keyfile"), "/etc/motet/authkey");
    EXPECT_TRUE(config::derive(r.snapshot).encrypted);
    const Outcome own = read_yaml("totem:\n  version: 2\n  keyfile: /root/key\n  crypto_cipher: aes128\n  crypto_hash: sha512\n" + kNodes);
    ASSERT_TRUE(own.ok) << own.text();
    EXPECT_EQ(own.get("motet.keyfile"), "/root/key");
    EXPECT_EQ(config::derive(own.snapshot).knet.crypto.cipher, "aes128");
    const Outcome clear = read_yaml("allow_unencrypted: yes\ntotem:\n  version: 2\n  crypto_cipher: none\n  crypto_hash: none\n" + kNodes);
    ASSERT_TRUE(clear.ok) << clear.text();
    EXPECT_FALSE(config::derive(clear.snapshot).encrypted);
    EXPECT_EQ(clear.get("motet.keyfile"), "(absent)");
    EXPECT_EQ(clear.lines.size(), 1u) << clear.text();
}

TEST(Compile, KnetInCorosyncsSyntaxKeepsCorosyncsDefaults) {
    const std::string nodes = "nodelist {\n node {\n  nodeid: 1\n  name: alpha\n  ring0_addr: 192.0.2.1\n }\n}\n";
    const Outcome clear = read_conf("totem {\n version: 2\n}\n" + nodes);
    ASSERT_TRUE(clear.ok) << clear.text();
    ASSERT_EQ(clear.lines.size(), 1u) << clear.text();
    EXPECT_NE(clear.lines[0].find("UNENCRYPTED"), std::string::npos);
    const Outcome secauth = read_conf("totem {\n version: 2\n secauth: on\n}\n" + nodes);
    ASSERT_TRUE(secauth.ok) << secauth.text();
    EXPECT_EQ(secauth.text(), "");
    EXPECT_TRUE(config::derive(secauth.snapshot).encrypted);
    EXPECT_EQ(secauth.get("motet.keyfile"), "/etc/corosync/authkey");
}
#endif

TEST(Compile, CorosyncTakesOtherWordsForTheDefault) {
    const Outcome r = read_conf(conf(" block_unlisted_ips: maybe\n"));
    ASSERT_TRUE(r.ok) << r.text();
    EXPECT_EQ(r.get("totem.block_unlisted_ips"), "yes");
    EXPECT_NE(r.text().find("taken as yes"), std::string::npos);
}

TEST(Compile, CorosyncAcceptsDosLinesAndTrailingBlanks) {
    std::string text = conf(" token: 5000   \n");
    for (std::size_t at = 0; (at = text.find('\n', at)) != text.npos; at += 2) text.replace(at, 1, "\r\n");
    const Outcome r = read_conf(text);
    ASSERT_TRUE(r.ok) << r.text();
    EXPECT_EQ(r.get("totem.token"), "5000");
}

TEST(Compile, LoggingDaemonNamedCorosyncIsALoggerSubsys) {
    const Outcome r = read_conf(conf_top("logging {\n logging_daemon {\n  name: corosync\n  subsys: CPG\n  debug: on\n }\n logging_daemon {\n  name: pacemaker\n  debug: on\n }\n}\n"));
    ASSERT_TRUE(r.ok) << r.text();
    EXPECT_EQ(r.get("logging.logger_subsys.CPG.debug"), "on");
}

TEST(Compile, OldNamesOfLoggingKeysAreUnderstood) {
    const Outcome r = read_conf(conf_top("logging {\n to_file: yes\n logfile: /var/log/motet.log\n syslog_level: err\n}\n"));
    ASSERT_TRUE(r.ok) << r.text();
    EXPECT_EQ(r.get("logging.to_logfile"), "yes");
    EXPECT_EQ(r.get("logging.syslog_priority"), "err");
}

TEST(Compile, LongUnknownNamesAreNoTrouble) {
    const Outcome r = read_conf(conf_top("logging {\n " + std::string(236, 'a') + " {\n  to_file: yes\n }\n}\n"));
    EXPECT_TRUE(r.ok) << r.text();
}

TEST(Compile, MemberAddressesOfOldFilesAreKept) {
    const Outcome r = read_conf(conf(" interface {\n  member {\n   memberaddr: 192.0.2.1\n  }\n  member {\n   memberaddr: 192.0.2.2\n  }\n }\n"));
    ASSERT_TRUE(r.ok) << r.text();
    EXPECT_EQ(r.get("totem.interface.0.member.1"), "192.0.2.2");
}

TEST(Compile, FilesOfUidgidDAddUsers) {
    const Outcome r = read("motet.yaml", top(""), "", {{"uidgid.d/pacemaker", "uidgid {\n uid: hacluster\n}\n"}, {"uidgid.d/more.yaml", "uidgid:\n  - gid: haclient\n"}});
    ASSERT_TRUE(r.ok) << r.text();
    EXPECT_EQ(r.get("uidgid.config.uid.189"), "1");
    EXPECT_EQ(r.get("uidgid.config.gid.190"), "1");
}

TEST(Compile, FilesOfUidgidDMaySayNothingElse) {
    const Outcome r = read("motet.yaml", top(""), "", {{"uidgid.d/evil", "uidgid {\n uid: 5\n}\ntotem {\n version: 2\n}\n"}, {"uidgid.d/odd", "uidgid {\n uid: nobody-here\n}\n"}});
    EXPECT_FALSE(r.ok);
    ASSERT_EQ(r.lines.size(), 2u) << r.text();
    EXPECT_EQ(r.lines[0], "uidgid.d/evil:4:1: totem: only uidgid sections may stand in this file; remove it");
    EXPECT_EQ(r.lines[1], "uidgid.d/odd:2:2: uidgid.uid: The 'nobody-here' user is not found in /etc/passwd; create it or remove the line");
}

TEST(Compile, AllErrorsAreToldAtOnce) {
    const Outcome r = read_yaml("totem:\n  version: 3\n  transport: udpu\n  tokn: 5\n  join: abc\n" + kNodes);
    EXPECT_FALSE(r.ok);
    ASSERT_EQ(r.lines.size(), 4u) << r.text();
    EXPECT_EQ(r.lines[0], "motet.yaml:2:3: totem.version: expected 2, found \"3\"; correct it");
    EXPECT_EQ(r.lines[2], "motet.yaml:4:3: totem.tokn: unknown key; did you mean token?");
    EXPECT_EQ(r.lines[3], "motet.yaml:5:3: totem.join: expected a number from 30 to 86400000 ms (0: default), found \"abc\"; correct it");
}

TEST(Compile, NumberOfErrorsToldIsBounded) {
    std::string text = kHead;
    for (int i = 0; i < 200; ++i) text += "  unknown" + std::to_string(i) + ": 1\n";
    const Outcome r = read_yaml(text + kNodes);
    EXPECT_EQ(r.lines.size(), Problems::kErrorsMax + 1);
    EXPECT_EQ(r.lines.back(), "and 150 more errors; correct the ones above first");
}

TEST(Compile, ControlCharactersOfTheFileDoNotReachTheTerminal) {
    const Outcome r = read_yaml(totem("  \"to\\nk\\e[31men\": 5\n"));
    ASSERT_EQ(r.lines.size(), 1u);
    EXPECT_TRUE(std::none_of(r.lines[0].begin(), r.lines[0].end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; })) << r.lines[0];
}

struct Broken {
    const char* name;
    bool yaml;
    std::string text;
    int line;                // of the expected message; 0: the file as a whole
    const char* key;         // stands in the message
    const char* remedy;      // what to do
};

const std::string kLong(600, 'a');

const std::vector<Broken>& broken_files() {
    static const std::vector<Broken> table = {
        // The shape of YAML.
        {"empty", true, "", 1, "the file is empty", "write at least"},
        {"only a comment", true, "# nothing\n", 1, "the file is empty", "write at least"},
        {"only null", true, "~\n", 1, "the file is empty", "write at least"},
        {"a list", true, "- 1\n- 2\n", 1, "not a mapping", "write sections"},
        {"a word", true, "hello\n", 1, "not a mapping", "write sections"},
        {"unclosed quote", true, top("x-a: \"abc\n"), 1, "never closed", "close it"},
        {"unclosed single quote", true, totem("  rrp_mode: 'abc\n"), 6, "never closed", "close it"},
        {"unclosed bracket", true, totem("  token: [1\n"), 7, "not valid YAML", "correct this place"},
        {"tab as indentation", true, "totem:\n\tversion: 2\n", 2, "not valid YAML", "correct this place"},
        {"bad indentation", true, "totem:\n  version: 2\n   token: 5\n", 3, "not valid YAML", "correct this place"},
        {"two documents", true, top("") + "---\ntotem:\n", 14, "second document", "keep everything in one"},
        {"anchor", true, totem("  token: &a 3000\n"), 6, "an anchor", "remove it"},
        {"alias", true, totem("  token: &a 3000\n  join: *a\n"), 7, "an alias", "write the value itself"},
        {"merge key", true, totem("  <<: {token: 3000}\n"), 6, "totem.<<", "write the keys themselves"},
        {"tag", true, totem("  token: !!int 3000\n"), 6, "a tag", "remove it"},
        {"own tag on a section", true, "x-a: 1\nlogging: !log\n  debug: on\n" + kHead + kNodes, 2, "a tag", "remove it"},
        {"duplicate key", true, totem("  token: 3000\n  token: 4000\n"), 7, "totem.token", "remove one"},
        {"duplicate section", true, top("logging:\n  debug: on\nlogging:\n  debug: off\n"), 3, "logging", "remove one"},
        {"key is a list", true, top("? [a, b]\n: 1\n"), 1, "a key must be a word", "correct it"},
        {"control character", true, top("x-a: \x01\n"), 1, "control character", "remove it"},
        {"zero byte", true, top(std::string("x-a: \0\n", 7)), 1, "control character", "remove it"},
        {"escaped newline in a value", true, totem("  rrp_mode: \"a\\nb\"\n"), 6, "totem.rrp_mode", "write the value on one line"},
        {"too deep", true, top("x-a: " + std::string(40, '[') + std::string(40, ']') + "\n"), 1, "nested deeper", "remove it"},
        {"too large", true, std::string((1u << 20) + 1, '#'), 0, "larger than", "name the right one"},
        {"too many values", true, top("x-a: [" + [] { std::string s; for (int i = 0; i < 45000; ++i) s += "1,"; return s; }() + "1]\n"), 1, "more than 40000 values", "remove what is not needed"},
        {"own key with a list", true, top("x-a: [1]\n"), 1, "x-a", "write it on one line"},
        {"own key with a bad name", true, top("\"x-a b\": 1\n"), 1, "x-a b", "rename it"},
        {"own key with a long name", true, top("x-" + kLong + ": 1\n"), 1, "longer than 255", "shorten it"},
        {"own key with a long value", true, top("x-a: " + std::string(5000, 'b') + "\n"), 1, "x-a", "shorten it"},
        // Sections and lists in the wrong shape.
        {"totem is a word", true, "totem: 2\n" + kNodes, 1, "totem", "indent its keys"},
        {"totem is a list", true, "totem:\n  - version: 2\n" + kNodes, 2, "totem", "indent its keys"},
        {"nodelist is a mapping", true, kHead + "nodelist:\n  node:\n    nodeid: 1\n", 6, "nodelist", "begin each of its items"},
        {"nodelist is a word", true, kHead + "nodelist: alpha\n", 6, "nodelist", "begin each of its items"},
        {"nodelist of words", true, nodes("  - alpha\n"), 7, "nodelist.node.0", "write keys and values"},
        {"interface is a mapping", true, totem("  interface:\n    linknumber: 0\n"), 6, "totem.interface", "begin each of its items"},
        {"uidgid is a mapping", true, top("uidgid:\n  uid: 0\n"), 1, "uidgid", "begin each of its items"},
        {"value is a list", true, totem("  token: [1, 2]\n"), 6, "totem.token", "write it on one line"},
        {"value is a section", true, totem("  token:\n    ms: 3\n"), 7, "totem.token", "write it on one line"},
        {"no value", true, totem("  token:\n"), 6, "totem.token", "write one or remove"},
        {"empty value", true, totem("  token: \"\"\n"), 6, "totem.token", "write one or remove"},
        {"logging is a word", true, top("logging: on\n"), 1, "logging", "indent its keys"},
        // Unknown keys and their neighbours.
        {"mistyped key", true, totem("  tokn: 3000\n"), 6, "totem.tokn", "did you mean token?"},
        {"swapped letters", true, totem("  jion: 50\n"), 6, "totem.jion", "did you mean join?"},
        {"mistyped section", true, top("loging:\n  debug: on\n"), 1, "loging", "did you mean logging?"},
        {"mistyped nodelist", true, kHead + "nodlist:\n  - nodeid: 1\n", 6, "nodlist", "did you mean nodelist?"},
        {"key in the wrong section", true, top("token: 3000\n"), 1, "token", "did you mean totem.token?"},
        {"dotted key", true, top("totem.token: 3000\n"), 1, "totem.token", "nest it"},
        {"nothing near", true, totem("  qqqqqqqq: 1\n"), 6, "totem.qqqqqqqq", "x-"},
        {"mistyped address", true, nodes("  - nodeid: 1\n    rin0_addr: 192.0.2.1\n"), 8, "nodelist.node.0.rin0_addr", "did you mean ring0_addr?"},
        {"link 8", true, nodes("  - nodeid: 1\n    ring0_addr: 192.0.2.1\n    ring8_addr: 192.0.2.9\n"), 9, "ring8_addr", "write ring0_addr to ring7_addr"},
        {"mistyped in quorum", true, top("quorum:\n  povider: corosync_votequorum\n"), 2, "quorum.povider", "did you mean provider?"},
        {"mistyped subsection", true, top("quorum:\n  devise:\n    votes: 1\n"), 2, "quorum.devise", "did you mean device?"},
        {"unknown in uidgid", true, top("uidgid:\n  - user: 0\n"), 2, "uidgid.user", "remove it"},
        {"unknown in subsys", true, top("logging:\n  logger_subsys:\n    - subsys: CPG\n      debgu: on\n"), 4, "debgu", "did you mean debug?"},
        // Values of one key.
        {"version 3", true, "allow_unencrypted: yes\ntotem:\n  version: 3\n  transport: udpu\n" + kNodes, 3, "totem.version", "expected 2"},
        {"no version", true, "allow_unencrypted: yes\ntotem:\n  transport: udpu\n" + kNodes, 2, "totem.version", "write version: 2"},
        {"bad transport", true, "allow_unencrypted: yes\ntotem:\n  version: 2\n  transport: tcp\n" + kNodes, 4, "totem.transport", "expected knet, udpu, udp, rdma or iba"},
        {"token is a word", true, totem("  token: fast\n"), 6, "totem.token", "correct it"},
        {"token is negative", true, totem("  token: -1\n"), 6, "totem.token", "expected a number"},
        {"token has a unit", true, totem("  token: 3s\n"), 6, "totem.token", "expected a number"},
        {"token has a fraction", true, totem("  token: 3.5\n"), 6, "totem.token", "expected a number"},
        {"token in hexadecimal", true, totem("  token: 0x10\n"), 6, "totem.token", "expected a number"},
        {"token too large", true, totem("  token: 86400001\n"), 6, "totem.token", "expected a number"},
        {"token beyond 64 bits", true, totem("  token: 99999999999999999999\n"), 6, "totem.token", "expected a number"},
        {"config_version negative", true, totem("  config_version: -1\n"), 6, "totem.config_version", "expected a number"},
        {"config_version beyond 64 bits", true, totem("  config_version: 18446744073709551616\n"), 6, "totem.config_version", "expected a number"},
        {"token_warning 101", true, totem("  token_warning: 101\n"), 6, "totem.token_warning", "from 0 to 100 %"},
        {"join 5", true, totem("  join: 5\n"), 6, "totem.join", "from 30"},
        {"merge 29", true, totem("  merge: 29\n"), 6, "totem.merge", "from 30"},
        {"hold 13", true, totem("  hold: 13\n"), 6, "totem.hold", "from 14"},
        {"downcheck 1", true, totem("  downcheck: 1\n"), 6, "totem.downcheck", "from 30"},
        {"max_network_delay 1", true, totem("  max_network_delay: 1\n"), 6, "totem.max_network_delay", "from 30"},
        {"netmtu 10", true, totem("  netmtu: 10\n"), 6, "totem.netmtu", "from 512"},
        {"netmtu 70000", true, totem("  netmtu: 70000\n"), 6, "totem.netmtu", "to 65536"},
        {"bad yes/no", true, totem("  block_unlisted_ips: maybe\n"), 6, "totem.block_unlisted_ips", "yes or no"},
        {"on for yes", true, top("logging:\n  to_syslog: on\n"), 2, "logging.to_syslog", "yes or no"},
        {"yes for on", true, top("logging:\n  debug: yes\n"), 2, "logging.debug", "on, off or trace"},
        {"bad ip_version", true, totem("  ip_version: ipv5\n"), 6, "totem.ip_version", "expected ipv4"},
        {"bad cipher", true, totem("  crypto_cipher: rot13\n"), 6, "totem.crypto_cipher", "expected none"},
        {"bad link_mode", true, totem("  link_mode: fast\n"), 6, "totem.link_mode", "expected passive"},
        {"bad compression", true, totem("  knet_compression_model: rar\n"), 6, "totem.knet_compression_model", "expected none"},
        {"bad allow_unencrypted", true, "allow_unencrypted: perhaps\n" + kHead.substr(23) + kNodes, 1, "allow_unencrypted", "yes or no"},
        {"link 8 in interface", true, totem("  interface:\n    - linknumber: 8\n"), 7, "linknumber", "from 0 to 7"},
        {"port 70000", true, totem("  interface:\n    - mcastport: 70000\n"), 7, "totem.interface.0.mcastport", "from 1 to 65535"},
        {"port 0", true, totem("  interface:\n    - mcastport: 0\n"), 7, "totem.interface.0.mcastport", "from 1 to 65535"},
        {"ttl 0", true, udp("  cluster_name: a\n  interface:\n    - ttl: 0\n"), 7, "totem.interface.0.ttl", "from 1 to 255"},
        {"ttl 256", true, udp("  cluster_name: a\n  interface:\n    - ttl: 256\n"), 7, "totem.interface.0.ttl", "from 1 to 255"},
        {"nodeid is a word", true, nodes("  - nodeid: one\n    ring0_addr: 192.0.2.1\n"), 7, "nodelist.node.0.nodeid", "expected a number"},
        {"nodeid too large", true, nodes("  - nodeid: 4294967296\n    ring0_addr: 192.0.2.1\n"), 7, "nodelist.node.0.nodeid", "expected a number"},
        {"votes negative", true, nodes("  - nodeid: 1\n    ring0_addr: 192.0.2.1\n    quorum_votes: -1\n"), 9, "quorum_votes", "expected a number"},
        {"two_node yes", true, top("quorum:\n  provider: corosync_votequorum\n  two_node: yes\n"), 3, "quorum.two_node", "from 0 to 1"},
        {"bad provider", true, top("quorum:\n  provider: foo\n"), 2, "quorum.provider", "expected corosync_votequorum"},
        {"bad facility", true, top("logging:\n  syslog_facility: local9\n"), 2, "logging.syslog_facility", "expected daemon"},
        {"bad priority word", true, top("logging:\n  syslog_priority: loud\n"), 2, "logging.syslog_priority", "expected emerg"},
        {"bad timestamp", true, top("logging:\n  timestamp: yes\n"), 2, "logging.timestamp", "on, off or hires"},
        {"bad ipc type", true, top("system:\n  qb_ipc_type: pigeon\n"), 2, "system.qb_ipc_type", "expected native"},
        {"bad sched_rr", true, top("system:\n  sched_rr: on\n"), 2, "system.sched_rr", "auto, yes or no"},
        {"watchdog_timeout 1", true, top("resources:\n  watchdog_timeout: 1\n"), 2, "resources.watchdog_timeout", "from 2 to 120"},
        {"poll_period a word", true, top("resources:\n  system:\n    memory_used:\n      poll_period: often\n"), 4, "poll_period", "from 500"},
        {"backlog too small", true, top("ipc:\n  client_backlog_bytes: 1\n"), 2, "ipc.client_backlog_bytes", "from 65536"},
        {"too many connections", true, top("ipc:\n  connections_max: 100000\n"), 2, "ipc.connections_max", "to 4096"},
        {"unknown user", true, top("uidgid:\n  - uid: nosuch\n"), 2, "uidgid.uid", "create it"},
        {"unknown group", true, top("uidgid:\n  - gid: nosuch\n"), 2, "uidgid.gid", "create it"},
        {"negative user", true, top("uidgid:\n  - uid: -5\n"), 2, "uidgid.uid", "create it"},
        // Relations.
#ifdef HAVE_KNET
        {"knet in clear", true, "totem:\n  version: 2\n  crypto_cipher: none\n  crypto_hash: none\n" + kNodes, 3, "totem.crypto_cipher", "allow_unencrypted: yes"},
        {"knet with a hash only", true, "totem:\n  version: 2\n  crypto_hash: sha256\n" + kNodes, 1, "totem.crypto_cipher", "write crypto_cipher: aes256"},
        {"knet with a cipher only", true, "totem:\n  version: 2\n  crypto_cipher: aes256\n" + kNodes, 3, "needs a crypto_hash", "write crypto_hash: sha256"},
        {"key too short", true, "totem:\n  version: 2\n  key: secret\n" + kNodes, 3, "totem.key: 6 bytes", "corosync-keygen"},
        {"sctp", true, "totem:\n  version: 2\n  interface:\n    - knet_transport: sctp\n" + kNodes, 4, "knet_transport", "only udp is supported"},
        {"a link that one node lacks", true, "totem:\n  version: 2\n" + kNodes + "    ring1_addr: 198.51.100.2\n", 4, "nodelist.node.0.ring1_addr: missing", "give every node its address on it"},
        {"ping timeout below the interval", true, "totem:\n  version: 2\n  interface:\n    - knet_ping_interval: 900\n      knet_ping_timeout: 300\n" + kNodes, 5, "knet_ping_timeout", "raise it"},
#else
        {"knet", true, "totem:\n  version: 2\n  transport: knet\n" + kNodes, 3, "totem.transport: knet is not in this build", "use udpu or udp with allow_unencrypted: yes"},
        {"knet by default", true, "totem:\n  version: 2\n" + kNodes, 1, "totem.transport", "use udpu or udp"},
#endif
        {"unencrypted by accident", true, "totem:\n  version: 2\n  transport: udpu\n" + kNodes, 3, "totem.transport", "write allow_unencrypted: yes"},
        {"unencrypted refused", true, "allow_unencrypted: no\n" + kHead.substr(23) + kNodes, 5, "totem.transport", "write allow_unencrypted: yes"},
        {"cipher with udpu", true, totem("  crypto_cipher: aes256\n  crypto_hash: sha256\n"), 6, "crypto_cipher & crypto_hash are only valid for the Knet transport.", "remove it"},
        {"hash with udpu", true, totem("  crypto_hash: sha256\n"), 6, "totem.crypto_hash", "remove it"},
        {"secauth with udpu", true, totem("  secauth: on\n"), 6, "totem.secauth", "remove it"},
        {"token 10", true, totem("  token: 10\n"), 6, "totem.token", "raise it"},
        {"token 100", true, totem("  token: 100\n"), 2, "totem.token_retransmit: the derived value of 23 ms", "raise totem.token"},
        {"retransmit not less than token", true, totem("  token: 1000\n  token_retransmit: 1000\n"), 7, "totem.token_retransmit", "lower it"},
        {"hold not less than token", true, totem("  token: 1000\n  hold: 2000\n"), 7, "totem.hold", "lower it"},
        {"consensus below join", true, totem("  consensus: 100\n  join: 200\n"), 6, "totem.consensus", "raise consensus or lower join"},
        {"derived consensus below join", true, totem("  join: 4000\n"), 2, "totem.consensus", "raise consensus or lower join"},
        {"windows too large", true, totem("  window_size: 16000\n  max_messages: 1000\n"), 6, "totem.window_size", "keep their sum below"},
        {"netmtu beyond UDP", true, totem("  netmtu: 65536\n"), 6, "totem.netmtu", "use at most 65507"},
        {"no nodelist", true, kHead, 1, "nodelist", "list every node"},
        {"empty nodelist", true, kHead + "nodelist: []\n", 1, "nodelist", "list every node"},
        {"no address", true, nodes("  - nodeid: 1\n"), 7, "nodelist.node.0.ring0_addr", "give every node its address"},
        {"no address on one node", true, kHead + kNodes + "  - nodeid: 3\n    name: gamma\n", 13, "nodelist.node.2.ring0_addr", "give every node its address"},
        {"two links", true, nodes("  - nodeid: 1\n    ring0_addr: 192.0.2.1\n    ring1_addr: 198.51.100.1\n"), 9, "ring1_addr", "remove ring1_addr"},
        {"unknown host", true, nodes("  - nodeid: 1\n    ring0_addr: nowhere.example\n"), 8, "nodelist.node.0.ring0_addr", "add the name to /etc/hosts"},
        {"half an address", true, nodes("  - nodeid: 1\n    ring0_addr: 192.0.2\n"), 8, "nodelist.node.0.ring0_addr", "correct it"},
        {"any address", true, nodes("  - nodeid: 1\n    ring0_addr: 0.0.0.0\n"), 8, "nodelist.node.0.ring0_addr", "give the address of the node's interface"},
        {"multicast as node", true, nodes("  - nodeid: 1\n    ring0_addr: 239.1.1.1\n"), 8, "nodelist.node.0.ring0_addr", "give the address of the node's interface"},
        {"equal addresses", true, kHead + kNodes + "  - nodeid: 3\n    ring0_addr: 192.0.2.2\n", 14, "nodelist.node.1.ring0_addr", "give each node its own"},
        {"equal ids", true, kHead + kNodes + "  - nodeid: 2\n    ring0_addr: 192.0.2.3\n", 13, "appears twice", "give each node its own"},
        {"equal names", true, kHead + kNodes + "  - nodeid: 3\n    ring0_addr: 192.0.2.3\n    name: alpha\n", 15, "appears twice", "give each node its own"},
        {"IPv6 without id", true, nodes("  - ring0_addr: 2001:db8::1\n"), 7, "nodelist.node.0.nodeid", "write one"},
        {"mixed families", true, kHead + kNodes + "  - nodeid: 3\n    ring0_addr: 2001:db8::3\n", 14, "ring0_addr", "use one family per link"},
        {"IPv6 with ip_version ipv4", true, kHead + "  ip_version: ipv4\nnodelist:\n  - nodeid: 1\n    ring0_addr: 2001:db8::1\n", 9, "ip_version is ipv4", "change one of them"},
        {"IPv6 with udp's default", true, "allow_unencrypted: yes\ntotem:\n  version: 2\n  cluster_name: a\n  transport: udp\nnodelist:\n  - nodeid: 1\n    ring0_addr: 2001:db8::1\n", 8, "the default of udp", "change one of them"},
        {"no votes at all", true, nodes("  - nodeid: 1\n    ring0_addr: 192.0.2.1\n    quorum_votes: 0\n"), 7, "nodelist", "give quorum_votes"},
        {"not this machine", true, nodes("  - nodeid: 9\n    ring0_addr: 192.0.2.9\n"), 7, "is not in the nodelist", "choose a node with --node"},
        {"two nodes of this machine", true, nodes("  - nodeid: 1\n    ring0_addr: 127.0.0.1\n  - nodeid: 2\n    ring0_addr: 127.0.0.2\n"), 7, "several nodes", "choose one with --node"},
        {"no group address", true, udp(""), 2, "totem.cluster_name", "write one, or a mcastaddr"},
        {"unicast as group", true, udp("  interface:\n    - mcastaddr: 192.0.2.200\n"), 6, "totem.interface.0.mcastaddr", "use one from 239.192.0.0"},
        {"word as group", true, udp("  interface:\n    - mcastaddr: everybody\n"), 6, "totem.interface.0.mcastaddr", "use one from 239.192.0.0"},
        {"group of another family", true, udp("  interface:\n    - mcastaddr: ff15::1\n"), 6, "totem.interface.0.mcastaddr", "change it or remove it"},
        {"ttl with udpu", true, totem("  interface:\n    - ttl: 2\n"), 7, "totem.interface.0.ttl", "remove it"},
        {"priority with udpu", true, totem("  interface:\n    - knet_link_priority: 5\n"), 7, "knet_link_priority", "remove it"},
        {"interface twice", true, totem("  interface:\n    - mcastport: 5500\n    - mcastport: 5501\n"), 8, "totem.interface.0", "put its keys into one item"},
        {"two_node with one node", true, nodes("  - nodeid: 1\n    ring0_addr: 192.0.2.1\n") + "quorum:\n  provider: corosync_votequorum\n  two_node: 1\n", 11, "quorum.two_node", "remove it"},
        {"tie breaker node unknown", true, top("quorum:\n  provider: corosync_votequorum\n  auto_tie_breaker_node: 1 7\n"), 3, "auto_tie_breaker_node", "write lowest, highest"},
        {"last man with unequal votes", true, nodes("  - nodeid: 1\n    ring0_addr: 192.0.2.1\n    quorum_votes: 3\n") + "quorum:\n  provider: corosync_votequorum\n  last_man_standing: 1\n", 12, "quorum.last_man_standing", "set its quorum_votes to 1"},
        {"last man, tie breaker, odd", true, nodes("  - nodeid: 1\n    ring0_addr: 192.0.2.1\n") + "quorum:\n  provider: corosync_votequorum\n  last_man_standing: 1\n  auto_tie_breaker: 1\n  wait_for_all: 0\n", 12, "quorum.auto_tie_breaker", "add it"},
        {"logfile missing", true, top("logging:\n  to_logfile: yes\n"), 2, "logging.to_logfile", "add logfile"},
        {"logfile relative", true, top("logging:\n  logfile: motet.log\n"), 2, "logging.logfile", "begin it with /"},
        {"subsys missing", true, top("logging:\n  logger_subsys:\n    - debug: on\n"), 3, "No subsys key", "add subsys"},
        {"subsys twice", true, top("logging:\n  logger_subsys:\n    - subsys: CPG\n    - subsys: CPG\n"), 4, "logging.logger_subsys.CPG", "put its keys into one item"},
        {"subsys with a dot", true, top("logging:\n  logger_subsys:\n    - subsys: a.b\n"), 3, "logging.logger_subsys", "write one such as QUORUM"},
        {"priority foo", true, top("system:\n  priority: foo\n"), 2, "system.priority", "write max, min or a number"},
        {"priority 100", true, top("system:\n  priority: 100\n"), 2, "system.priority", "from 1 to 99"},
        {"state_dir relative", true, top("system:\n  state_dir: here\n"), 2, "system.state_dir", "begin it with /"},
        {"device and tie breaker", true, top("quorum:\n  provider: corosync_votequorum\n  auto_tie_breaker: 1\n  device:\n    model: net\n"), 5, "quorum.device.model", "remove one of them"},
        {"device without votes", true, top("quorum:\n  provider: corosync_votequorum\n  expected_votes: 4\n  device:\n    model: net\n"), 5, "quorum.device.model", "add it"},
        {"device with too many votes", true, top("quorum:\n  provider: corosync_votequorum\n  expected_votes: 4\n  device:\n    model: net\n    votes: 3\n"), 6, "quorum.device.votes", "lower it"},
        {"watchdog timeout", true, top("resources:\n  watchdog_timeout: 1\n"), 2, "resources.watchdog_timeout", "from 2"},
        {"memory watch", true, top("resources:\n  system:\n    memory_used:\n      recovery: panic\n"), 4, "resources.system.memory_used.recovery", "none"},
        {"nozzle", true, top("nozzle:\n  name: noz0\n"), 2, "nozzle.name", "remove it"},
        // Corosync's syntax.
        {"conf: empty", false, "", 1, "totem.version", "write version: 2"},
        {"conf: long line", false, conf_top("# " + kLong + "\n"), 1, "Line too long", "shorten it"},
        {"conf: after the bracket", false, "totem { version: 2\n}\n", 1, "Extra characters after opening bracket '{'", "on a line of their own"},
        {"conf: bracket in a value", false, conf(" cluster_name: a{b\n"), 4, "Extra characters", "on a line of their own"},
        {"conf: around the bracket", false, "totem {\n version: 2\n } x\n", 3, "Extra characters before or after closing bracket '}'", "on a line of their own"},
        {"conf: neither nor", false, conf_top("hello\n"), 1, "Line is not opening or closing section or key value", "write \"key: value\""},
        {"conf: missing brace", false, "totem {\n version: 2\n", 2, "Missing closing brace", "add }"},
        {"conf: one brace too many", false, conf("") + "}\n", 11, "Unexpected closing brace", "remove it"},
        {"conf: section without name", false, conf_top("{\n}\n"), 1, "a section without a name", "write it before {"},
        {"conf: value without key", false, conf_top(" : 5\n"), 1, "a value without a key", "write the key"},
        {"conf: too deep", false, [] { std::string s; for (int i = 0; i < 20; ++i) s += "a {\n"; return s; }(), 16, "nested deeper", "close sections"},
        {"conf: binary", false, "\x7f" "ELF\x02", 1, "control character", "remove it"},
        {"conf: bad integer", false, conf(" token: abc\n"), 4, "totem.token", "correct it"},
        {"conf: bad version", false, "totem {\n version: 1\n transport: udpu\n}\n" + kConfNodes, 2, "totem.version", "expected 2"},
        {"conf: knet without ids", false, "totem {\n version: 2\n}\n" + kConfNodes, 5, "nodelist.node.0.nodeid", "needs an explicit nodeid"},
        {"conf: crypto", false, conf(" crypto_cipher: aes256\n crypto_hash: sha256\n"), 4, "crypto_cipher & crypto_hash are only valid for the Knet transport.", "remove it"},
        {"conf: true is not yes", false, conf_top("logging {\n to_syslog: true\n}\n"), 2, "logging.to_syslog", "yes or no"},
        {"conf: uidgid", false, conf_top("uidgid {\n user: root\n}\n"), 2, "Only uid and gid are allowed items", "remove it"},
        {"conf: member", false, conf(" interface {\n  member {\n   addr: 1\n  }\n }\n"), 6, "only memberaddr", "remove it"},
        {"conf: link 8", false, conf_top("nodelist {\n node {\n  ring8_addr: 192.0.2.7\n }\n}\n"), 3, "ring8_addr", "write ring0_addr to ring7_addr"},
        {"conf: subsys", false, conf_top("logging {\n logger_subsys {\n  debug: on\n }\n}\n"), 2, "No subsys key", "add subsys"},
        {"conf: port", false, conf(" interface {\n  mcastport: 70000\n }\n"), 5, "totem.interface.0.mcastport", "from 1 to 65535"},
        {"conf: duplicate id", false, conf("") + "nodelist {\n node {\n  nodeid: 3221225985\n  ring0_addr: 192.0.2.7\n }\n}\n", 13, "appears twice", "give each node its own"},
        {"conf: no address", false, conf("") + "nodelist {\n node {\n  nodeid: 5\n }\n}\n", 12, "nodelist.node.1.ring0_addr", "give every node its address"},
    };
    return table;
}

// Goal: every broken file is refused with the line of the fault and something to do about it.
TEST(Compile, BrokenFilesAreRefusedWithPlaceAndRemedy) {
    EXPECT_GE(broken_files().size(), 120u);
    for (const Broken& broken : broken_files()) {
        const std::string file = broken.yaml ? "motet.yaml" : "corosync.conf";
        const Outcome r = read(file, broken.text);
        EXPECT_FALSE(r.ok) << broken.name;
        const std::string place = broken.line == 0 ? file + ": " : file + ":" + std::to_string(broken.line) + ":";
        const bool found = std::any_of(r.lines.begin(), r.lines.end(), [&](const std::string& line) {
            return line.starts_with(place) && line.find(": warning: ") == line.npos && line.find(broken.key) != line.npos && line.find(broken.remedy) != line.npos;
        });
        EXPECT_TRUE(found) << broken.name << ": expected " << place << " " << broken.key << " ... " << broken.remedy << "\n" << r.text();
    }
}

// One fault, one line: what follows from it is not told again.
TEST(Compile, BrokenValuesAreNotToldTwice) {
    for (const std::string& text : {totem("  token: fast\n"), totem("  crypto_hash: none\n  join: 5\n"), nodes("  - nodeid: 1\n    ring0_addr: nowhere.example\n"),
                                    std::string("allow_unencrypted: yes\ntotem:\n  version: 2\n  transport: tcp\n") + kNodes, kHead + "nodelist: alpha\n"}) {
        const Outcome r = read_yaml(text);
        EXPECT_EQ(r.lines.size(), 1u) << text << r.text();
    }
}

// Whatever the bytes, the answer is a snapshot or an error line; the sanitizers watch.
TEST(Compile, SurvivesMutilatedFiles) {
    std::uint64_t random = 88172645463325252u;
    const auto next = [&random] { random ^= random << 13, random ^= random >> 7, random ^= random << 17; return random; };
    for (int round = 0; round < 3000; ++round) {
        const bool yaml = round % 2 == 0;
        std::string text = yaml ? kYamlFull : kConfFull;
        for (int changes = 0; changes < 1 + static_cast<int>(next() % 4); ++changes) {
            const std::size_t at = next() % text.size();
            switch (next() % 4) {
            case 0: text[at] = static_cast<char>(next()); break;
            case 1: text.erase(at, next() % 20); break;
            case 2: text.insert(at, text.substr(next() % text.size(), next() % 40)); break;
            default: text.insert(at, 1, "{}[]:-&*!|>'\"%@`,?#\n"[next() % 20]); break;
            }
            if (text.empty()) text = "x";
        }
        const Outcome r = yaml ? read_yaml(text) : read_conf(text);
        EXPECT_TRUE(r.ok || !r.lines.empty());
        if (r.ok) { EXPECT_TRUE(config::Snapshot::decode(r.snapshot.encode())); }
    }
}

TEST(Compile, ServicesOfOthersAreNumberedAndTheirFaultsHavePlaces) {
    const std::string item = "services:\n  - name: counter\n    program: /opt/counter\n    id: 42\n";   // from line 13 on
    const Outcome good = read_yaml(kHead + kNodes + item);
    ASSERT_TRUE(good.ok) << good.text();
    EXPECT_EQ(good.get("services.0.name"), "counter");
    EXPECT_EQ(good.get("services.0.id"), "42");
    const Outcome taken = read_yaml(kHead + kNodes + item + "  - name: other\n    program: /opt/other\n    id: 42\n");
    EXPECT_FALSE(taken.ok);
    EXPECT_NE(taken.text().find("motet.yaml:19:5"), std::string::npos) << taken.text();
    EXPECT_NE(taken.text().find("services.1.id"), std::string::npos) << taken.text();
    const Outcome ours = read_yaml(kHead + kNodes + "services:\n  - name: cpg\n    program: /opt/counter\n    id: 42\n");
    EXPECT_FALSE(ours.ok);
    EXPECT_NE(ours.text().find("one of Motet's own"), std::string::npos) << ours.text();
    const Outcome bare = read_yaml(kHead + kNodes + "services:\n  - name: counter\n");
    EXPECT_FALSE(bare.ok);
    EXPECT_NE(bare.text().find("program"), std::string::npos) << bare.text();
}

}  // namespace
}  // namespace motet::reader
