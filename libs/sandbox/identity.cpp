#include "libs/sandbox/identity.h"

#include <grp.h>
#include <pwd.h>

#include <cstdint>

namespace motet::sandbox {
namespace {

constexpr uid_t kFirst = 61184, kLast = 65519;   // systemd's range of dynamic users; its name service knows those in use
constexpr unsigned kTries = 64;

std::uint32_t hash(const std::string& text) {
    std::uint32_t out = 2166136261u;
    for (const char c : text) out = (out ^ static_cast<unsigned char>(c)) * 16777619u;
    return out;
}

}  // namespace

Result<Identity> identity_of(const std::string& user) {
    if (const passwd* entry = getpwnam(user.c_str()); entry != nullptr) return Identity{entry->pw_uid, entry->pw_gid, true};
    for (unsigned n = 0; n < kTries; ++n) {
        const uid_t id = kFirst + (hash(user) + n) % (kLast - kFirst + 1);
        if (getpwuid(id) == nullptr && getgrgid(id) == nullptr) return Identity{id, id, false};
    }
    return error("user %s does not exist and no id from %u to %u is free; create the user (systemd-sysusers does)", user.c_str(), kFirst, kLast);
}

}  // namespace motet::sandbox
