#include "libs/metrics/mapped_pages.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>

#include "libs/metrics/values.h"

namespace motet::metrics {

MappedPages::~MappedPages() {
    for (const Page& page : pages_) munmap(const_cast<void*>(page.at), kPageSize);
}

void MappedPages::take(std::string_view names, std::span<const int> descriptors) {
    for (const int fd : descriptors) {
        const std::size_t end = std::min(names.find('\n'), names.size());
        const std::string name(names.substr(0, end));
        names.remove_prefix(std::min(end + 1, names.size()));
        struct stat st {};
        const bool known = std::ranges::find(pages_, name, &Page::name) != pages_.end();
        if (known || pages_.size() >= kPagesMax || fstat(fd, &st) != 0 || st.st_size < static_cast<off_t>(kPageSize)) continue;
        if (void* at = mmap(nullptr, kPageSize, PROT_READ, MAP_SHARED, fd, 0); at != MAP_FAILED) pages_.push_back({name, at});
    }
}

}  // namespace motet::metrics
