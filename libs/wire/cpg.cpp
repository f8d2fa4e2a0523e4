// cpg's messages. Lengths inside a message must agree with the size in its header exactly: receivers of
// Corosync use either without looking.
#include "libs/wire/cpg.h"

#include <algorithm>

#include "libs/wire/fields.h"

namespace motet::wire::cpg {
namespace {

bool read_name(Reader& in, GroupName& name) {
    name.length = read_padded_u32(in);
    const std::string_view area = as_text(in.bytes(kNameMax));
    if (!in.ok() || name.length > kNameMax) return false;
    std::copy_n(area.begin(), name.length, name.value.begin());
    return true;
}

void write_name(Writer& out, const GroupName& name) {
    write_padded_u32(out, name.length);
    write_text(out, name.text(), kNameMax);
}

Decoded<ProcChange> decode_change(ByteView message, Function function, bool swap) {
    Decoded<ProcChange> out;
    auto [in, size, why] = open_message(message, id(function), swap);
    if (why != Malformed::none) return {{}, why};
    if (size < kProcChangeSize) return {{}, Malformed::truncated};
    if (!read_name(in, out->group)) return {{}, Malformed::length};
    out->pid = read_padded_u32(in);
    out->reason = read_padded_u32(in);
    return out;
}

void encode_change(const ProcChange& change, Function function, Bytes& out) {
    encode_service_header(id(function), kProcChangeSize, out);
    Writer w(out);
    write_name(w, change.group);
    write_padded_u32(w, change.pid);
    write_padded_u32(w, change.reason);
}

// Fills what mcast and partial mcast begin with, and zeros behind it.
void write_front(Function function, const GroupName& group, std::size_t payload, std::span<std::uint8_t> out) {
    std::fill(out.begin(), out.end(), std::uint8_t{0});
    store_at(out, 0, id(function));
    store_at(out, 8, static_cast<std::uint32_t>(out.size() + payload));
    store_at(out, 16, group.length);
    const ByteView name = as_bytes(group.text());
    std::copy(name.begin(), name.end(), out.begin() + 24);
}

bool read_left(Reader& in, std::uint32_t count, Downlist& list) {
    if (count > kNodesMax) return false;
    for (std::uint32_t i = 0; i < count; ++i) list.left.push(in.u32());
    return true;
}

void write_left(Writer& out, const Downlist& list) {
    for (const NodeId nodeid : list.left) out.u32(nodeid);
    out.zeros((kNodesMax - list.left.size()) * sizeof(NodeId));
}

}  // namespace

GroupName::GroupName(std::string_view text) {
    length = static_cast<std::uint32_t>(std::min(text.size(), kNameMax));
    std::copy_n(text.begin(), length, value.begin());
}

Decoded<ProcChange> decode_procjoin(ByteView message, bool swap) {
    return decode_change(message, Function::procjoin, swap);
}
Decoded<ProcChange> decode_procleave(ByteView message, bool swap) {
    return decode_change(message, Function::procleave, swap);
}

Decoded<std::vector<JoinlistEntry>> decode_joinlist(ByteView message, bool swap) {
    Decoded<std::vector<JoinlistEntry>> out;
    auto [in, size, why] = open_message(message, id(Function::joinlist), swap);
    if (why != Malformed::none) return {{}, why};
    if (size < kResponseHeaderSize) return {{}, Malformed::truncated};
    in.skip(kResponseHeaderSize - kRequestHeaderSize);
    if (in.remaining() % kJoinlistEntrySize != 0 || size > kMessageBodyMax) return {{}, Malformed::length};
    out->resize(in.remaining() / kJoinlistEntrySize);
    for (JoinlistEntry& entry : *out) {
        entry.pid = read_padded_u32(in);
        if (!read_name(in, entry.group)) return {{}, Malformed::length};
    }
    return out;
}

Decoded<Mcast> decode_mcast(ByteView message, bool swap) {
    Decoded<Mcast> out;
    auto [in, size, why] = open_message(message, id(Function::mcast), swap);
    if (why != Malformed::none) return {{}, why};
    if (size < kMcastSize) return {{}, Malformed::truncated};
    if (!read_name(in, out->group)) return {{}, Malformed::length};
    const std::uint32_t length = read_padded_u32(in);
    out->pid = read_padded_u32(in);
    out->source = read_source(in);
    if (length != in.remaining()) return {{}, Malformed::length};
    out->payload = in.rest();
    return out;
}

Decoded<PartialMcast> decode_partial_mcast(ByteView message, bool swap) {
    Decoded<PartialMcast> out;
    auto [in, size, why] = open_message(message, id(Function::partial_mcast), swap);
    if (why != Malformed::none) return {{}, why};
    if (size < kPartialMcastSize) return {{}, Malformed::truncated};
    if (!read_name(in, out->group)) return {{}, Malformed::length};
    out->total = read_padded_u32(in);
    const std::uint32_t length = read_padded_u32(in);
    out->pid = read_padded_u32(in);
    out->part = read_padded_u32(in);
    out->source = read_source(in);
    if (length != in.remaining() || length > out->total) return {{}, Malformed::length};
    if (out->part < 1 || out->part > 3) return {{}, Malformed::value};
    out->payload = in.rest();
    return out;
}

Decoded<Downlist> decode_downlist(ByteView message, bool swap) {
    Decoded<Downlist> out;
    auto [in, size, why] = open_message(message, id(Function::downlist), swap);
    if (why != Malformed::none) return {{}, why};
    if (size < kDownlistSize) return {{}, Malformed::truncated};
    out->old_members = read_padded_u32(in);
    const std::uint32_t left = read_padded_u32(in);
    if (!read_left(in, left, *out)) return {{}, Malformed::count};
    return out;
}

Decoded<Downlist> decode_downlist_old(ByteView message, bool swap) {
    Decoded<Downlist> out;
    auto [in, size, why] = open_message(message, id(Function::downlist_old), swap);
    if (why != Malformed::none) return {{}, why};
    if (size < kDownlistOldSize) return {{}, Malformed::truncated};
    const std::uint32_t left = read_padded_u32(in);
    if (!read_left(in, left, *out)) return {{}, Malformed::count};
    return out;
}

void encode_procjoin(const ProcChange& change, Bytes& out) { encode_change(change, Function::procjoin, out); }
void encode_procleave(const ProcChange& change, Bytes& out) { encode_change(change, Function::procleave, out); }

void encode_joinlist(std::span<const JoinlistEntry> entries, Bytes& out) {
    const std::size_t size = kResponseHeaderSize + entries.size() * kJoinlistEntrySize;
    encode_service_header(id(Function::joinlist), static_cast<std::uint32_t>(size), out);
    Writer w(out);
    w.zeros(kResponseHeaderSize - kRequestHeaderSize);
    for (const JoinlistEntry& entry : entries) {
        write_padded_u32(w, entry.pid);
        write_name(w, entry.group);
    }
}

void encode_downlist(const Downlist& downlist, Bytes& out) {
    encode_service_header(id(Function::downlist), kDownlistSize, out);
    Writer w(out);
    write_padded_u32(w, downlist.old_members);
    write_padded_u32(w, static_cast<std::uint32_t>(downlist.left.size()));
    write_left(w, downlist);
}

void encode_downlist_old(const Downlist& downlist, Bytes& out) {
    encode_service_header(id(Function::downlist_old), kDownlistOldSize, out);
    Writer w(out);
    write_padded_u32(w, static_cast<std::uint32_t>(downlist.left.size()));
    write_left(w, downlist);
}

void write_mcast(const Mcast& mcast, std::span<std::uint8_t, kMcastSize> out) {
    write_front(Function::mcast, mcast.group, mcast.payload.size(), out);
    store_at(out, 152, static_cast<std::uint32_t>(mcast.payload.size()));
    store_at(out, 160, mcast.pid);
    store_at(out, 168, mcast.source.nodeid);
    store_at(out, 176, mcast.source.conn);
}

void write_partial_mcast(const PartialMcast& mcast, std::span<std::uint8_t, kPartialMcastSize> out) {
    write_front(Function::partial_mcast, mcast.group, mcast.payload.size(), out);
    store_at(out, 152, mcast.total);
    store_at(out, 160, static_cast<std::uint32_t>(mcast.payload.size()));
    store_at(out, 168, mcast.pid);
    store_at(out, 176, mcast.part);
    store_at(out, 184, mcast.source.nodeid);
    store_at(out, 192, mcast.source.conn);
}

}  // namespace motet::wire::cpg
