#include "workers/metrics/http.h"

#include <microhttpd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace motet::metrics {
namespace {

constexpr const char* kFormat = "application/openmetrics-text; version=1.0.0; charset=utf-8";
constexpr std::size_t kBlock = 64 * 1024;   // bytes handed to the socket at once

struct Body {
    std::shared_ptr<const std::string> text;
};

ssize_t read_body(void* of, std::uint64_t at, char* out, std::size_t max) {
    const std::string& text = *static_cast<const Body*>(of)->text;
    if (at >= text.size()) return MHD_CONTENT_READER_END_OF_STREAM;
    const std::size_t size = std::min(max, text.size() - static_cast<std::size_t>(at));
    std::memcpy(out, text.data() + at, size);
    return static_cast<ssize_t>(size);
}

void free_body(void* of) { delete static_cast<Body*>(of); }

// By a reader, not as a buffer of the library's: all who ask at the same time share one text.
MHD_Result answer(MHD_Connection* connection, unsigned status, const char* format, std::shared_ptr<const std::string> text) {
    const std::uint64_t size = text->size();
    auto body = std::make_unique<Body>(Body{std::move(text)});
    MHD_Response* response = MHD_create_response_from_callback(size, kBlock, read_body, body.get(), free_body);
    if (response == nullptr) return MHD_NO;
    body.release();
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, format);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED) MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    const MHD_Result queued = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return queued;
}

std::shared_ptr<const std::string> line(const char* text) { return std::make_shared<const std::string>(text); }

}  // namespace

struct Http::Calls {
    static MHD_Result request(void* self, MHD_Connection* connection, const char* url, const char* method, const char*, const char*, std::size_t* size, void**) {
        auto& http = *static_cast<Http*>(self);
        *size = 0;   // a body is nothing to us
        const bool get = std::strcmp(method, MHD_HTTP_METHOD_GET) == 0 || std::strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
        const bool known = std::strcmp(url, "/metrics") == 0;
        if (get && known) {
            ++http.scrapes_;
            return answer(connection, MHD_HTTP_OK, kFormat, http.text_());
        }
        ++http.refused_;
        return known ? answer(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain", line("only GET and HEAD\n"))
                     : answer(connection, MHD_HTTP_NOT_FOUND, "text/plain", line("there is nothing but /metrics\n"));
    }
    static void connection(void* self, MHD_Connection* connection, void**, MHD_ConnectionNotificationCode what) {
        auto& http = *static_cast<Http*>(self);
        if (what == MHD_CONNECTION_NOTIFY_STARTED) http.due_[connection] = http.now_ + kLifeMax;
        else http.due_.erase(connection);
    }
};

Result<std::unique_ptr<Http>> Http::start(int listening, Text text) {
    std::unique_ptr<Http> http(new Http(std::move(text)));
    http->daemon_ = MHD_start_daemon(MHD_USE_EPOLL, 0, nullptr, nullptr, Calls::request, http.get(), MHD_OPTION_LISTEN_SOCKET, listening,
                                     MHD_OPTION_CONNECTION_LIMIT, kConnectionsMax, MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionMemory,
                                     MHD_OPTION_CONNECTION_TIMEOUT, static_cast<unsigned>(kIdleMax.ms() / 1000), MHD_OPTION_NOTIFY_CONNECTION,
                                     Calls::connection, http.get(), MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (http->daemon_ == nullptr) return error("the HTTP server could not be started");
    const MHD_DaemonInfo* info = MHD_get_daemon_info(http->daemon_, MHD_DAEMON_INFO_EPOLL_FD);
    if (info == nullptr || info->epoll_fd < 0) return error("the HTTP server cannot be waited for");
    http->fd_ = info->epoll_fd;
    return http;
}

Http::~Http() {
    if (daemon_ != nullptr) MHD_stop_daemon(daemon_);
}

void Http::run(Instant now) {
    now_ = now;
    for (const auto& [connection, due] : due_) {
        if (due > now) continue;
        ++refused_;
        // The library sees the end and closes it.
        if (const MHD_ConnectionInfo* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)) shutdown(info->connect_fd, SHUT_RDWR);
    }
    (void)MHD_run(daemon_);
}

Instant Http::deadline(Instant now) const {
    Instant first = kNever;
    for (const auto& [connection, due] : due_) first = std::min(first, std::max(due, now + milliseconds(10)));
    MHD_UNSIGNED_LONG_LONG wait_ms = 0;
    if (MHD_get_timeout(daemon_, &wait_ms) == MHD_YES) first = std::min(first, now + milliseconds(static_cast<std::int64_t>(std::min(wait_ms, 60'000ull))));
    return first;
}

}  // namespace motet::metrics
