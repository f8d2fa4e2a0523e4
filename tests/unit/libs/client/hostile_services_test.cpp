// The confdb and quorum workers, broken into, against libcfg, libquorum and libvotequorum: replies and events that lie cost the
// link (CS_ERR_LIBRARY), never the process, and no callback sees what they claim.
#include <corosync/cfg.h>
#include <corosync/quorum.h>
#include <corosync/votequorum.h>

#include <random>

#include "libs/wire/client_cfg.h"
#include "libs/wire/client_quorum.h"
#include "tests/unit/libs/client/fake_daemon.h"

namespace motet::test {
namespace {

namespace cfg = motet::wire::cfg_client;
namespace votes = motet::wire::quorum_client;

int calls = 0;   // of any callback

// What a service does that keeps its word but for one type of request.
FakeDaemon::Answer lying(std::uint16_t about, const Bytes& lie, std::uint16_t open, const Bytes& opened) {
    return [=](const Seen& s) -> std::optional<Bytes> { return s.type == about ? lie : s.type == open ? opened : reply_of(CS_OK); };
}

struct Cfg : testing::Test {
    FakeDaemon daemon{{.service = "confdb", .finalize = static_cast<std::uint16_t>(cfg::Request::finalize)}};
    corosync_cfg_handle_t handle = 0;

    void open(cfg::Request about = cfg::Request::finalize, const Bytes& lie = reply_of(CS_OK)) {
        daemon.set_answer(lying(static_cast<std::uint16_t>(about), lie, static_cast<std::uint16_t>(cfg::Request::open), reply_of(CS_OK)));
        static const corosync_cfg_callbacks_t callbacks{[](corosync_cfg_handle_t, corosync_cfg_shutdown_flags_t) { ++calls; }};
        calls = 0;
        ASSERT_EQ(corosync_cfg_initialize(&handle, &callbacks), CS_OK);
    }
    void expect_dead(const char* what) {
        unsigned id = 77;
        EXPECT_EQ(corosync_cfg_local_get(handle, &id), CS_ERR_LIBRARY) << what;
        EXPECT_EQ(id, 77u) << what;
        EXPECT_EQ(corosync_cfg_dispatch(handle, CS_DISPATCH_ALL), CS_ERR_LIBRARY) << what;
        EXPECT_EQ(calls, 0) << what;
        corosync_cfg_finalize(handle);
    }
};

TEST_F(Cfg, ShortRepliesAndImpossibleErrorsEndTheLink) {
    const Bytes lies[] = {Bytes(1), Bytes(7), reply_of(CS_OK), reply_of(0, std::uint32_t{7}), reply_of(101), reply_of(0xFFFFFFFF)};
    for (const Bytes& lie : lies) {
        open(cfg::Request::local, lie);
        expect_dead("local_get");
        open(cfg::Request::addresses, lie);
        int count = 5;
        corosync_cfg_node_address_t addresses[2];
        EXPECT_EQ(corosync_cfg_get_node_addrs(handle, 1, 2, &count, addresses), CS_ERR_LIBRARY);
        EXPECT_EQ(count, 5);
        expect_dead("addresses");
        open(cfg::Request::node_status, lie);
        corosync_cfg_node_status_v1 status{};
        EXPECT_EQ(corosync_cfg_node_status_get(handle, 1, CFG_NODE_STATUS_V1, &status), CS_ERR_LIBRARY);
        EXPECT_EQ(status.nodeid, 0u);
        expect_dead("node_status");
        open(cfg::Request::ring_status, lie);
        char **names = nullptr, **states = nullptr;
        unsigned links = 9;
        EXPECT_EQ(corosync_cfg_ring_status_get(handle, &names, &states, &links), CS_ERR_LIBRARY);
        EXPECT_EQ(links, 9u);
        expect_dead("ring_status");
    }
}

TEST_F(Cfg, CountsAndTextsAreBounded) {
    cfg::AddressList list;
    list.count = 0xFFFFFFFF;
    for (cfg::Address& a : list.list) a.family = 99;
    open(cfg::Request::addresses, reply_of(CS_OK, list));
    int count = 0;
    corosync_cfg_node_address_t addresses[2];
    EXPECT_EQ(corosync_cfg_get_node_addrs(handle, 1, 2, &count, addresses), CS_OK);
    EXPECT_EQ(count, static_cast<int>(cfg::kLinksMax));
    EXPECT_LE(static_cast<std::size_t>(addresses[1].address_length), sizeof addresses[1].address);   // a family that is none
    corosync_cfg_finalize(handle);

    cfg::RingStatus rings;
    rings.count = 0xFFFFFFFF;
    std::memset(static_cast<void*>(rings.list), 'x', sizeof rings.list);   // no NUL anywhere
    open(cfg::Request::ring_status, reply_of(CS_OK, rings));
    char **names = nullptr, **states = nullptr;
    unsigned links = 0;
    ASSERT_EQ(corosync_cfg_ring_status_get(handle, &names, &states, &links), CS_OK);
    ASSERT_EQ(links, cfg::kLinksMax);
    for (unsigned i = 0; i < links; ++i) {
        EXPECT_EQ(std::strlen(names[i]), sizeof rings.list[i].name);
        EXPECT_EQ(std::strlen(states[i]), sizeof rings.list[i].status);
        std::free(names[i]);
        std::free(states[i]);
    }
    std::free(names);
    std::free(states);
    corosync_cfg_finalize(handle);

    cfg::NodeStatus node;
    std::memset(static_cast<void*>(&node), 'x', sizeof node);
    open(cfg::Request::node_status, reply_of(CS_OK, node));
    corosync_cfg_node_status_v1 status{};
    ASSERT_EQ(corosync_cfg_node_status_get(handle, 1, CFG_NODE_STATUS_V1, &status), CS_OK);
    for (const auto& link : status.link_status) {
        EXPECT_LT(strnlen(link.src_ipaddr, sizeof link.src_ipaddr), sizeof link.src_ipaddr);
        EXPECT_LT(strnlen(link.dst_ipaddr, sizeof link.dst_ipaddr), sizeof link.dst_ipaddr);
    }
    corosync_cfg_finalize(handle);
}

TEST_F(Cfg, EventsOfAnotherTypeSizeOrMeaning) {
    const auto event = [&](std::uint16_t type, const Bytes& payload, const char* what) {
        open();
        daemon.raw_event(type, payload);
        EXPECT_EQ(corosync_cfg_dispatch(handle, CS_DISPATCH_ALL), CS_ERR_LIBRARY) << what;
        expect_dead(what);
    };
    const auto shutdown = static_cast<std::uint16_t>(cfg::Event::shutdown);
    event(999, Bytes(4), "unknown type");
    event(shutdown, {}, "empty");
    event(shutdown, Bytes(3), "truncated");
    event(shutdown, Bytes(5), "a byte behind");
    event(shutdown, Bytes(4, 0xff), "flags that are none");
}

struct Quorum : testing::Test {
    FakeDaemon daemon{{.service = "quorum", .finalize = static_cast<std::uint16_t>(votes::Request::finalize)}};
    static constexpr auto kOpen = static_cast<std::uint16_t>(votes::Request::open);
    quorum_handle_t quorum = 0;
    votequorum_handle_t votequorum = 0;

