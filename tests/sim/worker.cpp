// The simulated cpg worker; see worker.h.
#include "tests/sim/worker.h"

#include <algorithm>

namespace motet::sim {

namespace client = wire::cpg_client;

namespace {

Bytes joined(std::span<const ByteView> pieces) {
    Bytes all;
    for (const ByteView p : pieces) all.insert(all.end(), p.begin(), p.end());
    return all;
}

// A record's fixed part, if it is there.
template <class T>
bool take(ByteView& bytes, T& value) {
    if (bytes.size() < sizeof(T)) return false;
    std::memcpy(&value, bytes.data(), sizeof(T));
    bytes = bytes.subspan(sizeof(T));
    return true;
}

std::string group_text(const client::Name& name) { return {name.value, std::min(name.length, client::kNameMax)}; }

}  // namespace

client::Name client_name(const std::string& group) {
    client::Name name;
    name.length = static_cast<std::uint32_t>(group.size());
    std::memcpy(name.value, group.data(), std::min<std::size_t>(group.size(), client::kNameMax));
    return name;
}

Worker::Worker(NodeId self, Observer& observer, Mutator* mutator, ClientSide& clients, History& history)
    : self_(self), observer_(observer), mutator_(mutator), clients_(clients), history_(history), core_(self) {}

void Worker::feed(FeedRecord record) {
    if (mutator_ == nullptr || mutator_->fed(self_, record)) feed_.push_back(std::move(record));
}

// The worker stops consuming requests while it could not pass on what they ask for.
bool Worker::gate_open() const {
    if (submitted_bytes_ > kSubmitRing) return false;
    if (requests_.empty() || requests_.front().kind != Request::Kind::request) return true;
    const auto type = requests_.front().type;
    const bool sends = type == client::Request::multicast || type == client::Request::multicast_part || type == client::Request::multicast_sync;
    return !sends || core_.synchronised();
}

bool Worker::work(unsigned records, Prng& chance, Instant now) {
    now_ = now;
    for (; records > 0; --records) {
        const bool feed = !feed_.empty(), request = !requests_.empty() && gate_open();
        if (!feed && !request) break;
        if (feed && (!request || chance.percent(60))) take_feed();
        else take_request();
        // What the core asked to be closed is closed behind its back, as by a shell.
        while (!closing_.empty()) {
            const auto [conn, violation] = closing_.back();
            closing_.pop_back();
            core_.on_disconnect(conn, *this);
            std::erase_if(requests_, [&, c = conn](const Request& r) {
                if (r.conn == c) request_bytes_ -= r.payload.size();
                return r.conn == c;
            });
            clients_.closed(conn, violation);
        }
    }
    return has_work();
}

void Worker::take_feed() {
    const FeedRecord r = std::move(feed_.front());
    feed_.pop_front();
    transitional_ = r.transitional;
    switch (r.kind) {
    case FeedRecord::Kind::sync_started: core_.on_sync_started(*this); break;
    case FeedRecord::Kind::init:
        rounds_[r.round] = r.ring;
        core_.on_init(r.round, r.ring, r.members, r.continuing, *this);
        break;
    case FeedRecord::Kind::process: core_.on_process(r.round, *this); break;
    case FeedRecord::Kind::activate:
        observer_.change_begins(self_, rounds_[r.round]);
        core_.on_activate(r.round, *this);
        observer_.change_ends(self_, rounds_[r.round]);
        break;
    case FeedRecord::Kind::abort: core_.on_abort(r.round, *this); break;
    case FeedRecord::Kind::complete: core_.on_complete(r.ring, r.all_motet, *this); break;
    case FeedRecord::Kind::message: core_.on_message(r.from, r.body, r.foreign_order, *this, r.of_predecessor); break;
    }
}

void Worker::take_request() {
    const Request r = std::move(requests_.front());
    requests_.pop_front();
    request_bytes_ -= r.payload.size();
    switch (r.kind) {
    case Request::Kind::connect: core_.on_connect(r.conn, static_cast<std::int32_t>(r.pid), 0, 0, *this); break;
    case Request::Kind::request: core_.on_request(r.conn, r.type, r.number, r.payload, *this); break;
    case Request::Kind::disconnect: core_.on_disconnect(r.conn, *this); break;
    }
}

void Worker::connect(std::uint32_t conn, std::uint32_t pid) { requests_.push_back({Request::Kind::connect, conn, pid, {}, 0, {}}); }
void Worker::disconnect(std::uint32_t conn) { requests_.push_back({Request::Kind::disconnect, conn, 0, {}, 0, {}}); }
void Worker::request(std::uint32_t conn, client::Request type, std::uint64_t number, Bytes payload) {
    request_bytes_ += payload.size();
    requests_.push_back({Request::Kind::request, conn, 0, type, number, std::move(payload)});
}

void Worker::submit_to(node::Node& node, const node::Service* by, Instant now) {
    while (!submitted_.empty()) {
        const Submission& s = submitted_.front();
        node::Submitted result = node::Submitted::taken;
        switch (s.kind) {
        case Submission::Kind::message: result = node.submit(service_set(sync::kCpg), s.body, s.guarantee, s.first, s.last, now, by); break;
        case Submission::Kind::sync: result = node.submit_sync(service_set(sync::kCpg), s.round, s.body, now); break;
        case Submission::Kind::done: node.sync_done(sync::kCpg, s.round, now); break;
        }
        if (result == node::Submitted::no_room) return;
        if (result == node::Submitted::refused)
            history_.violate("B4", "node %u: the membership refuses a message of %zu bytes that the cpg core submitted", self_, s.body.size());
        submitted_bytes_ -= s.body.size();
        submitted_.pop_front();
    }
}

// --- from the core

void Worker::submit(cpg::ConnId, std::span<const ByteView> pieces, Guarantee guarantee, bool unit_first, bool unit_last) {
    Submission s{Submission::Kind::message, joined(pieces), guarantee, unit_first, unit_last, 0};
    if (mutator_ != nullptr) s.guarantee = mutator_->submitted(self_, guarantee);
    submitted_bytes_ += s.body.size();
    submitted_.push_back(std::move(s));
}

void Worker::submit_sync(cpg::Round round, std::span<const ByteView> pieces) {
    Submission s{Submission::Kind::sync, joined(pieces), {}, true, true, round};
    submitted_bytes_ += s.body.size();
    submitted_.push_back(std::move(s));
}

void Worker::sync_done(cpg::Round round) { submitted_.push_back({Submission::Kind::done, {}, {}, true, true, round}); }

void Worker::reply(cpg::ConnId conn, std::uint64_t request, std::span<const ByteView> pieces) {
    const Bytes bytes = joined(pieces);
    ByteView rest = bytes;
    client::Reply reply;
    if (!take(rest, reply)) {
        history_.violate("E5", "node %u: a reply of %zu bytes", self_, bytes.size());
        return;
    }
    clients_.replied(static_cast<std::uint32_t>(conn), request, reply.error);
}

void Worker::close(cpg::ConnId conn, Close why) { closing_.push_back({static_cast<std::uint32_t>(conn), why == Close::violation}); }

void Worker::event(cpg::ConnId id, client::Event type, std::span<const ByteView> pieces) {
    const auto conn = static_cast<std::uint32_t>(id);
    if (clients_.life_of(conn) == kGone) return;
    const Bytes bytes = joined(pieces);
    ByteView rest = bytes;
    Seen seen;
    seen.node = self_;
    seen.conn = conn;
    seen.life = clients_.life_of(conn);
    seen.transitional = transitional_;
    seen.time = now_;
    bool sound = true;
    const auto half = assembling_.find(conn);
    if (half != assembling_.end() && type != client::Event::deliver_part)
        history_.violate("B7", "node %u, handle %u: an event between the parts of a message", self_, conn);
    const auto addresses = [&](std::uint32_t count, std::vector<Address>& out) {
        for (std::uint32_t i = 0; i < count && sound; ++i) {
            client::MemberEntry e;
            if (!(sound = take(rest, e))) return;
            out.push_back({e.nodeid, e.pid, e.reason});
        }
    };
    switch (type) {
    case client::Event::deliver: {
        client::DeliverEvent e;
        if (!(sound = take(rest, e) && rest.size() == e.length)) break;
        seen.group = group_text(e.group);
        seen.sender = {e.nodeid, e.pid};
        seen.bytes.assign(rest.begin(), rest.end());
        show(std::move(seen));
        break;
    }
    case client::Event::deliver_part: {
        client::DeliverPartEvent e;
        if (!(sound = take(rest, e) && rest.size() == e.length)) break;
        Assembling& a = assembling_[conn];
        if (a.total == 0) a.total = e.total;
        if (e.total != a.total || e.offset != a.bytes.size() || e.length == 0 || e.length > a.total - a.bytes.size()) {
            history_.violate("B7", "node %u, handle %u: parts of a message do not fit together", self_, conn);
            assembling_.erase(conn);
            break;
        }
        a.bytes.insert(a.bytes.end(), rest.begin(), rest.end());
        if (a.bytes.size() < a.total) break;
        seen.group = group_text(e.group);
        seen.sender = {e.nodeid, e.pid};
        seen.bytes = std::move(a.bytes);
        assembling_.erase(conn);
        ++history_.figures.parts;
        show(std::move(seen));
        break;
    }
    case client::Event::confchg: {
        client::ConfchgEvent e;
        if (!(sound = take(rest, e))) break;
        seen.kind = Entry::Kind::view;
        seen.group = group_text(e.group);
        addresses(e.members, seen.view.members);
        addresses(e.left, seen.view.left);
        addresses(e.joined, seen.view.joined);
        if ((sound = sound && rest.empty())) show(std::move(seen));
        break;
    }
    case client::Event::totem_confchg: {
        client::TotemEvent e;
        if (!(sound = take(rest, e))) break;
        seen.kind = Entry::Kind::ring;
        seen.ring.ring = {e.rep, e.seq};
        for (std::uint32_t i = 0; i < e.members && sound; ++i) {
            NodeId n;
            if ((sound = take(rest, n))) seen.ring.members.push_back(n);
        }
        if ((sound = sound && rest.empty())) show(std::move(seen));
        break;
    }
    default: sound = false;
    }
    if (!sound) history_.violate("B7", "node %u, handle %u: an event record that does not fit its type %u", self_, conn, static_cast<unsigned>(type));
    clients_.happened(conn);
}

void Worker::show(Seen seen) {
    clients_.traced(seen);
    if (mutator_ == nullptr) {
        observer_.seen(seen);
        return;
    }
    std::vector<Seen> instead;
    mutator_->seen(std::move(seen), instead);
    for (const Seen& s : instead) observer_.seen(s);
}

}  // namespace motet::sim
