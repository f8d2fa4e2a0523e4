// The listening socket of motet-metrics: opened by the supervisor, which may, and served by that process, which could not open it.
#pragma once
#include <string>

#include "libs/base/result.h"
#include "supervisor/runtime_dir.h"
#include "supervisor/unique_fd.h"

namespace motet::supervisor {

// `where` as metrics.listen has it. A Unix socket is removed with those of the runtime directory; a stale one is replaced, anything
// else of that name is an error. Everybody on this node may connect.
Result<UniqueFd> listen_for_metrics(RuntimeDir& runtime, const std::string& where);

}  // namespace motet::supervisor
