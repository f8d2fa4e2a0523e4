#include "workers/metrics/exposition.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>

#include "libs/metrics/openmetrics.h"
#include "libs/metrics/publishers.h"
#include "libs/metrics/values.h"

namespace motet::metrics {

Exposition::~Exposition() {
    for (const Page& page : pages_) munmap(const_cast<void*>(page.at), kPageSize);
}

void Exposition::take(const control::Message& message) {
    std::string_view names = as_text(message.body);
    for (const int fd : message.fds) {
        const std::size_t end = std::min(names.find('\n'), names.size());
        const std::string page_name(names.substr(0, end));
        names.remove_prefix(std::min(end + 1, names.size()));
        struct stat st {};
        const bool known = std::ranges::find(pages_, page_name, &Page::name) != pages_.end();
        if (known || pages_.size() >= kPagesMax || fstat(fd, &st) != 0 || st.st_size < static_cast<off_t>(kPageSize)) continue;
        if (void* at = mmap(nullptr, kPageSize, PROT_READ, MAP_SHARED, fd, 0); at != MAP_FAILED) pages_.push_back({page_name, at});
    }
}

std::shared_ptr<const std::string> Exposition::text(Instant now) {
    if (made_ && now - made_at_ < kFresh) return made_;
    OpenMetrics out;
    for (const Page& page : pages_) {
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
