// The text form of plans: scenario files and shrunk failures. One statement per line, '#' starts a comment.
#include "tests/sim/plan.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <sstream>

namespace motet::sim {
namespace {

struct Word {
    const char* name;
    Act act;
};
constexpr Word kActs[] = {{"start", Act::start}, {"crash", Act::crash}, {"stop", Act::leave_ring}, {"pause", Act::pause},
                          {"partition", Act::partition}, {"heal", Act::heal}, {"cut", Act::cut}, {"mend", Act::mend}, {"deaf", Act::deaf}, {"hear", Act::hear}, {"loss", Act::loss},
                          {"slow", Act::slow}, {"replace-worker", Act::replace_worker}, {"join", Act::join}, {"leave", Act::leave},
                          {"finalize", Act::finalize}, {"disconnect", Act::disconnect}, {"send", Act::multicast}, {"send-parts", Act::parts}};
constexpr const char* kWhens[] = {"always", "synchronising", "gather", "commit", "recovery", "operational", "sending"};

const char* name(Act act) {
    for (const Word& w : kActs)
        if (w.act == act) return w.name;
    return "?";
}

bool number(std::string_view word, std::uint64_t& out) {
    const auto [end, why] = std::from_chars(word.data(), word.data() + word.size(), out);
    return why == std::errc{} && end == word.data() + word.size();
}

// "12.5" milliseconds as microseconds.
bool millis(std::string_view word, std::int64_t& us) {
    const auto dot = word.find('.');
    std::uint64_t whole = 0, part = 0;
    if (!number(word.substr(0, dot), whole)) return false;
    if (dot != std::string_view::npos) {
        std::string digits(word.substr(dot + 1));
        digits.resize(3, '0');
        if (!number(digits, part)) return false;
    }
    us = static_cast<std::int64_t>(whole * 1000 + part);
    return true;
}

std::string millis(std::int64_t us) {
    char out[40];
    std::snprintf(out, sizeof out, us % 1000 ? "%lld.%03lld" : "%lld", static_cast<long long>(us / 1000), static_cast<long long>(us % 1000));
    return out;
}

struct Setting {
    const char* name;
    std::uint32_t Plan::* field;
};
constexpr Setting kSettings[] = {{"nodes", &Plan::nodes}, {"clients", &Plan::clients_per_node}, {"token", &Plan::token_ms}, {"netmtu", &Plan::netmtu},
                                 {"window", &Plan::window}, {"max-messages", &Plan::max_messages}, {"miss-count", &Plan::miss_count},
                                 {"fail-recv", &Plan::fail_recv}, {"socket-frames", &Plan::socket_frames}, {"worker-delay", &Plan::worker_delay_us}};
struct LinkSetting {
    const char* name;
    std::uint32_t LinkProfile::* field;
};
constexpr LinkSetting kLinkSettings[] = {{"loss", &LinkProfile::loss}, {"duplicate", &LinkProfile::duplicate}, {"reorder", &LinkProfile::reorder},
                                         {"delay", &LinkProfile::delay_us}, {"jitter", &LinkProfile::jitter_us}, {"reorder-delay", &LinkProfile::reorder_us}};

// node.client
bool handle(std::string_view word, Step& s) {
    const auto dot = word.find('.');
    std::uint64_t node = 0, slot = 0;
    if (dot == std::string_view::npos || !number(word.substr(0, dot), node) || !number(word.substr(dot + 1), slot)) return false;
    s.node = static_cast<std::uint32_t>(node);
    s.client = static_cast<std::uint32_t>(slot);
    return true;
}

bool parse_act(const std::vector<std::string>& words, std::size_t i, Step& s) {
    if (i >= words.size()) return false;
    const auto found = std::find_if(std::begin(kActs), std::end(kActs), [&](const Word& w) { return words[i] == w.name; });
    if (found == std::end(kActs)) return false;
    s.act = found->act;
    ++i;
    const auto next = [&](std::uint64_t& out) { return i < words.size() && number(words[i++], out); };
    std::uint64_t node = 0, other = 0;
    switch (s.act) {
    case Act::heal: break;
    case Act::partition:
        s.components.emplace_back();
        for (; i < words.size(); ++i) {
            if (words[i] == "|") {
                s.components.emplace_back();
                continue;
            }
            if (!number(words[i], node)) return false;
            s.components.back().push_back(static_cast<std::uint32_t>(node));
        }
        break;
    case Act::pause: case Act::slow: {
        std::int64_t us = 0;
        if (!next(node) || i >= words.size() || !millis(words[i++], us)) return false;
        s.a = static_cast<std::uint64_t>(us);
        break;
    }
    case Act::cut: case Act::mend:
        if (!next(node) || !next(other)) return false;
        break;
    case Act::loss:
        if (!next(node) || !next(other) || !next(s.a)) return false;
        break;
    case Act::start: case Act::crash: case Act::leave_ring: case Act::replace_worker: case Act::deaf: case Act::hear:
        if (!next(node)) return false;
        break;
    case Act::join:
        if (i >= words.size() || !handle(words[i++], s) || i >= words.size() || words[i].size() < 2 || words[i][0] != 'g' ||
            !number(std::string_view(words[i]).substr(1), s.a))
            return false;
        ++i;
        break;
    case Act::leave: case Act::finalize: case Act::disconnect:
        if (i >= words.size() || !handle(words[i++], s)) return false;
        break;
    case Act::multicast: case Act::parts:
        if (i >= words.size() || !handle(words[i++], s) || !next(s.a) || !next(s.b)) return false;
        for (; i < words.size(); ++i) {
            if (words[i] == "safe") s.c |= kFlagSafe;
            else if (words[i] == "sync") s.c |= kFlagSync;
            else return false;
        }
        break;
    }
    if (s.node == 0) s.node = static_cast<std::uint32_t>(node);
    s.other = static_cast<std::uint32_t>(other);
    return i == words.size();
}

// at MS [when SITUATION NODE] ACT ...
bool parse_step(const std::vector<std::string>& words, Step& s) {
    std::size_t i = 1;
    if (words.size() < 3 || !millis(words[i++], s.at_us)) return false;
    if (words[i] == "when") {
        if (words.size() < 6) return false;
        const auto found = std::find(std::begin(kWhens), std::end(kWhens), words[i + 1]);
        std::uint64_t node = 0;
        if (found == std::end(kWhens) || !number(words[i + 2], node)) return false;
        s.when = static_cast<When>(found - std::begin(kWhens));
        s.when_node = static_cast<std::uint32_t>(node);
        i += 3;
    }
    return parse_act(words, i, s);
}

bool parse_line(const std::vector<std::string>& words, Plan& plan) {
    std::uint64_t value = 0;
    if (words[0] == "at") {
        Step s;
        if (!parse_step(words, s)) return false;
        plan.steps.push_back(std::move(s));
        return true;
    }
    if (words[0] == "expect") {
        if (words.size() != 4 || (words[2] != ">=" && words[2] != "==") || !number(words[3], value)) return false;
        plan.expect.push_back({words[1], words[2] == ">=", value});
        return true;
    }
    if (words[0] == "late") {
        for (std::size_t i = 1; i < words.size(); ++i) {
            if (!number(words[i], value)) return false;
            plan.late.push_back(static_cast<std::uint32_t>(value));
        }
        return true;
    }
    if (words[0] == "reuse-pids") return plan.reuse_pids = true;
    if (words[0] == "cancel-hold") return plan.cancel_hold = true;
    if (words[0] == "link" && words.size() == 2 && words[1] == "unordered") {
        plan.link.fifo = false;
        return true;
    }
    if (words[0] == "link" && words.size() == 3 && number(words[2], value)) {
        for (const LinkSetting& l : kLinkSettings)
            if (words[1] == l.name) {
                plan.link.*l.field = static_cast<std::uint32_t>(value);
                return true;
            }
        return false;
    }
    if (words.size() != 2) return false;
    if (words[0] == "seed") return number(words[1], plan.seed);
    if (words[0] == "end") return millis(words[1], plan.end_us);
    for (const Setting& s : kSettings)
        if (words[0] == s.name) {
            if (!number(words[1], value) || value > 0xffffffff) return false;
            plan.*s.field = static_cast<std::uint32_t>(value);
            return true;
        }
    return false;
}

}  // namespace

std::string to_text(const Step& s) {
    std::ostringstream out;
    out << "at " << millis(s.at_us) << ' ';
    if (s.when != When::always) out << "when " << kWhens[static_cast<int>(s.when)] << ' ' << s.when_node << ' ';
    out << name(s.act);
    switch (s.act) {
    case Act::heal: break;
    case Act::partition:
        for (std::size_t i = 0; i < s.components.size(); ++i) {
            if (i > 0) out << " |";
            for (const std::uint32_t n : s.components[i]) out << ' ' << n;
        }
        break;
    case Act::pause: case Act::slow: out << ' ' << s.node << ' ' << millis(static_cast<std::int64_t>(s.a)); break;
    case Act::cut: case Act::mend: out << ' ' << s.node << ' ' << s.other; break;
    case Act::loss: out << ' ' << s.node << ' ' << s.other << ' ' << s.a; break;
    case Act::start: case Act::crash: case Act::leave_ring: case Act::replace_worker: case Act::deaf: case Act::hear: out << ' ' << s.node; break;
    case Act::join: out << ' ' << s.node << '.' << s.client << " g" << s.a; break;
    case Act::leave: case Act::finalize: case Act::disconnect: out << ' ' << s.node << '.' << s.client; break;
    case Act::multicast: case Act::parts:
        out << ' ' << s.node << '.' << s.client << ' ' << s.a << ' ' << s.b;
        if (s.c & kFlagSafe) out << " safe";
        if (s.c & kFlagSync) out << " sync";
        break;
    }
    return out.str();
}

std::string to_text(const Plan& plan) {
    const Plan usual;
    std::ostringstream out;
    out << "seed " << plan.seed << '\n';
    for (const Setting& s : kSettings)
        if (plan.*s.field != usual.*s.field || s.field == &Plan::nodes) out << s.name << ' ' << plan.*s.field << '\n';
    for (const LinkSetting& l : kLinkSettings)
        if (plan.link.*l.field != usual.link.*l.field) out << "link " << l.name << ' ' << plan.link.*l.field << '\n';
    if (!plan.link.fifo) out << "link unordered\n";
    if (plan.reuse_pids) out << "reuse-pids\n";
    if (plan.cancel_hold) out << "cancel-hold\n";
    if (!plan.late.empty()) {
        out << "late";
        for (const std::uint32_t n : plan.late) out << ' ' << n;
        out << '\n';
    }
    for (const Step& s : plan.steps) out << to_text(s) << '\n';
    out << "end " << millis(plan.end_us) << '\n';
    for (const Expectation& e : plan.expect) out << "expect " << e.figure << (e.at_least ? " >= " : " == ") << e.value << '\n';
    return out.str();
}

Result<Plan> parse_plan(std::string_view text) {
    Plan plan;
    std::istringstream in{std::string(text)};
    std::string line;
    for (int at = 1; std::getline(in, line); ++at) {
        std::istringstream split(line.substr(0, line.find('#')));
        std::vector<std::string> words;
        for (std::string w; split >> w;) words.push_back(w);
        if (!words.empty() && !parse_line(words, plan)) return error("line %d: '%s' is not a statement of a scenario", at, line.c_str());
    }
    if (plan.nodes < 1 || plan.nodes > 64 || plan.clients_per_node > 16) return error("1 to 64 nodes with up to 16 clients each");
    if (plan.token_ms < 100) return error("a token timeout below 100 ms leaves no room for the other timers");
    std::stable_sort(plan.steps.begin(), plan.steps.end(), [](const Step& a, const Step& b) { return a.at_us < b.at_us; });
    if (plan.end_us == 0) plan.end_us = (plan.steps.empty() ? 0 : plan.steps.back().at_us) + 1000000;
    return plan;
}

}  // namespace motet::sim
