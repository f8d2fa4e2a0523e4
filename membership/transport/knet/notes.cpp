#include "membership/transport/knet/notes.h"

#include <charconv>

namespace motet::transport {
namespace {

bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

// What follows `label`, up to a blank.
std::string_view word_after(std::string_view text, std::string_view label) {
    const std::size_t at = text.find(label);
    if (at == text.npos) return {};
    text.remove_prefix(at + label.size());
    return text.substr(0, text.find(' '));
}

int number(std::string_view text) {
    int value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

// "127.0.0.2:54542" and "fd00::1:5405": the port is behind the last colon.
std::string without_port(std::string_view text) { return std::string(text.substr(0, text.rfind(':'))); }

}  // namespace

Note read_note(std::string_view text) {
    using enum Note::Kind;
    if (has(text, "Unable to decrypt packet from ")) return {unauthenticated, without_port(word_after(text, "packet from "))};
    if (has(text, "Unable to decrypt/auth") || has(text, "Digest does not match") || has(text, "incorrect packet size") ||
        has(text, "tx_sock_error") || has(text, "received pong") || has(text, "Received ICMP error"))
        return {expected};
    if (has(text, "version does not match") || has(text, "too short")) return {malformed};
    if (has(text, "already been delivered")) return {duplicate};
    if (has(text, "Unable to find source host") || has(text, "Unable to determine source link")) return {unknown_sender};
    if (has(text, "not reachable yet")) return {unreachable_sender};
    if (has(text, "not for us")) return {not_for_us};
    if (has(text, "Unable to send p")) return {send_failed, std::string(word_after(text, "dst ip: ")), number(word_after(text, "packet (sendto): "))};
    if (has(text, "has no active links") || has(text, "best link") || has(text, " is up") || has(text, " is down") || has(text, "link change") ||
        has(text, "Resetting MTU") || has(text, "Global data MTU") || has(text, "has been loaded from") || has(text, "higher latency than pong_timeout"))
        return {expected};
    return {};
}

}  // namespace motet::transport
