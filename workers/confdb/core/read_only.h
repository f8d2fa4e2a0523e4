// Which keys of the flat map clients may read only (Corosync's list, and the node's own id, which no client needs to write).
#pragma once
#include <string_view>

namespace motet::confdb {

bool is_read_only(std::string_view flat);

}  // namespace motet::confdb
