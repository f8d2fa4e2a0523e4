// Who a service is: the user it runs as when started by root.
#pragma once
#include <sys/types.h>

#include <string>

#include "libs/base/result.h"

namespace motet::sandbox {

struct Identity {
    uid_t uid = 0;
    gid_t gid = 0;
    bool known = false;    // in the user database; otherwise an id that nobody has, see below
};

// The user of this name. Where it is missing, a service still shares its id with nobody: it gets one from the range that is
// kept for users made on the fly (61184-65519), always the same for a name, that has no entry of its own. An error: there is none.
Result<Identity> identity_of(const std::string& user);

}  // namespace motet::sandbox
