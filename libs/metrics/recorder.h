// The flight recorder: the last events of one process on its page, readable after any death. Writing takes no memory and no system
// call (the clock is the vDSO's); text is cut, old entries are overwritten. What is written here is read by administrators: no keys,
// no payload of messages.
// Layout of the area: u64 entries ever; then kRecords times { u64 number of the entry, 0 while it is being written; i64 CLOCK_REALTIME
// ns; u16 length; text }, 256 bytes each.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace motet::metrics {

inline constexpr std::size_t kRecordSize = 256, kRecords = 63, kRecorderArea = 64 * kRecordSize;
inline constexpr std::size_t kRecordTextMax = kRecordSize - 18;

// From here on record() writes there; the area stays mapped for the life of the process. Before it record() does nothing.
void record_into(void* area);
[[gnu::format(printf, 1, 2)]] void record(const char* format, ...);
void record_text(std::string_view text);

struct Recorded {
    std::int64_t at_ns = 0;   // CLOCK_REALTIME
    std::string text;         // as it was written: a claim of that process
};
// Oldest first; entries that were being written, or that make no sense, are left out.
std::vector<Recorded> read_records(const void* area);

}  // namespace motet::metrics
