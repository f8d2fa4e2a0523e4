#include "tools/motetctl_request.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>

namespace motet::ctl {
namespace {

std::int64_t now_ms() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return std::int64_t{t.tv_sec} * 1000 + t.tv_nsec / 1'000'000;
}

class Socket {
public:
    explicit Socket(int fd) : fd_(fd) {}
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    ~Socket() { if (fd_ >= 0) close(fd_); }
    int get() const { return fd_; }
private:
    int fd_;
};

bool wait(int fd, short events, std::int64_t until_ms) {
    for (;;) {
        const std::int64_t left = until_ms - now_ms();
        if (left <= 0) return false;
        pollfd p{fd, events, 0};
        const int ready = poll(&p, 1, static_cast<int>(left));
        if (ready > 0) return true;
        if (ready < 0 && errno != EINTR) return false;
    }
}

Error silent(const std::string& path, int limit_ms) {
    return error("%s: motet runs but has not answered for %.1f s. Look at its log; if it stays so, restart motet.", path.c_str(), limit_ms / 1000.0);
}

template <class T>
bool number(std::string_view text, T& out) {
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), out);
    return problem == std::errc{} && end == text.data() + text.size();
}

}  // namespace

Result<Answer> ask(const std::string& runtime_dir, const std::string& request, int limit_ms) {
    const std::string path = runtime_dir + "/control.sock";
    const std::int64_t until = now_ms() + limit_ms;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return error("%s: too long for a socket's path. Use a shorter --runtime-dir.", path.c_str());
    std::memcpy(address.sun_path, path.data(), path.size());
    const Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (socket.get() < 0) return error("socket: %s", std::strerror(errno));
    // A full listen queue says EAGAIN and nothing to poll for: the daemon accepts nobody.
    while (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        if (errno == ENOENT || errno == ECONNREFUSED) return error("%s: motet does not run here. Start it, or name its --runtime-dir.", runtime_dir.c_str());
        if (errno == EACCES || errno == EPERM) return error("%s: %s. Run motetctl as root or as the user that motet runs as.", path.c_str(), std::strerror(errno));
        if (errno != EAGAIN) return error("%s: %s", path.c_str(), std::strerror(errno));
        if (now_ms() >= until) return silent(path, limit_ms);
        poll(nullptr, 0, 50);
    }
    const std::string line = request + "\n";
    if (send(socket.get(), line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size()))
        return error("%s: the request could not be sent: %s", path.c_str(), std::strerror(errno));
    std::string text;
    for (char bytes[65536];;) {
        if (!wait(socket.get(), POLLIN, until)) return silent(path, limit_ms);
        const ssize_t size = recv(socket.get(), bytes, sizeof bytes, 0);
        if (size == 0) break;
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (size < 0) return error("%s: motet went away while answering: %s", path.c_str(), std::strerror(errno));
        text.append(bytes, static_cast<std::size_t>(size));
        if (text.size() > kAnswerMax) return error("%s: the answer is larger than %zu bytes", path.c_str(), kAnswerMax);
    }
    return parse_answer(text);
}

Result<Answer> parse_answer(const std::string& text) {
    Answer out;
    std::string_view rest = text;
    for (;;) {
        const std::size_t end = rest.find('\n');
        if (end == rest.npos) return error("motet's answer was cut off. Is it stopping?");
        std::string_view line = rest.substr(0, end);
        rest.remove_prefix(end + 1);
        if (line == "end") return out;
        if (line.starts_with("error ")) return error("motet: %.*s", static_cast<int>(line.size() - 6), line.data() + 6);
        // section NAME LENGTH AGE
        std::string_view words[4];
        for (std::string_view& word : words) {
            const std::size_t blank = std::min(line.find(' '), line.size());
            word = line.substr(0, blank);
            line.remove_prefix(std::min(blank + 1, line.size()));
        }
        std::size_t length = 0;
        Section section;
        if (words[0] != "section" || !number(words[2], length) || !number(words[3], section.age_ms) || length >= rest.size() || rest[length] != '\n')
            return error("motet's answer cannot be understood. Are motetctl and motet of the same version?");
        section.body = rest.substr(0, length);
        rest.remove_prefix(length + 1);
        out[std::string(words[1])] = std::move(section);
    }
}

}  // namespace motet::ctl
