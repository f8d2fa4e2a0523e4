// cfg's messages.
#include "libs/wire/cfg.h"

#include "libs/wire/fields.h"

namespace motet::wire::cfg {
namespace {

static_assert(kReasonMax == kLongNameMax);

// Ring re-enable and reload carry nothing but who asked.
Decoded<MessageSource> decode_source(ByteView message, Function function, std::size_t fixed, bool swap) {
    Decoded<MessageSource> out;
    auto [in, size, why] = open_message(message, id(function), swap);
    if (why != Malformed::none) return {{}, why};
    if (size < fixed) return {{}, Malformed::truncated};
    out.value = read_source(in);
    return out;
}

}  // namespace

Decoded<RingReenable> decode_ring_reenable(ByteView message, bool swap) {
    const Decoded<MessageSource> source = decode_source(message, Function::ring_reenable, kRingReenableSize, swap);
    return {{*source}, source.why};
}

Decoded<Kill> decode_kill(ByteView message, bool swap) {
    Decoded<Kill> out;
    auto [in, size, why] = open_message(message, id(Function::kill), swap);
    if (why != Malformed::none) return {{}, why};
    if (size < kKillSize) return {{}, Malformed::truncated};
    out->nodeid = read_padded_u32(in);
    if (!read_long_name(in, out->reason)) return {{}, Malformed::length};
    return out;
}

Decoded<Shutdown> decode_shutdown(ByteView message, bool swap) {
    return {{}, open_message(message, id(Function::shutdown), swap).why};
}

Decoded<Reload> decode_reload(ByteView message, bool swap) {
    const Decoded<MessageSource> source = decode_source(message, Function::reload, kReloadSize, swap);
    return {{*source}, source.why};
}

Decoded<Crypto> decode_crypto(ByteView message, bool swap) {
    Decoded<Crypto> out;
    auto [in, size, why] = open_message(message, id(Function::crypto), swap);
    if (why != Malformed::none) return {{}, why};
    if (size < kCryptoSize) return {{}, Malformed::truncated};
    out->phase = in.u32();
    return out;
}

void encode_ring_reenable(const RingReenable& reenable, Bytes& out) {
    encode_service_header(id(Function::ring_reenable), kRingReenableSize, out);
    Writer w(out);
    write_source(w, reenable.source);
}

void encode_kill(const Kill& kill, Bytes& out) {
    encode_service_header(id(Function::kill), kKillSize, out);
    Writer w(out);
    write_padded_u32(w, kill.nodeid);
    write_long_name(w, kill.reason);
}

void encode_shutdown(Bytes& out) { encode_service_header(id(Function::shutdown), kShutdownSize, out); }

void encode_reload(const Reload& reload, Bytes& out) {
    encode_service_header(id(Function::reload), kReloadSize, out);
    Writer w(out);
    write_source(w, reload.source);
}

void encode_crypto(const Crypto& crypto, Bytes& out) {
    encode_service_header(id(Function::crypto), kCryptoSize, out);
    Writer w(out);
    write_padded_u32(w, crypto.phase);
}

}  // namespace motet::wire::cfg
