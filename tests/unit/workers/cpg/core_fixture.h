// A cpg core with a notebook: clients by connection number, peers by node, events as lines of text.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "libs/wire/cpg.h"
#include "libs/wire/service.h"
#include "workers/cpg/core.h"

namespace motet::cpg::test {

namespace client = wire::cpg_client;
using Lines = std::vector<std::string>;
using Nodes = std::vector<NodeId>;
using client::Request;

enum : std::uint32_t {
    kOk = 1,
    kTryAgain = 6,
    kInvalidParam = 7,
    kBadHandle = 9,
    kNotExist = 12,
    kNameTooLong = 13,
    kExist = 14,
    kInterrupt = 16,
    kNoResources = 18,
    kTooBig = 26,
    kNoSections = 27,
    kNoReply = 0
};

inline std::string printable(std::string_view name) {
    std::string text;
    for (const char c : name) text += c == '\0' ? '~' : c;
    return text;
}
inline std::string members(Reader& in, std::uint32_t count, bool reasons) {
    std::string text;
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint32_t node = in.u32(), pid = in.u32(), reason = in.u32();
        text += (i == 0 ? "" : " ") + std::to_string(node) + "/" + std::to_string(pid);
        if (reasons)
            text += ":" + std::to_string(reason);
        else
            EXPECT_EQ(reason, 0u);
    }
    return text;
}
inline std::string event_name(Reader& in) {
    const std::uint32_t length = in.u32();
    const ByteView value = in.bytes(client::kNameMax);
    EXPECT_LE(length, client::kNameMax);
    return std::string(as_text(value.first(std::min<std::size_t>(length, value.size()))));
}

struct Submitted {
    ConnId conn = 0;
    Bytes bytes;
    Guarantee guarantee = Guarantee::agreed;
    bool first = false, last = false;
};
struct Replied {
    std::uint32_t code = 0;
    Bytes rest;
};

class Notebook final : public Output {
public:
    void submit(ConnId conn, std::span<const ByteView> pieces, Guarantee guarantee, bool first, bool last) override {
        submitted.push_back({conn, joined(pieces), guarantee, first, last});
        const auto header = wire::decode_service_header(submitted.back().bytes, false);
        EXPECT_TRUE(header && header->size == submitted.back().bytes.size());
    }
    void submit_sync(Round round, std::span<const ByteView> pieces) override { sync.push_back({round, joined(pieces)}); }
    void sync_done(Round round) override { done.push_back(round); }
    void reply(ConnId conn, std::uint64_t request, std::span<const ByteView> pieces) override {
        const Bytes all = joined(pieces);
        ASSERT_GE(all.size(), sizeof(client::Reply));
        Reader in(all);
        const std::uint32_t code = in.u32();
        EXPECT_EQ(in.u32(), 0u);
        EXPECT_TRUE(replies.emplace(std::pair{conn, request}, Replied{code, {in.rest().begin(), in.rest().end()}}).second);
    }
    void event(ConnId conn, client::Event type, std::span<const ByteView> pieces) override {
        EXPECT_FALSE(closed.contains(conn)) << "an event after close";
        const Bytes all = joined(pieces);
        Reader in(all);
        std::string line;
        if (type == client::Event::totem_confchg) {
            const std::uint32_t rep = in.u32(), count = in.u32();
            line = "ring " + std::to_string(rep) + "." + std::to_string(in.u64()) + " of";
            for (std::uint32_t i = 0; i < count; ++i) line += " " + std::to_string(in.u32());
        } else if (type == client::Event::confchg) {
            line = printable(event_name(in)) + " [";
            const std::uint32_t now = in.u32(), left = in.u32(), joined_count = in.u32();
            line += members(in, now, false) + "]";
            if (left != 0) line += " left " + members(in, left, true);
            if (joined_count != 0) line += " joined " + members(in, joined_count, true);
        } else {
            const std::string group = event_name(in);
            const std::uint32_t node = in.u32(), pid = in.u32();
            const bool part = type == client::Event::deliver_part;
            const std::uint32_t total = part ? in.u32() : 0, offset = part ? in.u32() : 0, length = in.u32();
            const ByteView payload = in.bytes(length);
            last_payload = {payload.begin(), payload.end()};
            if (part) {
                EXPECT_EQ(offset, assembled[conn].size());
                assembled[conn].insert(assembled[conn].end(), payload.begin(), payload.end());
                EXPECT_LE(assembled[conn].size(), total);
                if (assembled[conn].size() < total) return;
                last_payload = std::move(assembled[conn]);
                assembled.erase(conn);
            }
            line = printable(group) + " from " + std::to_string(node) + "/" + std::to_string(pid) + ": ";
            line += last_payload.size() > 40 ? std::to_string(last_payload.size()) + " bytes"
                                             : printable(as_text(last_payload));
        }
        EXPECT_TRUE(in.ok() && in.remaining() == 0) << line;
        const bool between = type != client::Event::deliver_part && assembled.contains(conn) && !assembled[conn].empty();
        EXPECT_FALSE(between) << "an event between parts: " << line;
        events[conn].push_back(line);
    }
    void close(ConnId conn, Close why) override { EXPECT_TRUE(closed.emplace(conn, why).second); }

