// cmap's message. Corosync copies a value by its stated length into a number of 8 bytes; here both must agree.
#include "libs/wire/cmap.h"

#include "libs/wire/fields.h"

namespace motet::wire::cmap {
namespace {

constexpr std::size_t kAlign = 8;
constexpr std::size_t padding(std::size_t size) { return (kAlign - size % kAlign) % kAlign; }

// Whether a value of this type may have this many bytes.
bool fits(ValueType type, std::size_t size) {
    switch (type) {
        case ValueType::absent: return size == 0;
        case ValueType::i8:
        case ValueType::u8: return size == 1;
        case ValueType::i16:
        case ValueType::u16: return size == 2;
        case ValueType::i32:
        case ValueType::u32:
        case ValueType::float32: return size == 4;
        case ValueType::i64:
        case ValueType::u64:
        case ValueType::float64: return size == 8;
        case ValueType::text:
        case ValueType::binary: return true;
    }
    return false;
}

Malformed read_item(Reader& in, Item& item) {
    if (!read_long_name(in, item.key)) return in.ok() ? Malformed::length : Malformed::truncated;
    item.type = static_cast<ValueType>(in.u8());
    in.skip(7);
    const std::uint64_t size = in.u64();
    if (!in.ok()) return Malformed::truncated;
    if (size > in.remaining()) return Malformed::length;
    item.value = in.bytes(static_cast<std::size_t>(size));
    if (!fits(item.type, item.value.size())) return Malformed::value;
    if (item.type == ValueType::u64) item.number = Reader(item.value, in.swap()).u64();
    in.skip(padding(item.value.size()));
    return in.ok() ? Malformed::none : Malformed::truncated;
}

}  // namespace

Decoded<Mcast> decode_mcast(ByteView message, bool swap) {
    Decoded<Mcast> out;
    auto [in, size, why] = open_message(message, id(Function::mcast), swap);
    if (why != Malformed::none) return {{}, why};
    if (size < kMcastSize) return {{}, Malformed::truncated};
    out->reason = in.u8();
    in.skip(7);
    const std::uint8_t items = in.u8();
    in.skip(7 + 16);
    if (items > kItemsMax) return {{}, Malformed::count};
    for (std::uint8_t i = 0; i < items; ++i) {
        Item item;
        const Malformed bad = read_item(in, item);
        if (bad != Malformed::none) return {{}, bad};
        out->items.push(item);
    }
    return out;
}

void encode_mcast(const Mcast& mcast, Bytes& out) {
    const std::size_t start = out.size();
    encode_service_header(id(Function::mcast), 0, out);
    Writer w(out);
    w.u8(mcast.reason);
    w.zeros(7);
    w.u8(static_cast<std::uint8_t>(mcast.items.size()));
    w.zeros(7 + 16);
    for (const Item& item : mcast.items) {
        const bool number = item.type == ValueType::u64;
        const std::size_t size = number ? sizeof item.number : item.value.size();
        write_long_name(w, item.key);
        w.u8(static_cast<std::uint8_t>(item.type));
        w.zeros(7);
        w.u64(size);
        if (number) {
            w.u64(item.number);
        } else {
            w.bytes(item.value);
        }
        w.zeros(padding(size));
    }
    store_at(std::span(out), start + 8, static_cast<std::uint32_t>(out.size() - start));
}

std::uint64_t config_version(const Mcast& mcast) {
    for (const Item& item : mcast.items) {
        if (item.key == kConfigVersionKey && item.type == ValueType::u64) return item.number;
    }
    return 0;
}

void encode_config_version(Reason reason, std::uint64_t version, Bytes& out) {
    Mcast mcast;
    mcast.reason = static_cast<std::uint8_t>(reason);
    Item item;
    item.key = kConfigVersionKey;
    item.type = version == 0 ? ValueType::absent : ValueType::u64;
    item.number = version;
    mcast.items.push(item);
    encode_mcast(mcast, out);
}

}  // namespace motet::wire::cmap
