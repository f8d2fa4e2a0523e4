// The foreign services of a configuration: `services:`, a list of programs that are workers like our own.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "libs/base/result.h"
#include "libs/config/snapshot.h"

namespace motet::config {

inline constexpr std::uint32_t kForeignIdMin = 32, kForeignIdMax = 63;   // below are Corosync's and our own
inline constexpr std::uint32_t kForeignIdTaken = 40;                     // how Motet nodes know each other in a synchronisation
inline constexpr std::size_t kForeignNameMax = 15, kForeignServicesMax = 8;

struct ForeignService {
    std::string name;        // in status and log, and of its socket: NAME.sock
    std::string program;     // absolute path
    std::string user;        // what it becomes when started as root; by default motet-NAME
    std::uint32_t id = 0;    // of its messages between nodes
};

// Item by item in the order of the file. An error says which item breaks which rule, its key first: "services.0.id: ...".
Result<std::vector<ForeignService>> foreign_services(const Snapshot& snapshot);

}  // namespace motet::config
