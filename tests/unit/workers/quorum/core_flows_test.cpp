// Whole scenarios of Corosync 3.1.7 rings, replayed: views and messages go into synchronisation and core as they were
// recorded. Clients must hear what Corosync's clients heard, every message the core sends must be the one Corosync's node
// sent, and so nodes agree on quorum with Corosync at every step.
#include <nlohmann/json.hpp>

#include <deque>

#include "libs/wire/group.h"
#include "membership/sync/sync.h"
#include "tests/unit/workers/quorum/core_fixture.h"
#include "tests/vectors/load.h"

namespace motet::quorum::test {
namespace {

using Json = nlohmann::json;

constexpr ConnId kQuorumClient = 1, kVoteClient = 2, kDeviceClient = 3;
constexpr std::uint32_t kDeviceFlags = vq::kQdeviceAlive | vq::kQdeviceCastVote;

RingId ring_id(const Json& json) { return {json[0].get<NodeId>(), json[1].get<std::uint64_t>()}; }

// One incarnation of a node: the real synchronisation in front of a real core.
class Replayed final : public sync::Output {
public:
    explicit Replayed(const Settings& settings) : node(settings), self_(settings.self) {}

    void view(const Json& view) {
        const Nodes members = view["members"].get<Nodes>(), trans = view["trans"].get<Nodes>();
        if (!first_) sync_.transitional(ring_, trans, *this);
        first_ = false;
        ring_ = ring_id(view["ring"]);
        own_build_ = false;
        node.notes.sent.clear();  // of a synchronisation that was given up
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
        if (header->service() != 5) return;
        if (from == self_ && own_build_) compare(static_cast<vq::Function>(header->function()), grouped->payload);
        node.core.on_message(from, grouped->payload, false, node.notes);
        if (header->function() == 2) node.notes.replies.clear();
    }

    Node node;
    std::size_t completed = 0, compared = 0;

private:
    // Everything up to where Corosync's messages have bytes of no meaning.
    static Bytes meaning(vq::Function function, ByteView body) {
        if (function == vq::Function::nodeinfo) return {body.begin() + 16, body.begin() + 32};
        if (function == vq::Function::reconfigure) {
            const auto m = vq::decode_reconfigure(body, false);
            Bytes out(body.begin() + 16, body.begin() + 25);
            if (m->parameter == 3) std::fill_n(out.begin(), 8, std::uint8_t{0});
            return out;
        }
        if (function == vq::Function::qdevice_reg) {
            const auto m = vq::decode_qdevice_reg(body, false);
            const std::string both = std::to_string(m->operation) + std::string(m->name);
            return {both.begin(), both.end()};
        }
        const auto m = vq::decode_qdevice_reconfigure(body, false);
        const std::string both = std::string(m->old_name) + "|" + std::string(m->new_name);
        return {both.begin(), both.end()};
    }

    void compare(vq::Function function, ByteView body) {
        auto& sent = node.notes.sent;
        if (sent.empty()) act(function, body);
        ASSERT_FALSE(sent.empty()) << "node " << self_ << " sends nothing where Corosync's sends function " << int(function);
        const Bytes ours = sent.front();
        sent.erase(sent.begin());
        const auto header = wire::decode_service_header(ours, false);
        ASSERT_TRUE(header);
        ASSERT_EQ(header->function(), static_cast<std::uint32_t>(function)) << "node " << self_;
        EXPECT_EQ(meaning(function, ours), meaning(function, body)) << "node " << self_ << " ring " << ring_.seq;
        ++compared;
    }