    void answer(votes::Request about = votes::Request::finalize, const Bytes& lie = reply_of(CS_OK)) {
        daemon.set_answer(lying(static_cast<std::uint16_t>(about), lie, kOpen, reply_of(CS_OK, std::uint32_t{1})));
        calls = 0;
    }
    void open_quorum() {
        quorum_model_v1_data_t data{};
        data.model = QUORUM_MODEL_V1;
        data.quorum_notify_fn = [](quorum_handle_t, std::uint32_t, quorum_ring_id, std::uint32_t, const std::uint32_t*) { ++calls; };
        data.nodelist_notify_fn = [](quorum_handle_t, quorum_ring_id, std::uint32_t, const std::uint32_t*, std::uint32_t, const std::uint32_t*, std::uint32_t, const std::uint32_t*) { ++calls; };
        std::uint32_t type = 0;
        ASSERT_EQ(quorum_model_initialize(&quorum, QUORUM_MODEL_V1, reinterpret_cast<quorum_model_data_t*>(&data), &type, nullptr), CS_OK);
    }
    void open_votequorum() {
        votequorum_callbacks_t callbacks{};
        callbacks.votequorum_quorum_notify_fn = [](votequorum_handle_t, std::uint64_t, std::uint32_t, std::uint32_t, votequorum_node_t*) { ++calls; };
        callbacks.votequorum_nodelist_notify_fn = [](votequorum_handle_t, std::uint64_t, votequorum_ring_id_t, std::uint32_t, std::uint32_t*) { ++calls; };
        callbacks.votequorum_expectedvotes_notify_fn = [](votequorum_handle_t, std::uint64_t, std::uint32_t) { ++calls; };
        ASSERT_EQ(votequorum_initialize(&votequorum, &callbacks), CS_OK);
    }
    template <class T>
    static Bytes with(const T& header, std::size_t words) {
        Bytes bytes;
        append(bytes, header);
        bytes.resize(bytes.size() + 4 * words);
        return bytes;
    }
    void event(votes::Event type, const Bytes& payload, const char* what) { event(static_cast<std::uint16_t>(type), payload, what); }
    void event(std::uint16_t type, const Bytes& payload, const char* what) {
        answer();
        open_quorum();
        daemon.raw_event(type, payload);
        EXPECT_EQ(quorum_dispatch(quorum, CS_DISPATCH_ALL), CS_ERR_LIBRARY) << what;
        EXPECT_EQ(quorum_dispatch(quorum, CS_DISPATCH_ALL), CS_ERR_LIBRARY) << what;
        quorum_finalize(quorum);
        open_votequorum();
        daemon.raw_event(type, payload);
        EXPECT_EQ(votequorum_dispatch(votequorum, CS_DISPATCH_ALL), CS_ERR_LIBRARY) << what;
        EXPECT_EQ(votequorum_dispatch(votequorum, CS_DISPATCH_ALL), CS_ERR_LIBRARY) << what;
        votequorum_finalize(votequorum);
        EXPECT_EQ(calls, 0) << what;
    }
};

TEST_F(Quorum, ShortRepliesAndImpossibleErrorsEndTheLink) {
    const Bytes lies[] = {Bytes(1), Bytes(7), reply_of(CS_OK), reply_of(0, std::uint32_t{7}), reply_of(101), reply_of(0xFFFFFFFF)};
    for (const Bytes& lie : lies) {
        answer(votes::Request::get_quorate, lie);
        open_quorum();
        int quorate = 7;
        EXPECT_EQ(quorum_getquorate(quorum, &quorate), CS_ERR_LIBRARY);
        EXPECT_EQ(quorate, 7);
        EXPECT_EQ(quorum_trackstart(quorum, CS_TRACK_CHANGES), CS_ERR_LIBRARY);
        quorum_finalize(quorum);
        answer(votes::Request::info, lie);
        open_votequorum();
        votequorum_info info{};
        EXPECT_EQ(votequorum_getinfo(votequorum, 1, &info), CS_ERR_LIBRARY);
        EXPECT_EQ(info.node_id, 0u);
        votequorum_finalize(votequorum);
    }
    daemon.set_answer([](const Seen&) -> std::optional<Bytes> { return reply_of(CS_OK); });   // without the type of quorum
    std::uint32_t type = 0;
    EXPECT_EQ(quorum_initialize(&quorum, nullptr, &type), CS_ERR_LIBRARY);
}

TEST_F(Quorum, TheDevicesNameEndsInsideItsField) {
    votes::InfoReply reply;
    std::memset(static_cast<void*>(&reply), 'x', sizeof reply);
    answer(votes::Request::info, reply_of(CS_OK, reply));
    open_votequorum();
    votequorum_info info{};
    ASSERT_EQ(votequorum_getinfo(votequorum, 1, &info), CS_OK);
    EXPECT_LT(strnlen(info.qdevice_name, sizeof info.qdevice_name), sizeof info.qdevice_name);
    votequorum_finalize(votequorum);
}

TEST_F(Quorum, EventsOfUnknownTypeOrWrongSize) {
    event(999, Bytes(64), "unknown type");
    event(0, {}, "type 0");
    for (const auto type : {votes::Event::quorum, votes::Event::nodelist, votes::Event::vote_quorum, votes::Event::vote_nodelist, votes::Event::vote_expected}) {
        event(type, {}, "empty");
        event(type, Bytes(3), "no whole word");
        event(type, Bytes(4), "truncated");
    }
}

TEST_F(Quorum, ListsThatClaimMoreOrLessThanTheyHave) {
    event(votes::Event::quorum, with(votes::RingEvent{.members = 3}, 2), "two of three members");
    event(votes::Event::quorum, with(votes::RingEvent{.members = 1}, 2), "a word behind");
    event(votes::Event::nodelist, with(votes::RingEvent{.members = 0xFFFFFFFF, .joined = 1, .left = 2}, 2), "a sum that wraps");
    event(votes::Event::nodelist, with(votes::RingEvent{.members = 1, .joined = 1, .left = 1}, 2), "two of three lists");
    event(votes::Event::vote_quorum, with(votes::VoteEvent{.entries = 0x80000001}, 2), "pairs that wrap");
    event(votes::Event::vote_quorum, with(votes::VoteEvent{.entries = 2}, 3), "one pair and a half");
    event(votes::Event::vote_nodelist, with(votes::VoteEvent{.entries = 0xFFFFFFFF}, 0), "many nodes, none there");
    event(votes::Event::vote_nodelist, with(votes::VoteEvent{.entries = 1}, 2), "a node behind");
}

// Random words as events: whatever dispatch answers, it answers.
TEST_F(Quorum, RandomEvents) {
    std::mt19937_64 random(20261127);
    answer();
    open_quorum();
    for (int round = 0; round < 500; ++round) {
        Bytes bytes(random() % 96);
        for (std::uint8_t& b : bytes) b = random() % 3 == 0 ? static_cast<std::uint8_t>(random()) : 0;
        daemon.raw_event(static_cast<std::uint16_t>(random() % 7), bytes);
        const cs_error_t dispatched = quorum_dispatch(quorum, CS_DISPATCH_ALL);
        EXPECT_TRUE(dispatched == CS_OK || dispatched == CS_ERR_LIBRARY);
        if (dispatched == CS_OK) continue;
        quorum_finalize(quorum);
        open_quorum();
    }
    quorum_finalize(quorum);
}

}  // namespace
}  // namespace motet::test
