#include "membership/transport/udp/address.h"

#include <arpa/inet.h>

#include <cstring>

namespace motet::transport {
namespace {
const sockaddr_in& v4(const Address& a) { return reinterpret_cast<const sockaddr_in&>(a.storage); }
const sockaddr_in6& v6(const Address& a) { return reinterpret_cast<const sockaddr_in6&>(a.storage); }
}  // namespace

void Address::set_port(std::uint16_t port) {
    if (family() == AF_INET6) reinterpret_cast<sockaddr_in6&>(storage).sin6_port = htons(port);
    else reinterpret_cast<sockaddr_in&>(storage).sin_port = htons(port);
}

bool Address::is_multicast() const {
    if (family() == AF_INET6) return IN6_IS_ADDR_MULTICAST(&v6(*this).sin6_addr);
    return IN_MULTICAST(ntohl(v4(*this).sin_addr.s_addr));
}

std::string Address::text() const {
    char name[INET6_ADDRSTRLEN] = "?";
    if (family() == AF_INET6) inet_ntop(AF_INET6, &v6(*this).sin6_addr, name, sizeof name);
    else inet_ntop(AF_INET, &v4(*this).sin_addr, name, sizeof name);
    return name;
}

Result<Address> parse_address(const std::string& text, std::uint16_t port) {
    Address a;
    auto& in4 = reinterpret_cast<sockaddr_in&>(a.storage);
    auto& in6 = reinterpret_cast<sockaddr_in6&>(a.storage);
    if (inet_pton(AF_INET, text.c_str(), &in4.sin_addr) == 1) {
        in4.sin_family = AF_INET;
        a.length = sizeof in4;
    } else if (inet_pton(AF_INET6, text.c_str(), &in6.sin6_addr) == 1) {
        in6.sin6_family = AF_INET6;
        a.length = sizeof in6;
        // Corosync addresses link-local peers on the interface with index 2, whatever the interface is called.
        if (IN6_IS_ADDR_LINKLOCAL(&in6.sin6_addr) || IN6_IS_ADDR_MULTICAST(&in6.sin6_addr)) in6.sin6_scope_id = 2;
    } else {
        return error("'%s' is not an IPv4 or IPv6 address", text.c_str());
    }
    a.set_port(port);
    return a;
}

bool same_host(const Address& a, const Address& b) {
    if (a.family() != b.family()) return false;
    if (a.family() == AF_INET6) return std::memcmp(&v6(a).sin6_addr, &v6(b).sin6_addr, sizeof(in6_addr)) == 0;
    return v4(a).sin_addr.s_addr == v4(b).sin_addr.s_addr;
}

}  // namespace motet::transport
