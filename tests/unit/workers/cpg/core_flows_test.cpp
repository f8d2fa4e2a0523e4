// Whole scenarios of a Corosync 3.1.7 ring, replayed: views and messages go into synchronisation and core as they were
// recorded, and clients must hear what Corosync's clients heard, and peers what Corosync's peers did. Motet differs on
// purpose in three points, which expected() and the comparisons below spell out:
//   - joined lists are sorted by node and pid; Corosync gives them in reverse order of arrival;
//   - after its own leave a client hears nothing more of the group; Corosync goes on delivering;
//   - the cookie of a message's source is 0; Corosync sends a pointer.
#include <nlohmann/json.hpp>

#include <set>

#include "libs/wire/group.h"
#include "membership/sync/sync.h"
#include "tests/unit/workers/cpg/core_fixture.h"
#include "tests/vectors/load.h"

namespace motet::cpg::test {
namespace {

using Json = nlohmann::json;

Nodes node_list(const Json& json) { return json.get<Nodes>(); }
RingId ring_id(const Json& json) { return {json[0].get<NodeId>(), json[1].get<std::uint64_t>()}; }

// One incarnation of a node: the real synchronisation in front of a real core.
class Replayed final : public sync::Output {
public:
    Replayed(NodeId self, std::map<std::uint32_t, std::uint32_t> flags)
        : core(self), self_(self), flags_(std::move(flags)) {}

    void view(const Json& view) {
        const Nodes members = node_list(view["members"]), trans = node_list(view["trans"]);
        if (!first_) sync_.transitional(ring_, trans, *this);
        first_ = false;
        ring_ = ring_id(view["ring"]);
        own_build_ = false;
        sync_.regular(ring_, members, *this);
    }

    void message(NodeId from, const Bytes& whole) {
        const auto grouped = wire::decode_grouped(whole, false);
        ASSERT_TRUE(grouped);
        const auto header = wire::decode_service_header(grouped->payload, false);
        ASSERT_TRUE(header);
        if (grouped->sync) {
            if (from == self_ && header->id == 1) own_build_ = true;
            sync_.deliver(from, grouped->payload, false, *this);
            return;
        }
        if (header->service() != 2) return;
        if (from == self_) act(static_cast<wire::cpg::Function>(header->function()), grouped->payload);
        core.on_message(from, grouped->payload, false, notes);
    }

    Notebook notes;
    Core core;
    std::size_t completed = 0, compared = 0;

private:
    // Lets the local client do what made the real one's daemon send `body`, and compares what the core sends.
    void act(wire::cpg::Function function, ByteView body) {
        const std::size_t before = notes.submitted.size();
        if (function == wire::cpg::Function::procjoin) {
            const auto join = wire::cpg::decode_procjoin(body, false);
            const ConnId conn = join->pid;
            core.on_connect(conn, static_cast<std::int32_t>(join->pid), 0, 0, notes);
            ask(conn, Request::model, record(client::ModelRequest{join->pid, flags_[join->pid], 1, 0}));
            ask(conn, Request::join, record(client::JoinRequest{join->pid, name(join->group.text())}));
        } else if (function == wire::cpg::Function::procleave) {
            const auto leave = wire::cpg::decode_procleave(body, false);
            if (leave->reason == 2)
                ask(leave->pid, Request::leave, record(client::LeaveRequest{leave->pid, name(leave->group.text())}));
            else
                core.on_disconnect(leave->pid, notes);
        } else if (function == wire::cpg::Function::mcast) {
            const auto m = wire::cpg::decode_mcast(body, false);
            core.on_request(m->pid, Request::multicast, ++request_,
                            record(client::MulticastRequest{2, static_cast<std::uint32_t>(m->payload.size())}, m->payload),
                            notes);
        } else if (function == wire::cpg::Function::joinlist) {
            // Before the own service build it is a leftover of the round before.
            if (!own_build_) return;
            ASSERT_FALSE(notes.sync.empty());
            EXPECT_EQ(notes.sync.back().second, Bytes(body.begin(), body.end()));
            ++compared;
            return;
        } else {
            return;
        }
        ASSERT_EQ(notes.submitted.size(), before + 1) << "function " << static_cast<int>(function);
        Bytes ours = notes.submitted.back().bytes, theirs(body.begin(), body.end());
        if (function == wire::cpg::Function::mcast) {
            for (Bytes* bytes : {&ours, &theirs}) std::fill_n(bytes->begin() + 168, 16, 0);
        }
        EXPECT_EQ(ours, theirs);
        ++compared;
    }
    void ask(ConnId conn, Request type, const Bytes& payload) {
        core.on_request(conn, type, ++request_, payload, notes);
        EXPECT_EQ(notes.replies.at({conn, request_}).code, kOk) << "request " << static_cast<int>(type) << " of " << conn;
    }

    void send_sync(ByteView) override {}
    void service_init(std::uint32_t service, sync::Round round, RingId ring, std::span<const NodeId> members,
                      std::span<const NodeId> continuing) override {
        if (service == sync::kCpg) core.on_init(round, ring, members, continuing, notes);
    }
    void service_process(std::uint32_t service, sync::Round round) override {
        if (service == sync::kCpg) core.on_process(round, notes);
        sync_.service_done(service, round, *this);
    }
    void service_activate(std::uint32_t service, sync::Round round) override {
        if (service == sync::kCpg) core.on_activate(round, notes);
    }
    void service_abort(std::uint32_t service, sync::Round round) override {
        if (service == sync::kCpg) core.on_abort(round, notes);
    }
    void sync_started() override { core.on_sync_started(notes); }
    void sync_complete(RingId ring, bool all_motet) override {
        EXPECT_FALSE(all_motet) << "the recorded builds do not list it";
        core.on_complete(ring, all_motet, notes);
        ++completed;
    }

