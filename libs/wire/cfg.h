// cfg between nodes: kill, shutdown, reload, and the two phases of a change of crypto settings.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/wire/service.h"

namespace motet::wire::cfg {

enum class Function : std::uint32_t { ring_reenable = 0, kill = 1, shutdown = 2, reload = 3, crypto = 4 };
constexpr std::uint32_t id(Function function) { return message_id(Service::cfg, static_cast<std::uint32_t>(function)); }

inline constexpr std::size_t kRingReenableSize = 32, kKillSize = 288, kShutdownSize = 16, kReloadSize = 32,
                             kCryptoSize = 24;
inline constexpr std::size_t kReasonMax = 256;  // bytes of a kill's reason

struct RingReenable {
    MessageSource source;
};
struct Kill {
    NodeId nodeid = 0;
    std::string_view reason;  // as on the wire: Corosync counts the closing NUL
};
struct Shutdown {};
struct Reload {
    MessageSource source;
};
struct Crypto {
    std::uint32_t phase = 0;  // 1 activate, 2 clean up
};

Decoded<RingReenable> decode_ring_reenable(ByteView message, bool swap);
Decoded<Kill> decode_kill(ByteView message, bool swap);
Decoded<Shutdown> decode_shutdown(ByteView message, bool swap);
Decoded<Reload> decode_reload(ByteView message, bool swap);
Decoded<Crypto> decode_crypto(ByteView message, bool swap);

// Append. A reason longer than kReasonMax is cut there.
void encode_ring_reenable(const RingReenable& reenable, Bytes& out);
void encode_kill(const Kill& kill, Bytes& out);
void encode_shutdown(Bytes& out);
void encode_reload(const Reload& reload, Bytes& out);
void encode_crypto(const Crypto& crypto, Bytes& out);

}  // namespace motet::wire::cfg