    static Bytes joined(std::span<const ByteView> pieces) {
        Bytes all;
        for (const ByteView piece : pieces) all.insert(all.end(), piece.begin(), piece.end());
        return all;
    }

    std::vector<Submitted> submitted;
    std::vector<std::pair<Round, Bytes>> sync;
    std::vector<Round> done;
    std::map<std::pair<ConnId, std::uint64_t>, Replied> replies;
    std::map<ConnId, Lines> events;
    std::map<ConnId, Bytes> assembled;
    std::map<ConnId, Close> closed;
    Bytes last_payload;
};

inline client::Name name(std::string_view text) {
    client::Name n;
    n.length = static_cast<std::uint32_t>(text.size());
    std::memcpy(n.value, text.data(), std::min<std::size_t>(text.size(), client::kNameMax));
    return n;
}
template <class T>
Bytes record(const T& value, ByteView payload = {}) {
    Bytes out(sizeof value);
    std::memcpy(out.data(), &value, sizeof value);
    out.insert(out.end(), payload.begin(), payload.end());
    return out;
}

// The messages of a peer.
inline Bytes procjoin(std::string_view group, std::uint32_t pid) {
    Bytes out;
    wire::cpg::encode_procjoin({wire::cpg::GroupName(group), pid, 1}, out);
    return out;
}
inline Bytes procleave(std::string_view group, std::uint32_t pid, std::uint32_t reason) {
    Bytes out;
    wire::cpg::encode_procleave({wire::cpg::GroupName(group), pid, reason}, out);
    return out;
}
inline Bytes mcast(std::string_view group, std::uint32_t pid, ByteView payload) {
    Bytes out(wire::cpg::kMcastSize);
    wire::cpg::write_mcast({wire::cpg::GroupName(group), pid, {}, payload},
                           std::span<std::uint8_t, wire::cpg::kMcastSize>(out));
    out.insert(out.end(), payload.begin(), payload.end());
    return out;
}
inline Bytes mcast(std::string_view group, std::uint32_t pid, std::string_view text) {
    return mcast(group, pid, as_bytes(text));
}
inline Bytes part(std::string_view group, std::uint32_t pid, std::uint32_t kind, std::uint32_t total, ByteView payload) {
    Bytes out(wire::cpg::kPartialMcastSize);
    wire::cpg::write_partial_mcast({wire::cpg::GroupName(group), total, pid, kind, {}, payload},
                                   std::span<std::uint8_t, wire::cpg::kPartialMcastSize>(out));
    out.insert(out.end(), payload.begin(), payload.end());
    return out;
}
inline Bytes joinlist(const std::vector<std::pair<std::uint32_t, std::string>>& entries) {
    std::vector<wire::cpg::JoinlistEntry> list;
    for (const auto& [pid, group] : entries) list.push_back({pid, wire::cpg::GroupName(group)});
    Bytes out;
    wire::cpg::encode_joinlist(list, out);
    return out;
}
inline Bytes pattern(std::size_t size, std::uint8_t seed = 1) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + i / 251 + seed);
    return bytes;
}