    NodeId self_;
    std::map<std::uint32_t, std::uint32_t> flags_;
    static constexpr std::uint32_t kServices[] = {sync::kCmap, sync::kCpg, sync::kQuorum, sync::kVotequorum};
    sync::Sync sync_{self_, kServices};
    RingId ring_;
    bool first_ = true, own_build_ = false;
    std::uint64_t request_ = 0;
};

std::string changes(Json list, bool reasons) {
    std::sort(list.begin(), list.end());
    std::string text;
    for (const Json& m : list) {
        if (!text.empty()) text += " ";
        text += std::to_string(m[0].get<int>()) + "/" + std::to_string(m[1].get<int>());
        if (reasons) text += ":" + std::to_string(m[2].get<int>());
    }
    return text;
}

// What Motet's client must hear where Corosync's heard `client["events"]`.
Lines expected(const Json& recorded) {
    Lines lines;
    for (const Json& e : recorded["events"]) {
        if (e["ev"] == "totem") {
            std::string line =
                "ring " + std::to_string(e["ring"][0].get<int>()) + "." + std::to_string(e["ring"][1].get<int>()) + " of";
            for (const Json& n : e["mem"]) line += " " + std::to_string(n.get<int>());
            lines.push_back(line);
        } else if (e["ev"] == "confchg") {
            std::string line = e["g"].get<std::string>() + " [" + changes(e["mem"], false) + "]";
            if (!e["left"].empty()) line += " left " + changes(e["left"], true);
            if (!e["join"].empty()) line += " joined " + changes(e["join"], true);
            lines.push_back(line);
            const Json own = {recorded["node"], recorded["pid"], 2};
            if (std::find(e["left"].begin(), e["left"].end(), own) != e["left"].end()) break;  // the rest is silence
        } else {
            lines.push_back(e["g"].get<std::string>() + " from " + std::to_string(e["node"].get<int>()) + "/" +
                            std::to_string(e["pid"].get<int>()) + ": " + std::to_string(e["len"].get<int>()));
        }
    }
    return lines;
}

// Payloads are recorded by their length only.
Lines by_length(const Lines& heard) {
    Lines lines;
    for (const std::string& line : heard) {
        const std::size_t colon = line.find(": ");
        if (line.find(" from ") == std::string::npos || colon == std::string::npos) {
            lines.push_back(line);
            continue;
        }
        const std::string rest = line.substr(colon + 2);
        const bool long_one = rest.ends_with(" bytes");
        lines.push_back(line.substr(0, colon + 2) +
                        (long_one ? rest.substr(0, rest.size() - 6) : std::to_string(rest.size())));
    }
    return lines;
}

struct Totals {
    std::size_t clients = 0, events = 0, completed = 0, compared = 0;
};

Totals replay(const std::string& flow_name) {
    const Json flow = motet::test::load_json("services/flows/" + flow_name + ".json");
    std::map<std::uint32_t, std::uint32_t> flags;
    for (const Json& c : flow["clients"]) flags[c["pid"].get<std::uint32_t>()] = c["flags"].get<std::uint32_t>();
    std::map<std::pair<NodeId, int>, std::unique_ptr<Replayed>> nodes;
    for (const Json& view : flow["views"]) {
        const NodeId id = view["node"].get<NodeId>();
        auto& node = nodes[{id, view["inc"].get<int>()}];
        if (!node) node = std::make_unique<Replayed>(id, flags);
        node->view(view);
        for (const Json& m : flow["messages"]) {
            if (m["ring"] != view["ring"]) continue;
            Bytes bytes = motet::test::from_hex(m["hex"].get<std::string>());
            bytes.resize(m["len"].get<std::size_t>());
            node->message(m["sender"].get<NodeId>(), bytes);
        }
    }
    Totals totals;
    for (const Json& c : flow["clients"]) {
        if (c["kind"] != "c") continue;
        const Lines want = expected(c);
        Lines heard;
        for (const auto& [key, node] : nodes) {
            const auto found = node->notes.events.find(c["pid"].get<ConnId>());
            if (key.first == c["node"].get<NodeId>() && found != node->notes.events.end()) heard = by_length(found->second);
        }
        if (heard.size() > want.size()) heard.resize(want.size());  // the real client was stopped first
        EXPECT_EQ(heard, want) << "client " << c["pid"] << " of node " << c["node"];
        ++totals.clients;
        totals.events += want.size();
    }
    for (const auto& [key, node] : nodes) {
        totals.completed += node->completed;
        totals.compared += node->compared;
    }
    return totals;
}

TEST(CpgFlows, ClientsHearWhatCorosyncsClientsHeardThroughPartitionsMergesAndDeaths) {
    const Totals totals = replay("main");
    EXPECT_EQ(totals.clients, 8u);
    EXPECT_GT(totals.events, 60u);
    EXPECT_EQ(totals.completed, 19u) << "one of the 20 views was superseded";
    EXPECT_GT(totals.compared, 20u);
}

TEST(CpgFlows, ClientsHearWhatCorosyncsClientsHeardThroughAnAbortedSynchronisation) {
    const Totals totals = replay("abort");
    EXPECT_EQ(totals.clients, 12u);
    EXPECT_GT(totals.events, 100u);
    EXPECT_EQ(totals.completed, 23u);
    EXPECT_GT(totals.compared, 20u);
}

}  // namespace
}  // namespace motet::cpg::test
