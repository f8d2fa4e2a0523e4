// The system-call lists, one line per call with the reason; loaded as the last step of enter().
#pragma once
#include "libs/base/result.h"
#include "libs/sandbox/sandbox.h"

namespace motet::sandbox {

// True if this profile has a list at all.
bool has_filter(Profile profile);
// Calls outside the list kill the process from here on.
Status load_filter(Profile profile);

}  // namespace motet::sandbox
