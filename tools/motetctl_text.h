// What motetctl prints: for people, or as JSON by the schema of docs/motetctl-json.md. The sections come from processes that
// may be broken: every field is optional, no control character reaches the terminal.
#pragma once
#include <string>

#include "tools/motetctl_request.h"

namespace motet::ctl {

inline constexpr int kSchema = 1;
inline constexpr std::int64_t kHangNoticeMs = 3000;   // a page older than this is worth a line

struct Printed {
    std::string text;
    bool ok = true;     // false: what was asked for is not there (the text says why)
};

Printed print_status(const Answer& answer, bool json);
Printed print_links(const Answer& answer, bool json);
Printed print_members(const Answer& answer, bool json);
Printed print_groups(const Answer& answer, bool json);
Printed print_quorum(const Answer& answer, bool json);
// OpenMetrics text of all values; with `json` the same values as a list.
Printed print_metrics(const Answer& answer, bool json);
Printed print_events(const Answer& answer, bool json);

}  // namespace motet::ctl
