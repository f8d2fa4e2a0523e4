// Totem over UDP: unicast to each node (udpu), or one multicast group (udp). No authentication and no encryption.
//
// Sockets: udpu has one, bound to the own address and port, for everything; with one flow per peer a token cannot
// overtake the frames sent before it. udp has Corosync's three: group, token, and a sender on port - 1.
// A burst of frames of equal size leaves as one segmented send (UDP_SEGMENT) and may arrive as one read (UDP_GRO);
// on the wire these are the same datagrams.
#pragma once
#include <array>
#include <memory>
#include <vector>

#include "libs/base/result.h"
#include "membership/transport/transport.h"
#include "membership/transport/udp/address.h"

namespace motet::transport {

struct Peer {
    NodeId id = 0;
    std::string address;        // numeric
};

struct UdpConfig {
    NodeId self = 0;
    std::vector<Peer> nodes;            // this node included
    std::uint16_t port = 5405;
    bool use_multicast = false;         // transport: udp
    std::string group;                  // multicast address, or empty with `broadcast`
    bool broadcast = false;
    int ttl = 1;
    bool block_unlisted = true;         // udpu only, as in Corosync
};

// Opens the sockets. Errors name the address, the reason and the remedy.
Result<std::unique_ptr<Transport>> open_udp(const UdpConfig& config);

// Other nodes and addresses for a transport made by open_udp(). If the own address has changed its socket is opened anew,
// and descriptors() are others afterwards. After an error nothing has changed.
Status reconfigure_udp(Transport& transport, const UdpConfig& config);

}  // namespace motet::transport