    // Lets an administrator or the device do what made the real one's daemon send `body`.
    void act(vq::Function function, ByteView body) {
        node.core.on_connect(kDeviceClient);
        node.ask(kDeviceClient, Request::open, record(client::OpenRequest{client::Interface::votequorum, 0}));
        if (function == vq::Function::reconfigure) {
            const auto m = vq::decode_reconfigure(body, false);
            if (m->parameter == 1) node.ask(kDeviceClient, Request::set_expected, record(m->value));
            if (m->parameter == 2) node.ask(kDeviceClient, Request::set_votes, record(std::array<std::uint32_t, 2>{m->nodeid, m->value}));
            if (m->parameter == 3) node.ask(kDeviceClient, Request::cancel_wait_for_all);
        } else if (function == vq::Function::qdevice_reg) {
            const auto m = vq::decode_qdevice_reg(body, false);
            if (m->operation == 1) node.ask(kDeviceClient, Request::device_register, record(device_name(m->name)));
        } else if (function == vq::Function::qdevice_reconfigure) {
            const auto m = vq::decode_qdevice_reconfigure(body, false);
            node.ask(kDeviceClient, Request::device_rename, record(std::array{device_name(m->old_name), device_name(m->new_name)}));
        } else {
            act_on_flags(*vq::decode_nodeinfo(body, false));
        }
    }
    void act_on_flags(const vq::NodeInfo& info) {
        const std::uint32_t before = node.core.votes().us().flags, changed = before ^ info.flags;
        const auto name = device_name(node.core.votes().info(0)->device_name);
        if ((info.flags & vq::kLeaving) != 0) return node.core.on_leave(node.notes);
        if ((changed & vq::kQdeviceRegistered) != 0) {
            node.ask(kDeviceClient, Request::device_unregister, record(name));
        } else if ((changed & kDeviceFlags) != 0) {
            const bool vote = (info.flags & vq::kQdeviceCastVote) != 0;
            node.ask(kDeviceClient, Request::device_poll, record(client::PollRequest{ring_.seq, ring_.rep, vote, name}));
        } else if ((changed & vq::kQdeviceMasterWins) != 0) {
            const bool allow = (info.flags & vq::kQdeviceMasterWins) != 0;
            node.ask(kDeviceClient, Request::device_master_wins, record(client::MasterWinsRequest{name, allow}));
        } else {
            node.core.on_settings(node.core.votes().settings(), node.notes);  // a key was written
        }
    }

    void send_sync(ByteView) override {}
    void service_init(std::uint32_t service, sync::Round round, RingId ring, std::span<const NodeId> members,
                      std::span<const NodeId> continuing) override {
        node.core.on_init(service, round, ring, members, continuing);
    }
    void service_process(std::uint32_t service, sync::Round round) override {
        if (service == 3 || service == 5) node.core.on_process(service, round, node.notes);
        sync_.service_done(service, round, *this);
    }
    void service_activate(std::uint32_t service, sync::Round round) override { node.core.on_activate(service, round, node.notes); }
    void service_abort(std::uint32_t service, sync::Round round) override { node.core.on_abort(service, round); }
    void sync_started() override {}
    void sync_complete(RingId ring, bool all_motet) override {
        node.core.on_complete(ring, all_motet, node.notes);
        ++completed;
        if (subscribed_) return;
        subscribed_ = true;
        ASSERT_EQ(node.open(kQuorumClient, client::Interface::quorum), kOk);
        ASSERT_EQ(node.track(kQuorumClient, 4), kOk);
        ASSERT_EQ(node.open(kVoteClient, client::Interface::votequorum), kOk);
        ASSERT_EQ(node.track(kVoteClient, 4), kOk);
    }

