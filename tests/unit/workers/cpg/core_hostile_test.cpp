// Clients that break the protocol lose their connection, peers that do lose their message; everybody else goes on.
#include <random>

#include "tests/unit/workers/cpg/core_fixture.h"

namespace motet::cpg::test {
namespace {

using CpgHostile = CpgCore;

TEST_F(CpgHostile, ARecordOfTheWrongShapeCostsTheConnection) {
    ring(4, {1}, {1});
    const auto too_short = [](Bytes bytes) {
        bytes.pop_back();
        return bytes;
    };
    const auto too_long = [](Bytes bytes) {
        bytes.push_back(0);
        return bytes;
    };
    const std::vector<std::pair<Request, Bytes>> bad = {
        {Request::model, record(client::ModelRequest{})},  // a second time
        {Request::join, too_short(record(client::JoinRequest{}))},
        {Request::join, too_long(record(client::JoinRequest{}))},
        {Request::leave, {}},
        {Request::multicast, {}},
        {Request::multicast, record(client::MulticastRequest{2, 4}, pattern(3))},
        {Request::multicast, record(client::MulticastRequest{2, client::kAtomicMax + 1}, pattern(client::kAtomicMax + 1))},
        {Request::multicast, record(client::MulticastRequest{2, 0xffffffff}, pattern(3))},
        {Request::multicast_part, record(client::PartRequest{2, 10, 4, 1}, pattern(3))},
        {Request::multicast_part, too_short(record(client::PartRequest{}))},
        {Request::multicast_sync, record(client::MulticastRequest{2, 4}, pattern(5))},
        {Request::membership, too_long(record(client::NameRequest{}))},
        {Request::local, pattern(1)},
        {Request::iteration_start, {}},
        {Request::iteration_next, pattern(7)},
        {Request::iteration_end, pattern(9)},
        {Request::finalize, pattern(1)},
        {static_cast<Request>(0), {}},
        {static_cast<Request>(13), {}},
        {static_cast<Request>(65535), {}},
    };
    ConnId conn = 0;
    for (const auto& [type, payload] : bad) {
        ++conn;
        member(conn, "alpha", static_cast<std::uint32_t>(conn));
        EXPECT_EQ(request(conn, type, payload), kNoReply) << static_cast<int>(type) << " of " << payload.size();
        ASSERT_TRUE(out.closed.contains(conn)) << static_cast<int>(type) << " of " << payload.size();
        EXPECT_EQ(out.closed.at(conn), Output::Close::violation);
        EXPECT_TRUE(out.submitted.back().bytes == procleave("alpha", static_cast<std::uint32_t>(conn), 5));
        const std::size_t before = out.submitted.size();
        EXPECT_EQ(join(conn, "beta", 1), kNoReply) << "a closed connection is not heard";
        core.on_disconnect(conn, out);
        EXPECT_EQ(out.submitted.size(), before);
        deliver_own();
    }
    member(100, "alpha", 100);
    EXPECT_EQ(events(100), Lines{"alpha [1/100] joined 1/100:1"});
}

TEST_F(CpgHostile, NothingIsServedBeforeTheModelRequest) {
    ring(4, {1}, {1});
    core.on_connect(1, 1, 0, 0, out);
    EXPECT_EQ(join(1, "alpha", 1), kNoReply);
    EXPECT_TRUE(out.closed.contains(1));
    core.on_connect(2, 1, 0, 0, out);
    EXPECT_EQ(request(2, Request::model, record(client::ModelRequest{0, 2, 0, 0})), kInvalidParam);
    EXPECT_EQ(request(3, Request::local, {}), kNoReply) << "a connection that never was";
    core.on_disconnect(3, out);
}

TEST_F(CpgHostile, ConnectionsAndLocalProcessesAreBounded) {
    ring(4, {1}, {1});
    for (ConnId conn = 1; conn <= 8192; ++conn) connect(conn);
    EXPECT_TRUE(out.closed.empty());
    for (ConnId conn = 1; conn <= 7000; ++conn) ASSERT_EQ(join(conn, "alpha", static_cast<std::uint32_t>(conn)), kOk);
    EXPECT_EQ(join(7001, "beta", 7001), kNoResources);
    core.on_connect(9000, 1, 0, 0, out);
    EXPECT_TRUE(out.closed.contains(9000));
}

TEST_F(CpgHostile, AGroupOfManyMembersIsStillToldInFull) {
    ring(4, {1, 2}, {1});
    for (std::uint32_t pid = 1; pid <= 17000; ++pid) from(2, procjoin("alpha", pid));
    EXPECT_EQ(core.dropped(), 17000u - 16384u);
    connect(1);
    EXPECT_EQ(membership(1, "alpha").size(), 16384u);
    EXPECT_EQ(join(1, "alpha", 10), kNoResources);
    EXPECT_EQ(join(1, "beta", 10), kOk);
}

// Two joins in flight for the last place: the second finds it taken when it is delivered.
TEST_F(CpgHostile, AJoinThatTheBoundOvertakesEndsItsConnection) {
    ring(4, {1, 2}, {1});
    for (std::uint32_t pid = 1; pid < 16384; ++pid) from(2, procjoin("alpha", pid));
    connect(1);
    connect(2);
    EXPECT_EQ(join(1, "alpha", 10), kOk);
    EXPECT_EQ(join(2, "alpha", 11), kOk);
    deliver_own();
    EXPECT_EQ(events(1).size(), 1u);
    EXPECT_EQ(events(2), Lines{});
    EXPECT_EQ(out.closed.at(2), Output::Close::violation);
    EXPECT_TRUE(out.submitted.back().bytes == procleave("alpha", 11, 5)) << "for peers that have no such bound";
}

TEST_F(CpgHostile, MessagesThatMakeNoSenseAreCountedAndDropped) {
    ring(4, {1, 2}, {1});
    member(1, "alpha", 10);
    from(2, procjoin("alpha", 20));
    events(1);
    const std::uint64_t before = core.dropped();
    Bytes other_service = mcast("alpha", 20, "x");
    store_at<std::uint32_t>(other_service, 0, 3u << 16 | 3);
    Bytes unknown_function = mcast("alpha", 20, "x");
    store_at<std::uint32_t>(unknown_function, 0, 2u << 16 | 7);
    Bytes long_name = mcast("alpha", 20, "x");
    store_at<std::uint32_t>(long_name, 16, 129);
    Bytes long_payload = mcast("alpha", 20, "x");
    store_at<std::uint32_t>(long_payload, 152, 2);
    Bytes list = joinlist({{1, "alpha"}});
    store_at<std::uint32_t>(list, 8, 24 + 144 * 2);
    for (const Bytes& bytes : {Bytes{}, Bytes(15), other_service, unknown_function, long_name, long_payload, list})
        from(2, bytes);
    EXPECT_EQ(core.dropped(), before + 7);
    EXPECT_EQ(events(1), Lines{});
}

TEST_F(CpgHostile, ForeignByteOrderIsUnderstood) {
    ring(4, {1, 2}, {1});
    member(1, "alpha", 10);
    events(1);
    Bytes bytes = procjoin("alpha", 20);
    for (const std::size_t at : {0u, 8u, 16u, 152u, 160u}) {
        std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.begin() + static_cast<std::ptrdiff_t>(at) + 4);
    }
    core.on_message(2, bytes, true, out);
    EXPECT_EQ(events(1), Lines{"alpha [1/10 2/20] joined 2/20:1"});
}

// Goal: no sequence of damaged messages and requests breaks the core. Method: valid ones with a few bytes changed or cut,
// drawn from a fixed seed; the sanitizers watch. At the end an honest client is served.
TEST_F(CpgHostile, DamagedInputOfEveryKindIsSurvived) {
    std::mt19937 random(20240607);
    const auto draw = [&](std::uint32_t below) { return static_cast<std::uint32_t>(random() % below); };
    const auto damage = [&](Bytes bytes) {
        for (std::uint32_t i = draw(4); i > 0 && !bytes.empty(); --i)
            bytes[draw(static_cast<std::uint32_t>(bytes.size()))] = static_cast<std::uint8_t>(random());
        if (draw(8) == 0) bytes.resize(draw(static_cast<std::uint32_t>(bytes.size()) + 1));
        return bytes;
    };
    ring(4, {1, 2, 3}, {1});
    ConnId conn = 0;
    std::uint64_t seq = 4;
    for (int i = 0; i < 20000; ++i) {
        const std::string group(1, static_cast<char>('a' + draw(3)));
        const std::uint32_t pid = draw(5);
        const Bytes messages[] = {procjoin(group, pid), procleave(group, pid, 5), mcast(group, pid, "text"),
                                  joinlist({{pid, group}, {7, "b"}}), part(group, pid, 1 + draw(3), 4, as_bytes("ab"))};
        core.on_message(2 + draw(2), damage(messages[draw(5)]), draw(50) == 0, out);
        if (draw(4) == 0 || conn == 0) {
            out.replies.clear();
            connect(++conn);
        }
        const Bytes requests[] = {record(client::JoinRequest{pid, name(group)}),
                                  record(client::LeaveRequest{pid, name(group)}),
                                  record(client::MulticastRequest{2, 4}, pattern(4)),
                                  record(client::PartRequest{2, 4, 2, 1 + draw(3)}, pattern(2)),
                                  record(client::NameRequest{name(group)}),
                                  {},
                                  record(client::IterationRequest{1 + draw(3), 0, name(group)}),
                                  record(std::uint64_t{draw(20)}),
                                  record(std::uint64_t{draw(20)}),
                                  {},
                                  record(client::MulticastRequest{2, 4}, pattern(4))};
        const std::uint32_t type = draw(11);
        const ConnId to = conn - draw(static_cast<std::uint32_t>(std::min<ConnId>(conn, 4)));
        core.on_request(to, static_cast<Request>(2 + type), ++last_request, damage(requests[type]), out);
        if (draw(6) == 0) core.on_disconnect(to, out);
        if (draw(3) == 0) deliver_own();
        if (draw(300) == 0)
            ring(seq += 4, {1, 2, 3}, draw(2) ? Nodes{1, 2} : Nodes{1, 3}, {{2, joinlist({{1, "a"}})}}, draw(2) == 0);
    }
    deliver_own();
    ++conn;
    member(conn, "honest", 4711);
    EXPECT_EQ(events(conn).back(), "honest [1/4711] joined 1/4711:1");
    EXPECT_NE(core.status_json().find("\"name\":\"honest\""), std::string::npos);
}

TEST_F(CpgHostile, TheStatusIsTextWhateverTheNamesAre) {
    ring(4, {1}, {1});
    member(1, std::string_view("a\"\\\n\0\xff", 6), 10);
    for (ConnId conn = 2; conn < 100; ++conn) member(conn, "group" + std::to_string(conn), 1);
    const std::string status = core.status_json();
    EXPECT_NE(status.find("\"name\":\"a\\u0022\\u005c\\u000a\\u0000\\u00ff\""), std::string::npos) << status;
    EXPECT_NE(status.find("\"group_count\":99"), std::string::npos);
    EXPECT_LT(status.size(), 20000u);
}

}  // namespace
}  // namespace motet::cpg::test
