// What the cfg service asks of the world around it, and what it may look at there.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/wire/client_cfg.h"

namespace motet::cfg {

using ConnId = std::uint64_t;

// Results of requests: the numbers of cs_error_t.
enum class Code : std::uint32_t {
    ok = 1, try_again = 6, invalid_param = 7, busy = 10, not_exist = 12, exist = 14, failed_operation = 21,
};

// What only the daemon around the worker can do. `number` is echoed in the answer, where there is one.
enum class Operation : std::uint32_t {
    stop = 1,         // leave the ring in order and exit 0
    die = 2,          // exit at once with status 255, without leaving
    reopen_logs = 3,
    prepare = 4,      // read the configuration file again; answer: on_prepared()
    commit = 5,       // put into force what was prepared; answer: on_applied()
    discard = 6,      // forget what was prepared
    switch_key = 7,   // send with the new key; received is what either key fits
    forget_key = 8,   // accept the new key only
};

enum class Say : std::uint8_t { error, warning, notice };

class Output {
public:
    virtual ~Output() = default;
    // A service message from its 16-byte header on.
    virtual void submit(ByteView message, Guarantee guarantee) = 0;
    virtual void reply(ConnId conn, std::uint64_t request, std::span<const ByteView> pieces) = 0;
    virtual void event(ConnId conn, wire::cfg_client::Event type, std::span<const ByteView> pieces) = 0;
    // on_disconnect() follows, but not from inside this call.
    enum class Close { violation, orderly };
    virtual void close(ConnId conn, Close why) = 0;
    virtual void operate(Operation what, std::uint64_t number, std::string_view text) = 0;
    // For the keys that tell clients of a reload: it begins before any key changes, it ends after the last has.
    virtual void reload_begins() = 0;
    virtual void reload_ends(Code result) = 0;
    virtual void say(Say level, std::string_view text) = 0;
};

// The state of one link to a node as membership last published it.
struct LinkView {
    bool enabled = false, connected = false;
    std::uint32_t mtu = 0;
};
class World {
public:
    virtual ~World() = default;
    virtual std::optional<LinkView> link(NodeId node, unsigned link) const = 0;   // nullopt: membership has not told
    virtual std::uint64_t shutdown_timeout_ms() const = 0;                        // cfg.shutdown_timeout
};

}  // namespace motet::cfg
