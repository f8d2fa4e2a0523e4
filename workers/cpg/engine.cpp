// Types are translated here and nothing is decided.
#include "workers/cpg/engine.h"

namespace motet::cpg {

void CpgEngine::on_init(const feed::Init& init) {
    core_.on_init(init.round, init.ring, init.members, init.continuing, *this);
}

void CpgEngine::on_message(const feed::Message& message) {
    core_.on_message(message.from, message.body, message.foreign_order, *this, message.of_predecessor);
}

void CpgEngine::on_connect(ConnId conn, std::int32_t pid, std::uint32_t uid, std::uint32_t gid) {
    core_.on_connect(conn, pid, uid, gid, *this);
}

void CpgEngine::on_request(ConnId conn, std::uint16_t type, std::uint64_t request, ByteView payload) {
    core_.on_request(conn, static_cast<wire::cpg_client::Request>(type), request, payload, *this);
}

Status CpgEngine::restore(ByteView state) {
    if (!core_.restore(state)) return error("the groups' snapshot is of another version or damaged");
    return Done{};
}

void CpgEngine::submit(ConnId conn, std::span<const ByteView> pieces, Guarantee guarantee, bool unit_first,
                       bool unit_last) {
    host_.submit(conn, pieces, guarantee, unit_first, unit_last);
}

void CpgEngine::event(ConnId conn, wire::cpg_client::Event type, std::span<const ByteView> pieces) {
    host_.event(conn, static_cast<std::uint16_t>(type), pieces);
}

void CpgEngine::close(ConnId conn, Close why) {
    host_.close(conn, why == Close::orderly ? worker::Close::orderly : worker::Close::violation);
}

}  // namespace motet::cpg
