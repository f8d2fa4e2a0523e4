// pload's messages, with the size their senders state kept as a fact about them.
#include "libs/wire/pload.h"

#include "libs/wire/fields.h"

namespace motet::wire::pload {
namespace {

// Like open_message() but for the size. What follows the header is what was received.
Malformed open(Reader& in, Function function, std::uint32_t& stated_size) {
    const std::uint32_t message = read_padded_u32(in);
    stated_size = read_padded_u32(in);
    if (!in.ok()) return Malformed::truncated;
    return message == id(function) ? Malformed::none : Malformed::type;
}

}  // namespace

Decoded<Start> decode_start(ByteView message, bool swap) {
    Decoded<Start> out;
    Reader in(message, swap);
    const Malformed why = open(in, Function::start, out->stated_size);
    if (why != Malformed::none) return {{}, why};
    out->count = in.u32();
    out->size = in.u32();
    if (!in.ok()) return {{}, Malformed::truncated};
    return out;
}

Decoded<Mcast> decode_mcast(ByteView message, bool swap) {
    Decoded<Mcast> out;
    Reader in(message, swap);
    const Malformed why = open(in, Function::mcast, out->stated_size);
    if (why != Malformed::none) return {{}, why};
    out->filler = in.rest();
    return out;
}

void encode_start(const Start& start, Bytes& out) {
    encode_service_header(id(Function::start), start.stated_size, out);
    Writer w(out);
    w.u32(start.count);
    w.u32(start.size);
}

void encode_mcast(const Mcast& mcast, Bytes& out) {
    encode_service_header(id(Function::mcast), mcast.stated_size, out);
    Writer(out).bytes(mcast.filler);
}

}  // namespace motet::wire::pload
