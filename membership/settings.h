// From the configuration snapshot to what Totem, the node and the transport want.
#pragma once
#include "libs/config/totem_settings.h"
#include "membership/node/node.h"
#ifdef HAVE_KNET
#include "membership/transport/knet/knet.h"
#endif
#ifdef HAVE_RDMA
#include "membership/transport/rdma/rdma.h"
#endif
#include "membership/transport/udp/udp.h"

namespace motet {

node::Config node_config(const config::TotemSettings& settings);
transport::UdpConfig udp_config(const config::TotemSettings& settings);
#ifdef HAVE_KNET
transport::KnetConfig knet_config(const config::TotemSettings& settings);
#endif

#ifdef HAVE_RDMA
transport::RdmaConfig rdma_config(const config::TotemSettings& settings, const std::string& state_dir);
#endif

}  // namespace motet
