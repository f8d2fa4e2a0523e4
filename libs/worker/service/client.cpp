// The installed client on the link that Motet's own client libraries use.
#include <motet/service/client.h>
#include <motet/service/service.h>

#include <array>
#include <cstring>
#include <mutex>
#include <utility>

#include "libs/ipc/client_link.h"

namespace motet::service {
namespace {

Client::Outcome outcome_of(ipc::Outcome o) {
    switch (o) {
        case ipc::Outcome::ok: return Client::Outcome::ok;
        case ipc::Outcome::try_again: return Client::Outcome::try_again;
        case ipc::Outcome::access: return Client::Outcome::access;
        case ipc::Outcome::no_resources: return Client::Outcome::no_resources;
        default: return Client::Outcome::gone;
    }
}

}  // namespace

struct Client::Inside {
    std::unique_ptr<ipc::ClientLink> link;
};

Client::Client(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}
Client::~Client() = default;

Client::Outcome Client::connect(const std::string& name, std::unique_ptr<Client>& out) {
    auto inside = std::make_unique<Inside>();
    const ipc::Outcome got = ipc::ClientLink::connect(name.c_str(), static_cast<std::uint32_t>(kRequestMax), inside->link);
    if (got == ipc::Outcome::ok) out.reset(new Client(std::move(inside)));
    return outcome_of(got);
}

int Client::fd() const { return inside_->link->fd(); }

Client::Outcome Client::send(std::uint16_t type, std::span<const std::uint8_t> payload) {
    if (payload.size() > kRequestMax) return Outcome::no_resources;
    return outcome_of(inside_->link->post(type, static_cast<std::uint32_t>(payload.size()), [&](std::uint8_t* to) {
        if (!payload.empty()) std::memcpy(to, payload.data(), payload.size());
    }));
}

Client::Outcome Client::call(std::uint16_t type, std::span<const std::uint8_t> payload, std::vector<std::uint8_t>& reply) {
    if (payload.size() > kRequestMax) return Outcome::no_resources;
    reply.resize(kReplyMax);
    std::size_t got = 0;
    const std::array<ByteView, 1> pieces{payload};
    const ipc::Outcome result = inside_->link->call(type, pieces, reply, got);
    reply.resize(result == ipc::Outcome::ok ? std::min(got, kReplyMax) : 0);
    return outcome_of(result);
}

Client::Outcome Client::next(std::optional<Event>& out) {
    out.reset();
    ipc::ClientLink& link = *inside_->link;
    const std::lock_guard lock(link.event_mutex());
    ring::Record record;
    switch (link.peek(record)) {
        case ring::Pull::record: break;
        case ring::Pull::empty: {
            const ipc::ClientLink::Settled settled = link.settle();
            if (settled.health != ipc::Outcome::ok) return outcome_of(settled.health);
            if (!settled.empty) link.kick();
            return Outcome::ok;
        }
        default: link.fail(ipc::Outcome::library); return Outcome::gone;
    }
    Event event;
    event.type = record.type;
    event.payload.assign(record.payload.begin(), record.payload.end());
    link.pop();
    link.release();
    out = std::move(event);
    return Outcome::ok;
}

}  // namespace motet::service
