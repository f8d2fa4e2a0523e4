// Keys of the configuration that a client may change through cmap while the node runs, as with Corosync. Pure.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "libs/base/bytes.h"
#include "libs/base/result.h"
#include "libs/config/snapshot.h"

namespace motet::config {

inline constexpr std::size_t kLiveMax = 256;   // keys in one message; the schema has fewer

// The schema says that it takes effect at once, it has one fixed name, and clients may write it.
bool is_live(std::string_view key);

// By key; nullopt: absent from now on.
using LiveChanges = std::map<std::string, std::optional<std::string>, std::less<>>;

// `running` with them in force. An error says which key breaks which rule, "totem.token: ...": of its own, or one about its
// relation to others that was kept before.
Result<Snapshot> with_changes(const Snapshot& running, const LiveChanges& changes);

// As the control line carries them. decode refuses what encode does not write.
Bytes encode(const LiveChanges& changes);
std::optional<LiveChanges> decode_live(ByteView bytes);

}  // namespace motet::config
