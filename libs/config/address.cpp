// Numeric IP addresses, through the system's own parser.
#include "libs/config/address.h"

#include <arpa/inet.h>

#include <string>

namespace motet::config {

bool Address::multicast() const { return ipv6 ? bytes[0] == 0xff : (bytes[0] & 0xf0) == 0xe0; }
bool Address::unspecified() const { return bytes == std::array<std::uint8_t, 16>{}; }
bool Address::broadcast() const { return !ipv6 && ipv4_number() == 0xffffffffu; }
std::uint32_t Address::ipv4_number() const {
    return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 | bytes[3];
}

std::optional<Address> parse_address(std::string_view text) {
    if (text.size() >= INET6_ADDRSTRLEN) return std::nullopt;
    const std::string terminated(text);
    Address result;
    if (inet_pton(AF_INET, terminated.c_str(), result.bytes.data()) == 1) return result;
    result.ipv6 = true;
    if (inet_pton(AF_INET6, terminated.c_str(), result.bytes.data()) == 1) return result;
    return std::nullopt;
}

}  // namespace motet::config
