// The cluster's key: opened here with the supervisor's rights, checked, and handed to membership as a sealed copy, so that what a
// restarted membership gets is what the ring uses, whatever has happened to the file. This process has no copy of the key in its memory.
#pragma once
#include <cstdint>

#include "libs/base/result.h"
#include "libs/config/snapshot.h"
#include "supervisor/unique_fd.h"

namespace motet::supervisor {

// Read-only. Invalid, without an error, if the configuration needs no key. An error names the file, the reason and the remedy.
Result<UniqueFd> open_key(const config::Snapshot& snapshot);

// Whether two keys have the same bytes; two that are not there are the same too.
bool same_key(const UniqueFd& a, const UniqueFd& b);

// By which nodes of one ring tell whether they have the same new key: under the running key, which they share and nobody else has, so
// that it tells others nothing. 0: there is no new key.
std::uint32_t key_check(const UniqueFd& running, const UniqueFd& fresh);

}  // namespace motet::supervisor
