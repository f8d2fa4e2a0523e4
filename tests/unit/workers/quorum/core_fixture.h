// A quorum core with a notebook: what it sends, replies and tells its clients, as values and lines of text.
#pragma once
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "libs/wire/service.h"
#include "workers/quorum/core.h"

namespace motet::quorum::test {

namespace client = wire::quorum_client;
namespace vq = wire::votequorum;
using client::Request;
using Nodes = std::vector<NodeId>;
using Lines = std::vector<std::string>;

enum : std::uint32_t {
    kOk = 1, kLibrary = 2, kTryAgain = 6, kInvalidParam = 7, kAccess = 11, kNotExist = 12, kExist = 14, kNameNotFound = 17,
    kMessageError = 22
};

inline Bytes joined(std::span<const ByteView> pieces) {
    Bytes all;
    for (const ByteView piece : pieces) all.insert(all.end(), piece.begin(), piece.end());
    return all;
}

template <class T>
Bytes record(const T& value) {
    const auto* first = reinterpret_cast<const std::uint8_t*>(&value);
    return Bytes(first, first + sizeof value);
}

inline client::DeviceName device_name(std::string_view text) {
    client::DeviceName name;
    std::memcpy(name.text, text.data(), std::min(text.size(), sizeof name.text));
    return name;
}

inline std::string list_of(Reader& in, std::uint32_t n) {
    std::string text = "[";
    for (std::uint32_t i = 0; i < n; ++i) text += (i == 0 ? "" : " ") + std::to_string(in.u32());
    return text + "]";
}

struct Replied {
    std::uint32_t code = 0;
    Bytes rest;
};

class Notebook final : public Output {
public:
    void submit(ByteView message) override { sent.push_back({message.begin(), message.end()}); }
    void submit_sync(Round, ByteView message) override { sent.push_back({message.begin(), message.end()}); }
    void sync_done(std::uint32_t service, Round round) override { done.push_back({service, round}); }
    void reply(ConnId conn, std::uint64_t request, std::span<const ByteView> pieces) override {
        const Bytes all = joined(pieces);
        Reader in(all);
        const std::uint32_t code = in.u32();
        in.u32();
        EXPECT_TRUE(replies.emplace(std::pair{conn, request}, Replied{code, {in.rest().begin(), in.rest().end()}}).second);
    }
    void event(ConnId conn, client::Event type, std::span<const ByteView> pieces) override {
        const Bytes all = joined(pieces);
        Reader in(all);
        std::string line;
        if (type == client::Event::quorum || type == client::Event::nodelist) {
            client::RingEvent e;
            std::memcpy(&e, all.data(), sizeof e);
            in.skip(sizeof e);
            const std::string ring = std::to_string(e.rep) + "." + std::to_string(e.seq) + " ";
            if (type == client::Event::quorum) {
                line = "quorum " + std::to_string(e.quorate) + " " + ring + list_of(in, e.members);
            } else {
                line = "nodelist " + ring + list_of(in, e.members);
                line += " joined " + list_of(in, e.joined);
                line += " left " + list_of(in, e.left);
            }
        } else {
            client::VoteEvent e;
            std::memcpy(&e, all.data(), sizeof e);
            in.skip(sizeof e);
            if (type == client::Event::vote_expected) line = "expected " + std::to_string(e.value);
            if (type == client::Event::vote_nodelist)
                line = "vnodelist " + std::to_string(e.rep) + "." + std::to_string(e.seq) + " " + list_of(in, e.entries);
            if (type == client::Event::vote_quorum) line = "vquorum " + std::to_string(e.value) + " " + list_of(in, 2 * e.entries);
        }
        EXPECT_TRUE(in.ok() && in.remaining() == 0);
        events[conn].push_back(line);
    }
    void close(ConnId conn, Close why) override { closed.push_back({conn, why}); }
    void store_expected_votes(std::uint32_t votes) override { stored.push_back(votes); }
    void note(const std::string& line) override { notes.push_back(line); }

    std::vector<Bytes> sent;
    std::vector<std::pair<std::uint32_t, Round>> done;
    std::map<std::pair<ConnId, std::uint64_t>, Replied> replies;
    std::map<ConnId, Lines> events;
    std::vector<std::pair<ConnId, Close>> closed;
    std::vector<std::uint32_t> stored;
    Lines notes;
};

// One core and its notebook; requests get numbers of their own.
struct Node {
    explicit Node(Settings settings) : core(settings) {}

