// Rings, steps and messages; what the votes ask for is carried out.
#include "workers/quorum/core.h"

#include <algorithm>

namespace motet::quorum {

namespace client = wire::quorum_client;

namespace {
bool among(std::span<const NodeId> nodes, NodeId id) { return std::find(nodes.begin(), nodes.end(), id) != nodes.end(); }
}  // namespace

template <class Call>
auto Core::with(Output& out, Call call) {
    struct Lend {
        Output*& at;
        ~Lend() { at = nullptr; }
    } lend{out_};
    out_ = &out;
    return call();
}

Core::Core(const Settings& settings) : settings_(settings), votes_(settings) {}

bool Core::quorate() const {
    switch (settings_.provider) {
        case Provider::none: return true;
        case Provider::votequorum: return votes_.quorate();
        default: return list_quorate_;
    }
}

void Core::on_init(std::uint32_t service, Round round, RingId ring, std::span<const NodeId> members,
                   std::span<const NodeId> continuing) {
    if (service == kQuorumService) {
        ring_ = ring;
        members_.assign(members.begin(), members.end());
        joined_.clear();
        left_.clear();
        for (const NodeId id : settled_)
            if (!among(continuing, id) || !among(members, id)) left_.push_back(id);
        for (const NodeId id : members)
            if (!among(settled_, id) || among(left_, id)) joined_.push_back(id);
        return;
    }
    if (service != kVotequorumService || settings_.provider != Provider::votequorum) return;
    vote_round_ = round;
    in_step_ = false;
    votes_.init(ring, members, continuing);
}

void Core::on_process(std::uint32_t service, Round round, Output& out) {
    if (service != kVotequorumService || settings_.provider != Provider::votequorum) return out.sync_done(service, round);
    vote_round_ = round;
    in_step_ = true;
    with(out, [&] {
        if (votes_.process(*this)) step_done();
    });
}

void Core::on_activate(std::uint32_t service, Round, Output& out) {
    with(out, [&] {
        if (service == kVotequorumService && settings_.provider == Provider::votequorum) {
            in_step_ = false;
            votes_.activate(*this);
        } else if (service == kQuorumService) {
            settled_ = members_;
            each(client::Interface::quorum, [&](ConnId conn, const Client& c) {
                if (c.model == 1) tell_nodelist(conn, joined_, left_);
            });
            decide_by_list();
        }
    });
}

void Core::on_abort(std::uint32_t service, Round) {
    if (service == kVotequorumService) in_step_ = false;
}

// Providers without votes: by the node list alone, the same on every node of a ring.
void Core::decide_by_list() {
    if (settings_.provider != Provider::majority && settings_.provider != Provider::all) return;
    const std::size_t here = members_.size();
    const bool before = list_quorate_;
    list_quorate_ = settings_.provider == Provider::all ? here >= settings_.listed : here * 2 > settings_.listed;
    if (before != list_quorate_)
        note(std::string(list_quorate_ ? "quorate: " : "not quorate: ") + std::to_string(here) + " of " +
             std::to_string(settings_.listed) + " listed nodes present");
    decided();
}

void Core::on_complete(RingId, bool all_motet, Output& out) {
    synchronised_ = true;
    all_motet_ = all_motet;
    // Corosync 3.1 keeps the needed votes in 8 bits.
    constexpr std::uint32_t kNarrowMax = 509;
    if (!all_motet && !warned_wide_ && votes_.expected_votes() > kNarrowMax && settings_.provider == Provider::votequorum) {
        warned_wide_ = true;
        out.note("with " + std::to_string(votes_.expected_votes()) +
                 " expected votes Corosync nodes of this ring count wrongly (they cut the needed votes to 8 bits) and may go on "
                 "without a majority; keep the sum at or below 509 while they are here");
    }
}

void Core::on_message(NodeId from, ByteView body, bool foreign_order, Output& out) {
    if (settings_.provider != Provider::votequorum) return;
    if (!with(out, [&] { return votes_.message(from, body, foreign_order, *this); })) ++dropped_;
}

Instant Core::deadline() const { return settings_.provider == Provider::votequorum ? votes_.deadline() : kNever; }

void Core::on_time(Instant now, Output& out) {
    if (now < deadline()) return;
    with(out, [&] { votes_.on_time(now, *this); });
}

void Core::on_settings(const Settings& settings, Output& out) {
    const Provider provider = settings_.provider;
    settings_ = settings;
    settings_.provider = provider;  // read at start only
    with(out, [&] {
        if (provider == Provider::votequorum)
            votes_.reconfigure(settings_, *this);
        else if (synchronised_)
            decide_by_list();
    });
}

void Core::on_stored(std::uint32_t expected_votes) { votes_.stored(expected_votes); }

void Core::on_cancel_wait_for_all(Output& out) {
    if (settings_.provider == Provider::votequorum) with(out, [&] { votes_.cancel_wait_for_all(*this); });
}

void Core::on_leave(Output& out) {
    if (settings_.provider == Provider::votequorum) with(out, [&] { votes_.leave(*this); });
}

// --- effects

// Within the own step a message belongs to that step; at any other time it waits for the end of a synchronisation. What is
// sent between the end of the step and its activation must not be lost with the step.
void Core::send(ByteView message) {
    if (in_step_)
        out_->submit_sync(vote_round_, message);
    else
        out_->submit(message);
}

void Core::step_done() {
    if (!in_step_) return;
    in_step_ = false;
    out_->sync_done(kVotequorumService, vote_round_);
}

void Core::nodes_changed() {
    each(client::Interface::votequorum, [&](ConnId conn, const Client& c) { tell_vote_nodelist(conn, c); });
}

void Core::decided() {
    each(client::Interface::quorum, [&](ConnId conn, const Client&) { tell_quorum(conn); });
    each(client::Interface::votequorum, [&](ConnId conn, const Client& c) { tell_vote_quorum(conn, c); });
}

void Core::expected_votes_changed(std::uint32_t votes) {
    each(client::Interface::votequorum, [&](ConnId conn, const Client& c) {
        client::VoteEvent event;
        event.context = c.context;
        event.value = votes;
        const ByteView pieces[] = {{reinterpret_cast<const std::uint8_t*>(&event), sizeof event}};
        out_->event(conn, client::Event::vote_expected, pieces);
    });
}

void Core::device_registered(bool ok) {
    if (pending_.conn == 0) return;
    const PendingRegistration owed = pending_;
    pending_ = {};
    answer(owed.conn, owed.request, static_cast<std::uint32_t>(ok ? Refusal::ok : Refusal::exist));
}

void Core::store_expected_votes(std::uint32_t votes) { out_->store_expected_votes(votes); }
void Core::note(const std::string& line) { out_->note(line); }

template <class Tell>
void Core::each(client::Interface interface, Tell tell) {
    for (const auto& [conn, c] : clients_)
        if (c.open && c.tracking && c.interface == interface) tell(conn, c);
}

// --- what a successor has to know

namespace {
constexpr std::uint32_t kFormat = 0x4D515531;  // "MQU1"
void put(Writer& w, const std::vector<NodeId>& nodes) {
    w.u32(static_cast<std::uint32_t>(nodes.size()));
    for (const NodeId id : nodes) w.u32(id);
}
bool take(Reader& in, std::vector<NodeId>& nodes) {
    const std::uint32_t count = in.u32();
    if (!in.ok() || count > kNodesMax || in.remaining() < std::size_t{count} * 4) return false;
    nodes.resize(count);
    for (NodeId& id : nodes) id = in.u32();
    return true;
}
}  // namespace

void Core::save(Bytes& out) const {
    Writer w(out);
    w.u32(kFormat);
    votes_.save(out);
    w.u32(ring_.rep);
    w.u64(ring_.seq);
    for (const auto* nodes : {&members_, &settled_, &joined_, &left_}) put(w, *nodes);
    w.u64(vote_round_);
    for (const bool b : {list_quorate_, in_step_, synchronised_, all_motet_, warned_wide_}) w.u8(b ? 1 : 0);
    w.u64(pending_.conn);
    w.u64(pending_.request);
    w.u64(dropped_);
    w.u32(static_cast<std::uint32_t>(clients_.size()));
    for (const auto& [conn, c] : clients_) {
        w.u64(conn);
        w.u32(static_cast<std::uint32_t>(c.interface));
        w.u8(c.open ? 1 : 0);
        w.u8(c.tracking ? 1 : 0);
        w.u32(c.model);
        w.u64(c.context);
    }
}

bool Core::restore(ByteView bytes) {
    Reader in(bytes);
    Core next(settings_);
    if (in.u32() != kFormat || !next.votes_.restore(in)) return false;
    next.ring_.rep = in.u32();
    next.ring_.seq = in.u64();
    for (auto* nodes : {&next.members_, &next.settled_, &next.joined_, &next.left_})
        if (!take(in, *nodes)) return false;
    next.vote_round_ = in.u64();
    for (bool* b : {&next.list_quorate_, &next.in_step_, &next.synchronised_, &next.all_motet_, &next.warned_wide_})
        *b = in.u8() != 0;
    next.pending_.conn = in.u64();
    next.pending_.request = in.u64();
    next.dropped_ = in.u64();
    const std::uint32_t clients = in.u32();
    constexpr std::size_t kEntry = 8 + 4 + 1 + 1 + 4 + 8;
    if (!in.ok() || clients > kClientsMax || in.remaining() != std::size_t{clients} * kEntry) return false;
    for (std::uint32_t i = 0; i < clients; ++i) {
        const ConnId conn = in.u64();
        Client c;
        const std::uint32_t interface = in.u32();
        if (conn == 0 || interface > 2) return false;
        c.interface = static_cast<client::Interface>(interface);
        c.open = in.u8() != 0;
        c.tracking = in.u8() != 0;
        c.model = in.u32();
        c.context = in.u64();
        next.clients_.emplace(conn, c);
    }
    *this = std::move(next);
    return true;
}

}  // namespace motet::quorum
