// This machine's name and addresses, asked of the kernel once; kept apart so that everything else here stays pure.
#pragma once
#include "libs/config/totem_settings.h"

namespace motet::config {

// Loopback addresses included; all of 127.0.0.0/8 is local when 127.0.0.1 is (see is_local).
Host this_host();

}  // namespace motet::config
