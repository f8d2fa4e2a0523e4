// Links and requests: adopting, draining, arming, closing. Events, replies and back-pressure are in server_output.cpp.
#include "libs/ipc/server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "libs/base/crash_point.h"
#include "libs/base/log.h"
#include "libs/ipc/server_client.h"

namespace motet::ipc {
namespace {

constexpr unsigned kEmptyRoundsMax = 64;  // then a ring is armed and no longer looked at
constexpr unsigned kTokensOwedMax = 4;
constexpr std::size_t kWatchedMax = 16;    // rings that are looked at only because their clients were given something

// Tells a client that its link is over. The supervisor's duplicate keeps the socket open, so closing alone would not.
void announce_end(ring::SegmentPage* page, int socket, ring::CutReason reason) {
    if (page != nullptr) {
        page->reason.store(static_cast<std::uint64_t>(reason), std::memory_order_relaxed);
        page->state.store(3, std::memory_order_release);
    }
    shutdown(socket, SHUT_RDWR);
}

}  // namespace

Server::Server(loop::Poller& poller, Service& service, Limits limits, Overflow overflow)
    : poller_(poller), service_(service), limits_(limits), overflow_(std::move(overflow)) {}

Server::~Server() {
    for (auto& [id, client] : by_id_) close(client->conn.socket);
}

Result<Server::Adopted> Server::adopt(const Connection& connection) {
    auto own = ring::Segment::map(connection.own_segment, true);
    auto peer = ring::Segment::map(connection.client_segment, false);
    close(connection.own_segment);
    close(connection.client_segment);
    const auto refuse = [&](const char* why) -> Error {
        announce_end(own ? own->page() : nullptr, connection.socket, ring::CutReason::violation);
        poller_.remove(connection.socket);
        close(connection.socket);
        return error("connection %llu of process %d: %s", static_cast<unsigned long long>(connection.id), connection.pid,
                     why);
    };
    if (!own) return refuse(own.error().text.c_str());
    if (!peer) return refuse(peer.error().text.c_str());
    if (own->link_id() != connection.id || by_id_.contains(connection.id))
        return refuse("its segment belongs to another link");

    auto owner = std::make_unique<Client>();
    Client& client = *owner;
    client.conn = connection;
    client.own = std::move(*own);
    client.peer = std::move(*peer);
    client.slot = free_slots_.empty() ? static_cast<std::uint32_t>(slots_.size()) : free_slots_.back();
    if (const Status watched = poller_.add(connection.socket, kTag | client.slot); !watched)
        return refuse(watched.error().text.c_str());

    ring::SegmentPage* page = client.own.page();
    const std::uint64_t owners = page->incarnation.load();
    page->incarnation.store(owners + 1);
    if (owners == 0) page->flow_control.store(flow_);   // else it stays until resumed()
    client.events.emplace(page, client.peer.page());
    client.requests.emplace(page, client.peer.page(), static_cast<std::uint32_t>(client.peer.capacity() / 2),
                            client.peer.capacity());
    client.backlog.emplace(overflow_, connection.id, page);
    const ring::Producer::Commit last = client.events->committed();
    client.in_ring = {{last.a, last.b}, last.c};
    client.has = client.last = std::max(client.in_ring, client.backlog->last_key());
    client.adopted_used = owners != 0;
    // Moved into the ring, and the predecessor did not come to say so.
    while (!client.backlog->empty() && client.backlog->front().key <= client.in_ring && !defect("overflow move without comparison"))
        client.backlog->pop();
    client.backlog->settle();
    backlog_total_ += client.backlog->bytes();
    client.lag_tail = client.peer.page()->tail.load(std::memory_order_relaxed);

    if (client.slot == slots_.size())
        slots_.push_back(&client);
    else
        slots_[client.slot] = &client, free_slots_.pop_back();
    recent_[connection.id % recent_.size()] = &client;
    by_id_.emplace(connection.id, std::move(owner));
    client.replied = true;  // by a predecessor, perhaps
    replied_.push_back(&client);
    activate(client);
    if (!client.backlog->empty()) {
        client.lagging = true;
        lagging_.push_back(&client);
        if (next_watch_ == kNever) next_watch_ = {};
        touch(client);
    }
    if (page->state.load() != 1) {   // ended by the predecessor, who did not come to say so
        cut(client, static_cast<ring::CutReason>(page->reason.load()));
    } else if (!client.backlog->intact()) {
        MOTET_LOG(error, "connection %llu of process %d is cut off: its waiting events cannot be read after a restart",
                  static_cast<unsigned long long>(connection.id), connection.pid);
        cut(client, ring::CutReason::reset);
    }
    return Adopted{.used_before = owners != 0};
}

void Server::taken(ConnId conn, std::uint64_t position) {
    if (const auto found = by_id_.find(conn); found != by_id_.end()) {
        found->second->requests->skip_to(position);
        touch(*found->second);
    }
}

void Server::taken_by_low(std::uint32_t conn, std::uint64_t position) {
    for (auto& [id, client] : by_id_)   // a successor's few links, once
        if (static_cast<std::uint32_t>(id) == conn) return taken(id, position);
}

std::uint64_t Server::delivered_to_anyone() const {
    std::uint64_t last = 0;
    for (const auto& [id, client] : by_id_) last = std::max(last, client->has.cause.delivery);
    return last;
}

std::vector<ConnId> Server::connections() const {
    std::vector<ConnId> all;
    for (const auto& [id, client] : by_id_) all.push_back(id);
    std::sort(all.begin(), all.end());
    return all;
}

bool Server::open(ConnId conn) const {
    const auto found = by_id_.find(conn);
    return found != by_id_.end() && !found->second->closing;
}

void Server::resumed() {
    resuming_ = false;
    overflow_.free_unclaimed();
    for (auto& [id, client] : by_id_) {
        client->own.page()->flow_control.store(flow_, std::memory_order_release);
        if (!client->adopted_used || client->closing) continue;
        token(*client, 'r');    // a token of the predecessor may have died with it
        wake_caller(*client);   // and so may the end of a call
    }
}

Server::Client* Server::find(ConnId conn) {
    Client*& recent = recent_[conn % recent_.size()];
    if (recent != nullptr && recent->conn.id == conn) return recent->closing ? nullptr : recent;
    const auto found = by_id_.find(conn);
    if (found == by_id_.end()) return nullptr;
    recent = found->second.get();
    return recent->closing ? nullptr : recent;
}

void Server::activate(Client& client) {
    client.own.page()->idle.store(0, std::memory_order_release);
    client.empty_rounds = 0;
    if (client.active) return;
    client.active = true;
    active_.push_back(&client);
}

// Whoever gets an event may answer it at once: its ring is watched again, so that nobody who looks around for work overlooks
// it until its token is read.
void Server::touch(Client& client) {
    if (client.touched) return;
    if (!client.active && !client.closing && active_.size() < kWatchedMax) activate(client);
    client.touched = true;
    touched_.push_back(&client);
}

void Server::on_ready(const loop::Ready& ready, Instant now) {
    const std::uint64_t slot = ready.tag & ~kTag;
    Client* client = slot < slots_.size() ? slots_[slot] : nullptr;
    if (client == nullptr || client->closing) return;
    activate(*client);
    if (ready.readable && !ready.hung_up) drain_tokens(*client, now);
    if (ready.hung_up && !client->hung_up) {
        client->hung_up = true;
        client->serve_until = client->requests->tail() + client->peer.capacity();
        poller_.remove(client->conn.socket);  // or it would be reported for ever
    }
}

// One call takes everything that waits: whoever gets any byte looks at everything.
void Server::drain_tokens(Client& client, Instant now) {
    char bytes[512];
    const ssize_t n = recv(client.conn.socket, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n <= 0) return;  // the end of the stream is reported as hang-up
    const std::uint64_t tail = client.peer.page()->tail.load(std::memory_order_relaxed);
    bool useful = !client.requests->empty() || static_cast<std::int64_t>(tail - client.tail_at_token) > 0;
    client.tail_at_token = tail;
    if (!client.backlog->empty()) move_backlog(client);
    if (!client.closing && client.events->consumer_waits()) {
        token(client, 'w');
        client.events->served();
        useful = true;
    }
    const bool expected = static_cast<unsigned>(n) <= client.tokens_owed;
    client.tokens_owed = expected ? client.tokens_owed - static_cast<unsigned>(n) : 0;
    if (useful || expected) return;

    if (now - client.idle_window >= seconds(1)) client.idle_window = now, client.idle_tokens = 0;
    if (++client.idle_tokens <= limits_.idle_tokens_per_second || client.penalised) return;
    client.penalised = true;
    client.penalty_until = now + limits_.token_penalty;
    penalised_.push_back(&client);
    (void)poller_.modify(client.conn.socket, kTag | client.slot, {.read = false});
}

void Server::token(Client& client, char kind) {
    // A full socket already holds tokens; a closed one reports itself as hung up.
    (void)send(client.conn.socket, &kind, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

std::size_t Server::serve() {
    std::size_t taken = 0;
    for (std::size_t i = 0; i < active_.size();) {
        Client& client = *active_[i];
        if (!client.closing) take_requests(client, taken);
        const bool rests =
            client.empty_rounds > kEmptyRoundsMax && !client.touched && !client.closing && client.requests->arm();
        if (!rests) {
            ++i;
            continue;
        }
        client.own.page()->idle.store(1, std::memory_order_release);
        client.armed = true;
        client.active = false;
        active_[i] = active_.back();
        active_.pop_back();
    }
    return taken;
}

void Server::take_requests(Client& client, std::size_t& taken) {
    for (unsigned i = 0; i < limits_.requests_per_round; ++i) {
        if (!service_.has_room()) return;
        ring::Record record;
        switch (client.requests->next(record)) {
            case ring::Pull::empty:
                ++client.empty_rounds;
                if (client.hung_up) cut(client, ring::CutReason::orderly);
                return;
            case ring::Pull::violation: return violation(client, "its request ring holds impossible cursors or records");
            case ring::Pull::record: break;
        }
        client.empty_rounds = 0;
        if (client.armed) {  // it was announced by a token, which may be seen only after the request
            client.armed = false;
            client.tokens_owed = std::min(client.tokens_owed + 1, kTokensOwedMax);
        }
        ++taken;
        ++client.requests_taken;
        touch(client);
        const Request request{.conn = client.conn.id,
                              .type = record.type,
                              .number = record.id,
                              .payload = record.payload,
                              .position_after = record.position_after};
        if (record.flags != 3 || !service_.on_request(request))
            return violation(client, "it sent a request that does not exist");
        if (client.closing) return;
        if (client.hung_up && record.position_after >= client.serve_until) return cut(client, ring::CutReason::orderly);
    }
}

void Server::describe(const std::function<void(const ClientValues&)>& each) const {
    for (const auto& [id, client] : by_id_)
        each({.id = id, .pid = client->conn.pid, .process = client->conn.process, .requests = client->requests_taken, .replies = client->replies,
              .events = client->events_given, .lags = client->lags, .queued = client->backlog->bytes(), .lagging = client->lagging});
}

bool Server::anything_waiting() {
    for (Client* client : active_) {
        if (client->hung_up || client->closing || !client->requests->empty()) return true;
    }
    return false;
}

bool Server::prepare_sleep(bool ignore_requests) {
    if (!closing_.empty() || !touched_.empty()) return false;
    if (ignore_requests) return true;
    while (!active_.empty()) {
        Client& client = *active_.back();
        if (client.hung_up || !client.requests->arm()) return false;
        client.own.page()->idle.store(1, std::memory_order_release);
        client.armed = true;
        client.active = false;
        active_.pop_back();
    }
    return true;
}

void Server::violation(Client& client, const char* what) {
    if (client.closing) return;
    MOTET_LOG(warning, "connection %llu of process %d (uid %u) is cut off: %s",
              static_cast<unsigned long long>(client.conn.id), client.conn.pid, client.conn.uid, what);
    cut(client, ring::CutReason::violation);
}

void Server::cut(Client& client, ring::CutReason reason) {
    if (client.closing) return;
    client.closing = true;
    client.close_reason = reason;
    // A successor ends it too, whatever becomes of this process.
    client.own.page()->reason.store(static_cast<std::uint64_t>(reason), std::memory_order_relaxed);
    client.own.page()->state.store(2, std::memory_order_release);
    crash_point("link: marked as over");
    closing_.push_back(&client);
}

void Server::cut_off(ConnId conn, ring::CutReason reason) {
    Client* client = find(conn);
    if (client == nullptr) return;
    if (reason == ring::CutReason::violation) return violation(*client, "it sent a request that makes no sense");
    cut(*client, reason);
}

void Server::cut_off_all(ring::CutReason reason) {
    for (auto& [id, client] : by_id_) cut(*client, reason);
}

bool Server::reap() {
    if (closing_.empty()) return false;
    // What the service does about one closed link may close others: the list grows while we walk it.
    for (std::size_t i = 0; i < closing_.size(); ++i) {
        const ConnId id = closing_[i]->conn.id;
        close_link(*closing_[i]);
        crash_point("link: closed and nobody told");
        service_.on_closed(id);
    }
    closing_.clear();
    return true;
}

void Server::close_link(Client& client) {
    announce_end(client.own.page(), client.conn.socket, client.close_reason);
    poller_.remove(client.conn.socket);
    close(client.conn.socket);
    backlog_total_ -= client.backlog->bytes();
    client.backlog->clear();
    if (client.active) std::erase(active_, &client);
    if (client.touched) std::erase(touched_, &client);
    if (client.lagging) std::erase(lagging_, &client);
    if (client.replied) std::erase(replied_, &client);
    if (client.penalised) std::erase(penalised_, &client);
    slots_[client.slot] = nullptr;
    free_slots_.push_back(client.slot);
    Client*& recent = recent_[client.conn.id % recent_.size()];
    if (recent == &client) recent = nullptr;
    by_id_.erase(client.conn.id);
}

}  // namespace motet::ipc
