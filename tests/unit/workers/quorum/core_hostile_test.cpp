// Peers and clients that do what they should not: the core drops it or ends the connection, nothing else.
#include "tests/unit/workers/quorum/core_fixture.h"

namespace motet::quorum::test {
namespace {

TEST(Hostile, MessagesThatMakeNoSenseAreCountedAndDropped) {
    Cluster c(3);
    c.ring({1, 2, 3});
    Node& n = c.node(1);
    const auto before = n.core.votes().total_votes();
    Bytes device, other, good;
    vq::encode_nodeinfo({0, 50, 0, 0}, device);
    n.core.on_message(77, device, false, n.notes);  // the device of a node nobody knows: Corosync aborts
    vq::encode_nodeinfo({2, 100, 3, 1}, other);
    n.core.on_message(3, other, false, n.notes);    // in another's name
    vq::encode_nodeinfo({3, 1, 3, 1}, good);
    for (std::size_t size = 0; size < good.size(); ++size) n.core.on_message(3, ByteView(good).first(size), false, n.notes);
    Bytes unknown;
    wire::encode_service_header(wire::message_id(wire::Service::votequorum, 9), 16, unknown);
    n.core.on_message(3, unknown, false, n.notes);
    EXPECT_EQ(n.core.dropped(), 2u + good.size() + 1);
    EXPECT_EQ(n.core.votes().total_votes(), before);
}

TEST(Hostile, HugeClaimsMakeNobodyQuorateByOverflow) {
    Cluster c(3);
    c.ring({1, 2, 3});
    Node& n = c.node(1);
    for (const std::uint32_t huge : {0xFFFFFFFFu, 0x80000000u, 0x7FFFFFFFu}) {
        for (const NodeId from : {2u, 3u}) {
            Bytes claim, device;
            vq::encode_nodeinfo({from, huge, huge, 0}, claim);
            n.core.on_message(from, claim, false, n.notes);
            vq::encode_nodeinfo({0, huge, 0, 0}, device);
            n.core.on_message(from, device, false, n.notes);
        }
        EXPECT_GE(n.core.votes().expected_votes(), n.core.votes().total_votes());
        EXPECT_GE(2ull * n.core.votes().quorum(), n.core.votes().total_votes());
    }
}

TEST(Hostile, NodesThatComeAndGoForeverAreForgotten) {
    Cluster c(1);
    c.ring({1});
    Node& n = c.node(1);
    std::uint64_t seq = 100;
    for (NodeId id = 2; id < 5000; id += 300) {
        Nodes members = {1};
        for (NodeId k = 0; k < 300; ++k) members.push_back(id + k);
        n.core.on_init(kVotequorumService, ++seq, {1, seq}, members, Nodes{1});
        n.core.on_process(kVotequorumService, seq, n.notes);
        for (const NodeId from : members) {
            Bytes info;
            vq::encode_nodeinfo({from, 1, 1, 0}, info);
            n.core.on_message(from, info, false, n.notes);
        }
        n.core.on_activate(kVotequorumService, seq, n.notes);
        EXPECT_LE(n.core.votes().voters().size(), Votes::kVotersMax);
    }
    EXPECT_LT(n.core.status_json().size(), 60000u);
}

TEST(Hostile, RequestsOfTheWrongSizeKindOrOrderEndTheConnection) {
    Cluster c(1);
    c.ring({1});
    Node& n = c.node(1);
    ConnId conn = 10;
    const auto ends = [&](Request type, const Bytes& payload, int open) {
        n.notes.closed.clear();
        ++conn;
        n.core.on_connect(conn);
        if (open != 0) n.ask(conn, Request::open, record(client::OpenRequest{static_cast<client::Interface>(open), 0}));
        n.ask(conn, type, payload);
        return n.notes.closed == std::vector<std::pair<ConnId, Output::Close>>{{conn, Output::Close::violation}};
    };
    EXPECT_TRUE(ends(Request::get_quorate, {}, 0)) << "before open";
    EXPECT_TRUE(ends(Request::open, Bytes(3), 0));
    EXPECT_TRUE(ends(Request::open, record(client::OpenRequest{static_cast<client::Interface>(7), 0}), 0));
    EXPECT_TRUE(ends(Request::open, record(client::OpenRequest{}), 1)) << "twice";
    EXPECT_TRUE(ends(Request::info, record(std::uint32_t{0}), 1)) << "votequorum's on a quorum connection";
    EXPECT_TRUE(ends(static_cast<Request>(99), {}, 2));
    for (int type = 6; type <= 13; ++type) EXPECT_TRUE(ends(static_cast<Request>(type), Bytes(1), 2)) << type;
    EXPECT_TRUE(ends(Request::track_start, Bytes(4), 2));
    n.ask(4711, Request::get_quorate);
    client::DeviceName unterminated;
    std::memset(unterminated.text, 'x', sizeof unterminated.text);
    EXPECT_FALSE(ends(Request::device_register, record(unterminated), 2));
}

}  // namespace
}  // namespace motet::quorum::test
