// Host name and interface addresses.
#include "libs/config/host.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace motet::config {

Host this_host() {
    Host host;
    char name[256] = {};
    if (gethostname(name, sizeof name - 1) == 0) host.name = name;
    ifaddrs* list = nullptr;
    if (getifaddrs(&list) != 0) return host;
    for (const ifaddrs* i = list; i != nullptr; i = i->ifa_next) {
        if (i->ifa_addr == nullptr) continue;
        char text[INET6_ADDRSTRLEN] = {};
        const void* address = nullptr;
        if (i->ifa_addr->sa_family == AF_INET) address = &reinterpret_cast<const sockaddr_in*>(i->ifa_addr)->sin_addr;
        if (i->ifa_addr->sa_family == AF_INET6) address = &reinterpret_cast<const sockaddr_in6*>(i->ifa_addr)->sin6_addr;
        if (address != nullptr && inet_ntop(i->ifa_addr->sa_family, address, text, sizeof text) != nullptr) host.addresses.emplace_back(text);
    }
    freeifaddrs(list);
    return host;
}

}  // namespace motet::config
