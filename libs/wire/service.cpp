// The header of service messages. Its size is trusted by Corosync and therefore checked here.
#include "libs/wire/service.h"

namespace motet::wire {

Decoded<ServiceHeader> decode_service_header(ByteView message, bool swap) {
    Decoded<ServiceHeader> out;
    Reader in(message, swap);
    out->id = in.u32();
    in.skip(4);
    out->size = in.u32();
    in.skip(4);
    if (!in.ok()) return {{}, Malformed::truncated};
    if (out->size < kRequestHeaderSize || out->size > message.size()) return {{}, Malformed::length};
    return out;
}

void encode_service_header(std::uint32_t id, std::uint32_t size, Bytes& out) {
    Writer w(out);
    w.u32(id);
    w.zeros(4);
    w.u32(size);
    w.zeros(4);
}

OpenedMessage open_message(ByteView message, std::uint32_t id, bool swap) {
    const Decoded<ServiceHeader> header = decode_service_header(message, swap);
    if (!header) return {Reader({}), 0, header.why};
    if (header->id != id) return {Reader({}), 0, Malformed::type};
    const ByteView body = message.first(header->size).subspan(kRequestHeaderSize);
    return {Reader(body, swap), header->size, Malformed::none};
}

}  // namespace motet::wire
