// Where the metrics are served: `metrics.listen`, a Unix socket's path or a loopback address with a port.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "libs/base/result.h"
#include "libs/config/address.h"

namespace motet::config {

struct Listen {
    std::string path;          // of a Unix socket; empty: `address` and `port`
    Address address;
    std::uint16_t port = 0;
};

// "/run/motet/metrics.sock", "127.0.0.1:9664", "[::1]:9664". An error says what is wrong and what to write: nothing but loopback
// is taken, because whoever reaches the port may read.
Result<Listen> parse_listen(std::string_view text);

}  // namespace motet::config
