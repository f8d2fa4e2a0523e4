// What the engine asks for, what the client server asks, and what the supervisor says.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "libs/base/log.h"
#include "libs/worker/worker.h"

namespace motet::worker {
namespace {

constexpr std::size_t kFdsPerClient = 3;
constexpr std::size_t kDumpLine = 400;
constexpr std::size_t kDumpLinesMax = 64;
constexpr unsigned kControlPerWake = 32;

ring::CutReason reason_of(Close why) {
    switch (why) {
        case Close::violation: return ring::CutReason::violation;
        case Close::orderly: return ring::CutReason::orderly;
        case Close::reset: break;
    }
    return ring::CutReason::reset;
}

}  // namespace

void Worker::submit(ConnId conn, std::span<const ByteView> pieces, Guarantee guarantee, bool unit_first, bool unit_last) {
    feed::SubmitHeader header;
    header.conn = static_cast<std::uint32_t>(conn);
    header.guarantee = static_cast<std::uint8_t>(guarantee);
    header.unit_first = unit_first ? 1 : 0;
    header.unit_last = unit_last ? 1 : 0;
    header.req_after = conn == request_conn_ ? request_after_ : 0;
    if (!pieces.empty() && pieces[0].size() >= sizeof(std::uint32_t)) traffic_.sent(pieces[0]);
    uplink_.submit(header, pieces);
    awaited_ = Spin::For::deliveries;
    // Membership starts on a long batch while this round is still collecting it.
    if (uplink_.worth_publishing()) publish_submits();
}

void Worker::submit_sync(std::uint64_t round, std::span<const ByteView> pieces) {
    if (!pieces.empty() && pieces[0].size() >= sizeof(std::uint32_t)) traffic_.sent(pieces[0]);
    uplink_.sync(feed::Submit::sync_multicast, 0, round, pieces);
}

void Worker::sync_done(std::uint32_t service, std::uint64_t round) { uplink_.sync(feed::Submit::sync_done, service, round, {}); }

void Worker::reply(ConnId conn, std::uint64_t request, std::span<const ByteView> pieces) {
    publish_submits();
    clients_.reply(conn, request, pieces);
}

void Worker::event(ConnId conn, std::uint16_t type, std::span<const ByteView> pieces) {
    clients_.event(conn, type, delivery_.tail(), pieces);
}

void Worker::tell(const control::Header& header, ByteView body) { control::send(control::kChildFd, header, body); }

void Worker::close(ConnId conn, Close why) { clients_.cut_off(conn, reason_of(why)); }

bool Worker::on_request(const ipc::Request& request) {
    request_conn_ = request.conn;
    request_after_ = request.position_after;
    engine_->on_request(request.conn, request.type, request.number, request.payload);
    request_conn_ = 0;
    return true;
}

void Worker::on_closed(ConnId conn) {
    if (not_announced_.erase(conn) == 0) engine_->on_disconnect(conn);
    ++closed_;
    drops_.push_back(conn);
}

void Worker::on_control() {
    for (unsigned i = 0; i < kControlPerWake && !stopping_; ++i) {
        switch (control::receive(control::kChildFd, true, message_)) {
            case control::Received::nothing: return;
            case control::Received::closed: std::_Exit(1);  // no supervisor, no worker
            case control::Received::malformed: fatal(name_ + ": a malformed control message from the supervisor");
            case control::Received::message: break;
        }
        switch (message_.type()) {
            case control::Type::conns: adopt_clients(message_); break;
            case control::Type::go: {
                control::Header ready;
                ready.type = static_cast<std::uint32_t>(control::Type::ready);
                ready.a = clients_.clients();
                control::send(control::kChildFd, ready);
                break;
            }
            case control::Type::stop: stopping_ = true; break;
            case control::Type::dump: dump(); break;
            case control::Type::config:
                log::set_level(static_cast<log::Level>(std::clamp<std::uint64_t>(message_.header.b, 3, 7)));
                [[fallthrough]];
            default:
                engine_->on_told(message_);
                for (const int fd : message_.fds)
                    if (fd >= 0) ::close(fd);
                message_.fds.clear();
        }
    }
}

void Worker::adopt_clients(control::Message& message) {
    const std::size_t n = message.header.n;
    if (message.body.size() != n * sizeof(control::ConnEntry) || message.fds.size() != n * kFdsPerClient)
        fatal(name_ + ": a connection message whose entries and descriptors do not match");
    for (std::size_t i = 0; i < n; ++i) {
        control::ConnEntry entry;
        std::memcpy(&entry, message.body.data() + i * sizeof entry, sizeof entry);
        const int* fds = message.fds.data() + i * kFdsPerClient;
        ipc::Connection connection{.id = entry.id,
                                   .pid = entry.pid,
                                   .uid = entry.uid,
                                   .gid = entry.gid,
                                   .socket = fds[0],
                                   .own_segment = fds[1],
                                   .client_segment = fds[2]};
        std::copy_n(entry.process, sizeof connection.process - 1, connection.process);
        const auto adopted = clients_.adopt(connection);
        if (!adopted) {
            MOTET_LOG(warning, "%s; closed", adopted.error().text.c_str());
            drops_.push_back(entry.id);
        } else if (adopted->used_before) {
            // Its groups died with the process that served it: better a clean end than a member nobody knows.
            not_announced_.insert(entry.id);
            clients_.cut_off(entry.id, ring::CutReason::reset);
        } else {
            engine_->on_connect(entry.id, entry.pid, entry.uid, entry.gid);
        }
    }
    message.fds.clear();  // the server owns them now
    status_dirty_ = true;
}

void Worker::send_drops() {
    while (!drops_.empty()) {
        control::Header drop;
        drop.type = static_cast<std::uint32_t>(control::Type::drop);
        drop.a = drops_.back();
        if (!control::send(control::kChildFd, drop)) return;  // full: again with the next look
        drops_.pop_back();
    }
}

void Worker::dump() {
    MOTET_LOG(notice, "%s: %zu clients, %zu bytes of events waiting beyond their rings", name_.c_str(), clients_.clients(),
              clients_.backlog_bytes());
    const std::string text = engine_->status_json();
    for (std::size_t at = 0, line = 0; at < text.size() && line < kDumpLinesMax; at += kDumpLine, ++line)
        MOTET_LOG(notice, "%s: %s", name_.c_str(), text.substr(at, kDumpLine).c_str());
}

}  // namespace motet::worker
