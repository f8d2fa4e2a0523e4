// A page in which one process publishes its status as text and which others read at any time, even while the writer
// hangs or is dead. Sequence lock: odd while being written; a reader retries a bounded number of times.
// Layout: u64 sequence, u64 CLOCK_MONOTONIC ns of the writing, u32 length, u32 pid, bytes.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace motet::metrics {

inline constexpr std::size_t kStatusPageSize = 256 * 1024;   // of the text; values follow it on the same page (values.h)

class StatusWriter {
public:
    explicit StatusWriter(void* page, std::size_t size) : page_(static_cast<unsigned char*>(page)), size_(size) {}
    void publish(std::string_view text, std::int64_t now_ns);   // text beyond the page is cut; keep it below
private:
    unsigned char* page_;
    std::size_t size_;
};

struct StatusText {
    std::string text;
    std::int64_t written_ns = 0;
    std::uint32_t pid = 0;
};
std::optional<StatusText> read_status(const void* page, std::size_t size);   // nullopt: empty, torn or out of bounds

}  // namespace motet::metrics
