#include "libs/config/services.h"

#include <algorithm>
#include <iterator>

namespace motet::config {
namespace {

// Names of our own processes and sockets.
constexpr std::string_view kTaken[] = {"membership", "cpg", "confdb", "quorum", "sam", "config", "control", "supervisor", "events", "metrics"};

bool good_name(std::string_view name) {
    const auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
    return !name.empty() && name.size() <= kForeignNameMax && name[0] >= 'a' && name[0] <= 'z' && std::all_of(name.begin(), name.end(), good);
}

bool good_path(std::string_view path) {
    return path.size() > 1 && path[0] == '/' && path.back() != '/' && path.find("/../") == path.npos && path.find("//") == path.npos;
}

bool good_user(std::string_view user) {
    const auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'; };
    return !user.empty() && user.size() <= 32 && user != "root" && user[0] != '-' && std::all_of(user.begin(), user.end(), good);
}

}  // namespace

Result<std::vector<ForeignService>> foreign_services(const Snapshot& snapshot) {
    std::vector<ForeignService> out;
    for (std::size_t i = 0;; ++i) {
        const std::string prefix = "services." + std::to_string(i) + ".";
        const auto any = snapshot.entries().lower_bound(prefix);
        if (any == snapshot.entries().end() || !any->first.starts_with(prefix)) return out;
        ForeignService s;
        s.name = snapshot.get_or(prefix + "name", "");
        s.program = snapshot.get_or(prefix + "program", "");
        s.user = snapshot.get_or(prefix + "user", "motet-" + s.name);
        const std::uint64_t id = snapshot.number_or(prefix + "id", 0);
        const std::string key = prefix.substr(0, prefix.size() - 1);
        if (i == kForeignServicesMax) return error("%s: more than %zu services; remove some", key.c_str(), kForeignServicesMax);
        if (!good_name(s.name))
            return error("%s.name: \"%.40s\" is no name of a service; 1 to %zu lower-case letters, digits and -, beginning with a letter", key.c_str(),
                         s.name.c_str(), kForeignNameMax);
        if (std::find(std::begin(kTaken), std::end(kTaken), s.name) != std::end(kTaken))
            return error("%s.name: %s is one of Motet's own; choose another", key.c_str(), s.name.c_str());
        if (!good_path(s.program)) return error("%s.program: \"%.80s\" is not the absolute path of a program", key.c_str(), s.program.c_str());
        if (!good_user(s.user)) return error("%s.user: \"%.40s\" cannot be the user of a service; name one that is not root", key.c_str(), s.user.c_str());
        if (id < kForeignIdMin || id > kForeignIdMax || id == kForeignIdTaken)
            return error("%s.id: missing, %u or not from %u to %u, which is where services of others are", key.c_str(), kForeignIdTaken, kForeignIdMin, kForeignIdMax);
        s.id = static_cast<std::uint32_t>(id);
        for (const ForeignService& other : out) {
            if (other.name == s.name) return error("%s.name: %s appears twice; give each service its own", key.c_str(), s.name.c_str());
            if (other.id == s.id) return error("%s.id: %u appears twice; give each service its own", key.c_str(), s.id);
        }
        out.push_back(std::move(s));
    }
}

}  // namespace motet::config
