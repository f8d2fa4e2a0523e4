// Socket addresses of both families as values: parsing, comparing, printing.
#pragma once
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "libs/base/result.h"

namespace motet::transport {

struct Address {
    sockaddr_storage storage{};
    socklen_t length = 0;

    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
    sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
    int family() const { return storage.ss_family; }
    void set_port(std::uint16_t port);
    bool is_multicast() const;
    std::string text() const;           // without the port
};

// Numeric addresses only; names were resolved when the configuration was read.
Result<Address> parse_address(const std::string& text, std::uint16_t port);
bool same_host(const Address& a, const Address& b);   // ports do not count

}  // namespace motet::transport
