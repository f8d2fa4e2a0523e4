// Clients' messages on their way out: up to kAtomicMax bytes in one piece, longer ones collected here and sent as one
// unit of Corosync's partial messages once the last part has come.
#include <algorithm>
#include <array>

#include "workers/cpg/core_request.h"
#include "workers/cpg/core_state.h"

namespace motet::cpg {
namespace {

namespace client = wire::cpg_client;

enum : std::uint32_t { kFirst = 1, kContinued = 2, kLast = 3 };

Guarantee guarantee_of(std::uint32_t asked) {
    constexpr std::uint32_t kSafe = 3;  // CPG_TYPE_SAFE
    return asked == kSafe ? Guarantee::safe : Guarantee::agreed;
}
bool may_send(const Connection& conn) { return conn.standing == Standing::joining || conn.standing == Standing::joined; }

}  // namespace

void State::submit_message(ConnId id, const Connection& conn, ByteView payload, Guarantee guarantee, Output& out) {
    if (payload.size() <= client::kAtomicMax) {
        std::array<std::uint8_t, wire::cpg::kMcastSize> header;
        wire::cpg::write_mcast({conn.group, conn.pid, {self_, 0}, payload}, header);
        const std::array<ByteView, 2> pieces{header, payload};
        return out.submit(id, pieces, guarantee, true, true);
    }
    const auto total = static_cast<std::uint32_t>(payload.size());
    for (std::size_t at = 0; at < payload.size();) {
        const ByteView part = payload.subspan(at, std::min<std::size_t>(client::kAtomicMax, payload.size() - at));
        const bool first = at == 0, last = at + part.size() == payload.size();
        std::array<std::uint8_t, wire::cpg::kPartialMcastSize> header;
        wire::cpg::write_partial_mcast({conn.group,
                                        total,
                                        conn.pid,
                                        first  ? kFirst
                                        : last ? kLast
                                               : kContinued,
                                        {self_, 0},
                                        part},
                                       header);
        const std::array<ByteView, 2> pieces{header, part};
        out.submit(id, pieces, guarantee, first, last);
        at += part.size();
    }
}

void State::on_multicast(ConnId id, Connection& conn, ByteView payload, Output& out) {
    client::MulticastRequest message;
    if (!take(payload, message) || message.length != payload.size() || message.length > client::kAtomicMax) {
        return violate(id, conn, out);
    }
    if (!may_send(conn)) {
        ++dropped_unjoined_;  // the call has returned long ago: there is nobody to tell
        return;
    }
    submit_message(id, conn, payload, guarantee_of(message.guarantee), out);
}

void State::on_multicast_sync(ConnId id, Connection& conn, std::uint64_t request, ByteView payload, Output& out) {
    client::MulticastRequest message;
    if (!take(payload, message) || message.length != payload.size()) return violate(id, conn, out);
    if (message.length > client::kZeroCopyMax) return reply(id, request, Code::too_big, out);
    if (!synchronised_) return reply(id, request, Code::try_again, out);
    if (!may_send(conn)) return reply(id, request, Code::not_exist, out);
    submit_message(id, conn, payload, guarantee_of(message.guarantee), out);
    reply(id, request, Code::ok, out);
}

void State::on_multicast_part(ConnId id, Connection& conn, std::uint64_t request, ByteView payload, Output& out) {
    client::PartRequest part;
    if (!take(payload, part) || part.length != payload.size()) return violate(id, conn, out);
    reply(id, request, collect(id, conn, part, payload, out), out);
}

Code State::collect(ConnId id, Connection& conn, const client::PartRequest& part, ByteView bytes, Output& out) {
    Collection& collection = conn.collection;
    if (collection.interrupted) {
        collection.interrupted = false;
        // A message that starts here was not interrupted; its sender has given the other one up.
        if (part.kind != kFirst) return Code::interrupt;
    }
    if (!synchronised_) return Code::try_again;
    if (!may_send(conn)) return Code::not_exist;
    if (part.kind == kFirst) {
        stop_collecting(collection);
        if (part.total > client::kMessageMax) return Code::too_big;
        if (part.total > kCollectingMax - collecting_) return Code::try_again;
        collection = {true, false, guarantee_of(part.guarantee), part.total, {}};
        collection.bytes.reserve(part.total);
        collecting_ += part.total;
    }
    if (!collection.open || part.kind < kFirst || part.kind > kLast) return Code::invalid_param;
    const std::size_t left = collection.total - collection.bytes.size();
    const bool last = part.kind == kLast;
    if (part.total != collection.total || bytes.size() > left || (last && bytes.size() != left)) {
        stop_collecting(collection);
        return Code::invalid_param;
    }
    collection.bytes.insert(collection.bytes.end(), bytes.begin(), bytes.end());
    if (last) {
        submit_message(id, conn, collection.bytes, collection.guarantee, out);
        stop_collecting(collection);
    }
    return Code::ok;
}

void State::stop_collecting(Collection& collection) {
    if (collection.open) collecting_ -= collection.total;
    collection = {};
}

}  // namespace motet::cpg
