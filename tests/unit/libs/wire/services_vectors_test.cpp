// The services' golden vectors and flows: every captured message decodes to its recorded fields, encodes back
// to the same defined bytes with zeros between them, and reads the same in the other byte order.
#include <gtest/gtest.h>

#include <random>

#include "libs/wire/cfg.h"
#include "libs/wire/cmap.h"
#include "libs/wire/cpg.h"
#include "libs/wire/group.h"
#include "libs/wire/pload.h"
#include "libs/wire/service.h"
#include "libs/wire/sync.h"
#include "libs/wire/votequorum.h"
#include "tests/fuzz/exercise.h"
#include "tests/unit/libs/wire/layout.h"
#include "tests/vectors/load.h"

namespace motet::wire {
namespace {

using nlohmann::json;
using test::Layout;

struct Refused : std::runtime_error {
    explicit Refused(Malformed why) : std::runtime_error(name(why)) {}
};
template <class T>
T accepted(const Decoded<T>& decoded) {
    if (!decoded) throw Refused(decoded.why);
    return decoded.value;
}

std::string pointer_text(std::uint64_t value) {
    char text[17];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
    return text;
}

// One kind of message: its name in the index, its fields, its encoding, and its layout behind the header.
struct Kind {
    const char* name;
    void (*fields)(ByteView message, bool swap, json& out);
    void (*encode)(ByteView message, Bytes& out);
    void (*layout)(Layout& l);
};

void put_payload(ByteView payload, json& out) {
    out["payload_len"] = payload.size();
    if (payload.size() <= 64) out["payload"] = test::to_hex(payload);
}
void put_source(const MessageSource& source, json& out) {
    out["source_nodeid"] = source.nodeid;
    out["source_conn"] = pointer_text(source.conn);
}

template <auto decode, auto encode>
void encode_fields(ByteView message, Bytes& out) {
    encode(accepted(decode(message, false)), out);
}

void cpg_name(Layout& l) {
    l.numbers({4, -4});
    const std::size_t length = l.number_before(8, 4);
    l.plain(length).padding(cpg::kNameMax - length);
}
void long_name(Layout& l) {
    l.numbers({2, -6});
    const std::size_t length = l.number_before(8, 2);
    l.plain(length).padding(256 - length);
}
void device_name(Layout& l) {
    std::size_t length = 0;
    while (l.rest_bytes()[length] != 0) ++length;
    l.plain(length + 1).padding(254 - length);
}

template <auto decode>
void change_fields(ByteView message, bool swap, json& out) {
    const cpg::ProcChange change = accepted(decode(message, swap));
    out.update({{"group", change.group.text()}, {"pid", change.pid}, {"reason", change.reason}});
}
void change_layout(Layout& l) {
    cpg_name(l);
    l.numbers({4, -4, 4, -4});
}

const std::map<std::uint32_t, Kind> kSyncKinds = {
    {0,
     {"sync.barrier",
      [](ByteView m, bool swap, json& out) {
          const SyncBarrier barrier = accepted(decode_sync_barrier(m, swap));
          out.update({{"ring_rep", barrier.ring.rep}, {"ring_seq", barrier.ring.seq}});
      },
      encode_fields<decode_sync_barrier, encode_sync_barrier>,
      [](Layout& l) {
          l.numbers({4, 8, -4});
      }}},
    {1,
     {"sync.service_build",
      [](ByteView m, bool swap, json& out) {
          const ServiceBuild build = accepted(decode_service_build(m, swap));
          out.update({{"ring_rep", build.ring.rep},
                      {"ring_seq", build.ring.seq},
                      {"service_list", std::vector<std::uint32_t>(build.services.begin(), build.services.end())}});
      },
      encode_fields<decode_service_build, encode_service_build>,
      [](Layout& l) {
          l.numbers({4, 8, -4, 4, -4});
          const std::size_t entries = l.number_before(8, 4);
          for (std::size_t i = 0; i < 128; ++i) l.numbers({i < entries ? 4 : -4});
      }}},
};

const std::map<std::uint32_t, Kind> kServiceKinds = {
    {0x00000,
     {"cmap.mcast",
      [](ByteView m, bool swap, json& out) {
          const cmap::Mcast mcast = accepted(cmap::decode_mcast(m, swap));
          json items = json::array();
          for (const cmap::Item& item : mcast.items) {
              items.push_back({{"key", item.key},
                               {"value_type", static_cast<int>(item.type)},
                               {"value_len", item.value.size()},
                               {"value", item.type == cmap::ValueType::u64 ? json(item.number) : json()}});
          }
          out.update({{"reason", mcast.reason}, {"no_items", mcast.items.size()}, {"items", items}});
      },
      encode_fields<cmap::decode_mcast, cmap::encode_mcast>,
      [](Layout& l) {
          l.numbers({1, -7, 1, -7, 1, -7, 1, -7});
          while (l.rest() > 0) {
              long_name(l);
              l.numbers({1, -7, 8});
              if (l.number_before(8, 8) == 8) l.numbers({8});
          }
      }}},
    {0x10001,
     {"cfg.killnode",
      [](ByteView m, bool swap, json& out) {
          const cfg::Kill kill = accepted(cfg::decode_kill(m, swap));
          out.update({{"nodeid", kill.nodeid}, {"reason", kill.reason}});
      },
      encode_fields<cfg::decode_kill, cfg::encode_kill>,
      [](Layout& l) {
          l.numbers({4, -4}), long_name(l);
      }}},
    {0x10002,
     {"cfg.shutdown", [](ByteView m, bool swap, json&) { accepted(cfg::decode_shutdown(m, swap)); },
      [](ByteView, Bytes& out) { cfg::encode_shutdown(out); }, [](Layout&) {}}},
    {0x10003,
     {"cfg.reload_config",
      [](ByteView m, bool swap, json& out) { put_source(accepted(cfg::decode_reload(m, swap)).source, out); },
      encode_fields<cfg::decode_reload, cfg::encode_reload>,
      [](Layout& l) {
          l.numbers({4, -4, 8});
      }}},
    {0x10004,
     {"cfg.crypto_reconfig",
      [](ByteView m, bool swap, json& out) { out["phase"] = accepted(cfg::decode_crypto(m, swap)).phase; },
      encode_fields<cfg::decode_crypto, cfg::encode_crypto>,
      [](Layout& l) {
          l.numbers({4, -4});
      }}},
    {0x20000,
     {"cpg.procjoin", change_fields<cpg::decode_procjoin>, encode_fields<cpg::decode_procjoin, cpg::encode_procjoin>,
      change_layout}},
    {0x20001,
     {"cpg.procleave", change_fields<cpg::decode_procleave>, encode_fields<cpg::decode_procleave, cpg::encode_procleave>,
      change_layout}},
    {0x20002,
     {"cpg.joinlist",
      [](ByteView m, bool swap, json& out) {
          out["entries"] = json::array();
          for (const cpg::JoinlistEntry& entry : accepted(cpg::decode_joinlist(m, swap))) {
              out["entries"].push_back({{"pid", entry.pid}, {"group", entry.group.text()}});
          }
      },
      encode_fields<cpg::decode_joinlist, cpg::encode_joinlist>,
      [](Layout& l) {
          l.numbers({-4, -4});
          while (l.rest() > 0) l.numbers({4, -4}), cpg_name(l);
      }}},
    {0x20003,
     {"cpg.mcast",
      [](ByteView m, bool swap, json& out) {
          const cpg::Mcast mcast = accepted(cpg::decode_mcast(m, swap));
          out.update({{"group", mcast.group.text()}, {"msglen", mcast.payload.size()}, {"pid", mcast.pid}});
          put_source(mcast.source, out);
          put_payload(mcast.payload, out);
      },
      [](ByteView m, Bytes& out) {
          const cpg::Mcast mcast = accepted(cpg::decode_mcast(m, false));
          std::array<std::uint8_t, cpg::kMcastSize> fixed;
          cpg::write_mcast(mcast, fixed);
          Writer(out).bytes(fixed);
          Writer(out).bytes(mcast.payload);
      },
      [](Layout& l) {
          cpg_name(l);
          l.numbers({4, -4, 4, -4, 4, -4, 8}).plain(l.rest());
      }}},
    {0x20005,
     {"cpg.downlist",
      [](ByteView m, bool swap, json& out) {
          const cpg::Downlist list = accepted(cpg::decode_downlist(m, swap));
          out.update({{"old_members", list.old_members},
                      {"left_nodes", list.left.size()},
                      {"nodeids", std::vector<NodeId>(list.left.begin(), list.left.end())}});
      },
      encode_fields<cpg::decode_downlist, cpg::encode_downlist>,
      [](Layout& l) {
          l.numbers({4, -4, 4, -4});
          const std::size_t left = l.number_before(8, 4);
          for (std::size_t i = 0; i < kNodesMax; ++i) l.numbers({i < left ? 4 : -4});
      }}},
    {0x20006,
     {"cpg.partial_mcast",
      [](ByteView m, bool swap, json& out) {
          const cpg::PartialMcast mcast = accepted(cpg::decode_partial_mcast(m, swap));
          out.update({{"group", mcast.group.text()},
                      {"msglen", mcast.total},
                      {"fraglen", mcast.payload.size()},
                      {"pid", mcast.pid},
                      {"type", mcast.part}});
          put_source(mcast.source, out);
          put_payload(mcast.payload, out);
      },
      [](ByteView m, Bytes& out) {
          const cpg::PartialMcast mcast = accepted(cpg::decode_partial_mcast(m, false));
          std::array<std::uint8_t, cpg::kPartialMcastSize> fixed;
          cpg::write_partial_mcast(mcast, fixed);
          Writer(out).bytes(fixed);
          Writer(out).bytes(mcast.payload);
      },
      [](Layout& l) {
          cpg_name(l);
          l.numbers({4, -4, 4, -4, 4, -4, 4, -4, 4, -4, 8}).plain(l.rest());
      }}},
    {0x50000,
     {"votequorum.nodeinfo",
      [](ByteView m, bool swap, json& out) {
          const votequorum::NodeInfo info = accepted(votequorum::decode_nodeinfo(m, swap));
          const std::pair<std::uint32_t, const char*> flags[] = {{votequorum::kQuorate, "QUORATE"},
                                                                 {votequorum::kLeaving, "LEAVING"},
                                                                 {votequorum::kWaitForAll, "WFASTATUS"},
                                                                 {votequorum::kFirst, "FIRST"},
                                                                 {votequorum::kQdeviceRegistered, "QDEVICE_REGISTERED"},
                                                                 {votequorum::kQdeviceAlive, "QDEVICE_ALIVE"},
                                                                 {votequorum::kQdeviceCastVote, "QDEVICE_CAST_VOTE"},
                                                                 {votequorum::kQdeviceMasterWins, "QDEVICE_MASTER_WINS"}};
          json names = json::array();
          for (const auto& [flag, flag_name] : flags) {
              if (info.flags & flag) names.push_back(flag_name);
          }
          out.update({{"nodeid", info.nodeid},
                      {"votes", info.votes},
                      {"expected_votes", info.expected_votes},
                      {"flags", info.flags},
                      {"flag_names", names}});
      },
      encode_fields<votequorum::decode_nodeinfo, votequorum::encode_nodeinfo>,
      [](Layout& l) {
          l.numbers({4, 4, 4, 4});
      }}},
    {0x50001,
     {"votequorum.reconfigure",
      [](ByteView m, bool swap, json& out) {
          const votequorum::Reconfigure r = accepted(votequorum::decode_reconfigure(m, swap));
          out.update({{"nodeid", r.nodeid}, {"value", r.value}, {"param", r.parameter}});
      },
      encode_fields<votequorum::decode_reconfigure, votequorum::encode_reconfigure>,
      [](Layout& l) {
          l.numbers({4, 4, 1, -7});
      }}},
    {0x50002,
     {"votequorum.qdevice_reg",
      [](ByteView m, bool swap, json& out) {
          const votequorum::QdeviceReg reg = accepted(votequorum::decode_qdevice_reg(m, swap));
          out.update({{"operation", reg.operation}, {"name", reg.name}});
      },
      encode_fields<votequorum::decode_qdevice_reg, votequorum::encode_qdevice_reg>,
      [](Layout& l) { l.numbers({4}), device_name(l), l.padding(5); }}},
    {0x50003,
     {"votequorum.qdevice_reconfigure",
      [](ByteView m, bool swap, json& out) {
          const votequorum::QdeviceReconfigure r = accepted(votequorum::decode_qdevice_reconfigure(m, swap));
          out.update({{"oldname", r.old_name}, {"newname", r.new_name}});
      },
      encode_fields<votequorum::decode_qdevice_reconfigure, votequorum::encode_qdevice_reconfigure>,
      [](Layout& l) { device_name(l), device_name(l), l.padding(2); }}},
    {0x50004,
     {"votequorum.qdevice_extra_info",
      [](ByteView m, bool swap, json& out) {
          const votequorum::ExtraInfo info = accepted(votequorum::decode_extra_info(m, swap));
          out.update({{"nodeid", info.nodeid}, {"ei_size", info.info.size()}, {"extra_info", test::to_hex(info.info)}});
      },
      encode_fields<votequorum::decode_extra_info, votequorum::encode_extra_info>,
      [](Layout& l) {
          l.numbers({4, 4}).plain(l.rest());
      }}},
};

// pload breaks the rule for the header's size, so its kinds have a table of their own.
const std::map<std::uint32_t, Kind> kPloadKinds = {
    {0x40000,
     {"pload.start",
      [](ByteView m, bool swap, json& out) {
          const pload::Start start = accepted(pload::decode_start(m, swap));
          out.update({{"size", start.stated_size}, {"msg_count", start.count}, {"msg_size", start.size}});
      },
      encode_fields<pload::decode_start, pload::encode_start>,
      [](Layout& l) {
          l.numbers({4, 4});
      }}},
    {0x40001,
     {"pload.mcast",
      [](ByteView m, bool swap, json& out) {
          const pload::Mcast mcast = accepted(pload::decode_mcast(m, swap));
          out.update({{"size", mcast.stated_size}, {"body_len", mcast.filler.size()}});
      },
      encode_fields<pload::decode_mcast, pload::encode_mcast>, [](Layout& l) { l.plain(l.rest()); }}},
};

const Kind& kind_of(const Grouped& grouped, std::uint32_t id) {
    return (grouped.sync ? kSyncKinds : kPloadKinds.count(id) ? kPloadKinds : kServiceKinds).at(id);
}

json message_json(ByteView message, bool swap) {
    const Grouped grouped = accepted(decode_grouped(message, swap));
    if (!grouped.ours()) throw Refused(Malformed::type);
    Reader in(grouped.payload, swap);
    const std::uint32_t id = in.u32();
    const Kind& kind = kind_of(grouped, id);
    json out = {{"groups", {as_text(grouped.first_name)}}, {"id", id}, {"msg", kind.name}};
    kind.fields(grouped.payload, swap, out);
    if (!out.contains("size")) out["size"] = accepted(decode_service_header(grouped.payload, swap)).size;
    if (grouped.service) out.update({{"service", id >> 16}, {"fn", id & 0xffff}});
    return out;
}

Layout layout_of(ByteView message) {
    Layout l(message);
    test::group_prefix(l);
    const Grouped grouped = accepted(decode_grouped(message, false));
    l.numbers({4, -4, 4, -4});
    kind_of(grouped, static_cast<std::uint32_t>(l.number_before(16, 4))).layout(l);
    return l;
}

Bytes encode_again(ByteView message) {
    const Grouped grouped = accepted(decode_grouped(message, false));
    Bytes out;
    if (grouped.sync) Writer(out).bytes(kSyncPrefix);
    if (grouped.service) Writer(out).bytes(kServicePrefix);
    kind_of(grouped, Reader(grouped.payload).u32()).encode(grouped.payload, out);
    return out;
}

void expect_round_trip(ByteView message, const std::string& what) {
    const Layout layout = layout_of(message);
    const Bytes again = encode_again(message);
    ASSERT_EQ(layout.rest(), 0u) << what;
    ASSERT_EQ(again.size(), message.size()) << what;
    for (std::size_t i = 0; i < again.size(); ++i) {
        ASSERT_EQ(again[i], layout.defined()[i] ? message[i] : 0) << what << " at byte " << i;
    }
    EXPECT_EQ(message_json(layout.swapped(), true), message_json(message, false)) << what;
}

class ServiceVectors : public testing::Test {
protected:
    struct Vector {
        std::string name;
        Bytes message;
        json decoded;
        bool ours() const { return decoded.at("groups").at(0) != "ykd"; }
    };
    static std::vector<Vector> vectors() {
        std::vector<Vector> all;
        const json index = test::load_json("services/index.json");
        for (const json& entry : index.at("vectors")) {
            all.push_back(
                {entry.at("id"), test::load_hex("services/" + entry.at("file").get<std::string>()), entry.at("decoded")});
        }
        return all;
    }
};

TEST_F(ServiceVectors, DecodeToTheirRecordedFields) {
    const std::vector<Vector> all = vectors();
    EXPECT_EQ(all.size(), 49u);
    for (const Vector& v : all) {
        if (!v.ours()) continue;
        EXPECT_EQ(message_json(v.message, false), v.decoded) << v.name;
    }
}

TEST_F(ServiceVectors, OfAnotherQuorumProviderAreNotOurs) {
    int seen = 0;
    for (const Vector& v : vectors()) {
        if (v.ours()) continue;
        const Decoded<Grouped> grouped = decode_grouped(v.message, false);
        ASSERT_TRUE(grouped);
        EXPECT_FALSE(grouped->ours()) << v.name;
        EXPECT_EQ(as_text(grouped->first_name), "ykd") << v.name;
        ++seen;
    }
    EXPECT_EQ(seen, 2);
}

TEST_F(ServiceVectors, EncodeToTheSameDefinedBytesInBothOrders) {
    for (const Vector& v : vectors()) {
        if (v.ours()) expect_round_trip(v.message, v.name);
    }
}

TEST_F(ServiceVectors, AreRefusedWhenAnyTailIsMissing) {
    for (const Vector& v : vectors()) {
        if (!v.ours() || v.decoded.at("msg") == "pload.mcast") continue;
        for (std::size_t size = 0; size < v.message.size(); ++size) {
            EXPECT_ANY_THROW(message_json(ByteView(v.message).first(size), false)) << v.name << " cut to " << size;
        }
    }
}

TEST_F(ServiceVectors, IncludeAnUnservedLoadGeneratorThatBreaksTheSizeRule) {
    for (const Vector& v : vectors()) {
        if (v.decoded.value("service", 0) != 4) continue;
        const Decoded<Grouped> grouped = decode_grouped(v.message, false);
        EXPECT_EQ(decode_service_header(grouped->payload, false).why, Malformed::length) << v.name;
    }
}

// Goal and method as for the frames: extreme bytes everywhere, then random cuts with random changes.
TEST_F(ServiceVectors, AreHarmlessWhenCorrupted) {
    std::mt19937 random(7);
    for (const Vector& v : vectors()) {
        Bytes message = v.message;
        const std::size_t front = std::min<std::size_t>(message.size(), 400);
        for (std::size_t i = 0; i < front; ++i) {
            const std::uint8_t original = message[i];
            for (const int value : {0x00, 0x01, 0x7f, 0x80, 0xff, original ^ 0x10}) {
                message[i] = static_cast<std::uint8_t>(value);
                fuzz::exercise_message(message, false);
                fuzz::exercise_message(message, true);
            }
            message[i] = original;
        }
        for (int round = 0; round < 200; ++round) {
            Bytes cut(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(random() % (message.size() + 1)));
            for (unsigned n = random() % 4; n > 0 && !cut.empty(); --n)
                cut[random() % cut.size()] = static_cast<std::uint8_t>(random());
            fuzz::exercise_message(cut, random() % 2 == 0);
        }
    }
}

TEST(ServiceFlows, EveryMessageOfEveryScenarioRoundTrips) {
    std::size_t messages = 0;
    for (const char* flow_name : {"abort", "admin", "atb", "downscale", "main", "twonode", "wfa"}) {
        const json flow = test::load_json(std::string("services/flows/") + flow_name + ".json");
        for (const json& message : flow.at("messages")) {
            Bytes bytes = test::from_hex(message.at("hex").get<std::string>());
            bytes.resize(message.at("len"));
            expect_round_trip(bytes, std::string(flow_name) + " " + message.at("seqs").dump());
            ++messages;
        }
    }
    EXPECT_GT(messages, 300u);
}

}  // namespace
}  // namespace motet::wire
