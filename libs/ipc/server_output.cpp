// What clients get: events (ring, then a bounded backlog), replies, flow-control bits; and what becomes of the slow ones.
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "libs/base/crash_point.h"
#include "libs/base/log.h"
#include "libs/ipc/server_client.h"

namespace motet::ipc {
namespace {

constexpr unsigned kSpaceTries = 4;
constexpr Duration kThrottledWatch = milliseconds(20);  // how often a sleeping worker looks at laggards

std::size_t total(std::span<const ByteView> pieces) {
    std::size_t length = 0;
    for (const ByteView piece : pieces) length += piece.size();
    return length;
}

}  // namespace

void Server::event(ConnId conn, std::uint16_t type, const Cause& cause, std::span<const ByteView> pieces) {
    Client* client = find(conn);
    if (client == nullptr) return;
    if (resuming_) {
        // Counted from the first of its cause, whether it has this one or not.
        const bool same = client->repeating.cause == cause;
        client->repeating = {cause, same ? client->repeating.count + 1 : 1};
        if (client->repeating <= client->has && !defect("no id comparison")) return;
        client->last = client->repeating;
    } else {
        client->last = {cause, client->last.cause == cause ? client->last.count + 1 : 1};
    }
    ++client->events_given;
    if (client->backlog->empty()) {
        if (client->events->worth_publishing()) publish_link(*client);   // long batches are taken while they grow
        const ring::Push pushed = client->events->push(type, cause.delivery, pieces);
        if (pushed == ring::Push::ok) {
            client->in_ring = client->last;
            return touch(*client);
        }
        if (pushed == ring::Push::violation) return violation(*client, "its event cursor is impossible");
    }
    append_backlog(*client, type, pieces, total(pieces));
}

void Server::append_backlog(Client& client, std::uint16_t type, std::span<const ByteView> pieces, std::size_t length) {
    const auto id = static_cast<unsigned long long>(client.conn.id);
    const std::size_t cost = Backlog::cost_of(length);
    const std::size_t bytes = client.backlog->bytes() + cost;
    if (length > client.events->record_max()) {
        MOTET_LOG(error,
                  "connection %llu of process %d is cut off: an event of %zu bytes, more than its ring can carry (%u)", id,
                  client.conn.pid, length, client.events->record_max());
        return cut(client, ring::CutReason::reset);
    }
    if (bytes > limits_.backlog_per_client) return give_up(client);
    while (backlog_total_ + cost > limits_.backlog_total) {  // whoever holds most goes, not whoever asks last
        Client* most = &client;
        for (Client* other : lagging_) {
            if (!other->closing && other->backlog->bytes() > most->backlog->bytes()) most = other;
        }
        give_up(*most);
        if (most == &client) return;
    }
    if (!client.warned && bytes > limits_.backlog_per_client / 4) {
        client.warned = true;
        MOTET_LOG(notice,
                  "connection %llu of process %d reads its events slowly: a quarter of %zu bytes is waiting; it is cut off "
                  "when all are",
                  id, client.conn.pid, limits_.backlog_per_client);
    }
    // What waits counts at once; so everything before it must have been published.
    if (client.backlog->empty()) publish_link(client);
    if (!client.backlog->append(type, client.last, pieces, length)) return give_up(client);
    backlog_total_ += cost;
    if (!client.lagging) {
        client.lagging = true;
        ++client.lags;
        lagging_.push_back(&client);
        if (next_watch_ == kNever) next_watch_ = {};
    }
    if (!client.space_wanted) touch(client);  // publish() arranges for a token when there is room
}

void Server::give_up(Client& client) {
    MOTET_LOG(warning,
              "connection %llu of process %d is cut off: it does not read its events; %zu bytes are waiting (limit %zu), "
              "%zu for all clients (limit %zu)",
              static_cast<unsigned long long>(client.conn.id), client.conn.pid, client.backlog->bytes(),
              limits_.backlog_per_client, backlog_total_, limits_.backlog_total);
    cut(client, ring::CutReason::backlog);  // first: a successor must not take the rest for all
    backlog_total_ -= client.backlog->bytes();
    client.backlog->clear();  // its memory is wanted at once
}

void Server::move_backlog(Client& client) {
    client.space_wanted = false;
    const std::size_t before = client.backlog->bytes();
    while (!client.backlog->empty()) {
        const Backlog::Item item = client.backlog->front();
        const ring::Push pushed = client.events->push(item.type, item.key.cause.delivery, item.pieces());
        if (pushed == ring::Push::violation) violation(client, "its event cursor is impossible");
        if (pushed != ring::Push::ok) break;
        client.in_ring = item.key;
        client.backlog->pop();
        if (client.events->worth_publishing()) publish_link(client);
    }
    backlog_total_ -= before - client.backlog->bytes();
    touch(client);
}

// The commit slot first: a successor finds what everything up to the published head stands for. Then the end of the backlog:
// what has been moved from there is in the ring for good.
void Server::publish_link(Client& client) {
    if (client.events->head() == client.events->published()) return;
    client.events->commit({client.in_ring.cause.delivery, client.in_ring.cause.journal, client.in_ring.count});
    const bool sleeps = client.events->publish();
    client.backlog->settle();
    if (!sleeps) return;
    token(client, 'w');
    client.events->served();
}

void Server::publish_events() {
    for (Client* client : touched_)
        if (!client->closing) publish_link(*client);
}

void Server::publish() {
    for (std::size_t i = 0; i < touched_.size();) {
        Client& client = *touched_[i];
        bool settled = true;
        if (!client.closing) {
            publish_link(client);
            if (client.requests->release()) {
                token(client, 's');
                client.requests->space_served();
            }
            for (unsigned tries = 0; !client.backlog->empty() && !client.space_wanted && !client.closing; ++tries) {
                if (tries == kSpaceTries) {
                    settled = false;  // it reads while we write: carry on in the next round
                    break;
                }
                client.space_wanted = client.events->want_space();
                if (client.space_wanted) break;
                move_backlog(client);
                publish_link(client);
            }
        }
        if (!settled) {
            ++i;
            continue;
        }
        client.touched = false;
        touched_[i] = touched_.back();
        touched_.pop_back();
    }
}

void Server::reply(ConnId conn, std::uint64_t number, std::span<const ByteView> pieces) {
    Client* client = find(conn);
    if (client == nullptr) return;
    // It has it, whoever gave it; or a hostile client counts backwards.
    if (client->own.page()->reply_seq.load(std::memory_order_relaxed) >= number) return;
    ++client->replies;
    if (!client->replied) {
        client->replied = true;
        replied_.push_back(client);
    }
    // What a request has caused for its own client can be taken when the answer is there.
    if (client->touched && !client->closing) publish_link(*client);
    const std::size_t length = total(pieces);
    if (length > client->own.mailbox_capacity()) {
        MOTET_LOG(error, "connection %llu of process %d is cut off: a reply of %zu bytes, its mailbox has %zu",
                  static_cast<unsigned long long>(conn), client->conn.pid, length, client->own.mailbox_capacity());
        return cut(*client, ring::CutReason::reset);
    }
    std::uint8_t* to = client->own.mailbox();
    for (const ByteView piece : pieces) {
        if (!piece.empty()) std::memcpy(to, piece.data(), piece.size());
        to += piece.size();
    }
    ring::SegmentPage* page = client->own.page();
    page->reply_len.store(static_cast<std::uint32_t>(length), std::memory_order_relaxed);
    crash_point("reply: before it counts");
    page->reply_seq.store(number, std::memory_order_release);
    crash_point("reply: before its caller is woken");
    wake_caller(*client);
}

void Server::wake_caller(Client& client) {
    ring::SegmentPage* page = client.own.page();
    const auto low = static_cast<std::uint32_t>(page->reply_seq.load(std::memory_order_relaxed));
    page->reply_futex.store(low, std::memory_order_release);
    std::atomic_thread_fence(std::memory_order_seq_cst);  // the answer must be visible before we decide that nobody sleeps
    if (low != 0 && client.peer.page()->reply_wait.load(std::memory_order_relaxed) == low)
        syscall(SYS_futex, &page->reply_futex, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

void Server::raise_epochs() {
    for (Client* client : replied_) {
        client->replied = false;
        client->own.page()->epoch.fetch_add(1, std::memory_order_acq_rel);
    }
    replied_.clear();
}

void Server::set_flow(ring::FlowBits bit, bool on) {
    const std::uint64_t flow = on ? flow_ | bit : flow_ & ~static_cast<std::uint64_t>(bit);
    if (flow == flow_) return;
    flow_ = flow;
    for (auto& [id, client] : by_id_) {
        if (client->closing) continue;
        client->own.page()->flow_control.store(flow_, std::memory_order_release);
        if (!on) token(*client, 'w');
    }
}

// A laggard that takes its events, only slower than they come, holds the local senders back; one that takes nothing holds
// back nobody and runs into its limit.
void Server::watch_laggards(Instant now) {
    bool throttled = false, far_behind = false;
    for (std::size_t i = 0; i < lagging_.size();) {
        Client& client = *lagging_[i];
        if (client.backlog->empty()) {
            client.lagging = client.throttles = false;
            lagging_[i] = lagging_.back();
            lagging_.pop_back();
            continue;
        }
        const std::uint64_t tail = client.peer.page()->tail.load(std::memory_order_relaxed);
        if (tail != client.lag_tail) client.lag_tail = tail, client.lag_moved = now;
        const bool moves = now - client.lag_moved < limits_.lag_moved;
        const std::size_t bound = limits_.backlog_per_client / (client.throttles ? 8 : 4);
        client.throttles = moves && client.backlog->bytes() > bound;
        throttled |= client.throttles;
        far_behind |= client.throttles && client.backlog->bytes() > limits_.backlog_per_client / 2;
        ++i;
    }
    far_behind_ = far_behind;
    if (!far_behind) {
        holding_ = one_batch_ = false;
    } else if (!holding_) {
        if (!one_batch_) holding_ = true, held_since_ = now;
    } else if (held_since_ == Instant{}) {
        held_since_ = now;
    } else if (now - held_since_ >= limits_.hold_max) {
        holding_ = false;
        one_batch_ = true;
    }
    set_flow(ring::kFlowLagging, throttled);
    next_watch_ = lagging_.empty() ? kNever : now + limits_.lag_watch;
}

void Server::on_time(Instant now) {
    if (now >= next_watch_) watch_laggards(now);
    for (std::size_t i = 0; i < penalised_.size();) {
        Client& client = *penalised_[i];
        if (now < client.penalty_until) {
            ++i;
            continue;
        }
        client.penalised = false;
        if (!client.closing && !client.hung_up) {
            (void)poller_.modify(client.conn.socket, kTag | client.slot, {});
            activate(client);
        }
        penalised_[i] = penalised_.back();
        penalised_.pop_back();
    }
}

Instant Server::deadline() const {
    Instant first = (flow_ & ring::kFlowLagging) != 0 && next_watch_ != kNever ? next_watch_ + kThrottledWatch : kNever;
    for (const Client* client : penalised_) first = std::min(first, client->penalty_until);
    return first;
}

}  // namespace motet::ipc
