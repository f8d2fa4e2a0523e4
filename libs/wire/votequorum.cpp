// votequorum's messages, packed behind the service header, their total rounded up to 8.
#include "libs/wire/votequorum.h"

#include <algorithm>

#include "libs/wire/fields.h"

namespace motet::wire::votequorum {
namespace {

// False if the area holds no NUL: such a name has no end.
bool read_device_name(Reader& in, std::string_view& name) {
    const std::string_view area = as_text(in.bytes(kQdeviceNameSize));
    const std::size_t end = area.find('\0');
    name = area.substr(0, end);
    return end != std::string_view::npos;
}

void write_device_name(Writer& out, std::string_view name) {
    write_text(out, name, kQdeviceNameSize - 1);
    out.zeros(1);
}

}  // namespace

Decoded<NodeInfo> decode_nodeinfo(ByteView message, bool swap) {
    Decoded<NodeInfo> out;
    auto [in, size, why] = open_message(message, id(Function::nodeinfo), swap);
    if (why != Malformed::none) return {{}, why};
    if (size < kNodeInfoSize) return {{}, Malformed::truncated};
    out->nodeid = in.u32();
    out->votes = in.u32();
    out->expected_votes = in.u32();
    out->flags = in.u32();
    return out;
}

Decoded<Reconfigure> decode_reconfigure(ByteView message, bool swap) {
    Decoded<Reconfigure> out;
    auto [in, size, why] = open_message(message, id(Function::reconfigure), swap);
    if (why != Malformed::none) return {{}, why};
    if (size < kReconfigureSize) return {{}, Malformed::truncated};
    out->nodeid = in.u32();
    out->value = in.u32();
    out->parameter = in.u8();
    return out;
}

Decoded<QdeviceReg> decode_qdevice_reg(ByteView message, bool swap) {
    Decoded<QdeviceReg> out;
    auto [in, size, why] = open_message(message, id(Function::qdevice_reg), swap);
    if (why != Malformed::none) return {{}, why};
    if (size < kQdeviceRegSize) return {{}, Malformed::truncated};
    out->operation = in.u32();
    if (!read_device_name(in, out->name)) return {{}, Malformed::length};
    return out;
}

Decoded<QdeviceReconfigure> decode_qdevice_reconfigure(ByteView message, bool swap) {
    Decoded<QdeviceReconfigure> out;
    auto [in, size, why] = open_message(message, id(Function::qdevice_reconfigure), swap);
    if (why != Malformed::none) return {{}, why};
    if (size < kQdeviceReconfigureSize) return {{}, Malformed::truncated};
    if (!read_device_name(in, out->old_name) || !read_device_name(in, out->new_name)) return {{}, Malformed::length};
    return out;
}

Decoded<ExtraInfo> decode_extra_info(ByteView message, bool swap) {
    Decoded<ExtraInfo> out;
    auto [in, size, why] = open_message(message, id(Function::extra_info), swap);
    if (why != Malformed::none) return {{}, why};
    if (size < kExtraInfoSize) return {{}, Malformed::truncated};
    out->nodeid = in.u32();
    const std::uint32_t length = in.u32();
    if (length > kExtraInfoMax) return {{}, Malformed::count};
    if (length != in.remaining()) return {{}, Malformed::length};
    out->info = in.rest();
    return out;
}

void encode_nodeinfo(const NodeInfo& info, Bytes& out) {
    encode_service_header(id(Function::nodeinfo), kNodeInfoSize, out);
    Writer w(out);
    w.u32(info.nodeid);
    w.u32(info.votes);
    w.u32(info.expected_votes);
    w.u32(info.flags);
}

void encode_reconfigure(const Reconfigure& reconfigure, Bytes& out) {
    encode_service_header(id(Function::reconfigure), kReconfigureSize, out);
    Writer w(out);
    w.u32(reconfigure.nodeid);
    w.u32(reconfigure.value);
    w.u8(reconfigure.parameter);
    w.zeros(7);
}

void encode_qdevice_reg(const QdeviceReg& reg, Bytes& out) {
    encode_service_header(id(Function::qdevice_reg), kQdeviceRegSize, out);
    Writer w(out);
    w.u32(reg.operation);
    write_device_name(w, reg.name);
    w.zeros(5);
}

void encode_qdevice_reconfigure(const QdeviceReconfigure& reconfigure, Bytes& out) {
    encode_service_header(id(Function::qdevice_reconfigure), kQdeviceReconfigureSize, out);
    Writer w(out);
    write_device_name(w, reconfigure.old_name);
    write_device_name(w, reconfigure.new_name);
    w.zeros(2);
}

void encode_extra_info(const ExtraInfo& info, Bytes& out) {
    const ByteView bytes = info.info.first(std::min(info.info.size(), kExtraInfoMax));
    encode_service_header(id(Function::extra_info), static_cast<std::uint32_t>(kExtraInfoSize + bytes.size()), out);
    Writer w(out);
    w.u32(info.nodeid);
    w.u32(static_cast<std::uint32_t>(bytes.size()));
    w.bytes(bytes);
}

}  // namespace motet::wire::votequorum
