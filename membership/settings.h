// From the configuration snapshot to what Totem, the node and the transport want.
#pragma once
#include "libs/config/totem_settings.h"
#include "membership/node/node.h"
#include "membership/transport/udp/udp.h"

namespace motet {

node::Config node_config(const config::TotemSettings& settings);
transport::UdpConfig udp_config(const config::TotemSettings& settings);

}  // namespace motet
