#include "libs/config/listen.h"

#include <charconv>

namespace motet::config {
namespace {

constexpr std::size_t kPathMax = 107;   // bytes; the kernel's limit for Unix sockets

bool loopback(const Address& address) {
    if (!address.ipv6) return address.bytes[0] == 127;
    Address one{.ipv6 = true};
    one.bytes[15] = 1;
    return address == one;
}

}  // namespace

Result<Listen> parse_listen(std::string_view text) {
    const std::string given(text.substr(0, 120));
    Listen out;
    if (text.starts_with('/')) {
        if (text.size() > kPathMax || text.ends_with('/') || text.find('\0') != text.npos)
            return error("\"%s\" cannot be the path of a Unix socket; at most %zu bytes, the last part a name", given.c_str(), kPathMax);
        out.path = text;
        return out;
    }
    const std::size_t colon = text.rfind(':');
    const std::string_view port = colon == text.npos ? "" : text.substr(colon + 1);
    std::string_view host = text.substr(0, colon == text.npos ? text.size() : colon);
    const bool bracketed = host.starts_with('[') && host.ends_with(']');
    if (bracketed) host = host.substr(1, host.size() - 2);
    const auto address = parse_address(host);
    const auto [end, problem] = std::from_chars(port.data(), port.data() + port.size(), out.port);
    if (!address || address->ipv6 != bracketed || problem != std::errc{} || end != port.data() + port.size() || out.port == 0)
        return error("\"%s\" is neither a path nor an address and a port; write /run/motet/metrics.sock, 127.0.0.1:9664 or [::1]:9664", given.c_str());
    if (!loopback(*address))
        return error("\"%s\" is not a loopback address, and whoever reaches the port may read; write 127.0.0.1:%u and let a proxy that authenticates serve others",
                     given.c_str(), unsigned{out.port});
    out.address = *address;
    return out;
}

}  // namespace motet::config
