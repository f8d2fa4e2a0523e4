// Names of hosts, users and groups need files and perhaps the network, which the parser must not have: it asks a
// process that has them and never sees the configuration.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "libs/config/totem_settings.h"

namespace motet::reader {

inline constexpr int kNamesTimeoutMs = 5'000;

class Names {
public:
    virtual ~Names() = default;
    virtual std::optional<std::string> address(std::string_view host, config::IpVersion version) = 0;   // numeric
    virtual std::optional<std::uint32_t> user(std::string_view name) = 0;
    virtual std::optional<std::uint32_t> group(std::string_view name) = 0;
};

// What this machine says.
class SystemNames final : public Names {
public:
    std::optional<std::string> address(std::string_view host, config::IpVersion version) override;
    std::optional<std::uint32_t> user(std::string_view name) override;
    std::optional<std::uint32_t> group(std::string_view name) override;
};

// The same through a socket to serve_names(). All questions together may take kNamesTimeoutMs; later ones fail at once.
class RemoteNames final : public Names {
public:
    explicit RemoteNames(int socket) : socket_(socket) {}
    std::optional<std::string> address(std::string_view host, config::IpVersion version) override;
    std::optional<std::uint32_t> user(std::string_view name) override;
    std::optional<std::uint32_t> group(std::string_view name) override;

private:
    std::optional<std::string> ask(char kind, char detail, std::string_view name);
    int socket_;
    int left_ms_ = kNamesTimeoutMs;
};

inline constexpr std::size_t kNameMax = 255;   // bytes of a name asked for
inline constexpr std::size_t kQuestionsMax = 4096;

// Answers until the other side closes or has asked too much; refuses questions that are not well formed. The asker is not trusted.
void serve_names(int socket, Names& names, std::size_t questions_max = kQuestionsMax);

}  // namespace motet::reader
