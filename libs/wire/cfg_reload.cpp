// Layout behind the request header: asker u32, key check u32, number u64, good u8, rekeyed u8, 2 zero bytes, length u32,
// text.
#include "libs/wire/cfg_reload.h"

namespace motet::wire::cfg {

Decoded<ReloadMessage> decode_reload_message(ByteView message, bool swap) {
    Decoded<ReloadMessage> out;
    const Decoded<ServiceHeader> header = decode_service_header(message, swap);
    if (!header) return {{}, header.why};
    const std::uint32_t function = header->function();
    if (header->service() != static_cast<std::uint32_t>(Service::cfg) || function < static_cast<std::uint32_t>(ReloadStep::prepare) ||
        function > static_cast<std::uint32_t>(ReloadStep::cancel))
        return {{}, Malformed::value};
    if (header->size < kReloadStepSize) return {{}, Malformed::truncated};
    Reader in(message.first(header->size).subspan(kRequestHeaderSize), swap);
    out->step = static_cast<ReloadStep>(function);
    out->asker = in.u32();
    out->key_check = in.u32();
    out->number = in.u64();
    out->good = in.u8() != 0;
    out->rekeyed = in.u8() != 0;
    in.skip(2);
    const std::uint32_t length = in.u32();
    if (length > kReloadTextMax || length != in.remaining()) return {{}, Malformed::length};
    out->text = as_text(in.bytes(length));
    return out;
}

void encode_reload_message(const ReloadMessage& message, Bytes& out) {
    const std::string_view text = message.text.substr(0, kReloadTextMax);
    const auto size = static_cast<std::uint32_t>(kReloadStepSize + text.size());
    encode_service_header(message_id(Service::cfg, static_cast<std::uint32_t>(message.step)), size, out);
    Writer w(out);
    w.u32(message.asker);
    w.u32(message.key_check);
    w.u64(message.number);
    w.u8(message.good ? 1 : 0);
    w.u8(message.rekeyed ? 1 : 0);
    w.zeros(2);
    w.u32(static_cast<std::uint32_t>(text.size()));
    w.bytes(as_bytes(text));
}

}  // namespace motet::wire::cfg
