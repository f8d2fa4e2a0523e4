// The pages of other processes (libs/metrics/values.h): read-only mappings, and what is taken from them. Statistics are read
// when a client asks; other keys are brought into the store as an input of the engine.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "libs/base/bytes.h"
#include "libs/base/time.h"
#include "libs/control/control.h"
#include "libs/metrics/mapped_pages.h"
#include "workers/confdb/core/cmap.h"

namespace motet::confdb {

class Pages final : public Statistics {
public:
    // Control message `pages`: maps what is new.
    void take(const control::Message& message);

    const ValueMap& read() override;
    void clear(std::string_view group) override;

    // When look() is wanted: five times a second for what changes in pages, every 1.5 s for statistics that are tracked.
    Instant due() const { return due_; }
    // The keys of pages that have changed since the last call, and all statistics when they are wanted and due; else nothing.
    Bytes look(Instant now, bool statistics_wanted);

private:
    void read_values(const metrics::MappedPages::Page& page);
    void read_connections(const metrics::MappedPages::Page& page);
    std::uint64_t count_from_zero(std::string_view key, std::uint64_t value) const;

    metrics::MappedPages pages_;
    std::vector<std::uint64_t> seen_;   // of each: sequence of the values that look() has taken
    ValueMap statistics_;
    std::map<std::string, std::uint64_t, std::less<>> cleared_;   // what counters stood at when they were cleared
    std::uint64_t active_ = 0, closed_ = 0;
    Instant due_{}, statistics_due_{};
};

// What look() returns, decoded.
struct PageNews {
    std::uint8_t number = 0;
    ValueMap values;
};
struct News {
    std::vector<PageNews> pages;
    std::optional<ValueMap> statistics;
};
std::optional<News> decode_news(ByteView bytes);

}  // namespace motet::confdb
