// Numeric IP addresses as text and as bytes. No names are looked up here.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace motet::config {

struct Address {
    bool ipv6 = false;
    std::array<std::uint8_t, 16> bytes{};   // IPv4 uses the first four

    bool multicast() const;
    bool unspecified() const;
    bool broadcast() const;
    std::uint32_t ipv4_number() const;      // host order
    friend bool operator==(const Address&, const Address&) = default;
};

std::optional<Address> parse_address(std::string_view text);

}  // namespace motet::config
