// The schema for people, and motet-config for everything that has to look at a file: it does so in its sandbox.
#include "tools/motetctl_config.h"

#include <limits.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

#include "libs/config/explain.h"

namespace motet::ctl {
namespace {

constexpr int kOk = 0, kNothing = 1, kUsage = 2;
constexpr const char* kHelp =
    "Usage: motetctl config COMMAND\n"
    "  explain [KEY]...   what a key means, its range, default and when a change takes effect; a section: all its keys\n"
    "  check [FILE]       tell everything that is wrong with a file\n"
    "  convert FILE       print corosync.conf as motet.yaml, or motet.yaml as corosync.conf (by the name's end)\n"
    "  default            a commented file with every default\n";

std::string reader_path() {
    const char* given = getauxval(AT_SECURE) == 0 ? getenv("MOTET_LIBEXECDIR") : nullptr;
    std::vector<std::string> places;
    if (given != nullptr && *given != '\0') {
        places.emplace_back(given);
    } else {
        char self[PATH_MAX];
        const ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
        if (size > 0) {
            const std::string path(self, static_cast<std::size_t>(size));
            const std::string here = path.substr(0, path.rfind('/'));
            places.push_back(here);
            if (here.ends_with("/.libs")) places.push_back(here.substr(0, here.size() - 6));
        }
        places.emplace_back(MOTET_LIBEXECDIR);
    }
    for (const std::string& place : places)
        if (access((place + "/motet-config").c_str(), X_OK) == 0) return place + "/motet-config";
    return std::string(MOTET_LIBEXECDIR) + "/motet-config";
}

// Becomes motet-config; returns only if that is not possible.
int become_reader(std::vector<std::string> arguments) {
    const std::string program = reader_path();
    arguments.insert(arguments.begin(), program);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    execv(program.c_str(), argv.data());
    std::fprintf(stderr, "motetctl: %s: %s. Install all of Motet, or point MOTET_LIBEXECDIR at it.\n", program.c_str(), std::strerror(errno));
    return kNothing;
}

nlohmann::ordered_json as_json(const config::Key& key) {
    nlohmann::ordered_json out;
    out["key"] = config::yaml_name(key);
    out["section"] = key.section;
    out["name"] = key.name;
    out["about"] = key.about;
    out["value"] = config::expectation(key);
    if (key.type != config::Type::word) out["unit"] = key.unit;
    out["default"] = key.fallback.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(key.fallback);
    out["changes"] = config::when(key.reload);
    out["remarks"] = config::remarks(key);
    return out;
}

std::string overview() {
    std::string out;
    for (const config::Section& section : config::sections())
        if (!section.path.empty()) out += std::string(section.in_file) + std::string(section.in_file.size() < 28 ? 28 - section.in_file.size() : 1, ' ') + std::string(section.about) + "\n";
    return out;
}

int explain(const Invocation& invocation) {
    if (invocation.words.size() == 1 && !invocation.json) return std::fputs(overview().c_str(), stdout) < 0 ? kNothing : kOk;
    std::vector<std::string> names(invocation.words.begin() + 1, invocation.words.end());
    if (names.empty())
        for (const config::Section& section : config::sections())
            if (!section.path.empty()) names.emplace_back(section.path);
    int code = kOk;
    for (const std::string& name : names) {
        const Explained explained = explain_key(name, invocation.json);
        std::fputs(explained.text.c_str(), explained.ok ? stdout : stderr);
        if (!explained.ok) code = kNothing;
    }
    return std::fflush(stdout) == 0 ? code : kNothing;
}

}  // namespace

Explained explain_key(const std::string& name, bool json) {
    const std::vector<const config::Key*> found = config::look_up(name);
    if (found.empty()) {
        const std::size_t dot = name.rfind('.');
        const std::string section = dot == name.npos ? "" : name.substr(0, dot), last = name.substr(dot == name.npos ? 0 : dot + 1);
        std::string near = config::suggestion(section, last);
        if (!near.empty() && !section.empty() && near.find('.') == near.npos) near = section + "." + near;
        return {"motetctl: " + name + ": no such key" + (near.empty() ? "; \"motetctl config explain\" lists the sections" : "; did you mean " + near + "?") + "\n", false};
    }
    std::string out;
    if (json) {
        nlohmann::ordered_json all = nlohmann::ordered_json::array();
        for (const config::Key* key : found) all.push_back(as_json(*key));
        return {nlohmann::ordered_json{{"schema", 1}, {"keys", all}}.dump(2) + "\n", true};
    }
    for (std::size_t i = 0; i < found.size(); ++i) out += (i == 0 ? "" : "\n") + config::explain(*found[i]);
    return {out, true};
}

int run_config(const Invocation& invocation) {
    const auto& words = invocation.words;
    const std::string what = words.empty() ? "" : words[0];
    if (what == "explain") return explain(invocation);
    if (what == "check" && words.size() <= 2) {
        std::vector<std::string> arguments = {"--check"};
        if (words.size() == 2) arguments.insert(arguments.end(), {"--config", words[1]});
        return become_reader(arguments);
    }
    if (what == "convert" && words.size() == 2) return become_reader({"--convert", "--config", words[1]});
    if (what == "default" && words.size() == 1) return become_reader({"--print-default"});
    std::fputs(kHelp, stderr);
    return kUsage;
}

}  // namespace motet::ctl
