// votequorum between nodes: votes and state of each node, changes to them, and the quorum device's name.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/wire/service.h"

namespace motet::wire::votequorum {

enum class Function : std::uint32_t {
    nodeinfo = 0,
    reconfigure = 1,
    qdevice_reg = 2,
    qdevice_reconfigure = 3,
    extra_info = 4,  // only after Corosync 3.1.7
};
constexpr std::uint32_t id(Function function) {
    return message_id(Service::votequorum, static_cast<std::uint32_t>(function));
}

// NodeInfo::flags
inline constexpr std::uint32_t kQuorate = 1, kLeaving = 2, kWaitForAll = 4, kFirst = 8, kQdeviceRegistered = 16,
                               kQdeviceAlive = 32, kQdeviceCastVote = 64, kQdeviceMasterWins = 128, kExtraInfo = 256;

inline constexpr std::size_t kNodeInfoSize = 32, kReconfigureSize = 32, kQdeviceRegSize = 280,
                             kQdeviceReconfigureSize = 528;
inline constexpr std::size_t kExtraInfoSize = 24;  // without the bytes
inline constexpr std::size_t kExtraInfoMax = 4096;
inline constexpr std::size_t kQdeviceNameSize = 255;  // on the wire, NUL included

// A sender's own must come before its first one about the device: Corosync 3.1 peers abort otherwise.
struct NodeInfo {
    NodeId nodeid = 0;  // the sender, or 0: the quorum device
    std::uint32_t votes = 0, expected_votes = 0, flags = 0;
};
enum class Parameter : std::uint8_t { expected_votes = 1, node_votes = 2, cancel_wait_for_all = 3 };
struct Reconfigure {
    NodeId nodeid = 0;
    std::uint32_t value = 0;
    std::uint8_t parameter = 0;  // Parameter, as received
};
struct QdeviceReg {
    std::uint32_t operation = 0;  // 0 unregister, 1 register
    std::string_view name;        // points into the message
};
struct QdeviceReconfigure {
    std::string_view old_name, new_name;
};
struct ExtraInfo {
    NodeId nodeid = 0;
    ByteView info;
};

Decoded<NodeInfo> decode_nodeinfo(ByteView message, bool swap);
Decoded<Reconfigure> decode_reconfigure(ByteView message, bool swap);
Decoded<QdeviceReg> decode_qdevice_reg(ByteView message, bool swap);
Decoded<QdeviceReconfigure> decode_qdevice_reconfigure(ByteView message, bool swap);
Decoded<ExtraInfo> decode_extra_info(ByteView message, bool swap);

// Append. Names longer than kQdeviceNameSize - 1 are cut there.
void encode_nodeinfo(const NodeInfo& info, Bytes& out);
void encode_reconfigure(const Reconfigure& reconfigure, Bytes& out);
void encode_qdevice_reg(const QdeviceReg& reg, Bytes& out);
void encode_qdevice_reconfigure(const QdeviceReconfigure& reconfigure, Bytes& out);
void encode_extra_info(const ExtraInfo& info, Bytes& out);

}  // namespace motet::wire::votequorum
