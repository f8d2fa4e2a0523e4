// The simulated application; see client.h.
#include "tests/sim/client.h"

#include <algorithm>

#include "tests/sim/content.h"
#include "tests/sim/observer.h"
#include "tests/sim/worker.h"

namespace motet::sim {

namespace client = wire::cpg_client;

namespace {

constexpr std::uint32_t kOk = 1, kTryAgain = 6, kBusy = 9999, kInterrupt = 16;   // cs_error_t

template <class T>
Bytes record(const T& fixed, ByteView payload = {}) {
    Bytes bytes(sizeof fixed);
    std::memcpy(bytes.data(), &fixed, sizeof fixed);
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    return bytes;
}

}  // namespace

void Client::connect(Worker& worker) {
    conn_ = ++*conns;
    if (pid_ == 0 || !reuse_pid) pid_ = 1000 + ++*pids;
    worker.connect(conn_, pid_);
    introduce(worker);
}

void Client::introduce(Worker& worker) { call(worker, client::Request::model, record(client::ModelRequest{pid_, slot_ % 2, 1, 0})); }

void Client::call(Worker& worker, client::Request type, Bytes payload) {
    waiting_ = true;
    asked_ = type;
    worker.request(conn_, type, ++requests_, std::move(payload));
}

std::uint32_t Client::pump(Worker& worker, bool ready, Observer& observer, History& history, Instant now) {
    if (retry_) {
        retry_ = false;
        return 3000;
    }
    while (!waiting_ && !ops_.empty()) {
        const Op& op = ops_.front();
        if (!ready) return 2000;
        if (op.kind == Op::Kind::finalize && conn_ == 0) {
            ops_.pop_front();
            continue;
        }
        if (conn_ == 0) {
            connect(worker);
            continue;
        }
        if (!introduced_) {
            introduce(worker);
            continue;
        }
        switch (op.kind) {
        case Op::Kind::join:
            if (standing_ == Standing::joining) {
                ops_.pop_front();
                break;
            }
            group_ = op.group;
            // A new number for each stay makes stays distinguishable for those who see them; real ones repeat it.
            if (!reuse_pid) pid_ = 1000 + ++*pids;
            ++history.stays[{{node_, pid_}, group_}];
            call(worker, client::Request::join, record(client::JoinRequest{pid_, client_name(group_)}));
            break;
        case Op::Kind::leave:
            if (standing_ != Standing::joining) {
                ops_.pop_front();
                break;
            }
            call(worker, client::Request::leave, record(client::LeaveRequest{pid_, client_name(group_)}));
            break;
        case Op::Kind::finalize: call(worker, client::Request::finalize, {}); break;
        case Op::Kind::multicast:
            if (!worker.room_for_requests()) return 1000;
            if (!send(worker, observer, now)) ops_.pop_front();
            break;
        case Op::Kind::parts:
            if (!worker.room_for_requests()) return 1000;
            if (!send_part(worker, observer, now)) ops_.pop_front();
            break;
        }
    }
    return 0;
}

// False: this call is done.
bool Client::send(Worker& worker, Observer& observer, Instant now) {
    Op& op = ops_.front();
    if (op.count == 0 || life_ >= kGone || standing_ == Standing::unjoined) return false;
    const bool refused = standing_ == Standing::leaving;    // the service must drop it
    if (refused && op.marker) return false;
    const std::uint32_t id = observer.message_created(life_, static_cast<std::uint32_t>(op.size), op.safe, refused, op.marker, now);
    const Bytes content = make_content(id, static_cast<std::uint32_t>(op.size), observer.tag(id));
    const client::MulticastRequest fixed{op.safe ? 3u : 2u, static_cast<std::uint32_t>(op.size)};
    --op.count;
    if (op.with_reply) {
        message_ = id;
        call(worker, client::Request::multicast_sync, record(fixed, content));
    } else worker.request(conn_, client::Request::multicast, ++requests_, record(fixed, content));
    return op.count > 0 || waiting_;
}

bool Client::send_part(Worker& worker, Observer& observer, Instant now) {
    Op& op = ops_.front();
    if (op.count == 0 || life_ >= kGone || standing_ != Standing::joining) return false;
    if (message_ == kNone) {
        message_ = observer.message_created(life_, static_cast<std::uint32_t>(op.size), op.safe, false, false, now);
        content_ = make_content(message_, static_cast<std::uint32_t>(op.size), observer.tag(message_));
        offset_ = 0;
    }
    const std::uint64_t length = std::min(op.part, op.size - offset_);
    const std::uint32_t kind = offset_ == 0 ? 1 : offset_ + length == op.size ? 3 : 2;
    const client::PartRequest fixed{op.safe ? 3u : 2u, static_cast<std::uint32_t>(op.size), static_cast<std::uint32_t>(length), kind};
    call(worker, client::Request::multicast_part, record(fixed, ByteView(content_).subspan(offset_, length)));
    return true;
}

void Client::replied(std::uint64_t request, std::uint32_t error, Observer& observer, History& history) {
    if (!waiting_ || request != requests_) {
        history.violate("E5", "node %u slot %u: a reply to request %llu; the last one was %llu", node_, slot_,
                        static_cast<unsigned long long>(request), static_cast<unsigned long long>(requests_));
        return;
    }
    waiting_ = false;
    const bool again = error == kTryAgain || error == kBusy;
    if (again) retry_ = true;
    const auto unexpected = [&](const char* property, const char* what) {
        history.violate(property, "node %u slot %u: %s is answered with error %u", node_, slot_, what, error);
        if (!ops_.empty()) ops_.pop_front();
    };
    switch (asked_) {
    case client::Request::model:
        if (again) break;
        if (error != kOk) unexpected("E5", "the first request");
        introduced_ = true;
        break;
    case client::Request::join:
        if (error != kOk) --history.stays[{{node_, pid_}, group_}];
        if (again) break;
        if (error != kOk) {
            unexpected("V4", "a join while in no group");
            break;
        }
        standing_ = Standing::joining;
        life_ = observer.life_begins(node_, pid_, group_);
        ops_.pop_front();
        break;
    case client::Request::leave:
        if (again) break;
        if (error != kOk) {
            unexpected("V4", "a leave while in a group");
            break;
        }
        standing_ = Standing::leaving;
        observer.leave_accepted(life_);
        ops_.pop_front();
        break;
    case client::Request::multicast_sync:
        if (error != kOk) {
            const bool out_of_place = history.messages[message_].refused;    // sent while leaving
            observer.message_refused(message_);
            if (again) ++ops_.front().count;    // as a new message
            else if (!out_of_place) unexpected("E5", "a send");
        }
        message_ = kNone;
        if (!ops_.empty() && ops_.front().kind == Op::Kind::multicast && ops_.front().count == 0) ops_.pop_front();
        break;
    case client::Request::multicast_part:
        if (again) break;
        if (error == kOk) {
            offset_ += ops_.front().part;
            if (offset_ < ops_.front().size) break;
        } else {
            observer.message_refused(message_);
            if (error != kInterrupt) unexpected("E5", "a part of a message");
        }
        message_ = kNone;
        if (!ops_.empty() && ops_.front().kind == Op::Kind::parts) {
            if (--ops_.front().count == 0) ops_.pop_front();
        }
        break;
    case client::Request::finalize:
        if (again) break;
        if (error != kOk) unexpected("E5", "finalize");
        else ops_.pop_front();
        waiting_ = true;    // until the connection is closed
        break;
    default: break;
    }
}

void Client::dropped(Observer& observer) {
    if (life_ < kGone) observer.life_ends(life_);
    conn_ = 0;
    life_ = kNone;
    standing_ = Standing::unjoined;
    introduced_ = waiting_ = retry_ = false;
    requests_ = 0;
    message_ = kNone;
}

void Client::happened(const History& history) {
    if (life_ >= kGone || history.lives[life_].end != Life::End::left) return;
    life_ = kNone;
    standing_ = Standing::unjoined;
}

std::string Client::describe() const {
    return "node " + std::to_string(node_) + " slot " + std::to_string(slot_) + ": " + std::to_string(ops_.size()) + " calls to make" +
           (waiting_ ? ", waiting for the reply to a request of type " + std::to_string(static_cast<unsigned>(asked_)) : "") +
           (standing_ == Standing::leaving ? ", leaving" : "");
}

}  // namespace motet::sim
