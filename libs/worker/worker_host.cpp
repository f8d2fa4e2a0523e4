// What the engine asks for, what the client server asks, and what the supervisor says.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "libs/base/assert.h"
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
    MOTET_ASSERT(promise_ == Promise::none || (promise_ == Promise::request && promised_submits_++ == 0),
                 "a pure input causes more submissions than it may");
    uplink_.submit(header, pieces);
    awaited_ = loop::Spin::For::deliveries;
    // Membership starts on a long batch while this round is still collecting it. Of a request that is not in the journal all
    // must become visible at once.
    if (promise_ == Promise::none && uplink_.worth_publishing()) publish_submits();
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
    MOTET_ASSERT(promise_ != Promise::request, "a pure request causes an event");
    clients_.event(conn, type, cause_, pieces);
}

// While the journal is repeated the supervisor has heard it from the predecessor.
void Worker::tell(const control::Header& header, ByteView body) {
    if (!repeating_) control::send(control::kChildFd, header, body);
}

void Worker::changed() { clients_.raise_epochs(); }

void Worker::close(ConnId conn, Close why) {
    MOTET_ASSERT(promise_ == Promise::none || why == Close::violation, "a pure input closes a connection");
    clients_.cut_off(conn, reason_of(why));
}

bool Worker::has_room() { return uplink_.has_room() && !(resumable() && started_.journal->due()); }

bool Worker::on_request(const ipc::Request& request) {
    if (!resumable()) {
        request_conn_ = request.conn;
        request_after_ = request.position_after;
        engine_->on_request(request.conn, request.type, request.number, request.payload);
        request_conn_ = 0;
        if (uplink_.worth_publishing()) publish_submits();
        return true;
    }
    if (cut_off_if_quarantined(request.conn, request.position_after)) return true;
    Journal::Entry entry{.kind = ring::Marker::request,
                         .type = request.type,
                         .conn = request.conn,
                         .number = request.number,
                         .position = request.position_after,
                         .payload = request.payload};
    promise_ = Promise::none;
    if (engine_->is_pure_request(request.conn, request.type))
        promise_ = Promise::request, promised_submits_ = 0;
    else
        entry.payload = write_down(entry);
    answer_request(entry);
    promise_ = Promise::none;
    if (uplink_.worth_publishing()) publish_submits();
    return true;
}

void Worker::on_closed(ConnId conn) {
    MOTET_LOG(debug, "connection %llu is closed", static_cast<unsigned long long>(conn));
    if (known_.contains(conn)) disconnect(conn);
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
            case control::Type::quarantine: quarantine_.push_back({message_.header.a, message_.header.b}); break;
            case control::Type::go: {
                if (!serving_) resume();
                for (control::Message& early : std::exchange(told_early_, {})) {
                    pass_on(early);
                    for (const int fd : early.fds)
                        if (fd >= 0) ::close(fd);
                }
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
                if (!serving_) {   // not before the engine is what it was
                    told_early_.push_back(std::exchange(message_, {}));
                    break;
                }
                pass_on(message_);
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
        } else if (!serving_) {
            handed_.push_back(entry);
        } else if (adopted->used_before) {
            // What it had here died with the process that served it: better a clean end than a member nobody knows.
            clients_.cut_off(entry.id, ring::CutReason::reset);
        } else {
            MOTET_LOG(debug, "connection %llu: process %u (%s) of user %u", static_cast<unsigned long long>(entry.id), static_cast<unsigned>(entry.pid),
                      connection.process, static_cast<unsigned>(entry.uid));
            connect(entry);
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
