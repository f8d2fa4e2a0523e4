// motetctl confdb: the object database by paths, as corosync-objctl showed it.
#pragma once
#include "tools/motetctl_config.h"

namespace motet::ctl {

// Exit codes, as motetctl's: 0 done, 1 no answer or nothing there, 2 bad usage.
int run_confdb(const Invocation& invocation);

}  // namespace motet::ctl
