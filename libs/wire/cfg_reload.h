// cfg between Motet nodes: how a ring of them agrees on a new configuration. One node asks (prepare); every member reads
// its file and says what it found (vote); when the last vote has been delivered all know the same answer at the same place
// in the order. What was decided is carried out and reported (applied), and where the key has changed, sending with the
// new one is reported too (switched). `cancel` ends a question that gets no answers.
//
// Function numbers are far above Corosync's, whose nodes drop them with a log line; they are sent in rings of Motet
// nodes only.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "libs/wire/cfg.h"

namespace motet::wire::cfg {

enum class ReloadStep : std::uint32_t { prepare = 0x40, vote = 0x41, applied = 0x42, switched = 0x43, cancel = 0x44 };

inline constexpr std::size_t kReloadTextMax = 64 * 1024;
inline constexpr std::size_t kReloadStepSize = 40;   // without the text

struct ReloadMessage {
    ReloadStep step = ReloadStep::prepare;
    NodeId asker = 0;            // with `number`: which question
    std::uint64_t number = 0;
    bool good = false;           // vote, applied: whether it went well here
    bool rekeyed = false;        // vote: the key or what encrypts has changed
    std::uint32_t key_check = 0; // vote: the same on nodes with the same new key; 0: not known
    std::string_view text;       // vote: the settings that must be equal everywhere, or why not; applied: why not
};

// Any of the steps; `truncated` for another function.
Decoded<ReloadMessage> decode_reload_message(ByteView message, bool swap);
void encode_reload_message(const ReloadMessage& message, Bytes& out);   // a longer text is cut

}  // namespace motet::wire::cfg
