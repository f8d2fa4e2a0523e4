#include "libs/metrics/recorder.h"

#include <time.h>

#include <algorithm>
#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace motet::metrics {
namespace {

struct alignas(8) Entry {
    std::atomic<std::uint64_t> number;
    std::int64_t at_ns;
    std::uint16_t length;
    char text[kRecordTextMax];
};
static_assert(sizeof(Entry) == kRecordSize);

struct alignas(8) Area {
    std::atomic<std::uint64_t> written;
    char rest[kRecordSize - 8];
    Entry entries[kRecords];
};
static_assert(sizeof(Area) == kRecorderArea);

Area* g_area = nullptr;
std::uint64_t g_written = 0;   // ours; the area can be read by others but is not read back

}  // namespace

void record_into(void* area) { g_area = static_cast<Area*>(area); }

void record_text(std::string_view text) {
    if (g_area == nullptr) return;
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    Entry& entry = g_area->entries[g_written % kRecords];
    entry.number.store(0, std::memory_order_release);
    std::atomic_thread_fence(std::memory_order_release);
    entry.at_ns = static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
    entry.length = static_cast<std::uint16_t>(std::min(text.size(), kRecordTextMax));
    std::memcpy(entry.text, text.data(), entry.length);
    ++g_written;
    entry.number.store(g_written, std::memory_order_release);
    g_area->written.store(g_written, std::memory_order_release);
}

void record(const char* format, ...) {
    if (g_area == nullptr) return;
    char text[kRecordTextMax];
    va_list args;
    va_start(args, format);
    const int size = std::vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (size > 0) record_text({text, std::min(static_cast<std::size_t>(size), sizeof text - 1)});
}

std::vector<Recorded> read_records(const void* area) {
    const auto* at = static_cast<const Area*>(area);
    struct Numbered { std::uint64_t number; Recorded record; };
    std::vector<Numbered> found;
    for (const Entry& entry : at->entries) {
        const std::uint64_t number = entry.number.load(std::memory_order_acquire);
        if (number == 0) continue;
        Numbered one{number, {entry.at_ns, {}}};
        const std::uint16_t length = entry.length;
        if (length > kRecordTextMax) continue;
        one.record.text.assign(entry.text, length);
        std::atomic_thread_fence(std::memory_order_acquire);
        if (entry.number.load(std::memory_order_relaxed) == number) found.push_back(std::move(one));
    }
    std::sort(found.begin(), found.end(), [](const Numbered& a, const Numbered& b) { return a.number < b.number; });
    std::vector<Recorded> out;
    for (Numbered& one : found) out.push_back(std::move(one.record));
    return out;
}

}  // namespace motet::metrics