    std::uint32_t ask(ConnId conn, Request type, const Bytes& payload = {}) {
        core.on_request(conn, type, ++request, payload, notes);
        const auto found = notes.replies.find({conn, request});
        return found == notes.replies.end() ? 0 : found->second.code;
    }
    const Bytes& answer(ConnId conn) { return notes.replies.at({conn, request}).rest; }
    std::uint32_t open(ConnId conn, client::Interface interface, std::uint32_t model = 1) {
        core.on_connect(conn);
        return ask(conn, Request::open, record(client::OpenRequest{interface, model}));
    }
    std::uint32_t track(ConnId conn, std::uint32_t flags, std::uint64_t context = 0) {
        return ask(conn, Request::track_start, record(client::TrackRequest{context, flags, 0}));
    }

    Core core;
    Notebook notes;
    std::uint64_t request = 0;
};

inline Settings votes_of(NodeId self, std::uint32_t nodes) {
    Settings s;
    s.self = self;
    s.provider = Provider::votequorum;
    s.listed = s.expected_votes = nodes;
    return s;
}

// A cluster whose messages are delivered at once, in one order, to all members of the sender's ring. A ring is one call.
class Cluster {
public:
    explicit Cluster(std::uint32_t nodes, Settings settings = {}) {
        for (NodeId id = 1; id <= nodes; ++id) {
            Settings s = settings;
            s.self = id;
            s.provider = Provider::votequorum;
            if (s.expected_votes <= 1) s.expected_votes = nodes;
            s.listed = nodes;
            settings_[id] = s;
            start(id);
        }
    }
    void start(NodeId id) {
        nodes_.erase(id);
        nodes_.emplace(id, std::make_unique<Node>(settings_[id]));
        ring_of_.erase(id);
    }
    Node& node(NodeId id) { return *nodes_.at(id); }
    Settings& settings(NodeId id) { return settings_[id]; }
    bool quorate(NodeId id) { return node(id).core.quorate(); }

    // `members` form a ring; those that share their previous one continue together.
    RingId ring(const Nodes& members) {
        begin(members);
        finish(members);
        return current_;
    }
    void begin(const Nodes& members) {
        const std::map<NodeId, RingId> before = ring_of_;
        current_ = {members.front(), seq_ += 4};
        ++round_;
        for (const NodeId id : members) {
            Nodes continuing;
            for (const NodeId other : members) {
                const auto mine = before.find(id), theirs = before.find(other);
                if (other == id || (mine != before.end() && theirs != before.end() && mine->second == theirs->second))
                    continuing.push_back(other);
            }
            for (const std::uint32_t service : {kQuorumService, kVotequorumService})
                node(id).core.on_init(service, round_, current_, members, continuing);
            ring_of_[id] = current_;
        }
    }
    void finish(const Nodes& members) {
        for (const std::uint32_t service : {kQuorumService, kVotequorumService}) {
            for (const NodeId id : members) node(id).core.on_process(service, round_, node(id).notes);
            deliver(members);
            for (const NodeId id : members) node(id).core.on_activate(service, round_, node(id).notes);
        }
        for (const NodeId id : members) node(id).core.on_complete(current_, true, node(id).notes);
        deliver(members);
    }
    // What was sent goes round until nobody sends any more.
    void deliver(const Nodes& members) {
        for (bool moved = true; moved;) {
            moved = false;
            for (const NodeId from : members) {
                std::vector<Bytes> sent;
                sent.swap(node(from).notes.sent);
                for (const Bytes& message : sent) {
                    moved = true;
                    for (const NodeId to : members) node(to).core.on_message(from, message, false, node(to).notes);
                }
            }
        }
    }
    void time(const Nodes& members, Duration passed) {
        for (const NodeId id : members) node(id).core.on_time(now, node(id).notes);  // timers learn when they were started
        now = now + passed;
        for (const NodeId id : members) node(id).core.on_time(now, node(id).notes);
        deliver(members);
    }

    Instant now{1};

private:
    std::map<NodeId, Settings> settings_;
    std::map<NodeId, std::unique_ptr<Node>> nodes_;
    std::map<NodeId, RingId> ring_of_;
    RingId current_;
    std::uint64_t seq_ = 0;
    Round round_ = 0;
};

}  // namespace motet::quorum::test
