#include "tools/motetctl_text.h"

#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>
#include <vector>

namespace motet::ctl {
namespace {

using Json = nlohmann::ordered_json;

// Null if there is nothing, or nothing readable.
Json section(const Answer& answer, const char* name) {
    const auto it = answer.find(name);
    if (it == answer.end() || it->second.body.empty()) return nullptr;
    Json parsed = Json::parse(it->second.body, nullptr, false);
    if (!parsed.is_object()) return nullptr;
    parsed["age_ms"] = it->second.age_ms;
    parsed["responding"] = it->second.age_ms >= 0 && it->second.age_ms <= kHangNoticeMs;
    return parsed;
}

std::string printable(std::string text) {
    for (char& c : text)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    return text;
}

std::string text_of(const Json& object, const char* key, const char* fallback = "") {
    if (!object.is_object() || !object.contains(key)) return fallback;
    const Json& value = object[key];
    if (value.is_string()) return printable(value.get<std::string>());
    return value.is_null() ? fallback : printable(value.dump());
}

std::int64_t number_of(const Json& object, const char* key, std::int64_t fallback = 0) {
    if (!object.is_object() || !object.contains(key) || !object[key].is_number_integer()) return fallback;
    return object[key].get<std::int64_t>();
}

bool flag_of(const Json& object, const char* key, bool fallback) {
    if (!object.is_object() || !object.contains(key) || !object[key].is_boolean()) return fallback;
    return object[key].get<bool>();
}

Json list_of(const Json& object, const char* key) {
    if (!object.is_object() || !object.contains(key) || !object[key].is_array()) return Json::array();
    return object[key];
}

// As Corosync's tools print it: representative, dot, sequence in hexadecimal.
std::string ring_of(const Json& membership) {
    if (!membership.is_object() || !membership.contains("ring")) return "none";
    char text[64];
    std::snprintf(text, sizeof text, "%lld.%llx", static_cast<long long>(number_of(membership["ring"], "rep")),
                  static_cast<unsigned long long>(number_of(membership["ring"], "seq")));
    return text;
}

std::string duration(std::int64_t ms) {
    const std::int64_t s = ms / 1000;
    if (s < 120) return std::to_string(s) + " s";
    if (s < 7200) return std::to_string(s / 60) + " min";
    if (s < 172'800) return std::to_string(s / 3600) + " h";
    return std::to_string(s / 86'400) + " d";
}

std::string counted(std::int64_t count, const char* what) { return std::to_string(count) + " " + what + (count == 1 ? "" : "s"); }

std::string padded(std::string text, std::size_t width) {
    if (text.size() < width) text.append(width - text.size(), ' ');
    return text + " ";
}

std::string line(const char* label, const std::string& value) { return padded(label, 11) + value + "\n"; }

std::string member_lines(const Json& membership, const std::string& indent) {
    std::string out;
    for (const Json& member : list_of(membership, "members")) {
        out += indent + padded(text_of(member, "id", "?"), 5) + padded(text_of(member, "name", "-"), 16) + padded(text_of(member, "address", "-"), 20) +
               text_of(member, "state", "?") + (number_of(member, "id", -1) == number_of(membership, "node", -2) ? ", this node" : "") + "\n";
    }
    return out;
}

// Lines about what a reader of old pages must know.
std::string silence(const char* name, const Json& child) {
    if (child.is_null() || flag_of(child, "responding", true)) return {};
    return std::string(name) + " has not answered for " + duration(number_of(child, "age_ms")) + "; what is shown of it is that old\n";
}

Printed as_json(Json body) {
    Json out;
    out["schema"] = kSchema;
    for (auto& [key, value] : body.items()) out[key] = value;
    return {out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n", true};
}

std::string children_lines(const Json& supervisor) {
    std::string out = "Processes\n  " + padded("motet", 12) + "pid " + padded(text_of(supervisor, "pid"), 8) + "up " +
                      duration(number_of(supervisor, "uptime_ms")) + ", version " + text_of(supervisor, "version") + "\n";
    for (const Json& child : list_of(supervisor, "children")) {
        const bool running = number_of(child, "pid") > 0;
        out += "  " + padded(text_of(child, "name"), 12);
        if (running) out += "pid " + padded(text_of(child, "pid"), 8) + "up " + duration(number_of(child, "uptime_ms")) + ", ";
        out += text_of(child, "state") + ", " + counted(number_of(child, "restarts"), "restart");
        if (child.is_object() && child.contains("clients")) out += ", " + counted(number_of(child, "clients"), "client");
        const std::string last = text_of(child, "last_exit");
        if (!last.empty()) out += "; last ended: " + last;
        out += "\n";
    }
    return out;
}

}  // namespace

Printed print_status(const Answer& answer, bool json) {
    const Json supervisor = section(answer, "supervisor"), membership = section(answer, "membership"), cpg = section(answer, "cpg");
    if (json) return as_json({{"supervisor", supervisor}, {"membership", membership}, {"cpg", cpg}});

    std::string out;
    const std::string node_name = text_of(supervisor, "node_name"), cluster = text_of(membership, "cluster");
    out += line("Node", text_of(supervisor, "node", "?") + (node_name.empty() ? "" : " " + node_name) + (cluster.empty() ? "" : ", cluster " + cluster));
    if (membership.is_null()) {
        out += line("State", "unknown: membership does not run or has said nothing yet");
    } else {
        out += line("State", text_of(membership, "state", "unknown"));
        out += line("Ring", ring_of(membership));
        out += line("Transport", text_of(membership, "transport", "unknown") + (flag_of(membership, "encrypted", false) ? ", encrypted" : ", UNENCRYPTED"));
        out += line("Sync", text_of(membership, "sync", "unknown"));
        if (membership.contains("quorate") && membership["quorate"].is_boolean()) out += line("Quorate", membership["quorate"].get<bool>() ? "yes" : "no");
        out += "Members\n" + member_lines(membership, "  ");
    }
    out += children_lines(supervisor);

    std::string notices = silence("membership", membership) + silence("cpg", cpg);
    if (flag_of(supervisor, "stopping", false)) notices += "motet is stopping\n";
    std::vector<std::string> unenforced;
    for (const Json& one : list_of(supervisor, "unenforced"))
        if (one.is_string()) unenforced.push_back(printable(one.get<std::string>()));
    for (const Json& one : list_of(membership, "unenforced"))
        if (one.is_string()) unenforced.push_back(printable(one.get<std::string>()));
    for (const std::string& one : unenforced) notices += "not enforced: " + one + "\n";
    std::string changed;
    for (const Json& key : list_of(supervisor, "restart_needed_for"))
        if (key.is_string()) changed += (changed.empty() ? "" : ", ") + printable(key.get<std::string>());
    if (!changed.empty()) notices += "changed in the file, in force after a restart: " + changed + "\n";
    if (number_of(supervisor, "refused_clients") > 0)
        notices += text_of(supervisor, "refused_clients") + " connections refused: their users are not listed under uidgid\n";
    if (!notices.empty()) {
        out += "Notices\n";
        for (std::size_t from = 0; from < notices.size();) {
            const std::size_t end = notices.find('\n', from);
            out += "  " + notices.substr(from, end - from) + "\n";
            from = end + 1;
        }
    }
    return {out, true};
}

Printed print_members(const Answer& answer, bool json) {
    const Json membership = section(answer, "membership");
    if (membership.is_null()) return {"membership does not run or has said nothing yet; see motetctl status\n", false};
    if (json)
        return as_json({{"node", membership.value("node", Json())}, {"state", membership.value("state", Json())}, {"ring", membership.value("ring", Json())},
                        {"members", list_of(membership, "members")}, {"age_ms", membership["age_ms"]}, {"responding", membership["responding"]}});
    return {silence("membership", membership) + member_lines(membership, ""), true};
}

Printed print_links(const Answer& answer, bool json) {
    const Json membership = section(answer, "membership");
    if (membership.is_null()) return {"membership does not run or has said nothing yet; see motetctl status\n", false};
    const Json links = list_of(membership, "links");
    if (json)
        return as_json({{"node", membership.value("node", Json())}, {"transport", membership.value("transport", Json())},
                        {"encrypted", membership.value("encrypted", Json())}, {"links", links}, {"rejected", membership.value("rejected", Json::object())},
                        {"knet", membership.value("knet", Json::object())}, {"age_ms", membership["age_ms"]}, {"responding", membership["responding"]}});
    std::string out = silence("membership", membership);
    if (links.empty()) return {out + "transport " + text_of(membership, "transport", "unknown") + " does not watch links; knet does\n", true};
    for (const Json& link : links) {
        const bool up = flag_of(link, "connected", false);
        out += "node " + padded(text_of(link, "node", "?"), 5) + "link " + text_of(link, "link", "?") + "  " + padded(text_of(link, "address", "-"), 16) +
               padded(up ? "up" : "DOWN", 5) + "for " + padded(duration(number_of(link, "changed_ms_ago")), 6);
        if (up) {
            char figures[128];
            std::snprintf(figures, sizeof figures, "latency %lld us, loss %lld.%lld %%, MTU %lld", static_cast<long long>(number_of(link, "latency_ave")),
                          static_cast<long long>(number_of(link, "loss_permille") / 10), static_cast<long long>(number_of(link, "loss_permille") % 10),
                          static_cast<long long>(number_of(link, "mtu")));
            out += figures;
        } else {
            out += text_of(link, "cause");
        }
        if (number_of(link, "send_errors") > 0) out += "; " + counted(number_of(link, "send_errors"), "failed send");
        out += "\n";
    }
    std::string refused;
    const Json rejected = membership.value("rejected", Json::object());
    for (const auto& [reason, count] : rejected.items())
        if (count.is_number_integer() && count.get<std::int64_t>() > 0) refused += (refused.empty() ? "" : ", ") + printable(reason) + " " + count.dump();
    if (!refused.empty()) out += "packets refused: " + refused + "\n";
    return {out, true};
}

Printed print_groups(const Answer& answer, bool json) {
    const Json cpg = section(answer, "cpg");
    if (cpg.is_null()) return {"cpg does not run or has said nothing yet; see motetctl status\n", false};
    if (json)
        return as_json({{"groups", list_of(cpg, "groups")}, {"group_count", cpg.value("group_count", Json())}, {"age_ms", cpg["age_ms"]},
                        {"responding", cpg["responding"]}});
    std::string out = silence("cpg", cpg);
    for (const Json& group : list_of(cpg, "groups")) {
        out += text_of(group, "name", "?") + "\n";
        const Json members = list_of(group, "members");
        for (const Json& member : members) out += "  node " + padded(text_of(member, "node", "?"), 5) + "pid " + text_of(member, "pid", "?") + "\n";
        const std::int64_t all = number_of(group, "member_count", static_cast<std::int64_t>(members.size()));
        if (all > static_cast<std::int64_t>(members.size())) out += "  and " + std::to_string(all - static_cast<std::int64_t>(members.size())) + " more\n";
    }
    const std::int64_t shown = static_cast<std::int64_t>(list_of(cpg, "groups").size()), all = number_of(cpg, "group_count", shown);
    if (all > shown) out += "and " + std::to_string(all - shown) + " more groups\n";
    if (shown == 0) out += "no groups\n";
    return {out, true};
}

Printed print_quorum(const Answer& answer, bool json) {
    const Json quorum = section(answer, "quorum");
    if (quorum.is_null()) return {"quorum does not run or has said nothing yet; see motetctl status\n", false};
    if (json) return as_json(quorum);
    const bool quorate = flag_of(quorum, "quorate", false);
    std::string out = silence("quorum", quorum);
    out += line("Quorate", quorate ? "yes" : "NO: nothing that needs quorum runs here");
    out += line("Provider", text_of(quorum, "provider", "?"));
    out += line("Why", text_of(quorum, "why", "?"));
    out += line(quorate ? "Lost by" : "Won by", text_of(quorum, "change", "?"));
    const Json features = quorum.value("features", Json::object());
    std::string on;
    for (const auto& [name, value] : features.items())
        if (value.is_boolean() && value.get<bool>()) on += (on.empty() ? "" : ", ") + printable(name);
    if (!on.empty()) out += line("Options", on);
    const Json device = quorum.value("device", Json::object());
    if (flag_of(device, "configured", false)) {
        std::string text = flag_of(device, "registered", false) ? text_of(device, "name", "?") : "not registered";
        if (flag_of(device, "registered", false)) {
            text += flag_of(device, "alive", false) ? ", alive, " : ", silent, ";
            text += flag_of(device, "votes_for_us", false) ? "votes for this part" : "does not vote for this part";
        }
        out += line("Device", text + ", " + counted(number_of(device, "votes"), "vote"));
    }
    out += "Nodes\n";
    const Json nodes = list_of(quorum, "nodes");
    for (const Json& node : nodes)
        out += "  " + padded(text_of(node, "id", "?"), 5) + padded(counted(number_of(node, "votes"), "vote"), 9) + text_of(node, "state", "?") +
               (number_of(node, "id", -1) == number_of(quorum, "node", -2) ? ", this node" : "") + "\n";
    if (nodes.empty())
        for (const Json& id : list_of(quorum, "members")) out += "  " + printable(id.dump()) + "\n";
    return {out, true};
}

namespace {

constexpr std::size_t kLastShown = 5;

std::string when(std::int64_t time_ms) {
    const std::time_t seconds = static_cast<std::time_t>(time_ms / 1000);
    std::tm local{};
    localtime_r(&seconds, &local);
    char text[48];
    std::snprintf(text, sizeof text, "%04d-%02d-%02d %02d:%02d:%02d.%03d", local.tm_year + 1900, local.tm_mon + 1, local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec,
                  static_cast<int>(time_ms % 1000));
    return text;
}

}  // namespace

Printed print_events(const Answer& answer, bool json) {
    const auto it = answer.find("events");
    if (it == answer.end()) return {"motet's answer cannot be understood\n", false};
    // A line that cannot be read was damaged in its file; the others are what they are.
    Json events = Json::array();
    const std::string& body = it->second.body;
    for (std::size_t from = 0, end; (end = body.find('\n', from)) != body.npos; from = end + 1)
        if (Json event = Json::parse(body.substr(from, end - from), nullptr, false); event.is_object()) events.push_back(std::move(event));
    if (json) return as_json({{"events", events}});
    std::string out;
    for (const Json& event : events) {
        const std::int64_t pid = number_of(event, "pid");
        out += when(number_of(event, "time_ms")) + "  " + printable(text_of(event, "process")) + (pid > 0 ? "[" + std::to_string(pid) + "]" : "") + " " +
               printable(text_of(event, "kind")) + ": " + printable(text_of(event, "text")) + "\n";
        // What led to it, the last of it.
        const Json last = list_of(event, "last");
        for (std::size_t i = last.size() > kLastShown ? last.size() - kLastShown : 0; i < last.size(); ++i)
            if (last[i].is_string()) out += "                           before: " + printable(last[i].get<std::string>()) + "\n";
    }
    return {out, true};
}

}  // namespace motet::ctl
