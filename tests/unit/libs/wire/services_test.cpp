// Lies that service messages can tell. The honest cases are in services_vectors_test.cpp.
#include <gtest/gtest.h>

#include "libs/wire/cfg.h"
#include "libs/wire/cfg_reload.h"
#include "libs/wire/cmap.h"
#include "libs/wire/cpg.h"
#include "libs/wire/pload.h"
#include "libs/wire/service.h"
#include "libs/wire/sync.h"
#include "libs/wire/votequorum.h"

namespace motet::wire {
namespace {

template <class Message, class Encode>
Bytes encoded(const Message& message, Encode encode) {
    Bytes out;
    encode(message, out);
    return out;
}

template <class T>
Bytes with(Bytes message, std::size_t offset, T value) {
    store_at(std::span(message), offset, value);
    return message;
}
Bytes with_u32(Bytes message, std::size_t offset, std::uint32_t value) { return with(std::move(message), offset, value); }

Bytes multicast(std::size_t payload) {
    const Bytes bytes(payload, 0x55);
    cpg::Mcast mcast;
    mcast.group = cpg::GroupName("g");
    mcast.payload = bytes;
    Bytes out(cpg::kMcastSize);
    cpg::write_mcast(mcast, std::span<std::uint8_t, cpg::kMcastSize>(out));
    out.insert(out.end(), bytes.begin(), bytes.end());
    return out;
}

Bytes partial_multicast(std::uint32_t total, std::uint32_t part, std::size_t payload) {
    const Bytes bytes(payload, 0x55);
    cpg::PartialMcast mcast;
    mcast.total = total;
    mcast.part = part;
    mcast.payload = bytes;
    Bytes out(cpg::kPartialMcastSize, 0xee);
    cpg::write_partial_mcast(mcast, std::span<std::uint8_t, cpg::kPartialMcastSize>(out));
    out.insert(out.end(), bytes.begin(), bytes.end());
    return out;
}

TEST(ServiceHeader, SizeMustLieBetweenTheHeaderAndWhatWasReceived) {
    Bytes message;
    encode_service_header(0x20003, 20, message);
    message.resize(20);
    ASSERT_TRUE(decode_service_header(message, false));
    EXPECT_EQ(decode_service_header(message, false)->service(), 2u);
    EXPECT_EQ(decode_service_header(message, false)->function(), 3u);
    for (const std::uint32_t size : {0u, 15u, 21u, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
        EXPECT_EQ(decode_service_header(with_u32(message, 8, size), false).why, Malformed::length) << size;
    }
    EXPECT_TRUE(decode_service_header(with_u32(message, 8, 16), false));
    EXPECT_EQ(decode_service_header(ByteView(message).first(15), false).why, Malformed::truncated);
}

TEST(ServiceMessage, StatedShorterThanItsLayoutIsRefused) {
    const Bytes nodeinfo = encoded(votequorum::NodeInfo{}, votequorum::encode_nodeinfo);
    EXPECT_EQ(votequorum::decode_nodeinfo(with_u32(nodeinfo, 8, 31), false).why, Malformed::truncated);
    EXPECT_EQ(cpg::decode_mcast(with_u32(multicast(0), 8, 183), false).why, Malformed::truncated);
    EXPECT_EQ(cpg::decode_procjoin(nodeinfo, false).why, Malformed::type);
}

TEST(SyncMessages, WithTooManyOrImpossibleServicesAreRefused) {
    ServiceBuild build;
    for (std::uint32_t id = 0; id < kServiceBuildEntriesMax; ++id) build.services.push(id / 2);
    const Bytes message = encoded(build, encode_service_build);
    ASSERT_EQ(message.size(), kServiceBuildSize);
    EXPECT_TRUE(decode_service_build(message, false));
    EXPECT_EQ(decode_service_build(with_u32(message, 32, 129), false).why, Malformed::count);
    EXPECT_EQ(decode_service_build(with_u32(message, 32, 0xffffffffu), false).why, Malformed::count);
    EXPECT_EQ(decode_service_build(with_u32(message, 40, 64), false).why, Malformed::value);
    EXPECT_EQ(decode_service_build(with_u32(message, 40, 0xffffffffu), false).why, Malformed::value);
    EXPECT_EQ(decode_sync_barrier(message, false).why, Malformed::type);
}

TEST(CpgName, IsBoundedAndComparedByItsLengthOnly) {
    const std::string longest(cpg::kNameMax, 'x');
    EXPECT_EQ(cpg::GroupName(longest).text(), longest);
    EXPECT_EQ(cpg::GroupName(longest + "y").text(), longest);
    cpg::GroupName dirty("ab"), clean("ab");
    dirty.value[2] = 'z';
    EXPECT_EQ(dirty, clean);
    EXPECT_FALSE(cpg::GroupName("ab") == cpg::GroupName("abc"));
    EXPECT_FALSE(cpg::GroupName(std::string_view("a\0b", 3)) == cpg::GroupName("a"));
}

TEST(CpgName, StatedLongerThanItsAreaIsRefused) {
    const Bytes join = encoded(cpg::ProcChange{cpg::GroupName("g"), 1, 1}, cpg::encode_procjoin);
    EXPECT_TRUE(cpg::decode_procjoin(with_u32(join, 16, 128), false));
    EXPECT_EQ(cpg::decode_procjoin(with_u32(join, 16, 129), false).why, Malformed::length);
    EXPECT_EQ(cpg::decode_procjoin(with_u32(join, 16, 0xffffffffu), false).why, Malformed::length);
    EXPECT_EQ(cpg::decode_mcast(with_u32(multicast(4), 16, 129), false).why, Malformed::length);
}

TEST(CpgMcast, PayloadLengthMustAgreeWithTheHeader) {
    const Bytes message = multicast(12);
    ASSERT_TRUE(cpg::decode_mcast(message, false));
    EXPECT_EQ(cpg::decode_mcast(message, false)->payload.size(), 12u);
    for (const std::uint32_t length : {0u, 11u, 13u, 0xffffffffu}) {
        EXPECT_EQ(cpg::decode_mcast(with_u32(message, 152, length), false).why, Malformed::length) << length;
    }
    EXPECT_EQ(cpg::decode_mcast(with_u32(message, 8, 195), false).why, Malformed::length);
}

TEST(CpgMcast, PayloadPointsIntoTheMessage) {
    const Bytes message = multicast(12);
    EXPECT_EQ(cpg::decode_mcast(message, false)->payload.data(), message.data() + cpg::kMcastSize);
}

TEST(CpgPartialMcast, PartsMustFitTheWhole) {
    EXPECT_TRUE(cpg::decode_partial_mcast(partial_multicast(100, 1, 100), false));
    EXPECT_EQ(cpg::decode_partial_mcast(partial_multicast(99, 1, 100), false).why, Malformed::length);
    EXPECT_EQ(cpg::decode_partial_mcast(with_u32(partial_multicast(100, 1, 50), 160, 51), false).why, Malformed::length);
    EXPECT_EQ(cpg::decode_partial_mcast(partial_multicast(100, 0, 50), false).why, Malformed::value);
    EXPECT_EQ(cpg::decode_partial_mcast(partial_multicast(100, 4, 50), false).why, Malformed::value);
}

TEST(CpgPartialMcast, LeavesNoByteOfTheBufferUnwritten) {
    const Bytes message = partial_multicast(100, 1, 0);
    for (std::size_t i = 0; i < message.size(); ++i) EXPECT_NE(message[i], 0xee) << i;
}

TEST(CpgJoinlist, MustConsistOfWholeEntries) {
    const std::vector<cpg::JoinlistEntry> entries = {{1, cpg::GroupName("a")}, {2, cpg::GroupName("b")}};
    const Bytes message = encoded(entries, cpg::encode_joinlist);
    ASSERT_TRUE(cpg::decode_joinlist(message, false));
    EXPECT_EQ(cpg::decode_joinlist(message, false)->at(1).group.text(), "b");
    EXPECT_EQ(cpg::decode_joinlist(with_u32(message, 8, 24 + 144), false)->size(), 1u);
    EXPECT_EQ(cpg::decode_joinlist(with_u32(message, 8, 24 + 143), false).why, Malformed::length);
    EXPECT_EQ(cpg::decode_joinlist(with_u32(message, 8, 23), false).why, Malformed::truncated);
    EXPECT_EQ(cpg::decode_joinlist(with_u32(message, 32, 129), false).why, Malformed::length);
    EXPECT_TRUE(cpg::decode_joinlist(with_u32(message, 8, 24), false)->empty());
}

TEST(CpgDownlist, CountIsBounded) {
    cpg::Downlist list;
    for (std::uint32_t i = 0; i < kNodesMax; ++i) list.left.push(i);
    const Bytes message = encoded(list, cpg::encode_downlist);
    EXPECT_EQ(cpg::decode_downlist(message, false)->left[kNodesMax - 1], kNodesMax - 1);
    EXPECT_EQ(cpg::decode_downlist(with_u32(message, 24, kNodesMax + 1), false).why, Malformed::count);
    const Bytes old = encoded(list, cpg::encode_downlist_old);
    EXPECT_EQ(old.size(), cpg::kDownlistOldSize);
    EXPECT_EQ(cpg::decode_downlist_old(old, false)->left.size(), kNodesMax);
    EXPECT_EQ(cpg::decode_downlist_old(with_u32(old, 16, kNodesMax + 1), false).why, Malformed::count);
}

TEST(CmapMcast, ValueMustBeAsLongAsItsTypeAndLieInside) {
    Bytes message;
    cmap::encode_config_version(cmap::Reason::sync, 7, message);
    ASSERT_EQ(message.size(), 336u);
    EXPECT_EQ(cmap::config_version(*cmap::decode_mcast(message, false)), 7u);
    EXPECT_EQ(cmap::decode_mcast(with(message, 48 + 272, std::uint64_t{4}), false).why, Malformed::value);
    EXPECT_EQ(cmap::decode_mcast(with(message, 48 + 272, std::uint64_t{9}), false).why, Malformed::length);
    EXPECT_EQ(cmap::decode_mcast(with(message, 48 + 272, ~std::uint64_t{0}), false).why, Malformed::length);
    EXPECT_EQ(cmap::decode_mcast(with(message, 48 + 264, std::uint8_t{13}), false).why, Malformed::value);
    EXPECT_EQ(cmap::decode_mcast(with(message, 48, std::uint16_t{257}), false).why, Malformed::length);
    EXPECT_EQ(cmap::decode_mcast(with(message, 24, std::uint8_t{2}), false).why, Malformed::truncated);
    EXPECT_EQ(cmap::decode_mcast(with(message, 24, std::uint8_t{33}), false).why, Malformed::count);
}

TEST(CmapMcast, WithoutAVersionMeansZero) {
    Bytes message;
    cmap::encode_config_version(cmap::Reason::new_config_version, 0, message);
    ASSERT_EQ(message.size(), 328u);
    const Decoded<cmap::Mcast> mcast = cmap::decode_mcast(message, false);
    ASSERT_TRUE(mcast);
    EXPECT_EQ(mcast->reason, 1);
    EXPECT_EQ(mcast->items.size(), 1u);
    EXPECT_EQ(cmap::config_version(*mcast), 0u);
}

TEST(CmapMcast, CarriesTextsPaddedToEight) {
    cmap::Mcast mcast;
    cmap::Item item;
    item.key = "k";
    item.type = cmap::ValueType::text;
    const Bytes text = {'a', 'b', 'c'};
    item.value = text;
    mcast.items.push(item);
    mcast.items.push(item);
    const Bytes message = encoded(mcast, cmap::encode_mcast);
    EXPECT_EQ(message.size(), 48u + 2 * 288);
    const Decoded<cmap::Mcast> decoded = cmap::decode_mcast(message, false);
    ASSERT_TRUE(decoded);
    EXPECT_EQ(as_text(decoded->items[1].value), "abc");
}

TEST(QdeviceNames, MustEndInsideTheirArea) {
    const Bytes reg = encoded(votequorum::QdeviceReg{1, "QDEV"}, votequorum::encode_qdevice_reg);
    ASSERT_EQ(votequorum::decode_qdevice_reg(reg, false)->name, "QDEV");
    Bytes endless = reg;
    for (std::size_t i = 20; i < 20 + votequorum::kQdeviceNameSize; ++i) endless[i] = 'x';
    EXPECT_EQ(votequorum::decode_qdevice_reg(endless, false).why, Malformed::length);

    const std::string too_long(300, 'x');
    const Bytes cut = encoded(votequorum::QdeviceReconfigure{too_long, "n"}, votequorum::encode_qdevice_reconfigure);
    EXPECT_EQ(cut.size(), votequorum::kQdeviceReconfigureSize);
    EXPECT_EQ(votequorum::decode_qdevice_reconfigure(cut, false)->old_name.size(), 254u);
    EXPECT_EQ(votequorum::decode_qdevice_reconfigure(cut, false)->new_name, "n");
}

TEST(ExtraInfo, LengthIsBoundedAndExact) {
    const Bytes bytes(votequorum::kExtraInfoMax + 1, 1);
    const Bytes message = encoded(votequorum::ExtraInfo{3, bytes}, votequorum::encode_extra_info);
    ASSERT_TRUE(votequorum::decode_extra_info(message, false));
    EXPECT_EQ(votequorum::decode_extra_info(message, false)->info.size(), votequorum::kExtraInfoMax);
    EXPECT_EQ(votequorum::decode_extra_info(with_u32(message, 20, 4095), false).why, Malformed::length);
    EXPECT_EQ(votequorum::decode_extra_info(with_u32(message, 20, 4097), false).why, Malformed::count);
}

TEST(CfgMessages, KeepWhatTheyCarry) {
    const Bytes reenable = encoded(cfg::RingReenable{{9, 0x1122334455667788u}}, cfg::encode_ring_reenable);
    EXPECT_EQ(reenable.size(), cfg::kRingReenableSize);
    EXPECT_EQ(cfg::decode_ring_reenable(reenable, false)->source.nodeid, 9u);
    EXPECT_EQ(cfg::decode_ring_reenable(reenable, false)->source.conn, 0x1122334455667788u);

    const Bytes kill = encoded(cfg::Kill{3, std::string_view("why\0", 4)}, cfg::encode_kill);
    EXPECT_EQ(cfg::decode_kill(kill, false)->reason, std::string_view("why\0", 4));
    EXPECT_EQ(cfg::decode_kill(with(kill, 24, std::uint16_t{257}), false).why, Malformed::length);
    const std::string too_long(300, 'x');
    EXPECT_EQ(cfg::decode_kill(encoded(cfg::Kill{3, too_long}, cfg::encode_kill), false)->reason.size(), cfg::kReasonMax);
}

TEST(CfgReloadMessages, KeepWhatTheyCarryAndAreCheckedToTheEnd) {
    const cfg::ReloadMessage message{.step = cfg::ReloadStep::vote, .asker = 3, .number = 0x100000002, .good = true, .rekeyed = true,
                                     .key_check = 0x01020304, .text = "totem.token=3000"};
    const Bytes bytes = encoded(message, cfg::encode_reload_message);
    const auto back = cfg::decode_reload_message(bytes, false);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->step, cfg::ReloadStep::vote);
    EXPECT_EQ(back->asker, 3u);
    EXPECT_EQ(back->number, 0x100000002u);
    EXPECT_TRUE(back->good && back->rekeyed);
    EXPECT_EQ(back->key_check, 0x01020304u);
    EXPECT_EQ(back->text, "totem.token=3000");
    for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(cfg::decode_reload_message(ByteView(bytes).first(size), false)) << size;
    EXPECT_FALSE(cfg::decode_reload_message(with_u32(bytes, cfg::kReloadStepSize - 4, 1 << 30), false)) << "a text longer than the message";
}

TEST(Pload, IsReadableThoughItsSizeIsWrong) {
    const Bytes filler(84, 1);
    const Bytes message = encoded(pload::Mcast{116, filler}, pload::encode_mcast);
    EXPECT_EQ(pload::decode_mcast(message, false)->filler.size(), 84u);
    EXPECT_EQ(pload::decode_start(message, false).why, Malformed::type);
    EXPECT_EQ(pload::decode_start(encoded(pload::Start{}, pload::encode_start), false)->stated_size, 0u);
}

}  // namespace
}  // namespace motet::wire
