// The pages of other processes, mapped read-only under their names: they can be read while their writers hang or are dead.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace motet::metrics {

class MappedPages {
public:
    static constexpr std::size_t kPagesMax = 64;              // more are ignored

    MappedPages() = default;
    ~MappedPages();
    MappedPages(const MappedPages&) = delete;
    MappedPages& operator=(const MappedPages&) = delete;

    // A line of `names` for each descriptor. What is known under its name, or too small for a page, is passed over. The descriptors
    // stay the caller's.
    void take(std::string_view names, std::span<const int> descriptors);

    struct Page {
        std::string name;
        const void* at = nullptr;
    };
    std::size_t size() const { return pages_.size(); }
    const Page& operator[](std::size_t index) const { return pages_[index]; }    // keeps its place
    auto begin() const { return pages_.begin(); }
    auto end() const { return pages_.end(); }

private:
    std::vector<Page> pages_;
};

}  // namespace motet::metrics
