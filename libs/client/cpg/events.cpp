// Checking, copying and putting together events; every length and count is the worker's claim.
#include "libs/client/cpg/events.h"

#include <algorithm>
#include <cstring>

namespace motet::client::cpg {
namespace {

// Zeros behind every event: callbacks that look at a list's first entry before its count find one.
constexpr std::size_t kSlack = 16;
static_assert(kSlack >= sizeof(cpg_address));
static_assert(sizeof(cpg_address) == sizeof(wire::MemberEntry));

template <class T>
bool header_of(const std::uint8_t* data, std::size_t size, T& out) {
    if (size < sizeof out) return false;
    std::memcpy(&out, data, sizeof out);
    return true;
}

bool sound(wire::Event type, const std::uint8_t* data, std::size_t size) {
    switch (type) {
    case wire::Event::deliver: {
        wire::DeliverEvent e;
        return header_of(data, size, e) && e.group.length <= wire::kNameMax && e.length == size - sizeof e;
    }
    case wire::Event::confchg: {
        wire::ConfchgEvent e;
        if (!header_of(data, size, e) || e.group.length > wire::kNameMax) return false;
        const std::uint64_t entries = std::uint64_t{e.members} + e.left + e.joined;
        return entries * sizeof(wire::MemberEntry) == size - sizeof e;
    }
    case wire::Event::totem_confchg: {
        wire::TotemEvent e;
        return header_of(data, size, e) && std::uint64_t{e.members} * sizeof(std::uint32_t) == size - sizeof e;
    }
    case wire::Event::deliver_part: return false;
    }
    return false;
}

bool wanted(const Connection& c, wire::Event type) {
    switch (type) {
    case wire::Event::deliver:
    case wire::Event::deliver_part: return c.model.cpg_deliver_fn != nullptr;
    case wire::Event::confchg: return c.model.cpg_confchg_fn != nullptr;
    case wire::Event::totem_confchg: return c.model.cpg_totem_confchg_fn != nullptr;
    }
    return true;  // unknown: let sound() refuse it
}

Take dead(Connection& connection) {
    connection.link->fail(Outcome::library);
    return Take::dead;
}

// Adds one part. Take::nothing: more are to come.
Take take_part(Connection& connection, ByteView payload, EventBuffer& buffer, TakenEvent& out) {
    Assembly& assembly = connection.assembly;
    wire::DeliverPartEvent part;
    if (!header_of(payload.data(), payload.size(), part)) return dead(connection);
    const bool first = part.offset == 0;
    if (part.group.length > wire::kNameMax || part.length == 0 || part.length != payload.size() - sizeof part ||
        part.total == 0 || part.total > wire::kMessageMax || part.offset > part.total || part.length > part.total - part.offset ||
        (first ? assembly.total != 0 : part.total != assembly.total || part.offset != assembly.got))
        return dead(connection);

    constexpr std::size_t kHeader = sizeof(wire::DeliverEvent);
    const bool keep = wanted(connection, wire::Event::deliver);
    if (first && keep) {
        if (!assembly.buffer.reserve(kHeader + part.total + kSlack)) return Take::no_memory;
        const wire::DeliverEvent whole{part.group, part.nodeid, part.pid, part.total};
        std::memcpy(assembly.buffer.data(), &whole, sizeof whole);
    }
    if (keep) std::memcpy(assembly.buffer.data() + kHeader + part.offset, payload.data() + sizeof part, part.length);
    assembly.total = part.total;
    assembly.got = part.offset + part.length;
    connection.link->pop();
    if (assembly.got < assembly.total) return Take::nothing;

    out = {wire::Event::deliver, keep ? kHeader + assembly.total : 0};
    buffer.swap(assembly.buffer);
    assembly.buffer.reset();
    assembly.total = assembly.got = 0;
    return Take::event;
}

}  // namespace

Take take_event(Connection& connection, EventBuffer& buffer, TakenEvent& out) {
    ipc::ClientLink& link = *connection.link;
    for (;;) {
        ring::Record record;
        switch (link.peek(record)) {
        case ring::Pull::empty: return Take::nothing;
        case ring::Pull::violation: return Take::dead;
        case ring::Pull::record: break;
        }
        out.type = static_cast<wire::Event>(record.type);
        if (out.type == wire::Event::deliver_part) {
            if (const Take part = take_part(connection, record.payload, buffer, out); part != Take::nothing) return part;
            if (link.worth_releasing()) link.release();
            continue;
        }
        if (connection.assembly.total != 0) return dead(connection);  // parts follow each other without a gap
        if (!wanted(connection, out.type)) {
            out.size = 0;
            link.pop();
            return Take::event;
        }
        out.size = record.payload.size();
        if (!buffer.reserve(out.size + kSlack)) return Take::no_memory;  // and the event stays where it is
        if (out.size != 0) std::memcpy(buffer.data(), record.payload.data(), out.size);
        std::memset(buffer.data() + out.size, 0, kSlack);
        link.pop();
        return sound(out.type, buffer.data(), out.size) ? Take::event : dead(connection);
    }
}

void run_callback(const Connection& connection, cpg_handle_t handle, const TakenEvent& event, const EventBuffer& buffer) {
    if (event.size == 0) return;
    std::uint8_t* data = buffer.data();
    // Both kinds begin with the group's name, laid out as cpg_name; malloc's alignment suits every header.
    const auto* group = reinterpret_cast<const cpg_name*>(data);
    switch (event.type) {
    case wire::Event::deliver: {
        wire::DeliverEvent e;
        std::memcpy(&e, data, sizeof e);
        return connection.model.cpg_deliver_fn(handle, group, e.nodeid, e.pid, data + sizeof e, e.length);
    }
    case wire::Event::confchg: {
        wire::ConfchgEvent e;
        std::memcpy(&e, data, sizeof e);
        const auto* members = reinterpret_cast<const cpg_address*>(data + sizeof e);
        return connection.model.cpg_confchg_fn(handle, group, members, e.members, members + e.members, e.left,
                                               members + e.members + e.left, e.joined);
    }
    case wire::Event::totem_confchg: {
        wire::TotemEvent e;
        std::memcpy(&e, data, sizeof e);
        return connection.model.cpg_totem_confchg_fn(handle, {e.rep, e.seq}, e.members,
                                                     reinterpret_cast<const std::uint32_t*>(data + sizeof e));
    }
    case wire::Event::deliver_part: return;
    }
}

}  // namespace motet::client::cpg
