// All decoders of libs/wire over the same bytes, with the round trip as the property.
#include "tests/fuzz/exercise.h"

#include "libs/base/assert.h"
#include "libs/wire/cfg.h"
#include "libs/wire/cfg_reload.h"
#include "libs/wire/cmap.h"
#include "libs/wire/commit_token.h"
#include "libs/wire/cpg.h"
#include "libs/wire/group.h"
#include "libs/wire/hold_cancel.h"
#include "libs/wire/join.h"
#include "libs/wire/mcast.h"
#include "libs/wire/merge_detect.h"
#include "libs/wire/packing.h"
#include "libs/wire/pload.h"
#include "libs/wire/service.h"
#include "libs/wire/sync.h"
#include "libs/wire/token.h"
#include "libs/wire/votequorum.h"

namespace motet::fuzz {
namespace {

using namespace motet::wire;

// `accepted` came from bytes in any order; encoded it is native, and from there on nothing may change.
template <class T, class Decode, class Encode>
void round_trip(const Decoded<T>& accepted, Decode decode, Encode encode) {
    if (!accepted) return;
    Bytes once, twice;
    encode(*accepted, once);
    const auto again = decode(ByteView(once));
    MOTET_ASSERT(again, "an encoded message was refused: %s", name(again.why));
    encode(*again, twice);
    MOTET_ASSERT(once == twice, "%zu and %zu bytes", once.size(), twice.size());
}

// A message decoder over `message`, in both roles of the property.
template <class Decode, class Encode>
void check(ByteView message, bool swap, Decode decode, Encode encode) {
    round_trip(
        decode(message, swap), [&](ByteView bytes) { return decode(bytes, false); }, encode);
}

void check_cpg_multicasts(ByteView message, bool swap) {
    check(message, swap, cpg::decode_mcast, [](const cpg::Mcast& m, Bytes& out) {
        out.resize(cpg::kMcastSize);
        cpg::write_mcast(m, std::span<std::uint8_t, cpg::kMcastSize>(out));
        Writer(out).bytes(m.payload);
    });
    check(message, swap, cpg::decode_partial_mcast, [](const cpg::PartialMcast& m, Bytes& out) {
        out.resize(cpg::kPartialMcastSize);
        cpg::write_partial_mcast(m, std::span<std::uint8_t, cpg::kPartialMcastSize>(out));
        Writer(out).bytes(m.payload);
    });
}

void exercise_body(ByteView body, bool swap) {
    Decoded<PackedBody> packed = decode_packed(body, swap);
    if (!packed) return;
    std::size_t sum = 0;
    for (std::size_t i = 0; i < packed->count(); ++i) {
        const ByteView entry = packed->entry(i);
        sum += entry.size();
        exercise_message(entry, swap);
    }
    MOTET_ASSERT(sum + packing_overhead(packed->count()) == body.size(), "%zu bytes in entries", sum);
}

}  // namespace

void exercise_message(ByteView message, bool swap) {
    const Decoded<Grouped> grouped = decode_grouped(message, swap);
    if (!grouped) return;
    const ByteView body = grouped->payload;
    if (const auto header = decode_service_header(body, swap)) {
        MOTET_ASSERT(header->size >= kRequestHeaderSize && header->size <= body.size(), "%u of %zu", header->size,
                     body.size());
    }
    check(body, swap, decode_sync_barrier, encode_sync_barrier);
    check(body, swap, decode_service_build, encode_service_build);
    check(body, swap, cmap::decode_mcast, [](const cmap::Mcast& m, Bytes& out) {
        (void)cmap::config_version(m);
        cmap::encode_mcast(m, out);
    });
    check(body, swap, cpg::decode_procjoin, cpg::encode_procjoin);
    check(body, swap, cpg::decode_procleave, cpg::encode_procleave);
    check(body, swap, cpg::decode_joinlist, cpg::encode_joinlist);
    check(body, swap, cpg::decode_downlist, cpg::encode_downlist);
    check(body, swap, cpg::decode_downlist_old, cpg::encode_downlist_old);
    check_cpg_multicasts(body, swap);
    check(body, swap, votequorum::decode_nodeinfo, votequorum::encode_nodeinfo);
    check(body, swap, votequorum::decode_reconfigure, votequorum::encode_reconfigure);
    check(body, swap, votequorum::decode_qdevice_reg, votequorum::encode_qdevice_reg);
    check(body, swap, votequorum::decode_qdevice_reconfigure, votequorum::encode_qdevice_reconfigure);
    check(body, swap, votequorum::decode_extra_info, votequorum::encode_extra_info);
    check(body, swap, cfg::decode_ring_reenable, cfg::encode_ring_reenable);
    check(body, swap, cfg::decode_kill, cfg::encode_kill);
    check(body, swap, cfg::decode_shutdown, [](const cfg::Shutdown&, Bytes& out) { cfg::encode_shutdown(out); });
    check(body, swap, cfg::decode_reload, cfg::encode_reload);
    check(body, swap, cfg::decode_reload_message, cfg::encode_reload_message);
    check(body, swap, cfg::decode_crypto, cfg::encode_crypto);
    check(body, swap, pload::decode_start, pload::encode_start);
    check(body, swap, pload::decode_mcast, pload::encode_mcast);
}

void exercise_frame(ByteView frame) {
    round_trip(decode_token(frame), decode_token, encode_token);
    round_trip(decode_merge_detect(frame), decode_merge_detect, encode_merge_detect);
    round_trip(decode_join(frame), decode_join, encode_join);
    round_trip(decode_commit_token(frame), decode_commit_token, encode_commit_token);
    round_trip(decode_hold_cancel(frame), decode_hold_cancel, encode_hold_cancel);

    const Decoded<Mcast> mcast = decode_mcast(frame);
    round_trip(mcast, decode_mcast, encode_mcast);
    if (!mcast) return;
    if (!mcast->encapsulated()) {
        exercise_body(mcast->body, mcast->header.foreign_order);
    } else if (const Decoded<Mcast> inner = decode_mcast(mcast->body); inner && !inner->encapsulated()) {
        exercise_body(inner->body, inner->header.foreign_order);
    }
}

}  // namespace motet::fuzz
