// What clients ask and what they are told. Payloads lie in memory that the client can change: each is copied once, then read.
#include <algorithm>
#include <cstring>

#include "workers/quorum/core.h"

namespace motet::quorum {

namespace client = wire::quorum_client;
namespace wire_vq = wire::votequorum;

namespace {

enum : std::uint32_t { kOk = 1, kLibrary = 2, kTryAgain = 6, kInvalidParam = 7, kNotExist = 12, kExist = 14 };
enum : std::uint32_t { kTrackCurrent = 1, kTrackChanges = 2, kTrackChangesOnly = 4 };

// The request as a value; false if the payload is not exactly one.
template <class T>
bool read(ByteView payload, T& out) {
    if (payload.size() != sizeof out) return false;
    std::memcpy(&out, payload.data(), sizeof out);
    return true;
}

template <class T>
ByteView bytes_of(const T& value) {
    return {reinterpret_cast<const std::uint8_t*>(&value), sizeof value};
}
ByteView bytes_of_list(std::span<const std::uint32_t> list) {
    return {reinterpret_cast<const std::uint8_t*>(list.data()), list.size_bytes()};
}

std::string_view text_of(const client::DeviceName& name) {
    const void* end = std::memchr(name.text, 0, sizeof name.text);
    const std::size_t length =
        end == nullptr ? sizeof name.text : static_cast<std::size_t>(static_cast<const char*>(end) - name.text);
    return {name.text, length};
}

std::uint32_t info_flags(const Settings& s, bool quorate, std::uint32_t node_flags) {
    const auto when = [](bool on, std::uint32_t flag) { return on ? flag : 0; };
    return when(s.two_node, client::kInfoTwoNode) | when(quorate, client::kInfoQuorate) |
           when(s.wait_for_all, client::kInfoWaitForAll) | when(s.last_man_standing, client::kInfoLastManStanding) |
           when(s.auto_tie_breaker, client::kInfoAutoTieBreaker) | when(s.allow_downscale, client::kInfoAllowDownscale) |
           when((node_flags & wire_vq::kQdeviceRegistered) != 0, client::kInfoQdeviceRegistered) |
           when((node_flags & wire_vq::kQdeviceAlive) != 0, client::kInfoQdeviceAlive) |
           when((node_flags & wire_vq::kQdeviceCastVote) != 0, client::kInfoQdeviceCastVote) |
           when((node_flags & wire_vq::kQdeviceMasterWins) != 0, client::kInfoQdeviceMasterWins);
}

}  // namespace

void Core::on_connect(ConnId conn) { clients_.emplace(conn, Client{}); }

std::uint32_t Core::service_of(ConnId conn) const {
    const auto found = clients_.find(conn);
    const bool votes = found != clients_.end() && found->second.interface == client::Interface::votequorum;
    return votes ? kVotequorumService : kQuorumService;
}

void Core::on_disconnect(ConnId conn) {
    clients_.erase(conn);
    if (pending_.conn == conn) pending_ = {};
}

void Core::answer(ConnId conn, std::uint64_t request, std::uint32_t error, ByteView rest) {
    client::Reply reply;
    reply.error = error;
    const ByteView pieces[] = {bytes_of(reply), rest};
    out_->reply(conn, request, pieces);
}

void Core::on_request(ConnId conn, client::Request type, std::uint64_t request, ByteView payload, Output& out) {
    const auto found = clients_.find(conn);
    if (found == clients_.end()) return;
    Client& c = found->second;
    struct Lend {
        Output*& at;
        ~Lend() { at = nullptr; }
    } lend{out_};
    out_ = &out;
    if (type == client::Request::open && !c.open) return open(conn, request, payload);
    if (type == client::Request::finalize) {
        answer(conn, request, kOk);
        return out.close(conn, Output::Close::orderly);
    }
    if (!c.open) return out.close(conn, Output::Close::violation);
    switch (type) {
        case client::Request::get_quorate: {
            const std::uint32_t value = quorate() ? 1 : 0;
            return answer(conn, request, kOk, bytes_of(value));
        }
        case client::Request::track_start: return track(conn, c, request, payload);
        case client::Request::track_stop: {
            const bool was = c.tracking;
            c.tracking = false;
            return answer(conn, request, was || c.interface == client::Interface::quorum ? kOk : kNotExist);
        }
        default: break;
    }
    if (c.interface != client::Interface::votequorum) return out.close(conn, Output::Close::violation);
    vote_request(conn, type, request, payload);
}

void Core::open(ConnId conn, std::uint64_t request, ByteView payload) {
    client::OpenRequest wish;
    if (!read(payload, wish)) return out_->close(conn, Output::Close::violation);
    const bool votes = wish.interface == client::Interface::votequorum;
    if (!votes && wish.interface != client::Interface::quorum) return out_->close(conn, Output::Close::violation);
    if (!synchronised_) return answer(conn, request, kTryAgain, bytes_of(std::uint32_t{0}));
    if (votes && settings_.provider != Provider::votequorum) return answer(conn, request, kLibrary, bytes_of(std::uint32_t{0}));
    if (!votes && wish.model > 1) return answer(conn, request, kInvalidParam, bytes_of(std::uint32_t{0}));
    Client& c = clients_[conn];
    c.interface = wish.interface;
    c.model = wish.model;
    c.open = true;
    const std::uint32_t type = settings_.provider == Provider::none ? 0 : 1;
    answer(conn, request, kOk, bytes_of(type));
}

// The current state is in the queue before the reply: a client that dispatches one event after it finds one.
void Core::track(ConnId conn, Client& c, std::uint64_t request, ByteView payload) {
    client::TrackRequest wish;
    if (!read(payload, wish)) return out_->close(conn, Output::Close::violation);
    const bool votes = c.interface == client::Interface::votequorum;
    const std::uint64_t context = c.context;
    if (votes && !c.tracking) c.context = wish.context;
    if ((wish.flags & (kTrackCurrent | kTrackChanges)) != 0) {
        if (votes) {
            tell_vote_nodelist(conn, c);
            tell_vote_quorum(conn, c);
        } else {
            if (c.model == 1) tell_nodelist(conn, {}, {});
            tell_quorum(conn);
        }
    }
    const bool subscribe = (wish.flags & (kTrackChanges | kTrackChangesOnly)) != 0;
    // So Corosync says, although it has told what is current.
    const bool twice = c.tracking && (subscribe || (!votes && (wish.flags & kTrackCurrent) != 0));
    if (subscribe) c.tracking = true;
    if (votes && !c.tracking) c.context = context;
    answer(conn, request, twice ? kExist : kOk);
}

void Core::tell_nodelist(ConnId conn, std::span<const NodeId> joined, std::span<const NodeId> left) {
    client::RingEvent event;
    event.seq = ring_.seq;
    event.rep = ring_.rep;
    event.quorate = quorate() ? 1 : 0;
    event.members = static_cast<std::uint32_t>(members_.size());
    event.joined = static_cast<std::uint32_t>(joined.size());
    event.left = static_cast<std::uint32_t>(left.size());
    const ByteView pieces[] = {bytes_of(event), bytes_of_list(members_), bytes_of_list(joined), bytes_of_list(left)};
    out_->event(conn, client::Event::nodelist, pieces);
}

void Core::tell_quorum(ConnId conn) {
    client::RingEvent event;
    event.quorate = quorate() ? 1 : 0;
    std::span<const NodeId> members;
    if (settings_.provider != Provider::none) {  // without one Corosync names no ring and no members
        const RingId ring = settings_.provider == Provider::votequorum ? votes_.ring() : ring_;
        members = settings_.provider == Provider::votequorum ? votes_.members() : members_;
        event.seq = ring.seq;
        event.rep = ring.rep;
        event.members = static_cast<std::uint32_t>(members.size());
    }
    const ByteView pieces[] = {bytes_of(event), bytes_of_list(members)};
    out_->event(conn, client::Event::quorum, pieces);
}

void Core::tell_vote_nodelist(ConnId conn, const Client& c) {
    client::VoteEvent event;
    event.context = c.context;
    event.seq = votes_.ring().seq;
    event.rep = votes_.ring().rep;
    event.entries = static_cast<std::uint32_t>(votes_.members().size());
    const ByteView pieces[] = {bytes_of(event), bytes_of_list(votes_.members())};
    out_->event(conn, client::Event::vote_nodelist, pieces);
}

void Core::tell_vote_quorum(ConnId conn, const Client& c) {
    client::VoteEvent event;
    event.context = c.context;
    event.seq = votes_.ring().seq;
    event.rep = votes_.ring().rep;
    event.value = votes_.quorate() ? 1 : 0;
    std::vector<std::uint32_t> pairs;
    for (const Voter& v : votes_.voters()) {
        pairs.push_back(v.id);
        pairs.push_back(static_cast<std::uint32_t>(v.state));
    }
    if (votes_.device_registered()) pairs.insert(pairs.end(), {0, 0});
    event.entries = static_cast<std::uint32_t>(pairs.size() / 2);
    const ByteView pieces[] = {bytes_of(event), bytes_of_list(pairs)};
    out_->event(conn, client::Event::vote_quorum, pieces);
}

void Core::send_info(ConnId conn, std::uint64_t request, NodeId node) {
    client::InfoReply info;
    const auto known = votes_.info(node);
    if (!known) return answer(conn, request, kNotExist, bytes_of(info));
    info.node_id = known->node.id;
    info.node_state = static_cast<std::uint32_t>(known->node.state);
    info.node_votes = known->node.votes;
    info.node_expected_votes = known->node.expected_votes;
    info.highest_expected = known->highest_expected;
    info.total_votes = known->total_votes;
    info.quorum = known->quorum;
    info.flags = info_flags(votes_.settings(), votes_.quorate(), known->node.flags);
    info.qdevice_votes = known->device_votes;
    std::memcpy(info.qdevice_name, known->device_name.data(), std::min(known->device_name.size(), sizeof info.qdevice_name - 1));
    answer(conn, request, kOk, bytes_of(info));
}

void Core::vote_request(ConnId conn, client::Request type, std::uint64_t request, ByteView payload) {
    const auto refuse = [&] { out_->close(conn, Output::Close::violation); };
    const auto say = [&](Refusal refusal) { answer(conn, request, static_cast<std::uint32_t>(refusal)); };
    std::uint32_t number = 0;
    std::uint32_t two[2] = {};
    client::DeviceName name;
    switch (type) {
        case client::Request::info: return read(payload, number) ? send_info(conn, request, number) : refuse();
        case client::Request::set_expected: return read(payload, number) ? say(votes_.set_expected(number, *this)) : refuse();
        case client::Request::set_votes: return read(payload, two) ? say(votes_.set_votes(two[0], two[1], *this)) : refuse();
        case client::Request::cancel_wait_for_all: votes_.cancel_wait_for_all(*this); return say(Refusal::ok);
        case client::Request::device_register: {
            if (!read(payload, name)) return refuse();
            const auto result = votes_.register_device(text_of(name), *this);
            if (!result.sent) return say(result.refusal);
            pending_ = {conn, request};
            return;
        }
        case client::Request::device_unregister:
            return read(payload, name) ? say(votes_.unregister_device(text_of(name), *this)) : refuse();
        case client::Request::device_rename: {
            client::DeviceName names[2];
            if (!read(payload, names)) return refuse();
            return say(votes_.rename_device(text_of(names[0]), text_of(names[1]), *this));
        }
        case client::Request::device_poll: {
            client::PollRequest poll;
            if (!read(payload, poll)) return refuse();
            const RingId ring{poll.ring_rep, poll.ring_seq};
            return say(votes_.poll_device(text_of(poll.name), poll.vote != 0, ring, *this));
        }
        case client::Request::device_master_wins: {
            client::MasterWinsRequest wish;
            if (!read(payload, wish)) return refuse();
            return say(votes_.master_wins(text_of(wish.name), wish.allow != 0, *this));
        }
        default: return refuse();
    }
}

}  // namespace motet::quorum
