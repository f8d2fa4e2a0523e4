// The pages of all processes as one OpenMetrics text. Read-only mappings: it comes while any process hangs or is dead.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "libs/base/time.h"
#include "libs/control/control.h"
#include "libs/metrics/mapped_pages.h"

namespace motet::metrics {

class Exposition {
public:
    static constexpr Duration kFresh = milliseconds(200);     // a text is given to everybody who asks within this time

    // Control message `pages`. Its descriptors stay the caller's.
    void take(const control::Message& message);
    // Kept by whoever sends it for as long as that takes.
    std::shared_ptr<const std::string> text(Instant now);

private:
    MappedPages pages_;
    std::shared_ptr<const std::string> made_;
    Instant made_at_{};
};

}  // namespace motet::metrics