    NodeId self_;
    static constexpr std::uint32_t kServices[] = {sync::kCmap, sync::kCpg, sync::kQuorum, sync::kVotequorum};
    sync::Sync sync_{self_, kServices};
    RingId ring_;
    bool first_ = true, own_build_ = false, subscribed_ = false;
};

std::string list_text(const Json& list) {
    std::string text = "[";
    for (std::size_t i = 0; i < list.size(); ++i) text += (i == 0 ? "" : " ") + std::to_string(list[i].get<int>());
    return text + "]";
}

// What a tracker of the quorum service, or of votequorum, heard after its subscription.
Lines recorded(const Json& events, bool votes) {
    Lines lines;
    for (const Json& e : events) {
        if (e.contains("initial")) continue;
        const std::string what = e["ev"];
        if (votes != what.starts_with("vq.")) continue;
        const std::string ring =
            e.contains("ring") ? std::to_string(e["ring"][0].get<int>()) + "." + std::to_string(e["ring"][1].get<int>()) + " " : "";
        if (what == "q.quorum") lines.push_back("quorum " + std::to_string(e["quorate"].get<int>()) + " " + ring + list_text(e["view"]));
        if (what == "q.nodelist")
            lines.push_back("nodelist " + ring + list_text(e["mem"]) + " joined " + list_text(e["join"]) + " left " + list_text(e["left"]));
        if (what == "vq.expected") lines.push_back("expected " + std::to_string(e["value"].get<int>()));
        if (what == "vq.nodelist") lines.push_back("vnodelist " + ring + list_text(e["nodes"]));
        if (what == "vq.quorum") {
            Json flat = Json::array();
            for (const Json& pair : e["nodes"])
                for (const Json& n : pair) flat.push_back(n);
            lines.push_back("vquorum " + std::to_string(e["quorate"].get<int>()) + " " + list_text(flat));
        }
    }
    return lines;
}

bool contains_run(const Lines& heard, const Lines& want) {
    return want.empty() || std::search(heard.begin(), heard.end(), want.begin(), want.end()) != heard.end();
}

std::string text(const Lines& lines) {
    std::string all;
    for (const std::string& line : lines) all += "  " + line + "\n";
    return all;
}

struct Totals {
    std::size_t events = 0, completed = 0, compared = 0;
};

Totals replay(const std::string& flow_name) {
    const Json flow = motet::test::load_json("services/flows/" + flow_name + ".json");
    Settings settings = votes_of(0, flow["nodes"].is_number() ? flow["nodes"].get<std::uint32_t>() : 0);
    const std::string options = flow["quorum"];
    settings.two_node = options.find("two_node: 1") != std::string::npos;
    settings.wait_for_all = settings.two_node || options.find("wait_for_all: 1") != std::string::npos;
    settings.auto_tie_breaker = options.find("auto_tie_breaker: 1") != std::string::npos;
    settings.allow_downscale = settings.expected_votes_tracking = options.find("allow_downscale: 1") != std::string::npos;
    settings.device.configured = flow_name == "admin";
    std::map<std::pair<NodeId, int>, std::unique_ptr<Replayed>> nodes;
    for (const Json& view : flow["views"]) {
        const NodeId id = view["node"].get<NodeId>();
        auto& node = nodes[{id, view["inc"].get<int>()}];
        settings.self = id;
        if (!node) node = std::make_unique<Replayed>(settings);
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
        if (c["kind"] == "c") continue;
        for (const bool votes : {false, true}) {
            const Lines want = recorded(c["events"], votes);
            bool found = false;
            std::string heard;
            for (auto& [key, node] : nodes) {
                if (key.first != c["node"].get<NodeId>()) continue;
                const Lines& lines = node->node.notes.events[votes ? kVoteClient : kQuorumClient];
                found = found || contains_run(lines, want);
                heard += "incarnation:\n" + text(lines);
            }
            EXPECT_TRUE(found) << flow_name << ", node " << c["node"] << ": recorded\n" << text(want) << heard;
            totals.events += want.size();
        }
    }
    for (const auto& [key, node] : nodes) {
        totals.completed += node->completed;
        totals.compared += node->compared;
    }
    return totals;
}

class Flow : public testing::TestWithParam<const char*> {};

TEST_P(Flow, ClientsHearAndPeersReceiveWhatCorosyncsDid) {
    const Totals totals = replay(GetParam());
    if (std::string(GetParam()) != "abort") { EXPECT_GT(totals.events, 8u); }  // no tracker was recorded there
    EXPECT_GT(totals.completed, 6u);
    EXPECT_GT(totals.compared, 16u);
}

INSTANTIATE_TEST_SUITE_P(Recorded, Flow, testing::Values("main", "abort", "admin", "wfa", "twonode", "atb", "downscale"),
                         [](const auto& one) { return std::string(one.param); });

}  // namespace
}  // namespace motet::quorum::test
