// A ring of cfg cores without rings, processes or clock: messages are delivered to all members in the order of sending;
// the daemon around each core is a few lines that a test can bend.
#pragma once
#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "workers/confdb/cfg.h"

namespace motet::test {

using cfg::Code;
using cfg::Operation;
namespace client = wire::cfg_client;

struct Said {
    cfg::Say level;
    std::string text;
};
struct Answered {
    cfg::ConnId conn;
    std::uint64_t request;
    Code code;
    Bytes more;
};
struct Operated {
    Operation what;
    std::uint64_t number;
    std::string text;
};

class CfgNode final : private cfg::Output, private cfg::World {
public:
    CfgNode(NodeId node, const config::TotemSettings& settings, std::deque<std::pair<NodeId, Bytes>>& bus)
        : id(node), core(settings, 1, *this), bus_(bus) {}

    cfg::Output& out() { return *this; }
    void request(cfg::ConnId conn, client::Request type, ByteView payload = {}) {
        core.on_request(conn, type, ++requests, payload, *this);
    }
    template <class T>
    void request_with(cfg::ConnId conn, client::Request type, const T& payload) {
        request(conn, type, {reinterpret_cast<const std::uint8_t*>(&payload), sizeof payload});
    }
    // The last answer to a connection; Code{} if there was none.
    Code code(cfg::ConnId conn) const {
        for (auto i = answers.rbegin(); i != answers.rend(); ++i)
            if (i->conn == conn) return i->code;
        return Code{};
    }
    bool did(Operation what) const {
        for (const Operated& o : operations)
            if (o.what == what) return true;
        return false;
    }
    bool said(std::string_view text) const {
        for (const Said& s : sayings)
            if (s.text.find(text) != s.text.npos) return true;
        return false;
    }

    const NodeId id;
    cfg::Core core;
    std::vector<Answered> answers;
    std::vector<std::pair<cfg::ConnId, std::uint32_t>> events;
    std::vector<cfg::ConnId> closed;
    std::vector<Operated> operations;
    std::vector<Said> sayings;
    std::vector<std::string> flags;      // of a reload, as clients would see the keys change
    cfg::Prepared found{.good = true, .rekeyed = false, .moved = false, .key_check = 0, .text = "totem.token=3000\n", .nodes = {1, 2, 3}};
    bool daemon_answers = true;
    std::uint64_t timeout_ms = 5000, requests = 0;
    std::map<std::pair<NodeId, unsigned>, cfg::LinkView> links;

private:
    void submit(ByteView message, Guarantee) override { bus_.emplace_back(id, Bytes(message.begin(), message.end())); }
    void reply(cfg::ConnId conn, std::uint64_t request, std::span<const ByteView> pieces) override {
        client::Reply head;
        std::memcpy(&head, pieces[0].data(), sizeof head);
        Bytes more;
        for (const ByteView piece : pieces.subspan(1)) more.insert(more.end(), piece.begin(), piece.end());
        answers.push_back({conn, request, static_cast<Code>(head.error), more});
    }
    void event(cfg::ConnId conn, client::Event, std::span<const ByteView> pieces) override {
        std::uint32_t value = 0;
        std::memcpy(&value, pieces[0].data(), sizeof value);
        events.emplace_back(conn, value);
    }
    void close(cfg::ConnId conn, Close) override { closed.push_back(conn); }
    void operate(Operation what, std::uint64_t number, std::string_view text) override {
        operations.push_back({what, number, std::string(text)});
        pending.push_back(operations.back());
    }
    void reload_begins() override { flags.push_back("begins"); }
    void reload_ends(Code result) override { flags.push_back(result == Code::ok ? "ok" : "refused"); }
    void say(cfg::Say level, std::string_view text) override { sayings.push_back({level, std::string(text)}); }
    std::optional<cfg::LinkView> link(NodeId node, unsigned link) const override {
        const auto seen = links.find({node, link});
        return seen == links.end() ? std::nullopt : std::optional(seen->second);
    }
    std::uint64_t shutdown_timeout_ms() const override { return timeout_ms; }

    std::deque<std::pair<NodeId, Bytes>>& bus_;

public:
    std::deque<Operated> pending;        // what the daemon has not answered yet
};

// `count` nodes with ids from 1 on; all Motet unless said otherwise.
class CfgRing {
public:
    explicit CfgRing(NodeId count, bool all_motet = true, config::Transport transport = config::Transport::udpu) : all_motet_(all_motet) {
        config::TotemSettings settings;
        settings.transport = transport;
        for (NodeId id = 1; id <= count; ++id)
            settings.nodes.push_back({.id = id, .name = "node" + std::to_string(id), .addresses = {"127.0.0." + std::to_string(id)}, .votes = 1});
        for (NodeId id = 1; id <= count; ++id) {
            settings.local = id - 1;
            nodes.push_back(std::make_unique<CfgNode>(id, settings, bus));
        }
        std::vector<NodeId> all;
        for (NodeId id = 1; id <= count; ++id) all.push_back(id);
        form(all);
    }
    CfgNode& operator[](NodeId id) { return *nodes[id - 1]; }

    void form(const std::vector<NodeId>& members) {
        members_ = members;
        for (const NodeId id : members) {
            (*this)[id].core.on_sync_started();
            (*this)[id].core.on_ring(members, (*this)[id].out());
        }
        for (const NodeId id : members) (*this)[id].core.on_complete(all_motet_, (*this)[id].out());
    }
    // Delivers everything and lets the daemons answer until nothing moves; bounded.
    void run() {
        for (int rounds = 0; rounds < 1000; ++rounds) {
            if (!bus.empty()) {
                const auto [from, message] = std::move(bus.front());
                bus.pop_front();
                for (const NodeId id : members_) (*this)[id].core.on_message(from, message, false, (*this)[id].out());
                continue;
            }
            if (!daemons()) return;
        }
        ADD_FAILURE() << "the ring does not come to rest";
    }
    void tick(std::int64_t ms) {
        now_ = now_ + milliseconds(ms);
        for (auto& node : nodes) node->core.on_time(now_, node->out());
    }

    std::deque<std::pair<NodeId, Bytes>> bus;
    std::vector<std::unique_ptr<CfgNode>> nodes;

private:
    bool daemons() {
        bool any = false;
        for (auto& node : nodes) {
            if (!node->daemon_answers) continue;
            while (!node->pending.empty()) {
                const Operated o = node->pending.front();
                node->pending.pop_front();
                any = true;
                if (o.what == Operation::prepare) node->core.on_prepared(o.number, node->found, node->out());
                if (o.what == Operation::commit) node->core.on_applied(o.number, true, {}, node->out());
            }
        }
        return any;
    }
    bool all_motet_;
    std::vector<NodeId> members_;
    Instant now_{1'000'000'000};
};

}  // namespace motet::test
