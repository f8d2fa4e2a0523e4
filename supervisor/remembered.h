// The highest expected votes ever seen, kept for the worker that counts votes: the file ev_tracking in the state directory, four
// bytes in native order as Corosync writes them. Deleting it forgets.
#pragma once
#include <cstdint>
#include <string>

#include "libs/base/result.h"

namespace motet::supervisor {

// 0: none kept, or not readable as such.
std::uint32_t remembered_votes(const std::string& state_dir);
// Replaces the file whole, or leaves the old one.
Status remember_votes(const std::string& state_dir, std::uint32_t votes);

}  // namespace motet::supervisor
