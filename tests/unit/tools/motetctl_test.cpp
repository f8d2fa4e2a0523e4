// What motetctl makes of answers, good and bad: the sections come from processes that may be broken into.
#include <gtest/gtest.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "supervisor/json.h"
#include "tools/motetctl_request.h"
#include "tools/motetctl_text.h"

namespace motet::ctl {
namespace {

std::string section(const std::string& name, const std::string& body, int age_ms) {
    return "section " + name + " " + std::to_string(body.size()) + " " + std::to_string(age_ms) + "\n" + body + "\n";
}

const std::string kSupervisor = R"({"version":"1","pid":10,"uptime_ms":5000,"node":1,"node_name":"alpha","stopping":false,"refused_clients":0,)"
    R"("unenforced":["own user"],"restart_needed_for":["totem.token"],"children":[{"name":"membership","pid":11,"state":"ready","uptime_ms":4000,"restarts":2,"last_exit":"exit code 1"}]})";
const std::string kMembership = R"({"node":1,"name":"alpha","cluster":"c","state":"operational","ring":{"rep":1,"seq":30},"members":[)"
    R"({"id":1,"name":"alpha","address":"192.0.2.1","state":"joined"},{"id":2,"name":"beta","address":"192.0.2.2","state":"never"}],)"
    R"("transport":"udpu","encrypted":false,"sync":"complete","quorate":null,"counters":{}})";
const std::string kCpg = R"({"group_count":1,"groups":[{"name":"g","member_count":3,"members":[{"node":1,"pid":42}]}]})";

Answer answer(int membership_age = 100) {
    const auto parsed = parse_answer(section("supervisor", kSupervisor, 0) + section("membership", kMembership, membership_age) + section("cpg", kCpg, 100) + "end\n");
    EXPECT_TRUE(parsed);
    return parsed ? *parsed : Answer{};
}

bool has(const Printed& printed, const char* text) { return printed.text.find(text) != std::string::npos; }

TEST(Motetctl, StatusTellsWhatAnAdministratorAsks) {
    const Printed p = print_status(answer(), false);
    for (const char* text : {"1 alpha, cluster c", "operational", "1.1e", "192.0.2.2", "never", "udpu, UNENCRYPTED", "complete", "2 restarts",
                             "exit code 1", "not enforced: own user", "in force after a restart: totem.token", "this node"})
        EXPECT_TRUE(has(p, text)) << text << "\n" << p.text;
    EXPECT_FALSE(has(p, "has not answered"));
}

TEST(Motetctl, AnOldPageIsToldAsAHang) {
    EXPECT_TRUE(has(print_status(answer(5000), false), "membership has not answered for 5 s"));
    EXPECT_TRUE(has(print_members(answer(5000), false), "membership has not answered for 5 s"));
    EXPECT_TRUE(has(print_status(answer(5000), true), "\"responding\": false"));
}

TEST(Motetctl, AMissingSectionIsToldNotGuessed) {
    const auto only_supervisor = parse_answer(section("supervisor", kSupervisor, 0) + section("membership", "", -1) + "end\n");
    ASSERT_TRUE(only_supervisor);
    EXPECT_TRUE(has(print_status(*only_supervisor, false), "unknown: membership does not run"));
    EXPECT_FALSE(print_members(*only_supervisor, false).ok);
    EXPECT_FALSE(print_groups(*only_supervisor, true).ok);
}

TEST(Motetctl, GroupsTellHowManyAreNotShown) {
    const Printed p = print_groups(answer(), false);
    EXPECT_TRUE(has(p, "g\n  node 1     pid 42\n  and 2 more\n")) << p.text;
}

TEST(Motetctl, JsonKeepsItsSchema) {
    const auto status = nlohmann::json::parse(print_status(answer(), true).text);
    EXPECT_EQ(status["schema"], 1);
    EXPECT_EQ(status["membership"]["ring"]["seq"], 30);
    EXPECT_EQ(status["membership"]["age_ms"], 100);
    EXPECT_EQ(status["supervisor"]["children"][0]["restarts"], 2);
    EXPECT_EQ(nlohmann::json::parse(print_members(answer(), true).text)["members"].size(), 2u);
    EXPECT_EQ(nlohmann::json::parse(print_groups(answer(), true).text)["groups"][0]["members"][0]["pid"], 42);
}

TEST(Motetctl, CutAndForgedAnswersAreRefused) {
    for (const std::string& text : {std::string(), std::string("section supervisor 5 0\nab"), std::string("section supervisor x 0\n\nend\n"),
                                    std::string("section supervisor 99999999999999999999 0\n\nend\n"), section("a", "b", 0), std::string("hello\nend\n"),
                                    std::string("section supervisor 2 0\nabXend\n")})
        EXPECT_FALSE(parse_answer(text)) << text;
    const auto refused = parse_answer("error unknown request\n");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().text, "motet: unknown request");
}

TEST(Motetctl, NonsenseOfAChildHarmsNothing) {
    for (const std::string& body : {std::string("not json"), std::string("[1,2]"), std::string("{\"members\":{\"a\":1},\"ring\":\"x\",\"state\":7,\"unenforced\":[1]}"),
                                    std::string("{\"members\":[1,null,[]],\"ring\":[],\"groups\":[7,{\"members\":\"x\"}]}"), std::string("\xff\xfe")}) {
        const auto parsed = parse_answer(section("supervisor", body, 0) + section("membership", body, 1) + section("cpg", body, 1) + "end\n");
        ASSERT_TRUE(parsed);
        for (const bool json : {false, true}) {
            EXPECT_FALSE(print_status(*parsed, json).text.empty());
            print_members(*parsed, json);
            print_groups(*parsed, json);
        }
    }
    const auto escape = parse_answer(section("cpg", R"({"groups":[{"name":"\u001b[2J"}]})", 1) + "end\n");
    EXPECT_EQ(print_groups(*escape, false).text.find('\x1b'), std::string::npos) << "no control character reaches the terminal";
}

TEST(Motetctl, TheSupervisorsJsonIsValidWhateverTheTextHolds) {
    const std::string text = "quote \" back \\ line \n tab \t umlaut \xc3\xa4 euro \xe2\x82\xac broken \xff\xc3 end \xe2\x82";
    supervisor::Json json;
    json.open('{').key("text").text(text).key("list").open('[').number(-1).flag(true).text("").close(']').key("more").open('{').close('}').close('}');
    const auto parsed = nlohmann::json::parse(json.str());
    EXPECT_EQ(parsed["text"], "quote \" back \\ line \n tab \t umlaut \xc3\xa4 euro \xe2\x82\xac broken ?? end ??");
    EXPECT_EQ(parsed["list"].size(), 3u);
    EXPECT_TRUE(parsed["more"].empty());
}

TEST(MotetctlEvents, ADamagedLineCostsOnlyItself) {
    const std::string good = R"({"time_ms":1700000000000,"process":"cpg","pid":12,"kind":"exit","level":"warning","text":"killed by signal 9","signal":9,"last":["a","b"]})";
    const Answer answer = {{"events", {good + "\n{\"half\n[1]\n" + good + "\n", 0}}};
    const Printed text = print_events(answer, false), json = print_events(answer, true);
    EXPECT_TRUE(text.ok && json.ok);
    EXPECT_NE(text.text.find("cpg[12] exit: killed by signal 9\n"), std::string::npos) << text.text;
    EXPECT_NE(text.text.find("before: b\n"), std::string::npos) << text.text;
    EXPECT_EQ(std::count(json.text.begin(), json.text.end(), '\n') > 0, true);
    EXPECT_NE(json.text.find("\"signal\""), std::string::npos);
    EXPECT_EQ(json.text.find("half"), std::string::npos);
    EXPECT_FALSE(print_events({}, false).ok);
}

}  // namespace
}  // namespace motet::ctl
