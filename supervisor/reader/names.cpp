// Name lookups, and the small protocol between the process that may do them and the one that may not: a question is
// kind, detail, name; an answer is "+" and the result, or "-". One SOCK_SEQPACKET record each.
#include "supervisor/reader/names.h"

#include <arpa/inet.h>
#include <grp.h>
#include <netdb.h>
#include <poll.h>
#include <pwd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>

namespace motet::reader {
namespace {

using config::IpVersion;

std::optional<std::string> look_up(const std::string& host, int family) {
    addrinfo hints{};
    hints.ai_family = family;
    hints.ai_socktype = SOCK_DGRAM;
    addrinfo* list = nullptr;
    if (getaddrinfo(host.c_str(), nullptr, &hints, &list) != 0) return std::nullopt;
    char text[NI_MAXHOST] = {};
    const int rc = getnameinfo(list->ai_addr, list->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
    freeaddrinfo(list);
    if (rc != 0) return std::nullopt;
    return std::string(text);
}

std::int64_t now_ms() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

std::optional<std::uint32_t> to_number(const std::optional<std::string>& text) {
    std::uint32_t value = 0;
    if (!text) return std::nullopt;
    const auto [end, failure] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (failure != std::errc() || end != text->data() + text->size()) return std::nullopt;
    return value;
}

}  // namespace

std::optional<std::string> SystemNames::address(std::string_view host, IpVersion version) {
    const std::string name(host);
    const bool ipv6_first = version == IpVersion::ipv6 || version == IpVersion::ipv6_4;
    const bool only_one = version == IpVersion::ipv4 || version == IpVersion::ipv6;
    auto result = look_up(name, ipv6_first ? AF_INET6 : AF_INET);
    if (!result && !only_one) result = look_up(name, ipv6_first ? AF_INET : AF_INET6);
    return result;
}

std::optional<std::uint32_t> SystemNames::user(std::string_view name) {
    const passwd* entry = getpwnam(std::string(name).c_str());
    if (entry == nullptr) return std::nullopt;
    return entry->pw_uid;
}

std::optional<std::uint32_t> SystemNames::group(std::string_view name) {
    const struct group* entry = getgrnam(std::string(name).c_str());
    if (entry == nullptr) return std::nullopt;
    return entry->gr_gid;
}

std::optional<std::string> RemoteNames::ask(char kind, char detail, std::string_view name) {
    if (name.empty() || name.size() > kNameMax || left_ms_ <= 0) return std::nullopt;
    const std::string question = std::string{kind, detail} + std::string(name);
    if (send(socket_, question.data(), question.size(), MSG_NOSIGNAL) < 0) return std::nullopt;
    const std::int64_t begin = now_ms();
    pollfd wait{socket_, POLLIN, 0};
    const int ready = poll(&wait, 1, left_ms_);
    left_ms_ -= static_cast<int>(now_ms() - begin);
    if (ready != 1) {
        left_ms_ = 0;          // a late answer would be taken for the next one's
        return std::nullopt;
    }
    std::array<char, NI_MAXHOST + 1> answer{};
    const ssize_t size = recv(socket_, answer.data(), answer.size(), 0);
    if (size < 2 || answer[0] != '+') return std::nullopt;
    return std::string(answer.data() + 1, static_cast<std::size_t>(size) - 1);
}

std::optional<std::string> RemoteNames::address(std::string_view host, IpVersion version) {
    return ask('h', static_cast<char>('0' + static_cast<int>(version)), host);
}
std::optional<std::uint32_t> RemoteNames::user(std::string_view name) { return to_number(ask('u', '0', name)); }
std::optional<std::uint32_t> RemoteNames::group(std::string_view name) { return to_number(ask('g', '0', name)); }

void serve_names(int socket, Names& names, std::size_t questions_max) {
    std::array<char, kNameMax + 2> question{};
    for (std::size_t served = 0; served < questions_max; ++served) {
        ssize_t size = 0;
        do size = recv(socket, question.data(), question.size(), MSG_TRUNC);
        while (size < 0 && errno == EINTR);
        if (size <= 0) return;
        std::string answer = "-";
        if (size > 2 && static_cast<std::size_t>(size) <= question.size()) {
            const std::string_view name(question.data() + 2, static_cast<std::size_t>(size) - 2);
            const bool plain = name.find('\0') == name.npos;
            const char detail = question[1];
            if (plain && question[0] == 'h' && detail >= '0' && detail <= '3') {
                if (const auto found = names.address(name, static_cast<IpVersion>(detail - '0'))) answer = "+" + *found;
            } else if (plain && question[0] == 'u') {
                if (const auto found = names.user(name)) answer = "+" + std::to_string(*found);
            } else if (plain && question[0] == 'g') {
                if (const auto found = names.group(name)) answer = "+" + std::to_string(*found);
            }
        }
        if (send(socket, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) return;
    }
}

}  // namespace motet::reader
