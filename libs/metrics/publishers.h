// Which process may publish which names. A worker is not believed about others: it may have been broken into. Pure.
#pragma once
#include <string_view>

namespace motet::metrics {

// `process`: its name in the supervisor's plan, "motet" for the supervisor itself.
bool may_publish(std::string_view process, std::string_view key);

}  // namespace motet::metrics
