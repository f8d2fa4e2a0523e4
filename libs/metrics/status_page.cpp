// The sequence lock of a status page. The reader trusts nothing in it: the writer may be broken, hostile or dead in the
// middle of a write.
#include "libs/metrics/status_page.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>

namespace motet::metrics {
namespace {

constexpr std::size_t kTextOffset = 24;
constexpr int kAttemptsMax = 64;   // a writer publishes a few times a second; more tries would only meet a dead one

// Words of the page; it is page-aligned, so they are naturally aligned.
std::atomic_ref<std::uint64_t> word64(const void* page, std::size_t offset) {
    auto* at = static_cast<unsigned char*>(const_cast<void*>(page)) + offset;
    return std::atomic_ref<std::uint64_t>(*reinterpret_cast<std::uint64_t*>(at));
}
std::atomic_ref<std::uint32_t> word32(const void* page, std::size_t offset) {
    auto* at = static_cast<unsigned char*>(const_cast<void*>(page)) + offset;
    return std::atomic_ref<std::uint32_t>(*reinterpret_cast<std::uint32_t*>(at));
}

}  // namespace

void StatusWriter::publish(std::string_view text, std::int64_t now_ns) {
    if (size_ < kTextOffset) return;
    text = text.substr(0, std::min(text.size(), size_ - kTextOffset));
    // A predecessor may have died in the middle: the sequence is made odd, whatever it was.
    const std::uint64_t writing = word64(page_, 0).load(std::memory_order_relaxed) | 1;
    word64(page_, 0).store(writing, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    word64(page_, 8).store(static_cast<std::uint64_t>(now_ns), std::memory_order_relaxed);
    word32(page_, 16).store(static_cast<std::uint32_t>(text.size()), std::memory_order_relaxed);
    word32(page_, 20).store(static_cast<std::uint32_t>(getpid()), std::memory_order_relaxed);
    std::memcpy(page_ + kTextOffset, text.data(), text.size());
    word64(page_, 0).store(writing + 1, std::memory_order_release);
}

std::optional<StatusText> read_status(const void* page, std::size_t size) {
    if (size < kTextOffset) return std::nullopt;
    for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
        const std::uint64_t before = word64(page, 0).load(std::memory_order_acquire);
        if (before == 0) return std::nullopt;
        if ((before & 1) != 0) continue;
        StatusText out;
        out.written_ns = static_cast<std::int64_t>(word64(page, 8).load(std::memory_order_relaxed));
        const std::uint32_t length = word32(page, 16).load(std::memory_order_relaxed);
        out.pid = word32(page, 20).load(std::memory_order_relaxed);
        if (length > size - kTextOffset) return std::nullopt;
        out.text.assign(static_cast<const char*>(page) + kTextOffset, length);
        std::atomic_thread_fence(std::memory_order_acquire);
        if (word64(page, 0).load(std::memory_order_relaxed) == before) return out;
    }
    return std::nullopt;
}

}  // namespace motet::metrics
