// The system-call lists, one line per call with the reason; loaded as the last step of enter().
#pragma once
#include <string>

#include "libs/base/result.h"
#include "libs/sandbox/sandbox.h"

namespace motet::sandbox {

// True if this profile has a list at all.
bool has_filter(Profile profile);
// "openat" of its number on this machine; "?" if there is none.
std::string call_name(int number);
// Calls outside the list kill the process from here on.
Status load_filter(Profile profile);

}  // namespace motet::sandbox