class CpgCore : public ::testing::Test {
protected:
    // One whole synchronisation; `lists` are the join lists of peers.
    void ring(std::uint64_t seq, const Nodes& members, const Nodes& continuing, const std::map<NodeId, Bytes>& lists = {},
              bool all_motet = true) {
        core.on_sync_started(out);
        begin(seq, members, continuing);
        for (const auto& [node, list] : lists) from(node, list);
        core.on_activate(round, out);
        core.on_complete({members.front(), seq}, all_motet, out);
    }
    void begin(std::uint64_t seq, const Nodes& members, const Nodes& continuing) {
        core.on_init(++round, {members.front(), seq}, members, continuing, out);
        core.on_process(round, out);
        ASSERT_EQ(out.done.back(), round);
    }
    void from(NodeId node, const Bytes& message) { core.on_message(node, message, false, out); }
    void from_predecessor(const Bytes& message) { core.on_message(kSelf, message, false, out, true); }
    // Gives the submissions so far back to the core as delivered, as a ring of one would.
    void deliver_own() {
        for (; delivered < out.submitted.size(); ++delivered) {
            const Bytes bytes = out.submitted[delivered].bytes;
            core.on_message(kSelf, bytes, false, out);
        }
    }
    std::uint32_t request(ConnId conn, Request type, const Bytes& payload) {
        core.on_request(conn, type, ++last_request, payload, out);
        const auto found = out.replies.find({conn, last_request});
        if (found == out.replies.end()) return kNoReply;
        rest = found->second.rest;
        return found->second.code;
    }
    std::uint32_t connect(ConnId conn, bool initial_totem = false, bool wants_totem = true) {
        core.on_connect(conn, 1000 + static_cast<std::int32_t>(conn), 0, 0, out);
        return request(conn, Request::model,
                       record(client::ModelRequest{0, initial_totem ? 1u : 0u, wants_totem ? 1u : 0u, 0}));
    }
    std::uint32_t join(ConnId conn, std::string_view group, std::uint32_t pid) {
        return request(conn, Request::join, record(client::JoinRequest{pid, name(group)}));
    }
    std::uint32_t leave(ConnId conn, std::string_view group) {
        return request(conn, Request::leave, record(client::LeaveRequest{0, name(group)}));
    }
    void say(ConnId conn, std::string_view text, std::uint32_t guarantee = 2) {
        request(conn, Request::multicast,
                record(client::MulticastRequest{guarantee, static_cast<std::uint32_t>(text.size())}, as_bytes(text)));
    }
    std::uint32_t send_part(ConnId conn, std::uint32_t kind, std::uint32_t total, ByteView payload) {
        return request(conn, Request::multicast_part,
                       record(client::PartRequest{2, total, static_cast<std::uint32_t>(payload.size()), kind}, payload));
    }
    // A connection that has joined and seen it.
    void member(ConnId conn, std::string_view group, std::uint32_t pid, bool initial_totem = false) {
        ASSERT_EQ(connect(conn, initial_totem), kOk);
        ASSERT_EQ(join(conn, group, pid), kOk);
        deliver_own();
    }
    Lines events(ConnId conn) {
        Lines lines = std::move(out.events[conn]);
        out.events[conn].clear();
        return lines;
    }
    Lines membership(ConnId conn, std::string_view group) {
        EXPECT_EQ(request(conn, Request::membership, record(client::NameRequest{name(group)})), kOk);
        Reader in(rest);
        const std::uint32_t count = in.u32();
        Lines lines;
        for (std::uint32_t i = 0; i < count; ++i) lines.push_back(members(in, 1, false));
        EXPECT_EQ(in.remaining(), 0u);
        return lines;
    }

    static constexpr NodeId kSelf = 1;
    Notebook out;
    Core core{kSelf};
    Round round = 0;
    std::uint64_t last_request = 0;
    std::size_t delivered = 0;
    Bytes rest;  // of the last reply
};

}  // namespace motet::cpg::test
