#include "workers/metrics/exposition.h"

#include <algorithm>

#include "libs/metrics/openmetrics.h"
#include "libs/metrics/publishers.h"
#include "libs/metrics/values.h"

namespace motet::metrics {

void Exposition::take(const control::Message& message) { pages_.take(as_text(message.body), message.fds); }

std::shared_ptr<const std::string> Exposition::text(Instant now) {
    if (made_ && now - made_at_ < kFresh) return made_;
    OpenMetrics out;
    for (const MappedPages::Page& page : pages_) {
        const std::string_view process = page.name == "motet" ? "supervisor" : std::string_view(page.name);
        const auto values = read_values(values_area(page.at));
        out.process(process, values ? std::max<std::int64_t>((now - Instant{std::max<std::int64_t>(values->written_ns, 0)}).ms(), 0) : -1);
        if (!values) continue;
        for (const NamedValue& value : values->all)
            if (may_publish(page.name, value.name)) out.add(value.name, value.type, shown(value));
    }
    made_ = std::make_shared<const std::string>(out.text());
    made_at_ = now;
    return made_;
}

}  // namespace motet::metrics
