// cmap as its clients see it: codes, walks, notices and their order, and records that make no sense.
#include "tests/unit/workers/confdb/recorder.h"

namespace motet::confdb {
namespace {

namespace client = wire::cmap_client;
using client::Request;
using Lines = std::vector<std::string>;

struct CmapTest : testing::Test {
    Fanout changes;
    Store store{changes};
    NoStatistics statistics;
    Clients out;
    Cmap cmap{store, statistics, out};
    std::uint64_t requests = 0;

    CmapTest() {
        changes.add(cmap);
        open(1);
    }
    void open(ConnId conn, std::uint32_t map = client::kIcmap) {
        cmap.on_connect(conn);
        ask(conn, Request::open, record(map));
    }
    Code ask(ConnId conn, Request type, const Bytes& payload) {
        out.last.clear();
        cmap.on_request(conn, type, ++requests, payload);
        if (out.last.empty()) return Code::library;
        EXPECT_EQ(out.answered, requests);
        return out.code();
    }
    Code set(std::string_view key, Type type, std::string_view value, ConnId conn = 1) {
        return ask(conn, Request::set, record(client::SetRequest{static_cast<std::uint32_t>(key.size()), static_cast<std::uint32_t>(type)}, key, value));
    }
    Code get(std::string_view key, ConnId conn = 1) { return ask(conn, Request::get, record(client::GetRequest{1}, key)); }
    Code track(std::string_view key, std::uint32_t events, std::uint64_t number, ConnId conn = 1) {
        return ask(conn, Request::track, record(client::TrackRequest{number, events, 0}, key));
    }
    Lines notices() {
        Lines lines;
        for (const Clients::Event& event : out.events) {
            client::ChangeEvent head;
            std::memcpy(&head, event.bytes.data(), sizeof head);
            const std::string rest(event.bytes.begin() + sizeof head, event.bytes.end());
            EXPECT_EQ(rest.size(), head.key_length + head.new_length + head.old_length);
            lines.push_back(std::to_string(event.conn) + "/" + std::to_string(head.track) + " " + std::to_string(head.event) + " " +
                            rest.substr(0, head.key_length) + " " + std::to_string(head.new_type) + " " + std::to_string(head.old_type));
        }
        out.events.clear();
        return lines;
    }
    std::string value() const { return {out.last.begin() + sizeof(client::ValueReply), out.last.end()}; }
};

TEST_F(CmapTest, ValuesAreCheckedBeforeTheyAreKept) {
    EXPECT_EQ(set("a.key", Type::text, std::string_view("text\0", 5)), Code::ok);
    EXPECT_EQ(set("a.other", Type::text, std::string_view("text\0more", 9)), Code::invalid_param);
    EXPECT_EQ(get("a.key"), Code::ok);
    EXPECT_EQ(value(), std::string("text\0", 5));
    EXPECT_EQ(set("a.key", Type::u32, "123"), Code::invalid_param);
    EXPECT_EQ(set("a.key", static_cast<Type>(13), ""), Code::invalid_param);
    EXPECT_EQ(set("a.key", Type::none, ""), Code::invalid_param);
    EXPECT_EQ(set("a.key", Type::binary, std::string(16385, 'x')), Code::invalid_param);
    EXPECT_EQ(set("a.key", Type::binary, std::string(16384, 'x')), Code::ok);
    EXPECT_EQ(set("ab", Type::text, "x"), Code::name_too_long);
    EXPECT_EQ(set("a key", Type::text, "x"), Code::name_too_long);
    EXPECT_EQ(set(std::string(256, 'k'), Type::text, "x"), Code::name_too_long);
    EXPECT_EQ(set(std::string(255, 'k'), Type::text, "x"), Code::ok);
    EXPECT_EQ(set("totem.version", Type::u32, "1234"), Code::access);
    EXPECT_EQ(get("no.such.key"), Code::not_exist);
    EXPECT_EQ(ask(1, Request::erase, record("totem.transport")), Code::access);
    EXPECT_EQ(ask(1, Request::erase, record("no.such.key")), Code::not_exist);
    EXPECT_EQ(ask(1, Request::add, record(std::int64_t{1}, "a.key")), Code::invalid_param);
}

TEST_F(CmapTest, LongerPrefixesAreToldFirst) {
    track("", 15, 1);
    track("p.", 15, 2);
    track("p.k", 15, 3);
    track("", 15, 4);
    track("p.", 15, 5);
    track("p.key", 15, 6);
    set("p.key", Type::u8, "1");
    Lines order;
    for (const std::string& line : notices()) order.push_back(line.substr(2, 1));
    EXPECT_EQ(order, (Lines{"6", "3", "2", "5", "4", "1"}));
}

TEST_F(CmapTest, NoticesComeInOrderKeysBeforePrefixes) {
    track("p.", 15, 1);
    track("p.key", 7, 2);
    track("p.", 15, 3);
    track("p.key", 7, 4);
    track("p.key", 2, 5);
    set("p.key", Type::u8, "1");
    EXPECT_EQ(notices(), (Lines{"1/4 4 p.key 2 0", "1/2 4 p.key 2 0", "1/1 4 p.key 2 0", "1/3 4 p.key 2 0"}));
    set("p.key", Type::u8, "1");
    EXPECT_EQ(notices(), Lines{});
    set("p.key", Type::i8, "1");
    EXPECT_EQ(notices().front(), "1/5 2 p.key 1 2");
    ask(1, Request::untrack, record(std::uint64_t{4}));
    ask(1, Request::untrack, record(std::uint64_t{1}));
    EXPECT_EQ(ask(1, Request::untrack, record(std::uint64_t{1})), Code::bad_handle);
    ask(1, Request::erase, record("p.key"));
    EXPECT_EQ(notices(), (Lines{"1/2 1 p.key 0 1", "1/3 1 p.key 0 1"}));
    EXPECT_EQ(track("p.", 16, 9), Code::invalid_param);
    EXPECT_EQ(track("p.", 15, 2), Code::exist);
}

TEST_F(CmapTest, AConnectionTakesItsTracksAlong) {
    open(2);
    track("p.", 15, 1, 2);
    track("p.key", 15 & ~8u, 2, 2);
    cmap.on_disconnect(2);
    EXPECT_EQ(cmap.tracks(), 0u);
    set("p.key", Type::u8, "1");
    EXPECT_TRUE(out.events.empty());
}

TEST_F(CmapTest, AWalkIsGivenInBatchesBehindTheLastKey) {
    for (int i = 0; i < 600; ++i) store.set("walk." + std::to_string(1000 + i), Value::u8(1));
    store.set("zzz.last", Value::text("x"));
    std::string last;
    std::size_t met = 0;
    for (int batch = 0; batch < 10; ++batch) {
        ASSERT_EQ(ask(1, Request::next, record(client::NextRequest{5, 1000}, "walk.", last)), Code::ok);
        Reader in(ByteView(out.last).subspan(4));
        const std::uint32_t count = in.u32();
        if (count == 0) break;
        EXPECT_LE(count, client::kBatchMax);
        for (std::uint32_t i = 0; i < count; ++i, ++met) {
            const std::uint16_t length = in.u16();
            EXPECT_EQ(in.u16(), 2u);
            EXPECT_EQ(in.u32(), 1u);
            last = as_text(in.bytes(length));
        }
        EXPECT_EQ(in.remaining(), 0u);
    }
    EXPECT_EQ(met, 600u);
}

TEST_F(CmapTest, StatisticsAreReadNotWrittenAndToldWhenPolled) {
    statistics.all["stats.srp.mcast_tx"] = Value::u64(1);
    open(2, client::kStats);
    EXPECT_EQ(get("stats.srp.mcast_tx", 2), Code::ok);
    EXPECT_EQ(set("stats.srp.mcast_tx", Type::u64, "12345678", 2), Code::access);
    EXPECT_EQ(set("stats.clear.knet", Type::u8, "1", 2), Code::ok);
    EXPECT_EQ(statistics.cleared, "knet");
    EXPECT_EQ(set("stats.clear.what", Type::u8, "1", 2), Code::not_supported);
    EXPECT_EQ(track("stats.", 8 | 2, 1, 2), Code::not_supported);
    EXPECT_EQ(track("stats.", 8, 1, 2), Code::not_supported);
    EXPECT_EQ(track("stats.", 8 | 4, 1, 2), Code::not_supported);
    EXPECT_EQ(track("stats.", 8 | 4 | 1, 1, 2), Code::ok);
    EXPECT_EQ(track("stats.srp.mcast_tx", 2, 2, 2), Code::ok);
    cmap.poll_statistics(statistics.all);
    EXPECT_EQ(notices(), Lines{});
    statistics.all["stats.srp.mcast_tx"] = Value::u64(2);
    statistics.all["stats.ipcs.x"] = Value::u64(2);
    cmap.poll_statistics(statistics.all);
    EXPECT_EQ(notices(), (Lines{"2/1 4 stats.ipcs.x 8 8", "2/2 2 stats.srp.mcast_tx 8 8"}));
    statistics.all.erase("stats.ipcs.x");
    cmap.poll_statistics(statistics.all);
    EXPECT_EQ(notices(), (Lines{"2/1 1 stats.ipcs.x 8 8"}));
    set("p.key", Type::u8, "1");
    EXPECT_EQ(notices(), Lines{});
}

TEST_F(CmapTest, RecordsOfTheWrongShapeEndTheConnection) {
    const Bytes bad[] = {{}, record(std::uint32_t{300}), record(client::SetRequest{200, 2}, "short")};
    ConnId conn = 10;
    for (const Bytes& payload : bad) {
        open(++conn);
        cmap.on_request(conn, Request::set, 1, payload);
        EXPECT_EQ(out.closed.at(conn), Output::Close::violation);
        out.last.clear();
        cmap.on_request(conn, Request::get, 2, record(client::GetRequest{1}, "a.key"));
        EXPECT_TRUE(out.last.empty());   // not heard any more
    }
    open(++conn);
    cmap.on_request(conn, static_cast<Request>(77), 1, {});
    EXPECT_EQ(out.closed.at(conn), Output::Close::violation);
    cmap.on_connect(++conn);
    cmap.on_request(conn, Request::get, 1, record(client::GetRequest{1}, "a.key"));   // before open
    EXPECT_EQ(out.closed.at(conn), Output::Close::violation);
    cmap.on_connect(++conn);
    EXPECT_EQ(ask(conn, Request::open, record(std::uint32_t{2})), Code::not_exist);
}

TEST_F(CmapTest, ASuccessorTellsTheSameClients) {
    open(2);
    track("p.", 15, 1);
    track("p.key", 7, 2, 2);
    Bytes saved;
    Writer to(saved);
    cmap.save(to);
    Fanout others;
    Store fresh(others);
    Cmap successor(fresh, statistics, out);
    others.add(successor);
    Reader in(saved);
    ASSERT_TRUE(successor.restore(in));
    EXPECT_EQ(in.remaining(), 0u);
    fresh.set("p.key", Value::u8(1));
    EXPECT_EQ(notices(), (Lines{"2/2 4 p.key 2 0", "1/1 4 p.key 2 0"}));
    for (std::size_t size = 0; size < saved.size(); ++size) {
        Cmap broken(fresh, statistics, out);
        Reader cut(ByteView(saved).first(size));
        EXPECT_FALSE(broken.restore(cut)) << size;
    }
}

}  // namespace
}  // namespace motet::confdb
